"""ALiBi's slopes: a geometric series over the heads, as Press et al. (2021) and every implementation since build it."""

import math

from litz.rope import f32


def slopes(heads: int) -> tuple[float, ...]:
    """One slope a head, in float32.

    For 2^n heads they are r, r², r³… with r = 2^(-8 / 2^n). Any other number takes those of the power of two below it,
    and then every second one of the power of two above it.
    """
    power = 1 << (heads.bit_length() - 1)
    return (*_series(power, range(1, power + 1)), *_series(2 * power, range(1, 2 * (heads - power), 2)))


def _series(heads: int, exponents: range) -> list[float]:
    ratio = f32(2.0 ** -(2.0 ** (3 - math.log2(heads))))
    return [f32(ratio**exponent) for exponent in exponents]
