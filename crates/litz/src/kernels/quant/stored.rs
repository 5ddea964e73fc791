//! The stored formats: where their codes and scales are.

use super::format::{
    scale_and_min, Bytes, Exponents, FiveBits, Format, Fp4, Halves, HalvesAndMinima, Iq4, Levels, Nibbles,
    SixBits, Small, SmallSplit, Stored, FOURS,
};
use crate::formats::power_of_two;
use crate::kernels::simd::Simd;

/// The words from `at`.
#[inline(always)]
fn words<const N: usize>(block: &[u8], at: usize) -> [u32; N] {
    let bytes = &block[at..at + 4 * N];
    let mut words = [0; N];
    for (word, four) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_le_bytes([four[0], four[1], four[2], four[3]]);
    }
    words
}

/// Some bits of every byte.
#[inline(always)]
fn bits(words: [u32; FOURS], shift: usize, mask: u8) -> [u32; FOURS] {
    words.map(|word| word >> shift & u32::from_ne_bytes([mask; 4]))
}

/// Sixteen bytes: columns 0 to 15 in the low halves, 16 to 31 in the high ones.
#[inline(always)]
fn nibbles(block: &[u8], at: usize) -> [u32; FOURS] {
    let [a, b, c, d] = words::<4>(block, at);
    let pairs = [a, b, c, d, a >> 4, b >> 4, c >> 4, d >> 4];
    bits(pairs, 0, 15)
}

/// Adds bit `i` of the word at `at` to column `i`.
#[inline(always)]
fn with_fifth_bits(mut codes: [u32; FOURS], block: &[u8], at: usize) -> [u32; FOURS] {
    let [high] = words::<1>(block, at);
    for (g, code) in codes.iter_mut().enumerate() {
        let four = high >> (4 * g);
        *code |= (four & 1) << 4 | (four & 2) << 11 | (four & 4) << 18 | (four & 8) << 25;
    }
    codes
}

/// `high` moved to the bits from 4.
#[inline(always)]
fn joined(mut low: [u32; FOURS], high: [u32; FOURS]) -> [u32; FOURS] {
    for (low, high) in low.iter_mut().zip(high) {
        *low |= high << 4;
    }
    low
}

/// The half at `at`.
#[inline(always)]
fn half<S: Simd>(s: S, block: &[u8], at: usize) -> f32 {
    s.widen(u16::from_le_bytes([block[at], block[at + 1]]))
}

/// A half for both halves of 32 columns, and no minimum.
#[inline(always)]
fn one_scale<S: Simd>(s: S, block: &[u8]) -> ([f32; 2], f32) {
    ([half(s, block, 0); 2], 0.0)
}

/// A half, and another that is the minimum.
#[inline(always)]
fn scale_and_minimum<S: Simd>(s: S, block: &[u8]) -> ([f32; 2], f32) {
    ([half(s, block, 0); 2], half(s, block, 2))
}

/// Those of 32 columns of Q4_K and Q5_K.
#[inline(always)]
fn small<S: Simd>(s: S, block: &[u8], part: usize) -> ([f32; 2], f32) {
    let (scale, minimum) = scale_and_min(&block[4..16], part);
    ([half(s, block, 0) * f32::from(scale); 2], -(half(s, block, 2) * f32::from(minimum)))
}

/// Those of 32 columns of Q6_K.
#[inline(always)]
fn small_split<S: Simd>(s: S, block: &[u8], part: usize) -> ([f32; 2], f32) {
    let scale = |half_part: usize| half(s, block, 208) * f32::from(block[192 + 2 * part + half_part] as i8);
    ([scale(0), scale(1)], 0.0)
}

/// One row a format: its codes and scales, the offset of its codes, a stored block, and the codes and scales in it.
macro_rules! formats {
    ($($name:ident: $codes:ty, $scales:ty, $offset:literal, $stored:expr,
        |$block:ident, $part:pat_param| $get:expr, |$s:ident, $of:ident, $at:pat_param| $scale:expr;)*) => {
        $(
            #[doc = concat!("`", stringify!($name), "`, packed.")]
            #[allow(non_camel_case_types)] // the name that GGUF gives it
            pub(in crate::kernels) struct $name;
            impl Format for $name {
                type Codes = $codes;
                type Scales = $scales;
                const OFFSET: i32 = $offset;
                const STREAMED: bool = true;
            }
            impl Stored for $name {
                const BLOCK: (usize, usize) = $stored;
                #[inline(always)]
                fn codes($block: &[u8], $part: usize) -> [u32; FOURS] {
                    $get
                }
                #[inline(always)]
                fn scales<S: Simd>($s: S, $of: &[u8], $at: usize) -> ([f32; 2], f32) {
                    $scale
                }
            }
        )*

        /// Runs code with the format of a packed dtype; `$none` with the others.
        macro_rules! with_format {
            ($dtype:expr, |$format:ident| $body:expr, $none:expr) => {
                match $dtype {
                    $($crate::kernels::views::WeightDType::$name => {
                        type $format = $crate::kernels::quant::stored::$name;
                        $body
                    })*
                    _ => $none,
                }
            };
        }
    };
}
formats! {
    Q4_0: Nibbles, Halves, 8, (32, 18), |block, _| nibbles(block, 2), |s, block, _| one_scale(s, block);
    Q4_1: Nibbles, HalvesAndMinima, 0, (32, 20), |block, _| nibbles(block, 4), |s, block, _| scale_and_minimum(s, block);
    Q5_0: FiveBits, Halves, 16, (32, 22), |block, _| with_fifth_bits(nibbles(block, 6), block, 2), |s, block, _| one_scale(s, block);
    Q5_1: FiveBits, HalvesAndMinima, 0, (32, 24), |block, _| with_fifth_bits(nibbles(block, 8), block, 4),
        |s, block, _| scale_and_minimum(s, block);
    Q8_0: Bytes, Halves, 0, (32, 34), |block, _| words(block, 2), |s, block, _| one_scale(s, block);
    IQ4_NL: Levels<Iq4>, Halves, 0, (32, 18), |block, _| nibbles(block, 2), |s, block, _| one_scale(s, block);
    MXFP4: Levels<Fp4>, Exponents, 0, (32, 17), |block, _| nibbles(block, 1), |_s, block, _| ([power_of_two(block[0]); 2], 0.0);
    Q4_K: Nibbles, Small, 0, (256, 144), |block, part| bits(words(block, 16 + part / 2 * 32), part % 2 * 4, 15),
        |s, block, part| small(s, block, part);
    Q5_K: FiveBits, Small, 0, (256, 176), |block, part| joined(
        bits(words(block, 48 + part / 2 * 32), part % 2 * 4, 15),
        bits(words(block, 16), part, 1),
    ), |s, block, part| small(s, block, part);
    Q6_K: SixBits, SmallSplit, 32, (256, 210), |block, part| joined(
        bits(words(block, part / 4 * 64 + part % 2 * 32), part % 4 / 2 * 4, 15),
        bits(words(block, 128 + part / 4 * 32), part % 4 * 2, 3),
    ), |s, block, part| small_split(s, block, part);
}
pub(in crate::kernels) use with_format;
