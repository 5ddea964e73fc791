//! Stored elements to f32, bit for bit as the reference of each format computes them.

mod k_blocks;

use half::{bf16, f16};

use self::k_blocks::{iq4_xs, q2_k, q3_k, q4_k, q5_k, q6_k};
use super::blocks::{half_at, power_of_two, FP4_VALUES, IQ4_VALUES};
use super::dtype::DType;
use crate::{Error, Result};

/// Converts whole blocks to `out`, rounding only F64. The order of the multiplications is the reference's, so the
/// result equals it in every bit; a NaN stays one, its payload is unspecified.
pub fn dequantize(dtype: DType, blocks: &[u8], out: &mut [f32]) -> Result<()> {
    if dtype.bytes_for(out.len()) != Some(blocks.len()) {
        return Err(Error::Value(format!(
            "{} bytes of {dtype} cannot become {} elements: a block of it has (elements, bytes) {:?}",
            blocks.len(),
            out.len(),
            dtype.block()
        )));
    }
    match dtype {
        DType::F64 => each(blocks, out, |bytes| f64::from_le_bytes(bytes) as f32),
        DType::F32 => each(blocks, out, f32::from_le_bytes),
        DType::F16 => each(blocks, out, |bytes| f16::from_le_bytes(bytes).to_f32()),
        DType::BF16 => each(blocks, out, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        DType::F8E4M3 => each(blocks, out, |[byte]| f8_e4m3(byte)),
        DType::F8E5M2 => each(blocks, out, |[byte]| f16::from_le_bytes([0, byte]).to_f32()),
        DType::F8E4M3FNUZ => each(blocks, out, |[byte]| f8_fnuz::<3, 8>(byte)),
        DType::F8E5M2FNUZ => each(blocks, out, |[byte]| f8_fnuz::<2, 16>(byte)),
        DType::F8E8M0 => each(blocks, out, |[byte]| f8_e8m0(byte)),
        DType::Q4_0 => by_block(blocks, out, q4_0),
        DType::Q4_1 => by_block(blocks, out, q4_1),
        DType::Q5_0 => by_block(blocks, out, q5_0),
        DType::Q5_1 => by_block(blocks, out, q5_1),
        DType::Q8_0 => by_block(blocks, out, q8_0),
        DType::Q2K => by_block(blocks, out, q2_k),
        DType::Q3K => by_block(blocks, out, q3_k),
        DType::Q4K => by_block(blocks, out, q4_k),
        DType::Q5K => by_block(blocks, out, q5_k),
        DType::Q6K => by_block(blocks, out, q6_k),
        DType::IQ4NL => by_block(blocks, out, iq4_nl),
        DType::IQ4XS => by_block(blocks, out, iq4_xs),
        DType::MXFP4 => by_block(blocks, out, mxfp4),
        _ => return Err(Error::Unsupported(format!("litz does not convert {dtype} to F32"))),
    }
    Ok(())
}

/// Converts one element of `BYTES` at a time.
fn each<const BYTES: usize>(bytes: &[u8], out: &mut [f32], convert: impl Fn([u8; BYTES]) -> f32) {
    by_block(bytes, out, |block: &[u8; BYTES], out: &mut [f32; 1]| out[0] = convert(*block));
}

fn by_block<const BYTES: usize, const ELEMENTS: usize>(
    blocks: &[u8],
    out: &mut [f32],
    convert: impl Fn(&[u8; BYTES], &mut [f32; ELEMENTS]),
) {
    for (block, out) in blocks.chunks_exact(BYTES).zip(out.chunks_exact_mut(ELEMENTS)) {
        if let (Some(block), Some(out)) = (block.first_chunk(), out.first_chunk_mut()) {
            convert(block, out);
        }
    }
}

/// 2^exponent, for exponents of normal numbers.
fn power(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) as u32) << 23)
}

/// A small float without infinities: `MANTISSA` bits and this bias; every case is exact.
fn finite<const MANTISSA: u32, const BIAS: i32>(byte: u8) -> f32 {
    let exponent = i32::from((byte & 0x7f) >> MANTISSA);
    let mantissa = byte & ((1 << MANTISSA) - 1);
    let implicit = if exponent == 0 { 0 } else { 1 << MANTISSA };
    let size = f32::from(mantissa + implicit) * power(exponent.max(1) - BIAS - MANTISSA as i32);
    if byte & 0x80 == 0 {
        size
    } else {
        -size
    }
}

fn f8_e4m3(byte: u8) -> f32 {
    if byte & 0x7f == 0x7f {
        return f32::NAN;
    }
    finite::<3, 7>(byte)
}

fn f8_fnuz<const MANTISSA: u32, const BIAS: i32>(byte: u8) -> f32 {
    if byte == 0x80 {
        return f32::NAN;
    }
    finite::<MANTISSA, BIAS>(byte)
}

fn f8_e8m0(byte: u8) -> f32 {
    match byte {
        0 => f32::from_bits(1 << 22), // 2^-127 is not a normal number
        255 => f32::NAN,
        _ => f32::from_bits(u32::from(byte) << 23),
    }
}

fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    for i in 0..16 {
        let codes = block[2 + i];
        out[i] = d * f32::from((codes & 15) as i8 - 8);
        out[16 + i] = d * f32::from((codes >> 4) as i8 - 8);
    }
}

fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    for i in 0..16 {
        let codes = block[4 + i];
        out[i] = d * f32::from(codes & 15) + m;
        out[16 + i] = d * f32::from(codes >> 4) + m;
    }
}

/// The 5-bit codes i and 16 + i: four bits of `low`, and the fifth of `high`.
fn five_bits(low: u8, high: u32, i: usize) -> (u8, u8) {
    let fifth = |place: usize| ((high >> place & 1) as u8) << 4;
    (low & 15 | fifth(i), low >> 4 | fifth(16 + i))
}

fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    let high = u32::from_le_bytes([block[2], block[3], block[4], block[5]]);
    for i in 0..16 {
        let (first, second) = five_bits(block[6 + i], high, i);
        out[i] = d * f32::from(first as i8 - 16);
        out[16 + i] = d * f32::from(second as i8 - 16);
    }
}

fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (d, m) = (half_at(block, 0), half_at(block, 2));
    let high = u32::from_le_bytes([block[4], block[5], block[6], block[7]]);
    for i in 0..16 {
        let (first, second) = five_bits(block[8 + i], high, i);
        out[i] = d * f32::from(first) + m;
        out[16 + i] = d * f32::from(second) + m;
    }
}

fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    for (i, out) in out.iter_mut().enumerate() {
        *out = f32::from(block[2 + i] as i8) * d;
    }
}

fn iq4_nl(block: &[u8; 18], out: &mut [f32; 32]) {
    let d = half_at(block, 0);
    for i in 0..16 {
        let codes = block[2 + i];
        out[i] = d * f32::from(IQ4_VALUES[usize::from(codes & 15)]);
        out[16 + i] = d * f32::from(IQ4_VALUES[usize::from(codes >> 4)]);
    }
}

fn mxfp4(block: &[u8; 17], out: &mut [f32; 32]) {
    let d = power_of_two(block[0]);
    for i in 0..16 {
        let codes = block[1 + i];
        out[i] = d * f32::from(FP4_VALUES[usize::from(codes & 15)]);
        out[16 + i] = d * f32::from(FP4_VALUES[usize::from(codes >> 4)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(dtype: DType, bytes: &[u8]) -> f32 {
        let mut out = [0.0];
        dequantize(dtype, bytes, &mut out).unwrap();
        out[0]
    }

    #[test]
    fn small_floats_have_their_published_limits() {
        assert_eq!(one(DType::F8E4M3, &[0x7e]), 448.0);
        assert_eq!(one(DType::F8E4M3, &[0x81]), -(2.0_f32.powi(-9)));
        assert!(one(DType::F8E4M3, &[0xff]).is_nan());
        assert_eq!(one(DType::F8E5M2, &[0x7b]), 57344.0);
        assert_eq!(one(DType::F8E5M2, &[0xfc]), f32::NEG_INFINITY);
        assert_eq!(one(DType::F8E4M3FNUZ, &[0x7f]), 240.0);
        assert_eq!(one(DType::F8E5M2FNUZ, &[0x7f]), 57344.0);
        assert!(one(DType::F8E5M2FNUZ, &[0x80]).is_nan());
        assert_eq!(one(DType::F8E8M0, &[127]), 1.0);
        assert_eq!(one(DType::F8E8M0, &[0]), 2.0_f32.powi(-127));
    }

    #[test]
    fn q4_1_is_scale_times_code_plus_minimum() {
        let mut block = vec![0_u8; 20];
        block[..2].copy_from_slice(&f16::from_f32(0.5).to_le_bytes());
        block[2..4].copy_from_slice(&f16::from_f32(-1.0).to_le_bytes());
        block[4] = 0x3f;
        let mut out = [0.0; 32];
        dequantize(DType::Q4_1, &block, &mut out).unwrap();
        assert_eq!((out[0], out[16], out[1]), (6.5, 0.5, -1.0));
    }

    #[test]
    fn wrong_sizes_and_integers_are_errors() {
        let mut out = [0.0; 32];
        assert!(matches!(dequantize(DType::Q8_0, &[0; 33], &mut out), Err(Error::Value(_))));
        assert!(matches!(dequantize(DType::Q8_0, &[0; 34], &mut out[..31]), Err(Error::Value(_))));
        assert!(matches!(dequantize(DType::I8, &[0; 32], &mut out), Err(Error::Unsupported(_))));
        assert!(dequantize(DType::Q6K, &[], &mut []).is_ok());
    }
}
