//! Activations to 8 bits, one scale per 32.

use super::lanes::{at, Simd};
use super::q8::{Q8RowMut, CODE_WORDS, MINUS_128, MINUS_32, MINUS_8, SCALE, SUM, WORDS};
use super::views::BLOCK;

/// Largest magnitudes below this count as zero, for 127 / it would overflow.
const TINY: f32 = 1e-36;

/// `scale = max|x| / 127` of each 32, `code = round(x / scale)` with halves to even; missing columns count as 0.
///
/// A NaN or an infinity makes its block's scale NaN, so that no matmul hides it.
#[inline(always)]
pub(super) fn quantize_row<S: Simd>(s: S, x: &[f32], row: &mut Q8RowMut<'_>) {
    for block in 0..row.blocks() {
        let (low, high) = (at(s, x, block * BLOCK), at(s, x, block * BLOCK + 16));
        let greatest = s.max_lane(s.max(s.abs(low), s.abs(high)));
        let poison = s.sum(s.fma(low, s.splat(0.0), s.mul(high, s.splat(0.0))));
        let (scale, inverse) =
            if greatest < TINY { (0.0, 0.0) } else { (greatest / 127.0, 127.0 / greatest) };
        let inverse = s.splat(inverse);
        let (low, high) = (s.round(s.mul(low, inverse)), s.round(s.mul(high, inverse)));
        let mut codes = [0i8; BLOCK];
        // SAFETY: a block has 32 codes.
        unsafe {
            s.store_i8(codes.as_mut_ptr(), low);
            s.store_i8(codes.as_mut_ptr().add(16), high);
        }
        let (low, high) = (s.sum(low) as i32, s.sum(high) as i32);
        let mut words = [0; WORDS];
        for (word, four) in words[..CODE_WORDS].iter_mut().zip(codes.chunks_exact(4)) {
            *word = u32::from_le_bytes([four[0] as u8, four[1] as u8, four[2] as u8, four[3] as u8]);
        }
        words[SCALE] = (scale + poison).to_bits();
        words[SUM] = ((scale + poison) * (low + high) as f32).to_bits();
        words[MINUS_8] = (-8 * (low + high)) as u32;
        words[MINUS_128] = (-128 * (low + high)) as u32;
        words[MINUS_32] = (-32 * low) as u32;
        words[MINUS_32 + 1] = (-32 * high) as u32;
        row.put(block, words);
    }
}
