//! Stored blocks as floats, bit for bit what `formats::dequantize` makes of them.

use super::format::{Format, PackCodes, Scales, Stored, LINE};
use crate::kernels::layout::BLOCK;
use crate::kernels::simd::Simd;

/// Bytes ahead of the reading at which memory is prefetched.
const PREFETCH_BYTES: usize = 4096;

/// `out` is as many columns as the blocks have.
#[inline(always)]
pub(in crate::kernels) fn dequantize<S: Simd, F: Stored>(s: S, blocks: &[u8], out: &mut [f32]) {
    let (elements, bytes) = F::BLOCK;
    for (block, out) in blocks.chunks_exact(bytes).zip(out.chunks_exact_mut(elements)) {
        // The next rows usually follow in memory, and the CPU itself looks no further than a page.
        for line in (0..bytes).step_by(LINE) {
            s.prefetch(block.as_ptr().wrapping_add(PREFETCH_BYTES + line));
        }
        for (part, out) in out.chunks_exact_mut(BLOCK).enumerate() {
            let (scales, minimum) = F::scales(s, block, part);
            let mut codes = [0i8; BLOCK];
            for (codes, word) in codes.chunks_exact_mut(4).zip(F::codes(block, part)) {
                codes.copy_from_slice(&word.to_le_bytes().map(<F as Format>::Codes::value));
            }
            for (half, scale) in scales.into_iter().enumerate() {
                // SAFETY: 32 codes and 32 floats, sixteen at a time.
                unsafe {
                    let code = s.sub(s.load_i8(codes.as_ptr().add(16 * half)), s.splat(F::OFFSET as f32));
                    let mut value = s.mul(s.splat(scale), code);
                    if <F as Format>::Scales::MINIMA {
                        value = s.add(value, s.splat(minimum));
                    }
                    s.store(out.as_mut_ptr().add(16 * half), value);
                }
            }
        }
    }
}
