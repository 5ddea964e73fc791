//! RMS norm and layer norm, with their statistics in sixteen lanes.

use super::lanes::{at, each, map, Simd};

/// `out[i] = x[i] / sqrt(mean(x^2) + eps) * (weight[i] + offset)`; `out` may be `x`.
///
/// # Safety
/// `weight.len()` elements may be read from `x` and written to `out`.
#[inline(always)]
pub(super) unsafe fn rms_norm<S: Simd>(
    s: S,
    x: *const f32,
    weight: &[f32],
    eps: f32,
    offset: f32,
    out: *mut f32,
) {
    let n = weight.len();
    // SAFETY: the caller vouches for n elements, and nothing is written while this lives.
    let squares = sum_squares(s, unsafe { std::slice::from_raw_parts(x, n) }, 0.0);
    let scale = s.splat(1.0 / (squares / n as f32 + eps).sqrt());
    let offset = s.splat(offset);
    // SAFETY: as above.
    unsafe { map(s, x, out, n, |i, v| s.mul(s.mul(v, scale), s.add(at(s, weight, i), offset))) }
}

/// `out[i] = (x[i] - mean) / sqrt(variance + eps) * weight[i] + bias[i]`; `out` may be `x`.
///
/// # Safety
/// `weight.len()` elements may be read from `x` and written to `out`.
#[inline(always)]
pub(super) unsafe fn layer_norm<S: Simd>(
    s: S,
    x: *const f32,
    weight: &[f32],
    bias: Option<&[f32]>,
    eps: f32,
    out: *mut f32,
) {
    let n = weight.len();
    // SAFETY: the caller vouches for n elements, and nothing is written while this lives.
    let values = unsafe { std::slice::from_raw_parts(x, n) };
    let mut total = s.splat(0.0);
    each(s, values, |_, v| total = s.add(total, v));
    let mean = s.sum(total) / n as f32;
    let variance = sum_squares(s, values, mean) / n as f32;
    let (mean, scale) = (s.splat(mean), s.splat(1.0 / (variance + eps).sqrt()));
    let normal = |i, v| s.mul(s.mul(s.sub(v, mean), scale), at(s, weight, i));
    // SAFETY: as above.
    unsafe {
        match bias {
            Some(bias) => map(s, x, out, n, |i, v| s.add(normal(i, v), at(s, bias, i))),
            None => map(s, x, out, n, normal),
        }
    }
}

/// The sum of `(x - mean)^2`, where the tail's missing lanes count nothing.
#[inline(always)]
fn sum_squares<S: Simd>(s: S, x: &[f32], mean: f32) -> f32 {
    let mut total = s.splat(0.0);
    let center = s.splat(mean);
    let whole = x.len() - x.len() % super::lanes::LANES;
    each(s, &x[..whole], |_, v| {
        let d = s.sub(v, center);
        total = s.fma(d, d, total);
    });
    let mut sum = s.sum(total);
    for v in &x[whole..] {
        sum += (v - mean) * (v - mean);
    }
    sum
}
