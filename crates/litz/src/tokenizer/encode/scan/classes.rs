//! The character class of each byte of a text, 64 bytes at a time. All bytes of a character have its class.

use std::sync::LazyLock;

use crate::tokenizer::text::unicode::{self, LETTER, MARK, NUMBER, SPACE};

/// The classes of 64 bytes, a bit for each byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ClassMasks {
    /// What words are made of.
    pub letter: u64,
    /// `\p{N}`.
    pub number: u64,
    /// `\s`.
    pub space: u64,
    /// CR and LF.
    pub newline: u64,
    /// The space itself.
    pub blank: u64,
    /// `'`.
    pub apostrophe: u64,
    /// From 0x80 on.
    pub high: u64,
    /// All but the first byte of a character.
    pub inner: u64,
    /// The first byte of an ideograph from U+4E00 to U+9FBF whose second byte is here too.
    pub ideograph: u64,
}

impl ClassMasks {
    /// What follows a text: neither a word nor the end of a line.
    pub const PADDING: Self = Self {
        letter: 0,
        number: 0,
        space: !0,
        newline: 0,
        blank: !0,
        apostrophe: 0,
        high: 0,
        inner: 0,
        ideograph: 0,
    };
}

/// The form that this process uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScanForm {
    /// Plain Rust.
    Portable,
    /// AVX2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl ScanForm {
    /// The widest form of the CPU, unless `LITZ_CPU` selects the portable one.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") && std::env::var("LITZ_CPU").as_deref() != Ok("portable") {
            return Self::Avx2;
        }
        Self::Portable
    }
}

/// Fills `blocks` with the classes of the text, and one block of padding. `marks`: they are letters too.
pub(super) fn classify(form: ScanForm, text: &str, marks: bool, blocks: &mut Vec<ClassMasks>) {
    let bytes = text.as_bytes();
    blocks.clear();
    blocks.reserve(bytes.len() / 64 + 2);
    let (whole, rest) = bytes.as_chunks::<64>();
    let mut last = [b' '; 64];
    last[..rest.len()].copy_from_slice(rest);
    match form {
        ScanForm::Portable => {
            blocks.extend(whole.iter().map(portable));
            blocks.push(portable(&last));
        }
        #[cfg(target_arch = "x86_64")]
        // SAFETY: this form is only detected on CPUs with AVX2.
        ScanForm::Avx2 => unsafe {
            avx2(whole, blocks);
            avx2(std::slice::from_ref(&last), blocks);
        },
    }
    blocks.push(ClassMasks::PADDING);
    wide(bytes, marks, blocks);
}

/// The classes of characters beyond ASCII.
fn wide(text: &[u8], marks: bool, blocks: &mut [ClassMasks]) {
    let word = if marks { LETTER | MARK } else { LETTER };
    let mut spill = ClassMasks::default();
    let padding = blocks.len() - 1;
    for (i, block) in blocks[..padding].iter_mut().enumerate() {
        block.letter |= spill.letter;
        block.number |= spill.number;
        block.space |= spill.space;
        spill = ClassMasks::default();
        if block.high == 0 {
            continue;
        }
        let han = block.ideograph;
        block.letter |= han | han << 1 | han << 2;
        spill.letter = han >> 63 | han >> 62;
        let mut leads = block.high & !block.inner & !han;
        while leads != 0 {
            let at = leads.trailing_zeros();
            leads &= leads - 1;
            let (class, length) = class(&text[i * 64 + at as usize..]);
            let bits = ((1u128 << length) - 1) << at;
            let target = match class {
                class if class & word != 0 => (&mut block.letter, &mut spill.letter),
                class if class & NUMBER != 0 => (&mut block.number, &mut spill.number),
                class if class & SPACE != 0 => (&mut block.space, &mut spill.space),
                _ => continue,
            };
            *target.0 |= bits as u64;
            *target.1 |= (bits >> 64) as u64;
        }
    }
}

static PLANE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let class = |code| char::from_u32(code).map_or(0, unicode::classes);
    (0..0x10000).map(class).collect()
});

/// The classes of the character that the bytes begin with, and its length.
#[inline]
fn class(bytes: &[u8]) -> (u8, u32) {
    let low = |i: usize| u32::from(bytes.get(i).copied().unwrap_or_default() & 0x3F);
    let first = u32::from(bytes[0]);
    if first < 0xE0 {
        return (PLANE[((first & 0x1F) << 6 | low(1)) as usize], 2);
    }
    if first < 0xF0 {
        return (PLANE[((first & 0x0F) << 12 | low(1) << 6 | low(2)) as usize], 3);
    }
    let code = (first & 0x07) << 18 | low(1) << 12 | low(2) << 6 | low(3);
    (char::from_u32(code).map_or(0, unicode::classes), 4)
}

fn portable(bytes: &[u8; 64]) -> ClassMasks {
    let mask =
        |is: fn(u8) -> bool| bytes.iter().rev().fold(0u64, |mask, &byte| mask << 1 | u64::from(is(byte)));
    let newline = mask(|byte| matches!(byte, b'\r' | b'\n'));
    let high = mask(|byte| byte >= 0x80);
    let block = ClassMasks {
        letter: mask(|byte| byte.is_ascii_alphabetic()),
        number: mask(|byte| byte.is_ascii_digit()),
        space: mask(|byte| matches!(byte, b'\t'..=b'\r' | b' ')),
        newline,
        blank: mask(|byte| byte == b' '),
        apostrophe: mask(|byte| byte == b'\''),
        high,
        inner: 0,
        ideograph: 0,
    };
    if high == 0 {
        return block;
    }
    let (first, last) = (mask(|byte| byte == 0xE4), mask(|byte| byte == 0xE9));
    let (from, until) = (mask(|byte| byte >= 0xB8), mask(|byte| byte <= 0xBE));
    let middle = mask(|byte| matches!(byte, 0xE5..=0xE8));
    let ideograph = middle | first & from >> 1 | last & (until >> 1 & !(1 << 63));
    ClassMasks { inner: mask(|byte| matches!(byte, 0x80..=0xBF)), ideograph, ..block }
}

/// # Safety
/// The CPU must have AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(chunks: &[[u8; 64]], blocks: &mut Vec<ClassMasks>) {
    use std::arch::x86_64::*;
    for chunk in chunks {
        let start = chunk.as_ptr();
        // SAFETY: a chunk has 64 bytes.
        let (low, high) =
            unsafe { (_mm256_loadu_si256(start.cast()), _mm256_loadu_si256(start.add(32).cast())) };
        let join = |a: __m256i, b: __m256i| {
            u64::from(_mm256_movemask_epi8(a) as u32) | u64::from(_mm256_movemask_epi8(b) as u32) << 32
        };
        let equal = |byte: u8| {
            let byte = _mm256_set1_epi8(byte as i8);
            join(_mm256_cmpeq_epi8(low, byte), _mm256_cmpeq_epi8(high, byte))
        };
        let between = |a: __m256i, b: __m256i, first: u8, last: u8| {
            let (from, width) = (_mm256_set1_epi8(first as i8), _mm256_set1_epi8((last - first) as i8));
            let inside = |bytes| {
                let over = _mm256_sub_epi8(bytes, from);
                _mm256_cmpeq_epi8(_mm256_min_epu8(over, width), over)
            };
            join(inside(a), inside(b))
        };
        let fold = _mm256_set1_epi8(0x20);
        let blank = equal(b' ');
        let mut block = ClassMasks {
            letter: between(_mm256_or_si256(low, fold), _mm256_or_si256(high, fold), b'a', b'z'),
            number: between(low, high, b'0', b'9'),
            space: blank | between(low, high, b'\t', b'\r'),
            newline: equal(b'\r') | equal(b'\n'),
            blank,
            apostrophe: equal(b'\''),
            high: join(low, high),
            inner: 0,
            ideograph: 0,
        };
        if block.high != 0 {
            block.inner = between(low, high, 0x80, 0xBF);
            let (from, until) = (between(low, high, 0xB8, 0xFF), between(low, high, 0x00, 0xBE));
            block.ideograph =
                between(low, high, 0xE5, 0xE8) | equal(0xE4) & from >> 1 | equal(0xE9) & until >> 1;
        }
        blocks.push(block);
    }
}
