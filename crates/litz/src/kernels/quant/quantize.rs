//! Activations to integer codes: of 8 bits with a scale per 32, of 16 bits with a scale per 256.

use super::codes::{
    span_of, words_of, CodeRowMut, CodeWidth, CODES, MINUS_128, MINUS_32, MINUS_8, SCALE, SUM,
};
use super::tile::MatmulQuant;
use crate::kernels::layout::BLOCK;
use crate::kernels::simd::at;

/// Largest magnitudes below this count as zero, for the greatest code over it would overflow.
const TINY: f32 = 1e-33;

/// `scale = max|x| / greatest code`, `code = round(x / scale)` with halves to even; missing columns count as 0.
///
/// A NaN or an infinity makes its scale NaN, so that no matmul hides it.
#[inline(always)]
pub(in crate::kernels) fn quantize_row<S: MatmulQuant>(s: S, x: &[f32], row: &mut CodeRowMut<'_>) {
    match row.width() {
        CodeWidth::Bits8 => blocks::<S, 1, { words_of(1) }>(s, x, row),
        CodeWidth::Bits16 => blocks::<S, 2, { words_of(2) }>(s, x, row),
    }
}

#[inline(always)]
fn blocks<S: MatmulQuant, const BYTES: usize, const WORDS: usize>(s: S, x: &[f32], row: &mut CodeRowMut<'_>) {
    // An upper byte up to 127 and a signed lower one give this much.
    let (span, most) = (span_of(BYTES), if BYTES == 1 { 127.0 } else { 32639.0 });
    for first in (0..row.blocks()).step_by(span) {
        let end = row.blocks().min(first + span);
        let (mut greatest, mut poison) = (s.splat(0.0), s.splat(0.0));
        for column in (first * BLOCK..end * BLOCK).step_by(16) {
            let x = at(s, x, column);
            greatest = s.max(s.abs(x), greatest);
            poison = s.fma(x, s.splat(0.0), poison);
        }
        let (greatest, poison) = (s.max_lane(greatest), s.sum(poison));
        let (scale, inverse) = if greatest < TINY { (0.0, 0.0) } else { (greatest / most, most / greatest) };
        let (scale, inverse) = (scale + poison, s.splat(inverse));
        for block in first..end {
            let code = |from: usize| s.round(s.mul(at(s, x, block * BLOCK + from), inverse));
            let (low, high) = (code(0), code(16));
            let mut words = [0; WORDS];
            // SAFETY: the words end with a block's codes.
            unsafe { s.store_codes::<BYTES>([low, high], words.as_mut_ptr().add(CODES)) };
            let (low, high) = (s.sum(low) as i32, s.sum(high) as i32);
            words[SCALE] = scale.to_bits();
            words[SUM] = ((low + high) as f32).to_bits();
            words[MINUS_8] = (-8 * (low + high)) as u32;
            words[MINUS_128] = (-128 * (low + high)) as u32;
            words[MINUS_32] = (-32 * low) as u32;
            words[MINUS_32 + 1] = (-32 * high) as u32;
            row.put(block, words);
        }
    }
}
