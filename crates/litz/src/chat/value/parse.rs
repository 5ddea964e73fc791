//! Numbers that texts spell: Python's `int(text, base)` and `float(text)`.

use num_bigint::BigInt;

use crate::chat::value::characters::decimal_value;
use crate::chat::value::integers;
use crate::chat::value::strings::strip;

/// Digits in ASCII, where Python takes those of any script, without underscores between them; `None` where one stands
/// elsewhere. In some bases letters are digits, too.
fn plain_digits(text: &str, letters: bool) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let c = match decimal_value(c) {
            Some(digit) if !c.is_ascii() => char::from_digit(digit, 10)?,
            _ => c,
        };
        if c == '_' {
            let digit = |c: &char| decimal_value(*c).is_some() || (letters && c.is_ascii_alphabetic());
            if !before.as_ref().is_some_and(digit) || !chars.peek().is_some_and(digit) {
                return None;
            }
        } else {
            out.push(c);
        }
        before = Some(c);
    }
    Some(out)
}

/// `int(text, base)`.
pub(crate) fn to_integer(text: &str, base: i128) -> Option<BigInt> {
    let text = strip(text, None, true, true);
    let (negative, text) = match text.strip_prefix(['+', '-']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let prefixes = [("0x", 16), ("0X", 16), ("0o", 8), ("0O", 8), ("0b", 2), ("0B", 2)];
    let prefix = prefixes
        .into_iter()
        .find(|(prefix, radix)| text.starts_with(prefix) && (base == 0 || base == i128::from(*radix)));
    let (radix, digits) = match prefix {
        Some((prefix, radix)) => {
            let rest = &text[prefix.len()..];
            (radix, rest.strip_prefix('_').unwrap_or(rest))
        }
        None => (u32::try_from(if base == 0 { 10 } else { base }).ok()?, text),
    };
    if !(2..=36).contains(&radix) {
        return None;
    }
    let digits = plain_digits(digits, true)?;
    // Without a base, a number of other digits than zeros may not begin with one.
    if base == 0 && prefix.is_none() && digits.starts_with('0') && digits.bytes().any(|b| b != b'0') {
        return None;
    }
    let n = integers::parsed(&digits, radix)?;
    Some(if negative { -n } else { n })
}

/// `float(text)`.
pub(crate) fn to_float(text: &str) -> Option<f64> {
    plain_digits(strip(text, None, true, true), false)?.parse().ok()
}
