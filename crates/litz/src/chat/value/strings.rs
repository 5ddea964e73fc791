//! Python's string operations on `&str`.

use crate::chat::budget::Budget;
use crate::chat::failure::{fail, Outcome};
use crate::chat::value::characters::{self, is_space};
use crate::chat::value::{Output, Text};

/// How a text stands in its width.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Align {
    Left,
    Center,
    Right,
    /// To the right, with the fill behind a sign.
    Zeros,
}

pub(crate) fn all(s: &str, test: impl Fn(char) -> bool) -> bool {
    !s.is_empty() && s.chars().all(test)
}

fn one_case(s: &str, case: fn(char) -> bool, other: fn(char) -> bool) -> bool {
    s.chars().any(case) && !s.chars().any(|c| other(c) || characters::titlecase(c))
}

pub(crate) fn is_upper(s: &str) -> bool {
    one_case(s, char::is_uppercase, characters::lowercase)
}

pub(crate) fn is_lower(s: &str) -> bool {
    one_case(s, characters::lowercase, char::is_uppercase)
}

pub(crate) fn is_identifier(s: &str) -> bool {
    s.starts_with(characters::identifier_start) && s.chars().skip(1).all(characters::identifier_part)
}

/// Whether every word begins with a capital and goes on without.
pub(crate) fn is_title(s: &str) -> bool {
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
pub(crate) fn title(s: &str) -> String {
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

pub(crate) fn capitalize(s: &str) -> String {
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

pub(crate) fn swapcase(s: &str) -> String {
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

pub(crate) fn upper(s: &str) -> String {
    if s.is_ascii() {
        return s.to_ascii_uppercase();
    }
    let mut out = String::with_capacity(s.len());
    s.chars().for_each(|c| characters::push_upper(c, &mut out));
    out
}

pub(crate) fn casefold(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    s.chars().for_each(|c| characters::push_folded(c, &mut out));
    out
}

/// Each tab replaced by spaces up to the next multiple of `size` columns.
pub(crate) fn expand_tabs(s: &Text, size: usize, budget: &Budget) -> Outcome<Text> {
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

pub(crate) fn strip<'s>(s: &'s str, chars: Option<&str>, start: bool, end: bool) -> &'s str {
    let strips = |c: char| chars.map_or_else(|| is_space(c), |chars| chars.contains(c));
    let s = if start { s.trim_start_matches(strips) } else { s };
    if end {
        s.trim_end_matches(strips)
    } else {
        s
    }
}

/// `split` and, from the right, `rsplit`, with at most `limit` cuts.
pub(crate) fn split<'s>(s: &'s str, separator: Option<&str>, limit: usize, right: bool) -> Vec<&'s str> {
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

pub(crate) fn lines(s: &str, keep: bool) -> Vec<&str> {
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

pub(crate) fn partition<'s>(s: &'s str, separator: &str, right: bool) -> Outcome<[&'s str; 3]> {
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

/// The result is untrusted where what is replaced is: it decides what is left.
pub(crate) fn replace(s: &Text, old: &Text, new: &Text, count: i128, budget: &Budget) -> Outcome<Text> {
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
pub(crate) fn pad(s: &Text, align: Align, width: usize, fill: &Text) -> Outcome<Text> {
    if fill.text.chars().count() != 1 {
        return fail("The fill character must be exactly one character long");
    }
    let missing = width.saturating_sub(s.text.chars().count());
    let (sign, left) = match align {
        Align::Left => (0, 0),
        // Python puts the odd one on the left only when the width is odd, too.
        Align::Center => (0, missing / 2 + (missing & width & 1)),
        Align::Zeros => (usize::from(s.text.starts_with(['+', '-'])), missing),
        Align::Right => (0, missing),
    };
    let mut out = Output::default();
    out.part(s, 0..sign);
    out.text(&fill.repeated(left));
    out.part(s, sign..s.text.len());
    out.text(&fill.repeated(missing - left));
    Ok(out.finish(s.markup))
}
