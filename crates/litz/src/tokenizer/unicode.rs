//! The character classes that pre-tokenizers speak of, as one lookup.

use regex_syntax::hir::{Class, HirKind};
use std::sync::LazyLock;

/// `\p{L}`.
pub(super) const LETTER: u8 = 1;
/// `\p{N}`.
pub(super) const NUMBER: u8 = 2;
/// `\p{M}`.
pub(super) const MARK: u8 = 4;
/// `\p{P}` and the ASCII symbols that C calls punctuation.
pub(super) const PUNCTUATION: u8 = 8;
/// `\s`.
pub(super) const SPACE: u8 = 16;
/// `\w`.
pub(super) const WORD: u8 = 32;

const CLASSES: [(&str, u8); 6] = [
    (r"\p{L}", LETTER),
    (r"\p{N}", NUMBER),
    (r"\p{M}", MARK),
    (r"[\p{P}$+<=>^`|~]", PUNCTUATION),
    (r"\s", SPACE),
    (r"\w", WORD),
];

// Two planes hold all but rare ideographs and private characters.
const COVERED: u32 = 0x20000;

struct Classes {
    planes: Vec<u8>,
    beyond: Vec<(u32, u32, u8)>, // the few ranges above, one class each
}

static TABLE: LazyLock<Classes> = LazyLock::new(|| {
    let mut table = Classes { planes: vec![0; COVERED as usize], beyond: Vec::new() };
    for (pattern, bit) in CLASSES {
        for (start, end) in ranges(pattern) {
            for code in start..=end.min(COVERED - 1) {
                table.planes[code as usize] |= bit;
            }
            if end >= COVERED {
                table.beyond.push((start.max(COVERED), end, bit));
            }
        }
    }
    table
});

fn ranges(pattern: &str) -> Vec<(u32, u32)> {
    let parsed = regex_syntax::parse(pattern).expect("the patterns above are valid");
    match parsed.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            class.iter().map(|range| (range.start() as u32, range.end() as u32)).collect()
        }
        _ => Vec::new(),
    }
}

/// The classes of a character, as bits.
#[inline]
pub(super) fn classes(c: char) -> u8 {
    let code = c as u32;
    match TABLE.planes.get(code as usize) {
        Some(&bits) => bits,
        None => beyond(code),
    }
}

fn beyond(code: u32) -> u8 {
    let inside = TABLE.beyond.iter().filter(|range| (range.0..=range.1).contains(&code));
    inside.fold(0, |bits, range| bits | range.2)
}

/// Whether a character has any of these classes.
#[inline]
pub(super) fn is(c: char, bits: u8) -> bool {
    classes(c) & bits != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_regex_syntax() {
        for (pattern, bit) in CLASSES {
            let inside = ranges(pattern);
            for code in (0..0x30000).filter_map(char::from_u32) {
                let expected = inside.iter().any(|range| (range.0..=range.1).contains(&(code as u32)));
                assert_eq!(is(code, bit), expected, "{code:?} in {pattern}");
            }
        }
    }
}
