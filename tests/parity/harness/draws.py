"""What random configurations are drawn from: awkward sizes that are multiples of nothing, biases by chance."""

from random import Random
from typing import Any

CONTEXT = 24
Keys = dict[str, Any]
ACTIVATIONS = ["silu", "gelu", "gelu_pytorch_tanh", "relu", "quick_gelu"]
SCALED = ("linear", "llama3", "yarn", "dynamic")


def chance(draw: Random, share: float = 0.5) -> bool:
    return draw.random() < share


def tokens(draw: Random) -> Keys:
    return {"vocab_size": draw.choice([2, 3, 17, 32, 33, 61]), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}


def depth(draw: Random) -> int:
    return draw.choice([1, 1, 2, 3])


def ffn(draw: Random) -> int:
    return draw.choice([1, 7, 16, 31, 32, 33, 48, 65])


def heads(draw: Random, dims: tuple[int, ...] = (4, 6, 8, 10, 12, 16)) -> tuple[int, int, int]:
    """(heads, key heads that divide them, size of one); at most 48 together."""
    dim = draw.choice(dims)
    count = draw.choice([n for n in (1, 2, 3, 4, 5, 6, 8, 12) if n * dim <= 48])
    return count, draw.choice([n for n in range(1, count + 1) if count % n == 0]), dim


def sizes(draw: Random, *, own_head: bool = False) -> Keys:
    """The keys that most families share; with `own_head`, the width is not that of the heads together."""
    count, kv_heads, dim = heads(draw)
    width = count * dim
    if own_head:
        width = count * draw.choice([n for n in range(1, 49) if n * count <= 48 and n * count >= 4])
    keys = {
        "hidden_size": width, "num_attention_heads": count, "num_key_value_heads": kv_heads,
        "num_hidden_layers": depth(draw), "intermediate_size": ffn(draw), "max_position_embeddings": CONTEXT,
        "hidden_act": draw.choice(ACTIVATIONS), "tie_word_embeddings": chance(draw), **tokens(draw),
    }  # fmt: skip
    return keys | ({"head_dim": dim} if own_head else {})


def dim_of(keys: Keys) -> int:
    return int(keys.get("head_dim") or keys["hidden_size"] // keys["num_attention_heads"])


def random_rope(draw: Random, *kinds: str, **more: Any) -> Keys:
    """`rope_parameters` of one of these kinds, with limits inside the sequence."""
    kind = draw.choice(["default", *kinds])
    found: Keys = {"rope_type": kind, "rope_theta": draw.choice([3.0, 100.0, 1e4, 1e6]), **more}
    if kind != "default":
        found["factor"] = draw.choice([1.5, 2.0, 8.0])
    if kind == "llama3":
        found |= {"low_freq_factor": draw.choice([0.5, 1.0]), "high_freq_factor": draw.choice([2.0, 4.0])}
    if kind in ("llama3", "yarn"):
        found["original_max_position_embeddings"] = draw.choice([4, 12, 20])
    if kind == "yarn" and chance(draw):
        found |= {"beta_fast": draw.choice([4.0, 16.0]), "beta_slow": draw.choice([0.5, 1.0])}
    return {"rope_parameters": found}


def partial(draw: Random, dim: int) -> Keys:
    """A share of the head, of an even number of dimensions."""
    turned = draw.choice(range(2, dim + 1, 2))
    return {"partial_rotary_factor": 1.0 if turned == dim else (turned + 0.25) / dim}


def window(draw: Random) -> int:
    return draw.choice([1, 2, 5, 11, 40])


def layer_types(draw: Random, keys: Keys) -> list[str]:
    return [draw.choice(["full_attention", "sliding_attention"]) for _ in range(keys["num_hidden_layers"])]


def biases(draw: Random, *names: str) -> Keys:
    return {name: chance(draw) for name in names}


def rms(draw: Random) -> Keys:
    return {"rms_norm_eps": draw.choice([1e-6, 1e-5, 1e-2])}


def layer_norm(draw: Random, key: str = "layer_norm_eps") -> Keys:
    return {key: draw.choice([1e-5, 1e-3])}
