//! RMS norm and layer norm, with their statistics in sixteen lanes.

use crate::kernels::simd::{at, map, Simd, LANES};

/// `out[i] = x[i] / sqrt(mean(x^2) + eps) * (weight[i] + offset)`; `out` may be `x`.
///
/// # Safety
/// `weight.len()` elements may be read from `x` and written to `out`.
#[inline(always)]
pub(in crate::kernels) unsafe fn rms_norm<S: Simd>(
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
    unsafe { map!(s, x, out, n, |i, v| s.mul(s.mul(v, scale), s.add(at(s, weight, i), offset))) }
}

/// `out[i] = (x[i] - mean) / sqrt(variance + eps) * weight[i] + bias[i]`; `out` may be `x`.
///
/// # Safety
/// `weight.len()` elements may be read from `x` and written to `out`.
#[inline(always)]
pub(in crate::kernels) unsafe fn layer_norm<S: Simd>(
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
    for i in (0..n).step_by(LANES) {
        total = s.add(total, at(s, values, i));
    }
    let mean = s.sum(total) / n as f32;
    let variance = sum_squares(s, values, mean) / n as f32;
    let (mean, scale) = (s.splat(mean), s.splat(1.0 / (variance + eps).sqrt()));
    // SAFETY: as above.
    unsafe {
        map!(s, x, out, n, |i, v| {
            let normal = s.mul(s.mul(s.sub(v, mean), scale), at(s, weight, i));
            match bias {
                Some(bias) => s.add(normal, at(s, bias, i)),
                None => normal,
            }
        });
    }
}

/// The sum of `(x - mean)^2`: sixteen running sums, then what is left over.
#[inline(always)]
fn sum_squares<S: Simd>(s: S, x: &[f32], mean: f32) -> f32 {
    let whole = x.len() - x.len() % LANES;
    let center = s.splat(mean);
    let mut total = s.splat(0.0);
    for i in (0..whole).step_by(LANES) {
        let d = s.sub(at(s, x, i), center);
        total = s.fma(d, d, total);
    }
    x[whole..].iter().fold(s.sum(total), |sum, v| sum + (v - mean) * (v - mean))
}
