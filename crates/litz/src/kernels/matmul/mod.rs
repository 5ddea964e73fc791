//! The matmul of any weight storage: packed codes, or floats in one order of summation.
//!
//! A float output is `S::WIDTH` running sums over its columns in their order, folded in one order. Few tokens read the
//! rows as they are stored; many share rows converted to an aligned panel. Neither changes the order.

mod dot;
mod outer;
mod panel;
mod rows;
mod slice;

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
pub(super) use self::dot::NativePairs;
pub(super) use self::slice::Rows;

use self::dot::{Dot, Pairs, Singles};
use self::panel::panels;
use self::rows::{as_converted, as_stored};
use super::convert::{BF16, F16, F32};
use super::quant::{self, MatmulQuant};
use super::simd::Simd;
use super::views::{Activations, Matrix, OutView, WeightDType};

/// From this many tokens on, a converted panel pays.
const PANEL_TOKENS: usize = 16;

/// `y[t][r] = dot(x[t], w[r])`.
///
/// # Safety
/// `x` is of a kind that the weights take and holds `tokens` rows of `w.cols()`, `y` holds `tokens` by `rows`.
#[inline(always)]
pub(in crate::kernels) unsafe fn matmul<S: MatmulQuant>(
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
            &Activations::F32 { values, stride } if w.is_packed() => {
                outer::outer(s, w, rows, Rows::of(values, stride), tokens, y);
            }
            &Activations::F32 { values, stride } => {
                float(s, w, rows, Rows::of(values, stride), tokens, y);
            }
            Activations::Codes(x) => quant::matmul(s, w, rows, x, tokens, y),
            Activations::Bf16 { .. } => unreachable!("Kernels::matmul has another function for them"),
        }
    }
}

/// `y[t][r] = dot(x[t], w[r])`, rows of any storage as floats.
///
/// # Safety
/// `x` holds `tokens` rows of floats, `y` holds `tokens` by `rows`; the matrix isn't packed.
#[inline(always)]
unsafe fn float<S: Simd>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    // SAFETY: the caller's promise, passed on; the storages are those of the rows.
    unsafe {
        if tokens.len() >= PANEL_TOKENS {
            return panels::<S, Singles>(s, w, rows, x, tokens, y);
        }
        match w.dtype() {
            WeightDType::F32 => as_stored::<S, F32, Singles>(s, w, rows, x, tokens, y),
            WeightDType::F16 => as_stored::<S, F16, Singles>(s, w, rows, x, tokens, y),
            WeightDType::BF16 => as_stored::<S, BF16, Singles>(s, w, rows, x, tokens, y),
            _ => as_converted(s, w, rows, x, tokens, y),
        }
    }
}

/// `y[t][r] = dot(x[t], w[r])`, bfloat rows with bfloat activations, as every CPU can.
///
/// # Safety
/// As `float`.
#[inline(always)]
pub(in crate::kernels) unsafe fn matmul_bf16<S: Simd>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    // SAFETY: the caller's promise, passed on.
    unsafe { matmul_pairs::<S, Pairs>(s, w, rows, x, tokens, y) }
}

/// `y[t][r] = dot(x[t], w[r])`, bfloat rows with bfloat activations.
///
/// # Safety
/// As `float`, and `D` is a way of taking bfloats.
#[inline(always)]
pub(in crate::kernels) unsafe fn matmul_pairs<S: Simd, D: Dot<S>>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    // SAFETY: the caller's promise, passed on. Two bfloats lie as one F32 does.
    unsafe {
        match tokens.len() {
            PANEL_TOKENS.. => panels::<S, D>(s, w, rows, x, tokens, y),
            _ => as_stored::<S, F32, D>(s, w, rows, x, tokens, y),
        }
    }
}
