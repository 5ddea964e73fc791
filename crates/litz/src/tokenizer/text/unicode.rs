//! Look-ups of the character classes that normalizers and pre-tokenizers use.
//!
//! The `tokenizers` library takes each class from another table, some of them years old. Here each is derived from
//! Unicode 16: the characters of that year, and the few whose class has changed since.

use std::sync::LazyLock;

use super::character_class::character_class;

/// `\p{L}`.
pub(crate) const LETTER: u8 = 1;
/// `\p{N}`.
pub(crate) const NUMBER: u8 = 2;
/// `\p{M}`.
pub(crate) const MARK: u8 = 4;
/// Punctuation as of Unicode 8, and the ASCII symbols that C calls punctuation.
pub(crate) const PUNCTUATION: u8 = 8;
/// `\s`.
pub(crate) const SPACE: u8 = 16;
/// `\w` of the regex crate.
pub(crate) const WORD: u8 = 32;
/// `[\p{Lu}\p{Lt}]`.
pub(crate) const UPPER: u8 = 64;
/// `\p{Ll}`.
pub(crate) const LOWER: u8 = 128;

const CLASSES: [(&str, u8); 8] = [
    (r"[\p{L}&&\p{Age=16.0}]", LETTER),
    (r"[\p{N}&&\p{Age=16.0}]", NUMBER),
    (r"[\p{M}&&\p{Age=16.0}]", MARK),
    (r"[[\p{P}&&\p{Age=8.0}]$+<=>^`|~\x{166D}\x{111C9}]", PUNCTUATION),
    (r"\s", SPACE),
    (r"[\w&&\p{Age=16.0}]", WORD),
    (r"[[\p{Lu}\p{Lt}]&&\p{Age=16.0}]", UPPER),
    (r"[\p{Ll}&&\p{Age=16.0}]", LOWER),
];

/// The classes of normalizers.
const OLDER: [(&str, u8); 4] = [
    (r"\p{Age=9.0}", UNICODE_9),
    (r"[[[\p{M}&&\p{Age=9.0}]--\x{111C9}]\x{1CF2}\x{1CF3}]", MARK_9),
    (r"[[[\p{Mn}&&\p{Age=8.0}]--[\x{1885}\x{1886}\x{A9BD}\x{111C9}]]\x{1734}\x{1171E}]", NONSPACING_8),
    (r"[[\p{Cc}\p{Cf}\p{Co}]&&\p{Age=8.0}]", CONTROL_8),
];
const UNICODE_9: u8 = 1;
const MARK_9: u8 = 2;
const NONSPACING_8: u8 = 4;
const CONTROL_8: u8 = 8;

// Two planes hold all but rare ideographs and private characters.
const COVERED: u32 = 0x20000;

pub(crate) struct Classes {
    planes: Vec<u8>,
    beyond: Vec<(u32, u32, u8)>, // the few ranges above, one class each
}

static TABLE: LazyLock<Classes> = LazyLock::new(|| Classes::of(CLASSES));
static OLDER_TABLE: LazyLock<Classes> = LazyLock::new(|| Classes::of(OLDER));

impl Classes {
    /// The characters of each class, as the syntax of regexes writes it, get its bits.
    pub fn of(classes: impl IntoIterator<Item = (impl AsRef<str>, u8)>) -> Self {
        let mut table = Self { planes: vec![0; COVERED as usize], beyond: Vec::new() };
        for (pattern, bit) in classes {
            for (start, end) in character_class(pattern.as_ref()).unwrap_or_default() {
                for code in start..=end.min(COVERED - 1) {
                    table.planes[code as usize] |= bit;
                }
                if end >= COVERED {
                    table.beyond.push((start.max(COVERED), end, bit));
                }
            }
        }
        table
    }

    /// The bits of a character.
    #[inline]
    pub fn at(&self, c: char) -> u8 {
        let code = c as u32;
        match self.planes.get(code as usize) {
            Some(&bits) => bits,
            None => self.beyond(code),
        }
    }

    fn beyond(&self, code: u32) -> u8 {
        let inside = self.beyond.iter().filter(|range| (range.0..=range.1).contains(&code));
        inside.fold(0, |bits, range| bits | range.2)
    }
}

/// The classes of a character, as bits.
#[inline]
pub(crate) fn classes(c: char) -> u8 {
    TABLE.at(c)
}

/// Whether Unicode 9 has this character.
pub(crate) fn is_unicode_9(c: char) -> bool {
    OLDER_TABLE.at(c) & UNICODE_9 != 0
}

/// Whether a character was a mark in Unicode 9.
pub(crate) fn is_combining_mark(c: char) -> bool {
    OLDER_TABLE.at(c) & MARK_9 != 0
}

/// Whether a character was a non-spacing mark in Unicode 8.
pub(crate) fn is_nonspacing_mark(c: char) -> bool {
    OLDER_TABLE.at(c) & NONSPACING_8 != 0
}

/// Whether this is a control, format or private character of Unicode 8.
pub(crate) fn is_control(c: char) -> bool {
    OLDER_TABLE.at(c) & CONTROL_8 != 0
}

/// Whether a character has any of these classes.
#[inline]
pub(crate) fn is(c: char, bits: u8) -> bool {
    classes(c) & bits != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_regex_syntax() {
        for (pattern, bit) in CLASSES {
            let inside = character_class(pattern).unwrap();
            for code in (0..0x30000).filter_map(char::from_u32) {
                let expected = inside.iter().any(|range| (range.0..=range.1).contains(&(code as u32)));
                assert_eq!(is(code, bit), expected, "{code:?} in {pattern}");
            }
        }
    }
}
