//! The functions that the others are made of: exp, tanh, erf, on sixteen lanes.

use crate::kernels::simd::{map, Simd};

/// `e^x` within 1 ulp: `2^n * p(r)` with `x = n ln 2 + r`, |r| <= ln 2 / 2.
#[inline(always)]
pub(in crate::kernels) fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    // Beyond these ends the result is 0 or infinite anyway; a NaN passes both.
    let x = s.max(s.splat(-105.0), s.min(s.splat(89.0), x));
    let n = s.round(s.mul(x, s.splat(std::f32::consts::LOG2_E)));
    let r = s.fma(n, s.splat(-0.693_359_4), x);
    let r = s.fma(n, s.splat(2.121_944_4e-4), r);
    let mut p = s.splat(1.0 / 5040.0);
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = s.fma(p, r, s.splat(c));
    }
    // Two factors, because 2^n itself leaves the range of f32 before e^x does.
    let half = s.round(s.mul(n, s.splat(0.5)));
    s.mul(s.mul(p, s.pow2(half)), s.pow2(s.sub(n, half)))
}

/// `1 / (1 + e^-x)`.
#[inline(always)]
pub(in crate::kernels) fn sigmoid<S: Simd>(s: S, x: S::F) -> S::F {
    let one = s.splat(1.0);
    s.div(one, s.add(one, exp(s, s.sub(s.splat(0.0), x))))
}

/// `tanh x`: a Taylor polynomial near 0, where the exponential would cancel.
#[inline(always)]
pub(in crate::kernels) fn tanh<S: Simd>(s: S, x: S::F) -> S::F {
    let square = s.mul(x, x);
    let mut p = s.splat(-929_569.0 / 638_512_875.0);
    for c in
        [21844.0 / 6_081_075.0, -1382.0 / 155_925.0, 62.0 / 2835.0, -17.0 / 315.0, 2.0 / 15.0, -1.0 / 3.0]
    {
        p = s.fma(p, square, s.splat(c));
    }
    let near = s.fma(s.mul(p, square), x, x);
    let size = s.abs(x);
    let one = s.splat(1.0);
    let far = s.sub(one, s.div(s.splat(2.0), s.add(one, exp(s, s.add(size, size)))));
    let far = s.select_lt(x, s.splat(0.0), s.sub(s.splat(0.0), far), far);
    s.select_lt(size, s.splat(0.5), near, far)
}

/// `x[i] = e^x[i]`.
#[inline(always)]
pub(in crate::kernels) fn exp_in_place<S: Simd>(s: S, x: &mut [f32]) {
    // SAFETY: all of x.
    unsafe { map!(s, x.as_ptr(), x.as_mut_ptr(), x.len(), |_i, v| exp(s, v)) }
}

/// `x[i] = cap * tanh(x[i] / cap)`.
#[inline(always)]
pub(in crate::kernels) fn softcap<S: Simd>(s: S, x: &mut [f32], cap: f32) {
    // SAFETY: all of x.
    unsafe { map!(s, x.as_ptr(), x.as_mut_ptr(), x.len(), |_i, v| soft_cap(s, v, cap)) }
}

/// `cap * tanh(x / cap)`.
#[inline(always)]
pub(in crate::kernels) fn soft_cap<S: Simd>(s: S, x: S::F, cap: f32) -> S::F {
    s.mul(s.splat(cap), tanh(s, s.div(x, s.splat(cap))))
}

/// The share of a standard normal below `x`, `(1 + erf(x / sqrt 2)) / 2`, with its lower tail in full precision.
#[inline(always)]
pub(in crate::kernels) fn normal_cdf<S: Simd>(s: S, x: S::F) -> S::F {
    let (one, half) = (s.splat(1.0), s.splat(0.5));
    let z = s.mul(x, s.splat(std::f32::consts::FRAC_1_SQRT_2));
    let (size, square) = (s.abs(z), s.mul(z, z));
    let erf = s.mul(z, polynomial(s, square, &ERF_NEAR));
    let near = s.fma(erf, half, half);
    let t = s.div(one, s.fma(size, s.splat(0.4), one));
    let tail = s.mul(s.mul(half, exp(s, s.sub(s.splat(0.0), square))), polynomial(s, t, &ERFC_FAR));
    let far = s.select_lt(z, s.splat(0.0), tail, s.sub(one, tail));
    s.select_lt(size, one, near, far)
}

/// Chebyshev fits: erf(z) / z in z^2 for |z| < 1, and erfc(z) e^(z^2) in 1 / (1 + 0.4 z) for 1 <= z <= 4; highest power first.
const ERF_NEAR: [f32; 8] = [
    -9.673_59e-6,
    1.126_825_4e-4,
    -8.484_396e-4,
    5.221_053_5e-3,
    -2.686_543_8e-2,
    1.128_378_3e-1,
    -3.761_264e-1,
    std::f32::consts::FRAC_2_SQRT_PI,
];
const ERFC_FAR: [f32; 8] = [
    -8.108_256e-2,
    1.129_850_9e-1,
    2.138_236_8e-1,
    3.530_030_7e-2,
    2.900_15e-1,
    1.988_867_8e-1,
    2.302_890_7e-1,
    -3.319_359_5e-4,
];

#[inline(always)]
fn polynomial<S: Simd>(s: S, x: S::F, coefficients: &[f32; 8]) -> S::F {
    let mut p = s.splat(coefficients[0]);
    for &c in &coefficients[1..] {
        p = s.fma(p, x, s.splat(c));
    }
    p
}
