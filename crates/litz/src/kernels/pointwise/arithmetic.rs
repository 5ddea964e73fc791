//! Sums, products and the greatest element of rows.

use crate::kernels::simd::{at, map, Simd, LANES};

/// `x[i] += y[i]`.
#[inline(always)]
pub(in crate::kernels) fn add<S: Simd>(s: S, x: &mut [f32], y: &[f32]) {
    // SAFETY: all of x.
    unsafe { map!(s, x.as_ptr(), x.as_mut_ptr(), x.len(), |i, v| s.add(v, at(s, y, i))) }
}

/// `x[i] *= factor`.
#[inline(always)]
pub(in crate::kernels) fn scale<S: Simd>(s: S, x: &mut [f32], factor: f32) {
    // SAFETY: all of x.
    unsafe { map!(s, x.as_ptr(), x.as_mut_ptr(), x.len(), |_i, v| s.mul(v, s.splat(factor))) }
}

/// `x[i] += factor * y[i]`.
#[inline(always)]
pub(in crate::kernels) fn axpy<S: Simd>(s: S, x: &mut [f32], factor: f32, y: &[f32]) {
    // SAFETY: all of x.
    unsafe { map!(s, x.as_ptr(), x.as_mut_ptr(), x.len(), |i, v| s.fma(s.splat(factor), at(s, y, i), v)) }
}

/// Where the greatest element is first found; NaN never counts, and `None` says that nothing else was there.
#[inline(always)]
pub(in crate::kernels) fn argmax<S: Simd>(s: S, x: &[f32]) -> Option<usize> {
    let mut greatest = s.splat(f32::NEG_INFINITY);
    let whole = x.len() - x.len() % LANES;
    // `max` gives its second operand when the first is NaN.
    for i in (0..whole).step_by(LANES) {
        greatest = s.max(at(s, x, i), greatest);
    }
    let greatest = x[whole..].iter().fold(s.max_lane(greatest), |a, &b| a.max(b));
    x.iter().position(|&v| v == greatest)
}
