//! Python's string operations on `&str`.

use super::budget::Budget;
use super::characters;
use super::failure::{fail, Outcome};
use super::lexer::is_space;
use super::origin::{Output, Text};

/// A method without arguments that returns a string.
pub(super) fn transform(name: &str) -> Option<fn(&str) -> String> {
    Some(match name {
        "upper" => upper,
        "lower" => |s| s.to_lowercase(),
        "casefold" => casefold,
        "title" => title,
        "capitalize" => capitalize,
        "swapcase" => swapcase,
        _ => return None,
    })
}

/// A method without arguments that returns a boolean.
pub(super) fn test(name: &str) -> Option<fn(&str) -> bool> {
    Some(match name {
        "isdecimal" => |s| all(s, characters::decimal),
        "isdigit" => |s| all(s, characters::digit),
        "isnumeric" => |s| all(s, characters::numeric),
        "isalpha" => |s| all(s, characters::letter),
        "isalnum" => |s| all(s, characters::alphanumeric),
        "isspace" => |s| all(s, is_space),
        "isascii" => |s| s.is_ascii(),
        "isupper" => |s| one_case(s, char::is_uppercase, characters::lowercase),
        "islower" => |s| one_case(s, characters::lowercase, char::is_uppercase),
        "istitle" => is_title,
        "isidentifier" => |s| {
            s.starts_with(characters::identifier_start) && s.chars().skip(1).all(characters::identifier_part)
        },
        "isprintable" => |s| s.chars().all(characters::printable),
        _ => return None,
    })
}

fn all(s: &str, test: impl Fn(char) -> bool) -> bool {
    !s.is_empty() && s.chars().all(test)
}

fn one_case(s: &str, case: fn(char) -> bool, other: fn(char) -> bool) -> bool {
    s.chars().any(case) && !s.chars().any(|c| other(c) || characters::titlecase(c))
}

/// Whether every word begins with a capital and goes on without.
fn is_title(s: &str) -> bool {
    let (mut in_word, mut found) = (false, false);
    for c in s.chars() {
        let capital = c.is_uppercase() || characters::titlecase(c);
        let cased = capital || characters::lowercase(c);
        if cased && capital == in_word {
            return false;
        }
        found |= cased;
        in_word = cased;
    }
    found
}

/// Each character with what it is in lower case, which for a sigma depends on where it stands.
fn lowered<'s>(s: &'s str, lower: &'s str) -> impl Iterator<Item = (char, &'s str)> {
    let mut at = 0;
    s.chars().map(move |c| {
        let start = at;
        at += c.to_lowercase().map(char::len_utf8).sum::<usize>();
        (c, lower.get(start..at).unwrap_or_default())
    })
}

/// Every cased character after another is lower case, every other in title case.
fn title(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut in_word = false;
    let lower = s.to_lowercase();
    for (c, lower) in lowered(s, &lower) {
        if in_word {
            out.push_str(lower);
        } else {
            characters::push_title(c, &mut out);
        }
        in_word = characters::cased(c);
    }
    out
}

fn capitalize(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let lower = s.to_lowercase();
    for (i, (c, lower)) in lowered(s, &lower).enumerate() {
        match i {
            0 => characters::push_title(c, &mut out),
            _ => out.push_str(lower),
        }
    }
    out
}

fn swapcase(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let lower = s.to_lowercase();
    for (c, lower) in lowered(s, &lower) {
        if c.is_uppercase() {
            out.push_str(lower);
        } else if characters::lowercase(c) {
            characters::push_upper(c, &mut out);
        } else {
            out.push(c);
        }
    }
    out
}

pub(super) fn upper(s: &str) -> String {
    if s.is_ascii() {
        return s.to_ascii_uppercase();
    }
    let mut out = String::with_capacity(s.len());
    s.chars().for_each(|c| characters::push_upper(c, &mut out));
    out
}

fn casefold(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    s.chars().for_each(|c| characters::push_folded(c, &mut out));
    out
}

/// Each tab replaced by spaces up to the next multiple of `size` columns.
pub(super) fn expand_tabs(s: &Text, size: usize, budget: &Budget) -> Outcome<Text> {
    let mut out = Output::default();
    let (mut column, mut last) = (0, 0);
    for (at, c) in s.text.char_indices() {
        match c {
            '\t' => {
                let missing = if size > 0 { size - column % size } else { 0 };
                budget.allocate(missing + 16)?;
                out.part(s, last..at);
                out.push(&" ".repeat(missing), s.is_trusted());
                (last, column) = (at + 1, column + missing);
            }
            '\n' | '\r' => column = 0,
            _ => column += 1,
        }
    }
    out.part(s, last..s.text.len());
    Ok(out.finish(s.markup))
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

/// What is left of a trusted text is content where content said what to take out.
pub(super) fn replace(s: &Text, old: &Text, new: &Text, count: i128, budget: &Budget) -> Outcome<Text> {
    let limit = usize::try_from(count).unwrap_or(usize::MAX);
    let (source, sought) = (&*s.text, &*old.text);
    let found = match sought {
        "" => source.chars().count() + 1,
        _ => source.matches(sought).count(),
    }
    .min(limit);
    budget.allocate(s.cost().saturating_add(found.saturating_mul(new.cost() + 16)))?;
    let trusted = old.is_trusted();
    let (s, new) = (s.trusted_if(trusted), new.trusted_if(trusted));
    let mut out = Output::default();
    let mut last = 0;
    for (at, _) in source.match_indices(sought).take(limit) {
        out.part(&s, last..at);
        out.text(&new);
        last = at + sought.len();
    }
    out.part(&s, last..source.len());
    Ok(out.finish(s.markup))
}

/// `zfill`, `center`, `ljust` and `rjust`.
pub(super) fn pad(s: &Text, name: &str, width: usize, fill: &Text) -> Outcome<Text> {
    if fill.text.chars().count() != 1 {
        return fail("The fill character must be exactly one character long");
    }
    let missing = width.saturating_sub(s.text.chars().count());
    let (sign, left) = match name {
        "ljust" => (0, 0),
        // Python puts the odd one out on the left only when the width is odd, too.
        "center" => (0, missing / 2 + (missing & width & 1)),
        "zfill" => (usize::from(s.text.starts_with(['+', '-'])), missing),
        _ => (0, missing),
    };
    let mut out = Output::default();
    out.part(s, 0..sign);
    out.text(&fill.repeated(left));
    out.part(s, sign..s.text.len());
    out.text(&fill.repeated(missing - left));
    Ok(out.finish(s.markup))
}
