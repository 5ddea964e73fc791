//! Matmuls of quantised weights with 8-bit activations.
//!
//! An output is one f32 running sum over the blocks in their order; within a block the products of codes are summed
//! as integers, exactly, so that any shape of loop gives the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod panel;

use std::ops::Range;

use super::convert::half_at;
use super::lanes::{Portable, Simd};
use super::views::{Matrix, OutView, Q8View, BLOCK};

/// A block format, with its plain definition.
pub(super) trait Quant {
    /// Bytes of a block.
    const BYTES: usize;
    /// Whether the codes are nibbles rather than signed bytes.
    const NIBBLES: bool;
    /// What a stored nibble is above its value.
    const OFFSET: i32;
    /// Whether an f16 minimum follows the scale.
    const MINIMUM: bool;
    /// Where the codes start.
    const CODES: usize = if Self::MINIMUM { 4 } else { 2 };
}

/// 32 signed bytes.
pub(super) struct Q8_0;
/// 32 nibbles less 8.
pub(super) struct Q4_0;
/// 32 nibbles over a minimum.
pub(super) struct Q4_1;

impl Quant for Q8_0 {
    const BYTES: usize = 34;
    const NIBBLES: bool = false;
    const OFFSET: i32 = 0;
    const MINIMUM: bool = false;
}

impl Quant for Q4_0 {
    const BYTES: usize = 18;
    const NIBBLES: bool = true;
    const OFFSET: i32 = 8;
    const MINIMUM: bool = false;
}

impl Quant for Q4_1 {
    const BYTES: usize = 20;
    const NIBBLES: bool = true;
    const OFFSET: i32 = 0;
    const MINIMUM: bool = true;
}

/// One token's quantised row.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
struct Token {
    codes: *const i8,
    scales: *const f32,
    sums: *const f32,
    code_sums: *const i32,
}

#[cfg(target_arch = "x86_64")]
impl Token {
    /// # Safety
    /// `x` has the token.
    #[inline(always)]
    unsafe fn new(x: &Q8View<'_>, token: usize) -> Self {
        let block = token * x.blocks;
        // SAFETY: the caller's promise.
        unsafe {
            Token {
                codes: x.codes.as_ptr().add(block * BLOCK),
                scales: x.scales.as_ptr().add(block),
                sums: x.sums.as_ptr().add(block),
                code_sums: x.code_sums.as_ptr().add(block),
            }
        }
    }
}

/// An instruction set's way of multiplying quantised matrices.
pub(super) trait MatmulQuant: Simd {
    /// `y[t][r] = dot(x[t], w[r])`.
    ///
    /// # Safety
    /// `x` holds `tokens` rows of the matrix's columns, `y` holds `tokens` by `rows`.
    unsafe fn matmul_quant<Q: Quant>(
        self,
        w: &Matrix<'_>,
        rows: Range<usize>,
        x: &Q8View<'_>,
        tokens: Range<usize>,
        y: &OutView<'_>,
    );
}

impl MatmulQuant for Portable {
    #[inline(always)]
    unsafe fn matmul_quant<Q: Quant>(
        self,
        w: &Matrix<'_>,
        rows: Range<usize>,
        x: &Q8View<'_>,
        tokens: Range<usize>,
        y: &OutView<'_>,
    ) {
        for r in rows {
            let row = w.bytes(r..r + 1);
            for t in tokens.clone() {
                // SAFETY: the caller vouches for token t and row r of y.
                unsafe { *y.values.as_ptr().add(t * y.stride + r) = dot::<Q>(row, x, t) };
            }
        }
    }
}

/// The definition of an output.
fn dot<Q: Quant>(row: &[u8], x: &Q8View<'_>, token: usize) -> f32 {
    let mut sum = 0f32;
    for (i, block) in row.chunks_exact(Q::BYTES).enumerate() {
        let at = token * x.blocks + i;
        let codes = &x.codes[at * BLOCK..(at + 1) * BLOCK];
        let products = if Q::NIBBLES {
            nibble_products(&block[Q::CODES..], codes) - Q::OFFSET * x.code_sums[at]
        } else {
            byte_products(&block[Q::CODES..], codes)
        };
        sum += half_at(block, 0) * x.scales[at] * products as f32;
        if Q::MINIMUM {
            sum += half_at(block, 2) * x.sums[at];
        }
    }
    sum
}

fn byte_products(weights: &[u8], codes: &[i8]) -> i32 {
    weights.iter().zip(codes).map(|(&w, &x)| i32::from(w as i8) * i32::from(x)).sum()
}

fn nibble_products(weights: &[u8], codes: &[i8]) -> i32 {
    let (low, high) = codes.split_at(BLOCK / 2);
    let pairs = weights.iter().zip(low.iter().zip(high));
    pairs.map(|(&w, (&a, &b))| i32::from(w & 15) * i32::from(a) + i32::from(w >> 4) * i32::from(b)).sum()
}
