"""The model object: a network with its configuration, called as transformers' models are."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from litz import spec
from litz.config import Config
from litz.errors import ArgumentError
from litz.nn import losses
from litz.nn.cache import Cache
from litz.nn.network import Network
from litz.nn.tower import Tokens


class Model(nn.Module):
    """A model in torch: any device and dtype, gradients, hidden states, attentions."""

    def __init__(self, network: Network, config: Config) -> None:
        super().__init__()
        self.network = network
        self.config = config

    def read(
        self,
        input_ids: Tensor | None,
        attention_mask: Tensor | None,
        *,
        position_ids: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        cache: Cache | None = None,
    ) -> Tokens:
        """The arguments of a call as what a tower reads."""
        if (input_ids is None) == (inputs_embeds is None):
            raise ArgumentError("pass either input_ids or inputs_embeds")
        rows = self.network.main.embed_tokens(input_ids) if input_ids is not None else cast(Tensor, inputs_embeds)
        batch, time = rows.shape[:2]
        before = 0 if cache is None else cache.get_seq_length()
        real, seen = self._masks(attention_mask, batch, time, before)
        if position_ids is None:
            position_ids = self._positions(input_ids, attention_mask, (batch, time), before, rows.device)
        return Tokens(rows, position_ids.expand(batch, time), real=real, types=token_type_ids, seen=seen)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Tensor | int | None = None,
    ) -> dict[str, Any]:
        """What the head makes of the tokens, and what else is asked for."""
        cache = past_key_values if past_key_values is not None or not use_cache else Cache()
        tokens = self.read(
            input_ids, attention_mask, position_ids=position_ids, token_type_ids=token_type_ids,
            inputs_embeds=inputs_embeds, cache=cache,
        )  # fmt: skip
        states: list[Tensor] | None = [] if output_hidden_states else None
        attentions: list[Tensor] | None = [] if output_attentions else None
        hidden = self.network.main(tokens, cache=cache, states=states, attentions=attentions)
        made: dict[str, Any] = {"past_key_values": cache, "hidden_states": states, "attentions": attentions}
        made |= self._outputs(hidden, tokens.real, labels, logits_to_keep, num_items_in_batch)
        return {name: tuple(value) if isinstance(value, list) else value for name, value in made.items()}

    def _outputs(
        self, hidden: Tensor, real: Tensor | None, labels: Tensor | None, keep: int | Tensor, items: Tensor | int | None
    ) -> dict[str, Any]:
        head = self.network.spec.head
        if head is None:
            return {"last_hidden_state": hidden}
        wanted = hidden
        if isinstance(keep, Tensor):
            wanted = hidden[:, keep]
        elif keep:
            wanted = hidden[:, -keep:]
        made: dict[str, Any] = {"logits": self.network.outputs(wanted, real)}
        if labels is not None:
            made["loss"] = self._loss(hidden, made["logits"], labels, items)
        return made

    def _loss(self, hidden: Tensor, logits: Tensor, labels: Tensor, items: Tensor | int | None) -> Tensor:
        head = self.network.spec.head
        if isinstance(head, spec.LmHead) and self.is_causal:
            return losses.next_token(hidden, labels, self.network.outputs, items=items)
        if isinstance(head, spec.PooledHead):
            return losses.sequences(logits, labels, self.config.get("problem_type"))
        return losses.tokens(logits, labels, items=items)

    @property
    def is_causal(self) -> bool:
        """Whether tokens see only what came before them."""
        masks = self.network.main._masks
        return bool(masks) and all(mask.causal for mask in masks)

    def _masks(self, mask: Tensor | None, batch: int, time: int, before: int) -> tuple[Tensor | None, Tensor | None]:
        """Which new tokens are real, and for a mask of four dimensions which keys each query sees."""
        if mask is None:
            return None, None
        if mask.ndim == 4:
            return None, mask.bool() if not mask.is_floating_point() else mask == 0
        if mask.ndim != 2 or mask.shape[0] != batch or mask.shape[1] not in (time, before + time):
            raise ArgumentError(
                f"attention_mask is {list(mask.shape)}: expected [{batch}, {before + time}], or four dimensions"
            )
        return mask[:, -time:].bool(), None

    def _positions(
        self, ids: Tensor | None, mask: Tensor | None, shape: tuple[int, int], before: int, device: torch.device
    ) -> Tensor:
        """(batch, time): tokens that are real are counted from 0; a model that looks both ways counts padding too."""
        stem = self.network.main.spec.stem
        assert isinstance(stem, spec.TokenStem)
        skip = stem.positions.skip if stem.positions else None
        if skip is not None and ids is not None:
            real = (ids != skip).long()
            return real.cumsum(1) * real + skip
        if mask is not None and mask.ndim == 2 and self.is_causal:
            whole = mask.long().cumsum(1) - 1
            return whole.clamp(min=0)[:, -shape[1] :]
        return torch.arange(before, before + shape[1], device=device).expand(shape)
