//! The matmul of any weight storage: picks the loop for it.

use std::ops::Range;

use super::lanes::Simd;
use super::matmul_float::{self, Dot, Rows};
use super::quant::{MatmulQuant, Q4_0, Q4_1, Q8_0};
use super::views::{Activations, Matrix, OutView, WeightDType};

/// `y[t][r] = dot(x[t], w[r])`, of f32 or 8-bit activations.
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
        match (w.dtype(), x) {
            (_, &Activations::F32 { values, stride }) => {
                matmul_float::matmul(s, w, rows, Rows::of(values, stride), tokens, y);
            }
            (WeightDType::Q8_0, Activations::Q8(x)) => s.matmul_quant::<Q8_0>(w, rows, x, tokens, y),
            (WeightDType::Q4_0, Activations::Q8(x)) => s.matmul_quant::<Q4_0>(w, rows, x, tokens, y),
            (WeightDType::Q4_1, Activations::Q8(x)) => s.matmul_quant::<Q4_1>(w, rows, x, tokens, y),
            _ => unreachable!("Kernels::matmul checks that the weights take the activations"),
        }
    }
}
