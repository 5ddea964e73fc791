"""Mixtral: Mistral with experts in every layer; the chosen ones' probabilities are divided by their sum."""

from litz.architectures import mistral
from litz.architectures.base import LLAMA, Family, Keys, Spec, layer_names, one_rope, plain, windows_if_set
from litz.architectures.experts import EACH, STACKED, gated, routed, sparse

KEYS = {"num_experts": 8, "num_experts_per_tok": 2, "rms_norm_eps": 1e-5, "rope_theta": 1e6}
NAMES = {
    **layer_names(block_sparse_moe__gate="moe.router"),
    **gated("block_sparse_moe.experts.{e}", EACH, gate="w1", up="w3", down="w2"),
}


def spec(c: Keys) -> Spec:
    experts = sparse(c, routed(c, width="intermediate_size", normalize=True))
    return plain(c, ropes=one_rope(c), windows=windows_if_set(c), feed_forward=experts)


FAMILY = Family(defaults={**mistral.FAMILY.defaults, **KEYS}, spec=spec, names={**LLAMA, **STACKED, **NAMES})
