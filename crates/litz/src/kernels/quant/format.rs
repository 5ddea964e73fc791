//! The packed formats: how sixteen rows lie together, and how they come out of their stored blocks.
//!
//! A group of rows is a row of units: the scales of `UNIT` blocks of 32 columns, then the blocks' codes. Everything is in whole
//! lines of 64 bytes: byte `4 * row + c` of a line belongs to column `c` of four. Line `g` of nibbles holds columns `4 g + c`
//! in its low and `16 + 4 g + c` in its high halves.

use std::marker::PhantomData;

use super::registers::{CodeRegisters, ScaleRegisters, Sign};
use crate::formats::{half_at, power_of_two, FP4_VALUES, IQ4_VALUES};
use crate::kernels::layout::{BLOCK, GROUP};
use crate::kernels::simd::Simd;

/// Bytes of a line: four columns of a group.
pub(in crate::kernels) const LINE: usize = 4 * GROUP;
/// Lines of whole codes in a block.
pub(in crate::kernels) const FOURS: usize = BLOCK / 4;

/// A format of packed groups.
pub(in crate::kernels) trait Format {
    /// How the codes lie.
    type Codes: Codes;
    /// How the scales lie.
    type Scales: Scales;
    /// What an unsigned code is above its value: 0, 8, 16, or 32 where scales are split.
    const OFFSET: i32;
    /// Whether groups come from memory, and only once.
    const STREAMED: bool;
}

/// A format that packs the blocks of a file.
pub(in crate::kernels) trait Stored: Format<Codes: PackCodes, Scales: PackScales> {
    /// Elements and bytes of a stored block.
    const BLOCK: (usize, usize);
    /// Codes of 32 columns of a stored block, four to a word.
    fn codes(block: &[u8], part: usize) -> [u32; FOURS];
    /// The scales of each sixteen of them, and the minimum, zero where there is none.
    fn scales<S: Simd>(s: S, block: &[u8], part: usize) -> ([f32; 2], f32);
}

/// How the codes of a block lie in their lines.
pub(in crate::kernels) trait Codes: CodeRegisters {
    /// Lines of a block.
    const LINES: usize;
    /// Bits of a code.
    const BITS: u32;
    /// Columns `4 four + c` of all rows, at `4 * row + c`; the format's offset is not yet taken away.
    fn values(lines: &[u8], four: usize) -> [i16; LINE];
}

/// Codes that come from files.
pub(in crate::kernels) trait PackCodes: Codes {
    /// The words of a row in the lines.
    fn pack(codes: [u32; FOURS]) -> [u32; FOURS];
    /// What a code of a file stands for, the format's offset not yet taken away.
    #[inline(always)]
    fn value(code: u8) -> i8 {
        code as i8
    }
}

/// How the scales of a unit lie.
pub(in crate::kernels) trait Scales: ScaleRegisters {
    /// Blocks of a unit: 1, 2 or 8.
    const UNIT: usize;
    /// Bytes of a unit's scales.
    const HEAD: usize;
    /// Whether there are minima.
    const MINIMA: bool;
    /// Whether each half of a block has a scale of its own.
    const SPLIT: bool;
    /// The two scales (equal if not split) and the minimum of a block.
    fn values(head: &[u8], at: usize, row: usize) -> ([f32; 2], f32);
}

/// Scales that come from files.
pub(in crate::kernels) trait PackScales: Scales {
    /// Copies those of a stored block, for blocks `at..` of the unit.
    fn pack(block: &[u8], head: &mut [u8], at: usize, row: usize);
}

/// Where a block that begins a unit is in its group.
pub(in crate::kernels) fn offset<F: Format>(block: usize) -> usize {
    block / F::Scales::UNIT * F::Scales::HEAD + block * F::Codes::LINES * LINE
}

/// Bytes of the group of a row with this many blocks.
pub(in crate::kernels) fn group_bytes<F: Format>(blocks: usize) -> Option<usize> {
    let heads = blocks.div_ceil(F::Scales::UNIT).checked_mul(F::Scales::HEAD)?;
    blocks.checked_mul(F::Codes::LINES * LINE)?.checked_add(heads)
}

/// Four bits.
pub(in crate::kernels) struct Nibbles;
/// Nibbles, and a line in which bit `g` of a byte is the fifth bit of column `4 g + c`.
pub(in crate::kernels) struct FiveBits;
/// Nibbles, and two lines of two more bits: of columns 0 to 15, and of 16 to 31.
pub(in crate::kernels) struct SixBits;
/// Nibbles that choose from a table.
pub(in crate::kernels) struct Levels<T>(PhantomData<T>);

/// What nibbles choose from.
pub(in crate::kernels) trait Table {
    const VALUES: &'static [i8; 16];
}

/// Sixteen values that lie closer near zero.
pub(in crate::kernels) struct Iq4;
/// Twice the values of a float of four bits.
pub(in crate::kernels) struct Fp4;

impl Table for Iq4 {
    const VALUES: &'static [i8; 16] = &IQ4_VALUES;
}

impl Table for Fp4 {
    const VALUES: &'static [i8; 16] = &FP4_VALUES;
}

/// Signed bytes.
pub(in crate::kernels) struct Bytes;

/// Every byte of a word is this.
const fn each(byte: u8) -> u32 {
    u32::from_ne_bytes([byte; 4])
}

/// Words of nibbles, the rest zero.
fn nibbles(codes: [u32; FOURS]) -> [u32; FOURS] {
    let mut words = [0; FOURS];
    for g in 0..4 {
        words[g] = codes[g] & each(15) | (codes[g + 4] & each(15)) << 4;
    }
    words
}

/// A line of `values`.
#[inline(always)]
fn each_byte(lines: &[u8], line: usize, f: impl Fn(u8) -> i16) -> [i16; LINE] {
    let mut values = [0; LINE];
    for (value, &byte) in values.iter_mut().zip(&lines[line * LINE..(line + 1) * LINE]) {
        *value = f(byte);
    }
    values
}

/// Nibbles, and above them some bits of another line.
#[inline(always)]
fn with_bits(lines: &[u8], four: usize, high: usize, shift: usize, mask: u8) -> [i16; LINE] {
    let mut values = Nibbles::values(lines, four);
    let high = each_byte(lines, high, |byte| i16::from(byte >> shift & mask) << 4);
    for (value, high) in values.iter_mut().zip(high) {
        *value |= high;
    }
    values
}

impl Sign for Nibbles {
    const SIGNED: bool = false;
}

impl Codes for Nibbles {
    const LINES: usize = 4;
    const BITS: u32 = 4;
    #[inline(always)]
    fn values(lines: &[u8], four: usize) -> [i16; LINE] {
        each_byte(lines, four % 4, |byte| i16::from(byte >> (four / 4 * 4) & 15))
    }
}

impl PackCodes for Nibbles {
    #[inline(always)]
    fn pack(codes: [u32; FOURS]) -> [u32; FOURS] {
        nibbles(codes)
    }
}

impl Sign for FiveBits {
    const SIGNED: bool = false;
}

impl Codes for FiveBits {
    const LINES: usize = 5;
    const BITS: u32 = 5;
    #[inline(always)]
    fn values(lines: &[u8], four: usize) -> [i16; LINE] {
        with_bits(lines, four, 4, four, 1)
    }
}

impl PackCodes for FiveBits {
    #[inline(always)]
    fn pack(codes: [u32; FOURS]) -> [u32; FOURS] {
        let mut words = nibbles(codes);
        for (g, four) in codes.into_iter().enumerate() {
            words[4] |= (four >> 4 & each(1)) << g;
        }
        words
    }
}

impl Sign for SixBits {
    const SIGNED: bool = false;
}

impl Codes for SixBits {
    const LINES: usize = 6;
    const BITS: u32 = 6;
    #[inline(always)]
    fn values(lines: &[u8], four: usize) -> [i16; LINE] {
        with_bits(lines, four, 4 + four / 4, four % 4 * 2, 3)
    }
}

impl PackCodes for SixBits {
    #[inline(always)]
    fn pack(codes: [u32; FOURS]) -> [u32; FOURS] {
        let mut words = nibbles(codes);
        for (g, four) in codes.into_iter().enumerate() {
            words[4 + g / 4] |= (four >> 4 & each(3)) << (g % 4 * 2);
        }
        words
    }
}

impl<T> Sign for Levels<T> {
    const SIGNED: bool = true;
}

impl<T: Table> Codes for Levels<T> {
    const LINES: usize = 4;
    const BITS: u32 = 8;
    #[inline(always)]
    fn values(lines: &[u8], four: usize) -> [i16; LINE] {
        Nibbles::values(lines, four).map(|nibble| i16::from(T::VALUES[nibble as usize & 15]))
    }
}

impl<T: Table> PackCodes for Levels<T> {
    #[inline(always)]
    fn pack(codes: [u32; FOURS]) -> [u32; FOURS] {
        nibbles(codes)
    }
    #[inline(always)]
    fn value(code: u8) -> i8 {
        T::VALUES[usize::from(code & 15)]
    }
}

impl Sign for Bytes {
    const SIGNED: bool = true;
}

impl Codes for Bytes {
    const LINES: usize = 8;
    const BITS: u32 = 8;
    #[inline(always)]
    fn values(lines: &[u8], four: usize) -> [i16; LINE] {
        each_byte(lines, four, |byte| i16::from(byte as i8))
    }
}

impl PackCodes for Bytes {
    #[inline(always)]
    fn pack(codes: [u32; FOURS]) -> [u32; FOURS] {
        codes
    }
}

/// An f16 a block.
pub(in crate::kernels) struct Halves;
/// An f16 and an f16 minimum a block.
pub(in crate::kernels) struct HalvesAndMinima;
/// Two f16 a unit, and two bytes a block: `d * s` and `-(dmin * m)`.
pub(in crate::kernels) struct Small;
/// An f16 a unit, and a signed byte for each sixteen columns.
pub(in crate::kernels) struct SmallSplit;
/// A byte a block: the exponent of half the scale.
pub(in crate::kernels) struct Exponents;

/// Bytes of an f16 for each row.
const HALF: usize = 2 * GROUP;

fn half_of(halves: &[u8], row: usize) -> f32 {
    half_at(halves, 2 * row)
}

fn put_half(block: &[u8], from: usize, halves: &mut [u8], row: usize) {
    halves[2 * row..2 * row + 2].copy_from_slice(&block[from..from + 2]);
}

impl Scales for Halves {
    const UNIT: usize = 2; // so that the codes stay in whole lines
    const HEAD: usize = 2 * HALF;
    const MINIMA: bool = false;
    const SPLIT: bool = false;
    #[inline(always)]
    fn values(head: &[u8], at: usize, row: usize) -> ([f32; 2], f32) {
        ([half_of(&head[at * HALF..], row); 2], 0.0)
    }
}

impl PackScales for Halves {
    #[inline(always)]
    fn pack(block: &[u8], head: &mut [u8], at: usize, row: usize) {
        put_half(block, 0, &mut head[at * HALF..], row);
    }
}

impl Scales for HalvesAndMinima {
    const UNIT: usize = 1;
    const HEAD: usize = 2 * HALF;
    const MINIMA: bool = true;
    const SPLIT: bool = false;
    #[inline(always)]
    fn values(head: &[u8], _: usize, row: usize) -> ([f32; 2], f32) {
        ([half_of(head, row); 2], half_of(&head[HALF..], row))
    }
}

impl PackScales for HalvesAndMinima {
    #[inline(always)]
    fn pack(block: &[u8], head: &mut [u8], _: usize, row: usize) {
        put_half(block, 0, head, row);
        put_half(block, 2, &mut head[HALF..], row);
    }
}

impl Scales for Small {
    const UNIT: usize = 8;
    const HEAD: usize = 2 * HALF + 8 * 2 * GROUP;
    const MINIMA: bool = true;
    const SPLIT: bool = false;
    #[inline(always)]
    fn values(head: &[u8], at: usize, row: usize) -> ([f32; 2], f32) {
        let bytes = &head[2 * HALF + at * 2 * GROUP..];
        let scale = half_of(head, row) * f32::from(bytes[row]);
        ([scale; 2], -(half_of(&head[HALF..], row) * f32::from(bytes[GROUP + row])))
    }
}

impl PackScales for Small {
    #[inline(always)]
    fn pack(block: &[u8], head: &mut [u8], _: usize, row: usize) {
        put_half(block, 0, head, row);
        put_half(block, 2, &mut head[HALF..], row);
        for (i, bytes) in head[2 * HALF..].chunks_exact_mut(2 * GROUP).enumerate() {
            (bytes[row], bytes[GROUP + row]) = scale_and_min(&block[4..16], i);
        }
    }
}

impl Scales for SmallSplit {
    const UNIT: usize = 8;
    const HEAD: usize = 2 * HALF + 8 * 2 * GROUP; // half a line is empty
    const MINIMA: bool = false;
    const SPLIT: bool = true;
    #[inline(always)]
    fn values(head: &[u8], at: usize, row: usize) -> ([f32; 2], f32) {
        let scale = |i: usize| f32::from(head[2 * HALF + (2 * at + i) * GROUP + row] as i8);
        let d = half_of(head, row);
        ([d * scale(0), d * scale(1)], 0.0)
    }
}

impl PackScales for SmallSplit {
    #[inline(always)]
    fn pack(block: &[u8], head: &mut [u8], _: usize, row: usize) {
        put_half(block, 208, head, row);
        for (bytes, &scale) in head[2 * HALF..].chunks_exact_mut(GROUP).zip(&block[192..208]) {
            bytes[row] = scale;
        }
    }
}

impl Scales for Exponents {
    const UNIT: usize = 8; // so that the codes stay in whole lines
    const HEAD: usize = 8 * GROUP;
    const MINIMA: bool = false;
    const SPLIT: bool = false;
    #[inline(always)]
    fn values(head: &[u8], at: usize, row: usize) -> ([f32; 2], f32) {
        ([power_of_two(head[at * GROUP + row]); 2], 0.0)
    }
}

impl PackScales for Exponents {
    #[inline(always)]
    fn pack(block: &[u8], head: &mut [u8], at: usize, row: usize) {
        head[at * GROUP + row] = block[0];
    }
}

/// The 6-bit scale and minimum of a sub-block of Q4_K and Q5_K, out of their 12 shared bytes.
pub(super) fn scale_and_min(packed: &[u8], i: usize) -> (u8, u8) {
    if i < 4 {
        return (packed[i] & 63, packed[4 + i] & 63);
    }
    let low = packed[4 + i];
    (low & 15 | packed[i - 4] >> 2 & 48, low >> 4 | packed[i] >> 2 & 48)
}

/// A format whose codes and scales were brought to whole bytes and floats, once for many tokens.
pub(in crate::kernels) struct Unpacked<F>(PhantomData<F>);
/// The same with 16 bits a code, for AVX2.
pub(in crate::kernels) struct UnpackedPairs<F>(PhantomData<F>);
/// A byte a code, as the instruction set multiplies it.
pub(in crate::kernels) struct Whole<C>(PhantomData<C>);
/// 16 bits a code: a line of columns 0 and 2 of each four, and a line of columns 1 and 3.
pub(in crate::kernels) struct WholePairs<C>(PhantomData<C>);
/// An f32 a row, and another for second scales or minima.
pub(in crate::kernels) struct Floats<S>(PhantomData<S>);

impl<F: Format> Format for Unpacked<F> {
    type Codes = Whole<F::Codes>;
    type Scales = Floats<F::Scales>;
    const OFFSET: i32 = F::OFFSET;
    const STREAMED: bool = false;
}

impl<C: Codes> Sign for Whole<C> {
    const SIGNED: bool = C::SIGNED;
}

impl<C: Codes> Codes for Whole<C> {
    const LINES: usize = FOURS;
    const BITS: u32 = C::BITS;
    #[inline(always)]
    fn values(lines: &[u8], four: usize) -> [i16; LINE] {
        Bytes::values(lines, four)
    }
}

impl<F: Format> Format for UnpackedPairs<F> {
    type Codes = WholePairs<F::Codes>;
    type Scales = Floats<F::Scales>;
    const OFFSET: i32 = F::OFFSET;
    const STREAMED: bool = false;
}

impl<C: Codes> Sign for WholePairs<C> {
    const SIGNED: bool = C::SIGNED;
}

impl<C: Codes> Codes for WholePairs<C> {
    const LINES: usize = 2 * FOURS;
    const BITS: u32 = C::BITS;
    #[inline(always)]
    fn values(lines: &[u8], four: usize) -> [i16; LINE] {
        std::array::from_fn(|i| {
            let at = (2 * four + i % 2) * LINE + i / 4 * 4 + i % 4 / 2 * 2;
            i16::from_le_bytes([lines[at], lines[at + 1]])
        })
    }
}

impl<S: Scales> Scales for Floats<S> {
    const UNIT: usize = 1;
    const HEAD: usize = 2 * LINE;
    const MINIMA: bool = S::MINIMA;
    const SPLIT: bool = S::SPLIT;
    #[inline(always)]
    fn values(head: &[u8], _: usize, row: usize) -> ([f32; 2], f32) {
        let float = |line: usize| {
            let at = line * LINE + 4 * row;
            f32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]])
        };
        ([float(0), if S::SPLIT { float(1) } else { float(0) }], float(1))
    }
}
