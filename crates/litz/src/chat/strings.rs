//! Python's string operations on `&str`.

use super::budget::Budget;
use super::failure::{fail, Outcome};
use super::lexer::is_space;

/// A method without arguments that returns a string.
pub(super) fn transform(name: &str) -> Option<fn(&str) -> String> {
    Some(match name {
        "upper" => |s| s.to_uppercase(),
        "lower" | "casefold" => |s| s.to_lowercase(),
        "title" => title,
        "capitalize" => capitalize,
        "swapcase" => swapcase,
        _ => return None,
    })
}

/// A method without arguments that returns a boolean.
pub(super) fn test(name: &str) -> Option<fn(&str) -> bool> {
    Some(match name {
        "isdigit" | "isdecimal" => |s| all(s, |c| c.is_ascii_digit() || (!c.is_ascii() && decimal(c))),
        "isnumeric" => |s| all(s, char::is_numeric),
        "isalpha" => |s| all(s, char::is_alphabetic),
        "isalnum" => |s| all(s, char::is_alphanumeric),
        "isspace" => |s| all(s, is_space),
        "isascii" => |s| s.is_ascii(),
        "isupper" => |s| s.chars().any(char::is_uppercase) && !s.chars().any(char::is_lowercase),
        "islower" => |s| s.chars().any(char::is_lowercase) && !s.chars().any(char::is_uppercase),
        "istitle" => |s| s.chars().any(|c| c.is_uppercase()) && title(s) == s,
        "isidentifier" => {
            |s| all(s, |c| c == '_' || c.is_alphanumeric()) && !s.starts_with(|c: char| c.is_numeric())
        }
        "isprintable" => |s| !s.chars().any(|c| c.is_control() || (c != ' ' && is_space(c))),
        _ => return None,
    })
}

fn all(s: &str, test: impl Fn(char) -> bool) -> bool {
    !s.is_empty() && s.chars().all(test)
}

/// Digits of other scripts; fractions and the like are numeric but no digits.
fn decimal(c: char) -> bool {
    c.is_numeric() && !matches!(c, '¼'..='¾' | '⅐'..='↉' | '一'..='龥' | '〇')
}

/// Every letter after a letter is lower case, every other upper case.
fn title(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut in_word = false;
    for c in s.chars() {
        if in_word {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        in_word = c.is_alphabetic();
    }
    out
}

pub(super) fn capitalize(s: &str) -> String {
    let mut chars = s.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars.as_str().to_lowercase().chars()).collect(),
        None => String::new(),
    }
}

fn swapcase(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    for c in s.chars() {
        if c.is_uppercase() {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
    }
    out
}

pub(super) fn strip<'s>(s: &'s str, chars: Option<&str>, start: bool, end: bool) -> &'s str {
    let strips = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    let s = if start { s.trim_start_matches(strips) } else { s };
    if end {
        s.trim_end_matches(strips)
    } else {
        s
    }
}

/// `split` and, from the right, `rsplit`, with at most `limit` cuts.
pub(super) fn split<'s>(s: &'s str, separator: Option<&str>, limit: usize, right: bool) -> Vec<&'s str> {
    let pieces = limit.saturating_add(1);
    match separator {
        Some(separator) if right => {
            let mut parts: Vec<&str> = s.rsplitn(pieces, separator).collect();
            parts.reverse();
            parts
        }
        Some(separator) => s.splitn(pieces, separator).collect(),
        None => words(s, limit, right),
    }
}

fn words(mut s: &str, limit: usize, right: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    loop {
        s = if right { s.trim_end_matches(is_space) } else { s.trim_start_matches(is_space) };
        if s.is_empty() {
            break;
        }
        let cut = if right { s.rfind(is_space) } else { s.find(is_space) };
        let Some(cut) = cut.filter(|_| parts.len() < limit) else {
            // What is left keeps the whitespace inside and at its far end, as in Python.
            parts.push(s);
            break;
        };
        if right {
            let word = s[cut..].trim_start_matches(is_space);
            parts.push(word);
            s = &s[..cut];
        } else {
            parts.push(&s[..cut]);
            s = &s[cut..];
        }
    }
    if right {
        parts.reverse();
    }
    parts
}

pub(super) fn lines(s: &str, keep: bool) -> Vec<&str> {
    let breaks =
        |c| matches!(c, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
    let mut lines = Vec::new();
    let mut rest = s;
    while let Some(at) = rest.find(breaks) {
        let length = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        lines.push(&rest[..if keep { at + length } else { at }]);
        rest = &rest[at + length..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

pub(super) fn partition<'s>(s: &'s str, separator: &str, right: bool) -> Outcome<[&'s str; 3]> {
    if separator.is_empty() {
        return fail("empty separator");
    }
    let at = if right { s.rfind(separator) } else { s.find(separator) };
    Ok(match at {
        Some(at) => [&s[..at], &s[at..at + separator.len()], &s[at + separator.len()..]],
        None if right => ["", "", s],
        None => [s, "", ""],
    })
}

pub(super) fn replace(s: &str, old: &str, new: &str, count: i128, budget: &Budget) -> Outcome<String> {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let found = if old.is_empty() { s.chars().count() + 1 } else { s.matches(old).count() }.min(limit);
    budget.allocate(s.len().saturating_add(found.saturating_mul(new.len())))?;
    Ok(s.replacen(old, new, limit))
}

/// `zfill`, `center`, `ljust` and `rjust`.
pub(super) fn pad(s: &str, name: &str, width: usize, fill: &str) -> Outcome<String> {
    if fill.chars().count() != 1 {
        return fail("The fill character must be exactly one character long");
    }
    let missing = width.saturating_sub(s.chars().count());
    Ok(match name {
        "ljust" => format!("{s}{}", fill.repeat(missing)),
        "center" => {
            // Python puts the odd one out on the left only when the width is odd, too.
            let left = missing / 2 + (missing & width & 1);
            format!("{}{s}{}", fill.repeat(left), fill.repeat(missing - left))
        }
        "zfill" => match s.strip_prefix(['+', '-']) {
            Some(digits) => format!("{}{}{digits}", &s[..1], fill.repeat(missing)),
            None => format!("{}{s}", fill.repeat(missing)),
        },
        _ => format!("{}{s}", fill.repeat(missing)),
    })
}
