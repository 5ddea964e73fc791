"""OLMo 2: Llama whose norms follow attention and feed-forward instead of leading them; q and k are normed whole."""

from litz.architectures.base import LLAMA, LLAMA_KEYS, Family, biases, one_rope, output_norms, plain, qk_norms, rms
from litz.architectures.names import layer_names
from litz.config import Keys
from litz.spec import Spec

AFTER = layer_names(post_attention_layernorm="attn_post_norm", post_feedforward_layernorm="mlp_post_norm")


def spec(c: Keys) -> Spec:
    norms = qk_norms(rms(c), "whole")
    return plain(c, shape=output_norms, bias=biases(c), ropes=one_rope(c), attention=norms)


FAMILY = Family(defaults={**LLAMA_KEYS, "rms_norm_eps": 1e-5}, spec=spec, names={**LLAMA, **AFTER})
