//! Weights that no kernel reads as stored, in the narrowest storage that holds every value exactly.

use half::{bf16, f16};

use crate::formats::{dequantize, DType};
use crate::kernels::WeightDType;
use crate::{Error, Result};

/// The bytes of a matrix with rows of `cols` in a kernel's storage; always F32 if `to_f32`.
pub(super) fn convert(
    stored: DType,
    bytes: &[u8],
    cols: usize,
    to_f32: bool,
) -> Result<(WeightDType, Vec<u8>)> {
    match stored {
        DType::Q5_0 if !to_f32 => return Ok((WeightDType::Q8_0, q5_0_as_q8_0(bytes))),
        DType::IQ4NL if !to_f32 => return Ok((WeightDType::Q8_0, iq4_nl_as_q8_0(bytes))),
        _ => {}
    }
    let row_bytes = stored.bytes_for(cols).filter(|&size| size > 0).ok_or_else(|| {
        Error::Format(format!("rows of {cols} {} elements end inside a block", stored.name()))
    })?;
    let rows = || bytes.chunks_exact(row_bytes);
    let mut row = vec![0.0_f32; cols];
    let dtype = if to_f32 { WeightDType::F32 } else { narrowest(stored, rows(), &mut row)? };
    let mut out = Vec::with_capacity(bytes.len() / row_bytes * cols * dtype.block().1);
    for stored_row in rows() {
        dequantize(stored, stored_row, &mut row)?;
        for &value in &row {
            match dtype {
                WeightDType::BF16 => out.extend_from_slice(&bf16::from_f32(value).to_le_bytes()),
                WeightDType::F16 => out.extend_from_slice(&f16::from_f32(value).to_le_bytes()),
                _ => out.extend_from_slice(&value.to_le_bytes()),
            }
        }
    }
    Ok((dtype, out))
}

/// BF16 or F16 if every value survives it, else F32; most tensors settle it in their first row.
fn narrowest<'a>(
    stored: DType,
    rows: impl Iterator<Item = &'a [u8]>,
    row: &mut [f32],
) -> Result<WeightDType> {
    let (mut fits_bf16, mut fits_f16) = (true, true);
    for stored_row in rows {
        dequantize(stored, stored_row, row)?;
        fits_bf16 = fits_bf16 && row.iter().all(|&x| bf16::from_f32(x).to_f32().to_bits() == x.to_bits());
        fits_f16 = fits_f16 && row.iter().all(|&x| f16::from_f32(x).to_f32().to_bits() == x.to_bits());
        if !fits_bf16 && !fits_f16 {
            return Ok(WeightDType::F32);
        }
    }
    Ok(if fits_bf16 { WeightDType::BF16 } else { WeightDType::F16 })
}

/// `d * (q - 16)` with five-bit q is `d * code` with an eight-bit code.
fn q5_0_as_q8_0(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 22 * 34);
    for block in bytes.chunks_exact(22) {
        let high = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
        out.extend_from_slice(&block[..2]);
        let code = |nibble: u8, bit: usize| (nibble | ((high >> bit) as u8 & 1) << 4).wrapping_sub(16);
        out.extend((0..16).map(|i| code(block[6 + i] & 15, i)));
        out.extend((0..16).map(|i| code(block[6 + i] >> 4, i + 16)));
    }
    out
}

/// The levels of IQ4_NL are whole numbers.
const LEVELS: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

fn iq4_nl_as_q8_0(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 18 * 34);
    for block in bytes.chunks_exact(18) {
        out.extend_from_slice(&block[..2]);
        out.extend(block[2..].iter().map(|&pair| LEVELS[usize::from(pair & 15)] as u8));
        out.extend(block[2..].iter().map(|&pair| LEVELS[usize::from(pair >> 4)] as u8));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(dtype: DType, bytes: &[u8], count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        dequantize(dtype, bytes, &mut out).unwrap();
        out
    }

    fn stored(dtype: WeightDType) -> DType {
        match dtype {
            WeightDType::F32 => DType::F32,
            WeightDType::F16 => DType::F16,
            WeightDType::BF16 => DType::BF16,
            _ => DType::Q8_0,
        }
    }

    /// Bytes that look random, with the scales of 32-blocks kept finite.
    fn blocks(dtype: DType, count: usize) -> Vec<u8> {
        let (_, size) = dtype.block();
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let mut bytes: Vec<u8> = (0..count * size).map(|_| next()).collect();
        for block in bytes.chunks_exact_mut(size) {
            block[..2].copy_from_slice(&f16::from_f32(0.01).to_le_bytes());
            if dtype == DType::Q5_1 {
                block[2..4].copy_from_slice(&f16::from_f32(-0.3).to_le_bytes());
            }
        }
        bytes
    }

    #[test]
    fn every_value_is_the_same_in_the_new_storage() {
        let expected = [
            (DType::Q5_0, WeightDType::Q8_0),
            (DType::IQ4NL, WeightDType::Q8_0),
            (DType::Q5_1, WeightDType::F32),
        ];
        for (dtype, narrow) in expected {
            let bytes = blocks(dtype, 6);
            let (to, converted) = convert(dtype, &bytes, 64, false).unwrap();
            assert_eq!(to, narrow);
            assert_eq!(values(stored(to), &converted, 192), values(dtype, &bytes, 192));
            let (to, converted) = convert(dtype, &bytes, 64, true).unwrap();
            assert_eq!(to, WeightDType::F32);
            assert_eq!(values(DType::F32, &converted, 192), values(dtype, &bytes, 192));
        }
    }

    #[test]
    fn doubles_become_the_narrowest_exact_float() {
        let narrow = |values: &[f64]| {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            convert(DType::F64, &bytes, values.len(), false).unwrap().0
        };
        assert_eq!(narrow(&[1.0, -0.5, 2_f64.powi(100)]), WeightDType::BF16);
        assert_eq!(narrow(&[1.0, 1.0 + 1.0 / 1024.0]), WeightDType::F16);
        assert_eq!(narrow(&[1.0 + 1.0 / 1024.0, 1e9]), WeightDType::F32);
    }
}
