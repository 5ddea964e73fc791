"""Causal language models on the native engine: CPU inference without torch."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, overload

from litz import _core, arrays, generation, log
from litz.arguments import check_arguments
from litz.arguments.transformers import CALLING
from litz.checkpoint import Checkpoint
from litz.errors import ArgumentError
from litz.generation.inputs import checked_ids
from litz.generation.recommended import Recommended, names_of, recommended
from litz.models.base import Model
from litz.models.dtypes import stored_name, wants_float32
from litz.models.inputs import batch, kept_positions
from litz.models.outputs import CausalLMOutput
from litz.numbers import integer
from litz.weights import LoadReport

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

# Other names go to the engine as they are.
_CACHE_DTYPES = {"float16": "f16", "float32": "f32"}
_ACTIVATIONS = {"auto": "auto", "fast": "fast", "f32": "f32", "float32": "f32"}


class CallingOptions(TypedDict, total=False):
    """What a call of a model takes besides ids and mask."""

    logits_to_keep: Any
    token_type_ids: Any
    use_cache: bool | None
    output_attentions: Literal[False] | None
    output_hidden_states: Literal[False] | None


class NativeCausalLM(Model):
    """A causal language model on the CPU; floats stay mapped from their file, quantised weights are packed.

    Made by `AutoModelForCausalLM.from_pretrained`. Safe to use from several threads.
    """

    generate = generation.generate
    stream = generation.stream
    explain_generation = generation.explain_generation

    def __init__(
        self, core: _core.Model, checkpoint: Checkpoint, *, generation_config: generation.GenerationConfig, dtype: str
    ) -> None:
        super().__init__(checkpoint, load_report=checkpoint.report.with_memory(core.report()), dtype=dtype)
        self._core = core
        self.generation_config = generation_config
        self.recommended: Recommended | None = recommended(names_of(checkpoint.files, checkpoint.header()))

    @property
    def executor(self) -> _core.Model:
        """What computes its logits for generation."""
        return self._core

    @property
    def threads(self) -> int:
        """How many threads work on a token."""
        return self._core.threads

    def can_generate(self) -> bool:
        """Every causal language model can."""
        return True

    @overload  # by position, so that `**inputs` matches the last one alone
    def __call__(
        self,
        input_ids: Sequence[Sequence[int]],
        /,
        attention_mask: Any = None,
        *,
        return_dict: Literal[True] | None = None,
        **others: Unpack[CallingOptions],
    ) -> CausalLMOutput["NDArray[np.float32]"]: ...
    @overload
    def __call__(
        self,
        input_ids: "NDArray[Any]",
        /,
        attention_mask: Any = None,
        *,
        return_dict: Literal[True] | None = None,
        **others: Unpack[CallingOptions],
    ) -> CausalLMOutput["NDArray[np.float32]"]: ...
    @overload
    def __call__(
        self,
        input_ids: "torch.Tensor",
        /,
        attention_mask: Any = None,
        *,
        return_dict: Literal[True] | None = None,
        **others: Unpack[CallingOptions],
    ) -> CausalLMOutput["torch.Tensor"]: ...
    @overload
    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        *,
        return_dict: bool | None = None,
        **others: Unpack[CallingOptions],
    ) -> Any: ...
    def __call__(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        *,
        logits_to_keep: Any = 0,
        return_dict: bool | None = None,
        **others: Any,
    ) -> Any:
        """Scores of the next token at every position, (batch, time, vocab) float32, as a CausalLMOutput.

        `input_ids` is (batch, time): lists, a numpy array or a torch tensor; the logits are torch for torch, else
        numpy. Positions that the mask leaves out are not computed: their logits are zeros. `logits_to_keep`: only the
        last so many positions, or those of a list. `return_dict=False` gives a tuple. `others` are transformers'
        further arguments: each asks for nothing, or is UnsupportedError.
        """
        check_arguments(others, CALLING, of="the model", others=("input_ids", "attention_mask"))
        generation.check_token_types(self, others.get("token_type_ids"))
        rows = [checked_ids(row, vocab=self.spec.vocab) for row in batch(input_ids, "input_ids")]
        kept = [[True] * len(row) for row in rows]
        if attention_mask is not None:
            kept = [[bool(item) for item in row] for row in batch(attention_mask, "attention_mask")]
        shape = (len(rows), len(rows[0]), self.spec.vocab)
        if [len(row) for row in kept] != [len(row) for row in rows]:
            found = [len(kept), len(kept[0])]
            raise ArgumentError(f"attention_mask is {found}, input_ids are {list(shape[:2])}: they must agree")
        places = kept_positions(logits_to_keep, shape[1])
        buffer = bytearray()
        for row, keep in zip(rows, kept, strict=True):
            buffer += self._row_logits(row, keep)
        logits = arrays.floats(buffer, arrays.kind_of(input_ids), shape=shape)
        output = CausalLMOutput(logits=logits if places is None else logits[:, places])
        return output if return_dict is None or return_dict else output.to_tuple()

    forward = __call__

    def _row_logits(self, row: list[int], keep: list[bool]) -> bytes:
        """One row's scores, (time, vocab) float32, zeros where it is padding."""
        if not any(keep):
            raise ArgumentError("attention_mask leaves a row without a single token")
        logits = self._core.logits([token for token, kept in zip(row, keep, strict=True) if kept])
        if all(keep):
            return logits
        width = 4 * self.spec.vocab
        places = iter(range(0, len(logits), width))
        return b"".join(logits[(at := next(places)) : at + width] if kept else bytes(width) for kept in keep)


def load(
    checkpoint: Checkpoint,
    *,
    dtype: Any = None,
    threads: int | None = None,
    cache_dtype: Any = "auto",
    activations: str = "auto",
    generation_config: generation.GenerationConfig | None = None,
) -> NativeCausalLM:
    """Loads a checkpoint's weights into the native engine: floats stay mapped, quantised matrices are packed.

    `dtype`: None or "auto" keeps every weight as stored; so do float16 and bfloat16, with a warning where that is not
    the stored one; float32 computes with the exact dequantised values, at four bytes a weight. `cache_dtype`, the form
    of the KV cache: "auto" (float32 where the weights are float32, else float16), float16, float32 or q8_0 (8 bits, and
    a scale for 32 numbers). `activations`, what weights are multiplied with: "auto" is codes of 16 bits beside
    quantised weights and floats beside floats, alike on every CPU; "fast" is codes of 8 bits, and bfloats beside
    bfloats where the CPU multiplies them; "f32" is floats beside all. `generation_config` counts instead of the
    files' own. Raises InsufficientMemoryError, with the numbers, before anything is packed that cannot fit.
    """
    options, name = load_options(
        checkpoint, dtype=dtype, threads=threads, cache_dtype=cache_dtype, activations=activations
    )
    started = time.perf_counter()
    core = _core.Model.load(checkpoint.spec.to_json(), list(checkpoint.tensor_files), checkpoint.sources, options)
    defaults = generation_config or generation.GenerationConfig.for_model(checkpoint.files, checkpoint.config)
    model = NativeCausalLM(core, checkpoint, generation_config=defaults, dtype=name)
    seconds = time.perf_counter() - started
    log.info("loading", "%r in %.2f s: %s", model, seconds, model.load_report)
    log.debug("loading", "%d threads with %s, options %s", core.threads, _core.instructions(), options)
    return model


def survey(checkpoint: Checkpoint, *, cache_dtype: str = "auto", activations: str = "auto") -> LoadReport:
    """What loading would do, and need at most; no matrix is read."""
    options, _ = load_options(checkpoint, cache_dtype=cache_dtype, activations=activations)
    spec, files = checkpoint.spec.to_json(), list(checkpoint.tensor_files)
    return checkpoint.report.with_memory(_core.Model.survey(spec, files, checkpoint.sources, options))


def automatic_cache(checkpoint: Checkpoint) -> str:
    """The engine's name for the cache of weights as stored: as wide as they are, so that it does not round more."""
    stored = checkpoint.stored_bytes()
    return "f32" if max(stored, key=lambda name: stored[name]) == "F32" else "f16"


def load_options(
    checkpoint: Checkpoint,
    *,
    dtype: Any = None,
    threads: int | None = None,
    cache_dtype: Any = "auto",
    activations: str = "auto",
) -> tuple[str, str]:
    """The engine's options as JSON, and the dtype that the model reports; ArgumentError for unknown values."""
    stored = checkpoint.stored_bytes()
    main = max(stored, key=lambda name: stored[name])
    whole = wants_float32(dtype, main) and set(stored) != {"F32"}
    asked = str(cache_dtype).removeprefix("torch.")
    cache = _CACHE_DTYPES.get(asked, asked)
    if cache == "auto":
        cache = "f32" if whole else automatic_cache(checkpoint)
    _core.kv_bytes(checkpoint.spec.to_json(), 0, cache)  # names the known ones if this is none
    if not isinstance(activations, str) or activations not in _ACTIVATIONS:
        raise ArgumentError(f"activations {activations!r}: choose 'auto', 'fast' or 'f32'")
    if threads is not None:
        threads = integer(threads, "threads", least=1, most=65536)
    options = {"threads": threads, "dequantize": whole, "cache": cache, "activations": _ACTIVATIONS[activations]}
    return json.dumps(options), "float32" if whole else stored_name(main)
