//! Numbers as Python's formats write them.

use crate::chat::value::repr::float;

/// A number in its parts.
pub(crate) struct Digits {
    pub negative: bool,
    pub whole: String,
    /// From the point or the exponent on; all of what is no number.
    pub rest: String,
}

/// A float by its kind, as `format` and `%` write it; without a kind, as `str` does.
pub(crate) fn float_digits(x: f64, kind: Option<char>, precision: Option<usize>, alternate: bool) -> Digits {
    let negative = x.is_sign_negative() && !x.is_nan();
    let size = if kind == Some('%') { x.abs() * 100.0 } else { x.abs() };
    let mut text = match kind.map(|kind| kind.to_ascii_lowercase()) {
        _ if !size.is_finite() => float(size),
        Some('f' | '%') => fixed(size, precision.unwrap_or(6), alternate),
        Some('e') => exponential(size, precision.unwrap_or(6), alternate),
        Some('g' | 'n') => general(size, precision.unwrap_or(6), alternate, false),
        _ => match precision {
            Some(precision) => general(size, precision, alternate, true),
            None if alternate => shortest_with_point(size),
            None => float(size),
        },
    };
    if kind.is_some_and(|kind| kind.is_ascii_uppercase()) {
        text.make_ascii_uppercase();
    }
    if kind == Some('%') {
        text.push('%');
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let rest = text.split_off(end);
    Digits { negative, whole: text, rest }
}

fn shortest_with_point(x: f64) -> String {
    let text = float(x);
    match text.find('e') {
        Some(at) if !text.contains('.') => format!("{}.{}", &text[..at], &text[at..]),
        _ => text,
    }
}

fn fixed(x: f64, precision: usize, alternate: bool) -> String {
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{x:.precision$}{point}")
}

fn exponential(x: f64, precision: usize, alternate: bool) -> String {
    let text = format!("{x:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{mantissa}{point}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// The shorter of both ways; `as_float` keeps a `.0` on what would look like a whole number.
fn general(x: f64, precision: usize, alternate: bool, as_float: bool) -> String {
    let digits = precision.max(1);
    let scientific = exponential(x, digits - 1, alternate);
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "+00"));
    let exponent: i32 = power.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') && !alternate {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    let highest = digits as i32 - i32::from(as_float);
    if exponent < -4 || exponent >= highest {
        return format!("{}e{power}", trim(mantissa));
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    let text = trim(&fixed(x, decimals, alternate));
    match as_float && !text.contains('.') {
        true => text + ".0",
        false => text,
    }
}

/// Digits with separators between groups of so many, and zeros before them up to `least` characters.
pub(crate) fn grouped(digits: &str, separator: Option<(char, usize)>, least: usize) -> String {
    let Some((separator, size)) = separator else {
        return format!("{}{digits}", "0".repeat(least.saturating_sub(digits.len())));
    };
    let (mut rest, mut left) = (digits, least);
    let mut groups: Vec<String> = Vec::new();
    loop {
        let wanted = size.min(rest.len().max(left).max(1));
        let (before, taken) = rest.split_at(rest.len() - wanted.min(rest.len()));
        groups.push(format!("{}{taken}", "0".repeat(wanted - taken.len())));
        rest = before;
        left = left.saturating_sub(wanted);
        if rest.is_empty() && left == 0 {
            break;
        }
        left = left.saturating_sub(1);
    }
    groups.reverse();
    groups.join(&separator.to_string())
}
