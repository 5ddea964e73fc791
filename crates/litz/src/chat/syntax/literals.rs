//! Numbers and strings as Jinja writes them.

use std::sync::Arc;

use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::syntax::token::TokenKind;
use crate::chat::value::integers;

/// A number at the start of `text` and its length. After a dot only an integer can stand.
pub(crate) fn number(text: &str, after_dot: bool) -> Outcome<(TokenKind, usize)> {
    if !after_dot {
        if let Some(length) = float_length(text) {
            let value: String = text[..length].chars().filter(|&c| c != '_').collect();
            let value = value.parse::<f64>().map_err(|e| Failure::new(e.to_string()))?;
            return Ok((TokenKind::Float(value), length));
        }
    }
    let (radix, prefix) = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0b") => (2, 2),
        Some("0o") => (8, 2),
        Some("0x") => (16, 2),
        _ => (10, 0),
    };
    let digits = digits_length(&text[prefix..], radix, prefix > 0);
    if prefix > 0 && digits == 0 {
        return Ok((TokenKind::Int(0), 1));
    }
    // "007" is three tokens to Jinja, and an error to its parser; a lone zero is enough to get there.
    let zero = prefix == 0 && text.starts_with('0');
    let length = if zero { zeros_length(text) } else { prefix + digits };
    let value: String = text[prefix.min(length)..length].chars().filter(|&c| c != '_').collect();
    match (i128::from_str_radix(&value, radix), integers::parsed(&value, radix)) {
        (Ok(value), _) => Ok((TokenKind::Int(value), length)),
        (_, Some(value)) => Ok((TokenKind::Big(Arc::new(value)), length)),
        _ => fail(format!("an integer of more than {} digits", integers::MAX_DIGITS)),
    }
}

/// Digits with single underscores between them, as many as there are.
fn digits_length(text: &str, radix: u32, leading_underscore: bool) -> usize {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(|&b| (b as char).is_digit(radix));
    let mut i = 0;
    loop {
        if digit(i) {
            i += 1;
        } else if bytes.get(i) == Some(&b'_') && digit(i + 1) && (i > 0 || leading_underscore) {
            i += 2;
        } else {
            return i;
        }
    }
}

fn zeros_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut i = 1;
    loop {
        match (bytes.get(i), bytes.get(i + 1)) {
            (Some(b'0'), _) => i += 1,
            (Some(b'_'), Some(b'0')) => i += 2,
            _ => return i,
        }
    }
}

fn float_length(text: &str) -> Option<usize> {
    let whole = digits_length(text, 10, false);
    let mut end = whole;
    if text[end..].starts_with('.') {
        let fraction = digits_length(&text[end + 1..], 10, false);
        if fraction > 0 {
            end += 1 + fraction;
        }
    }
    if let Some(exponent) = text[end..].strip_prefix(['e', 'E']) {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let digits = digits_length(unsigned, 10, false);
        if digits > 0 {
            end = text.len() - unsigned.len() + digits;
        }
    }
    (end > whole).then_some(end)
}

/// The length of the quoted string at the start of `text`, quotes included.
pub(crate) fn string_length(text: &str) -> Option<usize> {
    let mut chars = text.char_indices();
    let (_, quote) = chars.next()?;
    while let Some((i, c)) = chars.next() {
        if c == '\\' {
            chars.next()?;
        } else if c == quote {
            return Some(i + 1);
        }
    }
    None
}

/// Python's backslash escapes; an unknown one stays as it is written.
pub(crate) fn unescape(text: &str) -> Outcome<String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('\n') | None => {}
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('a') => out.push('\x07'),
            Some('b') => out.push('\x08'),
            Some('f') => out.push('\x0c'),
            Some('v') => out.push('\x0b'),
            Some(c @ ('\\' | '\'' | '"')) => out.push(c),
            Some(c @ ('x' | 'u' | 'U')) => out.push(code_point(c, &mut chars)?),
            Some(c @ '0'..='7') => out.push(octal(c, &mut chars)),
            Some('N') => return fail("escapes by character name (\\N{...}) are not supported"),
            Some(c) => out.extend(['\\', c]),
        }
    }
    Ok(out)
}

fn code_point(kind: char, chars: &mut std::str::Chars) -> Outcome<char> {
    let length = match kind {
        'x' => 2,
        'u' => 4,
        _ => 8,
    };
    let digits: String = chars.clone().take(length).collect();
    let code =
        u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == length && !digits.contains('+'));
    match code.and_then(char::from_u32) {
        Some(c) => {
            chars.nth(length - 1);
            Ok(c)
        }
        None => fail(format!("'\\{kind}{digits}' in a string is not a character")),
    }
}

fn octal(first: char, chars: &mut std::str::Chars) -> char {
    let mut code = first.to_digit(8).unwrap_or_default();
    for _ in 0..2 {
        let Some(digit) = chars.clone().next().and_then(|c| c.to_digit(8)) else { break };
        chars.next();
        code = code * 8 + digit;
    }
    char::from_u32(code).unwrap_or('\u{fffd}')
}
