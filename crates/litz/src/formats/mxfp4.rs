//! MXFP4 as gpt-oss stores it in safetensors: codes in one tensor, the exponents of their scales in another.

use super::DType;

/// Elements and bytes of a block in one piece, and bytes of its codes alone.
const ELEMENTS: usize = 32;
pub(crate) const BYTES: usize = 17;
pub(crate) const CODES: usize = 16;

/// The shape of the elements behind codes of this shape, whose last size is `CODES`.
pub(crate) fn shape(codes: &[usize]) -> Vec<usize> {
    match codes {
        [outer @ .., blocks, CODES] => [outer, &[blocks.saturating_mul(ELEMENTS)]].concat(),
        other => other.to_vec(),
    }
}

/// Blocks in one piece, as GGUF has them: the exponent, then columns 0 to 15 in the low halves of sixteen bytes and 16 to
/// 31 in the high ones. In `codes`, neighbours share a byte, the first in its low half.
pub(crate) fn join(codes: &[u8], scales: &[u8], out: &mut [u8]) {
    let blocks = codes.chunks_exact(CODES).zip(scales).zip(out.chunks_exact_mut(BYTES));
    for ((codes, &scale), out) in blocks {
        out[0] = scale;
        for i in 0..CODES / 2 {
            let (low, high) = (codes[i], codes[CODES / 2 + i]);
            out[1 + 2 * i] = low & 15 | high << 4;
            out[2 + 2 * i] = low >> 4 | high & 0xf0;
        }
    }
    debug_assert_eq!(DType::MXFP4.block(), (ELEMENTS, BYTES));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::dequantize;

    #[test]
    fn neighbours_of_a_byte_become_neighbouring_elements() {
        let codes: [u8; CODES] = std::array::from_fn(|i| 2 * (i as u8) % 16 * 17 + 16);
        let (mut block, mut values) = ([0; BYTES], [0.0; ELEMENTS]);
        join(&codes, &[128], &mut block);
        dequantize(DType::MXFP4, &block, &mut values).unwrap();
        let expected =
            [0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 0.0, -1.0, -2.0, -3.0, -4.0, -6.0, -8.0, -12.0];
        assert_eq!(values[..16], expected);
        assert_eq!(values[16..], expected);
    }

    #[test]
    fn shapes_count_elements() {
        assert_eq!(shape(&[3, 5, 2, 16]), [3, 5, 64]);
        assert_eq!(shape(&[3, 5, 2]), [3, 5, 2]);
    }
}
