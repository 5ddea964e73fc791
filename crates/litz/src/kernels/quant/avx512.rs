//! Quantised matmuls with AVX-512: for now, those of AVX2.

use std::ops::Range;

use super::super::lanes::{Avx2, Avx512};
use super::super::views::{Matrix, OutView, Q8View};
use super::{MatmulQuant, Quant};

impl MatmulQuant for Avx512 {
    #[inline(always)]
    unsafe fn matmul_quant<Q: Quant>(
        self,
        w: &Matrix<'_>,
        rows: Range<usize>,
        x: &Q8View<'_>,
        tokens: Range<usize>,
        y: &OutView<'_>,
    ) {
        // SAFETY: the caller vouches for tokens and rows, the token `self` for the instructions.
        unsafe { Avx2::new().matmul_quant::<Q>(w, rows, x, tokens, y) }
    }
}
