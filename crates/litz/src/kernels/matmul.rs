//! The matmul of any weight storage: picks the loop for it.

use std::ops::Range;

use super::convert::{BF16, F16, F32};
use super::matmul_float;
use super::quant::{self, MatmulQuant};
use super::views::{Activations, Matrix, OutView, WeightDType};

/// `y[t][r] = dot(x[t], w[r])`.
///
/// # Safety
/// `x` is what the weights want and holds `tokens` rows of `w.cols()`, `y` holds `tokens` by `rows`.
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
            (WeightDType::F32, &Activations::F32 { values, stride }) => {
                matmul_float::matmul::<S, F32>(
                    s,
                    w,
                    rows,
                    matmul_float::Activations { values, stride },
                    tokens,
                    y,
                );
            }
            (WeightDType::F16, &Activations::F32 { values, stride }) => {
                matmul_float::matmul::<S, F16>(
                    s,
                    w,
                    rows,
                    matmul_float::Activations { values, stride },
                    tokens,
                    y,
                );
            }
            (WeightDType::BF16, &Activations::F32 { values, stride }) => {
                matmul_float::matmul::<S, BF16>(
                    s,
                    w,
                    rows,
                    matmul_float::Activations { values, stride },
                    tokens,
                    y,
                );
            }
            (_, Activations::Q8(x)) => quant::matmul(s, w, rows, x, tokens, y),
            _ => unreachable!("Kernels::matmul checks that the activations are what the weights want"),
        }
    }
}
