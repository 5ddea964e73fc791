//! The matmul of any weight storage: picks the loop for it.

use std::ops::Range;

use super::matmul_float::{self, Rows};
use super::quant::{self, MatmulQuant};
use super::views::{Activations, Matrix, OutView};

/// `y[t][r] = dot(x[t], w[r])`.
///
/// # Safety
/// `x` is of a kind that the weights take and holds `tokens` rows of `w.cols()`, `y` holds `tokens` by `rows`.
#[inline(always)]
pub(super) unsafe fn matmul<S: MatmulQuant>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: &Activations<'_>,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        match x {
            &Activations::F32 { values, stride } => {
                matmul_float::matmul(s, w, rows, Rows::of(values, stride), tokens, y);
            }
            Activations::Codes(x) => quant::matmul(s, w, rows, x, tokens, y),
            Activations::Bf16 { .. } => unreachable!("Kernels::matmul has another function for them"),
        }
    }
}
