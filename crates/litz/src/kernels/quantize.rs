//! Activations to 8 bits, one scale per 32.

use super::lanes::{at, Simd};
use super::views::{Q8RowMut, BLOCK};

/// Largest magnitudes below this count as zero, for 127 / it would overflow.
const TINY: f32 = 1e-36;

/// `scale = max|x| / 127` of each 32, `code = round(x / scale)` with halves to even; missing columns count as 0.
///
/// A NaN or an infinity makes its block's scale NaN, so that no matmul hides it.
#[inline(always)]
pub(super) fn quantize_row<S: Simd>(s: S, x: &[f32], row: &mut Q8RowMut<'_>) {
    for block in 0..row.scales.len() {
        let (low, high) = (at(s, x, block * BLOCK), at(s, x, block * BLOCK + 16));
        let greatest = s.max_lane(s.max(s.abs(low), s.abs(high)));
        let poison = s.sum(s.fma(low, s.splat(0.0), s.mul(high, s.splat(0.0))));
        let (scale, inverse) =
            if greatest < TINY { (0.0, 0.0) } else { (greatest / 127.0, 127.0 / greatest) };
        let inverse = s.splat(inverse);
        let (low, high) = (s.round(s.mul(low, inverse)), s.round(s.mul(high, inverse)));
        let codes = row.codes[block * BLOCK..(block + 1) * BLOCK].as_mut_ptr();
        // SAFETY: a block has 32 codes.
        unsafe {
            s.store_i8(codes, low);
            s.store_i8(codes.add(16), high);
        }
        let sum = s.sum(s.add(low, high));
        row.scales[block] = scale + poison;
        row.sums[block] = (scale + poison) * sum;
        row.code_sums[block] = sum as i32;
    }
}
