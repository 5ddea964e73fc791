//! Numbers to stored elements: the inverse of `dequantize`, for every type that the matrix kernels read.

mod fit;
mod iq4;
mod k_blocks;
#[cfg(test)]
mod tests;

use half::{bf16, f16};

use self::fit::{extreme, inverse, limits};
use self::iq4::iq4_nl;
use self::k_blocks::{q4_k, q5_k, q6_k};
use super::blocks::{put_half, GREATEST_HALF};
use super::dtype::DType;
use crate::{Error, Result};

/// The types that `quantize` writes.
pub const QUANTIZABLE: [DType; 12] = [
    DType::F32,
    DType::F16,
    DType::BF16,
    DType::Q8_0,
    DType::Q4_0,
    DType::Q4_1,
    DType::Q5_0,
    DType::Q5_1,
    DType::Q4K,
    DType::Q5K,
    DType::Q6K,
    DType::IQ4NL,
];

/// Converts whole blocks. F16, BF16 and the types with blocks of 32 in even steps give the bytes of ggml's reference;
/// the others search for the scales of the least squared error.
///
/// A NaN, an infinity and a number that the type cannot hold are errors, and so is a type not in `QUANTIZABLE`.
pub fn quantize(dtype: DType, values: &[f32], out: &mut [u8]) -> Result<()> {
    quantize_from(dtype, 0, values, out)
}

/// The same for a part of a tensor; errors count elements from the tensor's start, of which `first` came before.
pub(super) fn quantize_from(dtype: DType, first: usize, values: &[f32], out: &mut [u8]) -> Result<()> {
    if dtype.bytes_for(values.len()) != Some(out.len()) {
        return Err(Error::Value(format!(
            "{} elements cannot become {} bytes of {dtype}: a block of it has (elements, bytes) {:?}",
            values.len(),
            out.len(),
            dtype.block()
        )));
    }
    check(dtype, first, values)?;
    match dtype {
        DType::F32 => each(values, out, f32::to_le_bytes),
        DType::F16 => each(values, out, |value| f16::from_f32(value).to_le_bytes()),
        DType::BF16 => each(values, out, |value| bf16::from_f32(value).to_le_bytes()),
        DType::Q4_0 => by_block(values, out, q4_0),
        DType::Q4_1 => by_block(values, out, q4_1),
        DType::Q5_0 => by_block(values, out, q5_0),
        DType::Q5_1 => by_block(values, out, q5_1),
        DType::Q8_0 => by_block(values, out, q8_0),
        DType::Q4K => by_block(values, out, q4_k),
        DType::Q5K => by_block(values, out, q5_k),
        DType::Q6K => by_block(values, out, q6_k),
        DType::IQ4NL => by_block(values, out, iq4_nl),
        _ => return Err(Error::Unsupported(format!("litz does not convert F32 to {dtype}"))),
    }
    Ok(())
}

/// The greatest magnitude that a type surely holds.
pub(super) fn greatest(dtype: DType) -> f32 {
    match dtype {
        DType::F32 => f32::MAX,
        DType::BF16 => bf16::MAX.to_f32(),
        // The value itself, or the least of its block, is a half-precision number.
        DType::F16 | DType::Q4_1 | DType::Q5_1 => GREATEST_HALF,
        DType::Q4_0 => 8.0 * GREATEST_HALF,
        DType::Q5_0 => 16.0 * GREATEST_HALF,
        DType::IQ4NL => 113.0 * GREATEST_HALF,
        DType::Q8_0 => 127.0 * GREATEST_HALF,
        // The minimum of a group: a 6-bit code times a half.
        DType::Q4K | DType::Q5K => 63.0 * GREATEST_HALF,
        _ => 32.0 * 127.0 * GREATEST_HALF,
    }
}

fn check(dtype: DType, first: usize, values: &[f32]) -> Result<()> {
    let most = greatest(dtype);
    // A NaN fails every comparison.
    let Some(at) = values.iter().position(|value| !matches!(value.abs(), size if size <= most)) else {
        return Ok(());
    };
    let value = values[at];
    let expected = if value.is_finite() {
        format!("{dtype} holds magnitudes up to {most:e}")
    } else {
        "only finite numbers can be stored in another type".to_string()
    };
    Err(Error::Value(format!("element {} is {value:e}; {expected}", first + at)))
}

/// Converts one element to `BYTES` at a time.
fn each<const BYTES: usize>(values: &[f32], out: &mut [u8], convert: impl Fn(f32) -> [u8; BYTES]) {
    by_block(values, out, |value: &[f32; 1], out: &mut [u8; BYTES]| *out = convert(value[0]));
}

fn by_block<const ELEMENTS: usize, const BYTES: usize>(
    values: &[f32],
    out: &mut [u8],
    convert: impl Fn(&[f32; ELEMENTS], &mut [u8; BYTES]),
) {
    for (values, out) in values.chunks_exact(ELEMENTS).zip(out.chunks_exact_mut(BYTES)) {
        if let (Some(values), Some(out)) = (values.first_chunk(), out.first_chunk_mut()) {
            convert(values, out);
        }
    }
}

/// The fraction is cut off, as the reference does it after adding a half.
fn code(value: f32, most: u8) -> u8 {
    (value as u8).min(most)
}

/// Two codes of four bits in a byte.
fn pair(first: u8, second: u8) -> u8 {
    first & 15 | second << 4
}

fn q4_0(values: &[f32; 32], out: &mut [u8; 18]) {
    let d = extreme(values) / -8.0;
    let inverse = inverse(d);
    put_half(out, 0, d);
    let code = |value: f32| code(value * inverse + 8.5, 15);
    for i in 0..16 {
        out[2 + i] = pair(code(values[i]), code(values[16 + i]));
    }
}

fn q4_1(values: &[f32; 32], out: &mut [u8; 20]) {
    let (least, most) = limits(values);
    let d = (most - least) / 15.0;
    let inverse = inverse(d);
    put_half(out, 0, d);
    put_half(out, 2, least);
    let code = |value: f32| code((value - least) * inverse + 0.5, 15);
    for i in 0..16 {
        out[4 + i] = pair(code(values[i]), code(values[16 + i]));
    }
}

/// Stores 5-bit codes: the fifth bits of all, then pairs of four bits.
fn put_five_bits(codes: &[u8; 32], out: &mut [u8]) {
    let high = (0..32).fold(0_u32, |high, i| high | u32::from(codes[i] >> 4) << i);
    out[..4].copy_from_slice(&high.to_le_bytes());
    for i in 0..16 {
        out[4 + i] = pair(codes[i], codes[16 + i]);
    }
}

fn q5_0(values: &[f32; 32], out: &mut [u8; 22]) {
    let d = extreme(values) / -16.0;
    let inverse = inverse(d);
    put_half(out, 0, d);
    put_five_bits(&values.map(|value| code(value * inverse + 16.5, 31)), &mut out[2..]);
}

fn q5_1(values: &[f32; 32], out: &mut [u8; 24]) {
    let (least, most) = limits(values);
    let d = (most - least) / 31.0;
    let inverse = inverse(d);
    put_half(out, 0, d);
    put_half(out, 2, least);
    put_five_bits(&values.map(|value| code((value - least) * inverse + 0.5, 31)), &mut out[4..]);
}

fn q8_0(values: &[f32; 32], out: &mut [u8; 34]) {
    let d = extreme(values).abs() / 127.0;
    let inverse = inverse(d);
    put_half(out, 0, d);
    for (out, value) in out[2..].iter_mut().zip(values) {
        *out = (value * inverse).round() as i8 as u8;
    }
}
