//! Python's idea of characters: classes, and the changes of case that Rust's `char` lacks.

use std::sync::OnceLock;

use crate::chat::value::case_tables::{DIGITS, FOLDED, FOLDED_LONG, NUMERALS, TITLED, TITLED_LONG};
use crate::tokenizer::character_class;

type Ranges = [(u32, u32)];

fn within(ranges: &Ranges, c: char) -> bool {
    let place = ranges.partition_point(|&(_, last)| last < c as u32);
    ranges.get(place).is_some_and(|&(first, _)| first <= c as u32)
}

/// Defines a test for a class of Unicode's tables, which is read at the first use.
macro_rules! class {
    ($(#[$doc:meta])* $name:ident, $pattern:literal) => {
        $(#[$doc])*
        pub(crate) fn $name(c: char) -> bool {
            static CLASS: OnceLock<Vec<(u32, u32)>> = OnceLock::new();
            within(CLASS.get_or_init(|| character_class($pattern).unwrap_or_default()), c)
        }
    };
}

class!(
    /// `str.isalpha`: letters, without the marks and numerals that Unicode's property adds.
    letter, r"\p{L}");
class!(
    /// `str.isdecimal`.
    decimal, r"\p{Nd}");
class!(number, r"\p{N}");
class!(titlecase, r"\p{Lt}");
class!(unprintable, r"[\p{C}\p{Z}]");
class!(
    /// What an identifier may begin with.
    identifier_start, r"[\p{XID_Start}_]");
class!(
    /// What an identifier may go on with.
    identifier_part, r"\p{XID_Continue}");

/// Whitespace: Unicode's, and the four ASCII separators.
pub(crate) fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// `str.isdigit`.
pub(crate) fn digit(c: char) -> bool {
    decimal(c) || within(DIGITS, c)
}

/// `str.isnumeric`.
pub(crate) fn numeric(c: char) -> bool {
    number(c) || within(NUMERALS, c)
}

/// `str.isalnum`.
pub(crate) fn alphanumeric(c: char) -> bool {
    c.is_ascii_alphanumeric() || (!c.is_ascii() && (letter(c) || numeric(c)))
}

/// `str.isprintable`.
pub(crate) fn printable(c: char) -> bool {
    matches!(c, ' '..='~') || (!c.is_ascii() && !unprintable(c))
}

/// The value of a decimal digit of any script.
pub(crate) fn decimal_value(c: char) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(10);
    }
    // Unicode keeps the ten digits of a script together, zero first.
    decimal(c).then(|| {
        let mut zero = c as u32;
        while char::from_u32(zero - 1).is_some_and(decimal) {
            zero -= 1;
        }
        (c as u32 - zero) % 10
    })
}

// Old characters that Unicode changed after version 14, which the oldest Python that litz supports has.
const NOT_YET_LOWER: [char; 5] = ['\u{10FC}', '\u{A7F2}', '\u{A7F3}', '\u{A7F4}', '\u{AB69}'];
const STILL_LOWER: char = '\u{295}';
const WITHOUT_UPPER: [char; 4] = ['\u{19B}', '\u{264}', '\u{A7D3}', '\u{A7D5}'];

/// Whether Python counts it as lower case.
pub(crate) fn lowercase(c: char) -> bool {
    match c.is_lowercase() {
        true => c.is_ascii() || !NOT_YET_LOWER.contains(&c),
        false => c == STILL_LOWER,
    }
}

/// Appends `c` in upper case.
pub(crate) fn push_upper(c: char, out: &mut String) {
    match WITHOUT_UPPER.contains(&c) {
        true => out.push(c),
        false => out.extend(c.to_uppercase()),
    }
}

/// Unicode's `Cased`.
pub(crate) fn cased(c: char) -> bool {
    lowercase(c) || c.is_uppercase() || titlecase(c)
}

fn moved(table: &[(u32, u32, i32)], c: char) -> Option<char> {
    let place = table.partition_point(|&(_, last, _)| last < c as u32);
    let &(_, _, by) = table.get(place).filter(|&&(first, ..)| first <= c as u32)?;
    char::from_u32((c as u32).wrapping_add_signed(by))
}

fn long(table: &'static [(u32, &'static str)], c: char) -> Option<&'static str> {
    table.binary_search_by_key(&(c as u32), |&(code, _)| code).ok().map(|place| table[place].1)
}

/// Appends `c` in title case.
pub(crate) fn push_title(c: char, out: &mut String) {
    match (moved(TITLED, c), long(TITLED_LONG, c)) {
        (Some(c), _) => out.push(c),
        (_, Some(text)) => out.push_str(text),
        _ => push_upper(c, out),
    }
}

/// Appends `c` folded, for comparisons without regard to case.
pub(crate) fn push_folded(c: char, out: &mut String) {
    match (moved(FOLDED, c), long(FOLDED_LONG, c)) {
        (Some(c), _) => out.push(c),
        (_, Some(text)) => out.push_str(text),
        _ => out.extend(c.to_lowercase()),
    }
}
