//! Rows to f32 and back: halves, bfloats, and the quantised blocks of an embedding.

use super::quant::dequantize;
use super::quant::stored::with_format;
use super::simd::{Simd, LANES};
use super::views::{Matrix, WeightDType};
use half::{bf16, f16};

/// `out = weights[row]`, of any storage.
#[inline(always)]
pub(super) fn dequantize_row<S: Simd>(s: S, weights: &Matrix<'_>, row: usize, out: &mut [f32]) {
    dequantize_columns(s, weights, row, 0, out);
}

/// `out = weights[row][first..]`, as much as fits; `first` begins a block, and `out` ends one.
#[inline(always)]
pub(super) fn dequantize_columns<S: Simd>(
    s: S,
    weights: &Matrix<'_>,
    row: usize,
    first: usize,
    out: &mut [f32],
) {
    let (elements, size) = weights.dtype().block();
    let bytes = &weights.bytes(row..row + 1)[first / elements * size..][..out.len() / elements * size];
    match weights.dtype() {
        WeightDType::F32 => widen::<S, F32>(s, bytes, out),
        WeightDType::F16 => widen::<S, F16>(s, bytes, out),
        WeightDType::BF16 => widen::<S, BF16>(s, bytes, out),
        dtype => with_format!(dtype, |F| dequantize::<S, F>(s, bytes, out), unreachable!("a float")),
    }
}

/// `out[i] = x[i]`, from halves.
#[inline(always)]
pub(super) fn f16_to_f32<S: Simd>(s: S, x: &[u16], out: &mut [f32]) {
    // SAFETY: any u16 is two bytes.
    let bytes = unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<u8>(), x.len() * 2) };
    widen::<S, F16>(s, bytes, out);
}

/// `out[i] = x[i]`, from bfloats.
#[inline(always)]
pub(super) fn bf16_to_f32<S: Simd>(s: S, x: &[u16], out: &mut [f32]) {
    // SAFETY: any u16 is two bytes.
    let bytes = unsafe { std::slice::from_raw_parts(x.as_ptr().cast::<u8>(), x.len() * 2) };
    widen::<S, BF16>(s, bytes, out);
}

/// `out[i] = x[i]` to the nearest half, ties to even.
#[inline(always)]
pub(super) fn f32_to_f16<S: Simd>(s: S, x: &[f32], out: &mut [u16]) {
    let whole = x.len() - x.len() % LANES;
    for i in (0..whole).step_by(LANES) {
        // SAFETY: i + 16 <= x.len(), which is out.len().
        unsafe { s.store_f16(out.as_mut_ptr().add(i), s.load(x.as_ptr().add(i))) };
    }
    for (out, &v) in out[whole..].iter_mut().zip(&x[whole..]) {
        *out = f16::from_f32(v).to_bits();
    }
}

/// `out[i] = x[i]` to the nearest bfloat, ties to even.
#[inline(always)]
pub(super) fn f32_to_bf16<S>(_: S, x: &[f32], out: &mut [u16]) {
    for (out, &v) in out.iter_mut().zip(x) {
        *out = bf16::from_f32(v).to_bits();
    }
}

/// A float of two or four bytes that kernels load sixteen at a time.
pub(super) trait Float {
    /// Bytes of one.
    const BYTES: usize;
    /// Sixteen of them as f32.
    ///
    /// # Safety
    /// 16 may be read, at any alignment.
    unsafe fn load<S: Simd>(s: S, from: *const u8) -> S::F;
    /// `S::WIDTH` of them, for a dot product.
    ///
    /// # Safety
    /// `S::WIDTH` may be read, at any alignment.
    unsafe fn dot_load<S: Simd>(s: S, from: *const u8) -> S::V;
    /// The first `n < 16` of them, zeros after.
    ///
    /// # Safety
    /// `n` may be read, at any alignment.
    #[inline(always)]
    unsafe fn load_tail<S: Simd>(s: S, from: *const u8, n: usize) -> S::F {
        let mut bytes = [0u8; 4 * LANES];
        // SAFETY: n < 16 elements of at most 4 bytes into room for 16.
        unsafe {
            std::ptr::copy_nonoverlapping(from, bytes.as_mut_ptr(), n * Self::BYTES);
            Self::load(s, bytes.as_ptr())
        }
    }
}

/// IEEE singles, little-endian.
pub(super) struct F32;
/// IEEE halves.
pub(super) struct F16;
/// bfloats.
pub(super) struct BF16;

impl Float for F32 {
    const BYTES: usize = 4;
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, from: *const u8) -> S::F {
        // SAFETY: the caller's promise; loads take any alignment.
        unsafe { s.load(from.cast()) }
    }
    #[inline(always)]
    unsafe fn dot_load<S: Simd>(s: S, from: *const u8) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { s.dot_load(from.cast()) }
    }
}

impl Float for F16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, from: *const u8) -> S::F {
        // SAFETY: the caller's promise.
        unsafe { s.load_f16(from) }
    }
    #[inline(always)]
    unsafe fn dot_load<S: Simd>(s: S, from: *const u8) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { s.dot_load_f16(from) }
    }
}

impl Float for BF16 {
    const BYTES: usize = 2;
    #[inline(always)]
    unsafe fn load<S: Simd>(s: S, from: *const u8) -> S::F {
        // SAFETY: the caller's promise.
        unsafe { s.load_bf16(from) }
    }
    #[inline(always)]
    unsafe fn dot_load<S: Simd>(s: S, from: *const u8) -> S::V {
        // SAFETY: the caller's promise.
        unsafe { s.dot_load_bf16(from) }
    }
}

#[inline(always)]
fn widen<S: Simd, W: Float>(s: S, bytes: &[u8], out: &mut [f32]) {
    let (n, from) = (out.len(), bytes.as_ptr());
    let whole = n - n % LANES;
    assert!(bytes.len() >= n * W::BYTES);
    // SAFETY: bytes holds n elements, checked above.
    unsafe {
        for i in (0..whole).step_by(LANES) {
            s.store(out.as_mut_ptr().add(i), W::load(s, from.add(i * W::BYTES)));
        }
        let tail = W::load_tail(s, from.add(whole * W::BYTES), n - whole);
        s.store_tail(out.as_mut_ptr().add(whole), n - whole, tail);
    }
}
