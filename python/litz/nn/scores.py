"""Softmax attention of queries to keys, fused where nothing forbids it."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as fn

from litz.nn.context import Context


@dataclass(frozen=True)
class Scores:
    """How scores are made: times a scale, capped, plus a mask; a learned sink a head may join the softmax.

    Without a mask, `causal` hides what follows a query.
    """

    scale: float
    mask: Tensor | None  # (batch, 1 or heads, queries, keys)
    causal: bool = True
    softcap: float | None = None
    sinks: Tensor | None = None  # (heads,)


def attend(query: Tensor, keys: Tensor, values: Tensor, scores: Scores, context: Context) -> Tensor:
    """(batch, heads, queries, value_dim); keys and values have as many heads, or a divisor of them."""
    if context.eager or scores.softcap is not None or scores.sinks is not None:
        return _eager(query, keys, values, scores, context)
    causal = scores.causal and scores.mask is None and query.shape[2] > 1
    grouped = query.shape[1] != keys.shape[1]
    return fn.scaled_dot_product_attention(
        query, keys, values, attn_mask=scores.mask, is_causal=causal, scale=scores.scale, enable_gqa=grouped
    )


def _eager(query: Tensor, keys: Tensor, values: Tensor, scores: Scores, context: Context) -> Tensor:
    group = query.shape[1] // keys.shape[1]
    keys, values = keys.repeat_interleave(group, 1), values.repeat_interleave(group, 1)
    made = query @ keys.transpose(-1, -2) * scores.scale  # (batch, heads, queries, keys)
    if scores.softcap is not None:
        made = scores.softcap * torch.tanh(made / scores.softcap)
    if scores.mask is not None:
        made = made + scores.mask
    elif scores.causal:
        every = torch.ones(made.shape[-2:], dtype=torch.bool, device=made.device)
        made = made.masked_fill(every.triu(1 + made.shape[-1] - made.shape[-2]), torch.finfo(made.dtype).min)
    wide = made if made.dtype == torch.float64 else made.float()
    if scores.sinks is not None:
        sinks = scores.sinks.to(wide.dtype)[None, :, None, None].expand(*wide.shape[:3], 1)
        shares = torch.cat((wide, sinks), -1).softmax(-1)[..., :-1]
    else:
        shares = wide.softmax(-1)
    shares = shares.to(query.dtype)
    if context.attentions is not None:
        context.attentions.append(shares)
    return shares @ values
