"""SmolLM3: Llama in which every fourth layer has no rotary embedding."""

from litz.architectures.base import LLAMA, Family, biases, one_rope, plain, rms, stored_interleaved, windows
from litz.config import Keys
from litz.errors import ConfigError
from litz.numbers import shown
from litz.spec import Spec


def spec(c: Keys) -> Spec:
    layers, interval = c.size("num_hidden_layers"), c.size("no_rope_layer_interval")
    rotated = c.each("no_rope_layers", layers=layers)  # 1 means: use rope
    if rotated is None:
        rotated = [int((i + 1) % interval != 0) for i in range(layers)]
    if not all(value in (0, 1) for value in rotated):
        raise ConfigError(f"{c.where}: no_rope_layers must hold 0 or 1 for each layer, found {shown(rotated)}")
    rope = one_rope(c, theta=2000000.0, interleaved=stored_interleaved(c))
    on = c.flag("use_sliding_window")
    if not on:
        c.ignore("sliding_window", "layer_types", "max_window_layers")
    return plain(
        c, norm=rms(c), bias=biases(c), mlp_bias=c.flag("mlp_bias"), ropes=(rope if on else None for on in rotated),
        windows=windows(c, default=lambda i: not rotated[i]) if on else (),
    )  # fmt: skip


FAMILY = Family(
    defaults={
        "hidden_act": "silu", "max_position_embeddings": 32768, "no_rope_layer_interval": 4, "num_key_value_heads": 4,
        "rms_norm_eps": 1e-6, "tie_word_embeddings": True,
    },
    spec=spec,
    names=LLAMA,
)  # fmt: skip
