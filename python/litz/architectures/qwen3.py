"""Qwen 3: a norm on each head of q and k, a head size of its own, no biases unless requested."""

from litz.architectures import qwen2
from litz.architectures.base import Family, Keys, Spec, biases, one_rope, plain, qk_norms, rms, windows_if_used


def spec(c: Keys) -> Spec:
    windows = windows_if_used(c, qwen2.from_limit)
    return plain(c, bias=biases(c), ropes=one_rope(c), windows=windows, attention=qk_norms(rms(c)))


FAMILY = Family(defaults={**qwen2.FAMILY.defaults, "head_dim": 128}, spec=spec)
