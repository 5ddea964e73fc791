//! Running sums of dot products in registers: how they are added to, and how they are folded and stored.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m512, __m512bh, _mm512_dpbf16_ps};

use crate::kernels::convert::Float;
#[cfg(target_arch = "x86_64")]
use crate::kernels::simd::Avx512;
use crate::kernels::simd::Simd;

/// How a register of weights is multiplied with one of activations.
pub(in crate::kernels) trait Dot<S: Simd> {
    /// Bytes of an activation.
    const BYTES: usize;
    /// `sum + w * x`, lane by lane.
    fn add(s: S, w: S::V, x: S::V, sum: S::V) -> S::V;
}

/// A lane is one f32.
pub(in crate::kernels) struct Singles;
/// A lane is two bfloats: the odd column is added first.
pub(in crate::kernels) struct Pairs;

impl<S: Simd> Dot<S> for Singles {
    const BYTES: usize = 4;
    #[inline(always)]
    fn add(s: S, w: S::V, x: S::V, sum: S::V) -> S::V {
        s.dot_add(w, x, sum)
    }
}

impl<S: Simd> Dot<S> for Pairs {
    const BYTES: usize = 2;
    #[inline(always)]
    fn add(s: S, w: S::V, x: S::V, sum: S::V) -> S::V {
        let sum = s.dot_add(s.dot_odd(w), s.dot_odd(x), sum);
        s.dot_add(s.dot_even(w), s.dot_even(x), sum)
    }
}

/// A lane is two bfloats, in one instruction, which takes subnormals for zeros.
#[cfg(target_arch = "x86_64")]
pub(in crate::kernels) struct NativePairs;

#[cfg(target_arch = "x86_64")]
impl Dot<Avx512> for NativePairs {
    const BYTES: usize = 2;
    #[inline(always)]
    fn add(_: Avx512, w: __m512, x: __m512, sum: __m512) -> __m512 {
        // SAFETY: only the table for CPUs with AVX-512 BF16 is made with this.
        unsafe {
            _mm512_dpbf16_ps(
                sum,
                std::mem::transmute::<__m512, __m512bh>(w),
                std::mem::transmute::<__m512, __m512bh>(x),
            )
        }
    }
}

/// One register of columns of every row and token.
///
/// # Safety
/// A register of each may be read.
#[inline(always)]
pub(in crate::kernels) unsafe fn step<S: Simd, W: Float, D: Dot<S>, const R: usize, const T: usize>(
    s: S,
    sums: &mut [[S::V; R]; T],
    w: [*const u8; R],
    x: [*const u8; T],
) {
    let mut lanes = [s.dot_zero(); T];
    for i in 0..T {
        // SAFETY: the caller's promise.
        lanes[i] = unsafe { s.dot_load(x[i].cast()) };
    }
    for j in 0..R {
        // SAFETY: the caller's promise.
        let w = unsafe { W::dot_load(s, w[j]) };
        for i in 0..T {
            sums[i][j] = D::add(s, w, lanes[i], sums[i][j]);
        }
    }
}

/// Folds the sums: the first `kept` rows of token `i` go to `out[i * stride..]`, or are added to what is there.
///
/// # Safety
/// They may be written.
#[inline(always)]
pub(in crate::kernels) unsafe fn store<S: Simd, const R: usize, const T: usize>(
    s: S,
    sums: [[S::V; R]; T],
    out: *mut f32,
    (stride, kept): (usize, usize),
    add: bool,
) {
    for i in (0..T).step_by(2) {
        let fours = |i: usize| std::array::from_fn(|j| sums[i][j % R]);
        let pair = i + 1 < T;
        let folded = match (R, pair) {
            (1, _) => std::array::from_fn(|j| [s.dot_sum(sums[(i + j) % T][0]); 4]),
            (_, true) => s.dot_eight([fours(i), fours(i + 1)]),
            (_, false) => [s.dot_four(fours(i)); 2],
        };
        for (i, row) in folded.iter().enumerate().take(1 + usize::from(pair)).map(|(j, row)| (i + j, row)) {
            let mut row = *row;
            // SAFETY: the caller's promise.
            unsafe {
                let to = out.add(i * stride);
                if kept == 4 {
                    let to = to.cast::<[f32; 4]>();
                    if add {
                        let before = to.read_unaligned();
                        row = std::array::from_fn(|j| before[j] + row[j]);
                    }
                    to.write_unaligned(row);
                } else {
                    for j in 0..kept {
                        *to.add(j) = if add { *to.add(j) + row[j] } else { row[j] };
                    }
                }
            }
        }
    }
}
