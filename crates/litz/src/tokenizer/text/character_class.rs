//! Unicode classes as ranges of code points, for the Python tokenizers.

use regex_syntax::hir::{Class, HirKind};

use crate::{Error, Result};

const LONGEST: usize = 256;

/// The code points of a class, as ranges that include their ends: `\p{L}`, `[\p{M}&&\p{Age=9.0}]`, `\p{gcb=LV}`.
///
/// The tables are those of Unicode 16, the version of Oniguruma's.
pub fn character_class(pattern: &str) -> Result<Vec<(u32, u32)>> {
    if pattern.len() > LONGEST {
        return Err(Error::Value(format!("a class of {} bytes; at most {LONGEST} are read", pattern.len())));
    }
    let parsed = regex_syntax::parse(pattern)
        .map_err(|error| Error::Value(format!("{pattern:?} is not a class of characters: {error}")))?;
    match parsed.kind() {
        HirKind::Class(Class::Unicode(class)) => {
            Ok(class.iter().map(|range| (range.start() as u32, range.end() as u32)).collect())
        }
        HirKind::Literal(single) => match std::str::from_utf8(&single.0).map(|text| text.chars().collect()) {
            Ok(chars) => one(chars).ok_or_else(|| refused(pattern)),
            Err(_) => Err(refused(pattern)),
        },
        _ => Err(refused(pattern)),
    }
}

/// A class of one character is a literal to the parser.
fn one(chars: Vec<char>) -> Option<Vec<(u32, u32)>> {
    match chars[..] {
        [c] => Some(vec![(c as u32, c as u32)]),
        _ => None,
    }
}

fn refused(pattern: &str) -> Error {
    Error::Value(format!("{pattern:?} is not a class of characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_its_ranges() {
        assert_eq!(character_class("[a-c&&b-z]").unwrap(), [(98, 99)]);
        assert_eq!(character_class(r"\p{gcb=CR}").unwrap(), [(13, 13)]);
    }

    #[test]
    fn what_is_no_class_is_an_error() {
        for pattern in ["a+", "ab", "(", r"\p{Nonsense}", "", &"a".repeat(300)] {
            assert!(matches!(character_class(pattern), Err(Error::Value(_))), "{pattern}");
        }
    }
}
