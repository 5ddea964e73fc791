//! `'%s' % values` and `'{}'.format(values)`, as far as chat templates use them.

use super::attributes;
use super::budget::Budget;
use super::failure::{fail, Failure, Outcome};
use super::origin::{Output, Text};
use super::text::{float, repr, str_of};
use super::value::Value;

/// Wider fields and longer fractions than this are refused.
const WIDEST: usize = 10_000;

#[derive(Default, Clone)]
struct Spec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// `format % values`.
pub(super) fn percent(format: &Text, values: &Value, budget: &Budget) -> Outcome<Text> {
    let mut positional = match values {
        Value::Tuple(items) => items.items.clone(),
        other => vec![other.clone()],
    }
    .into_iter();
    let trusted = format.is_trusted();
    let mut out = Output::default();
    let mut chars = format.text.chars().peekable();
    let mut by_name = false;
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c.encode_utf8(&mut [0; 4]), trusted);
            continue;
        }
        let mut key = None;
        if chars.next_if_eq(&'(').is_some() {
            key = Some(chars.by_ref().take_while(|&c| c != ')').collect::<String>());
        }
        let spec = percent_spec(&mut chars)?;
        if spec.kind == Some('%') {
            out.push("%", trusted);
            continue;
        }
        let value = match (key, values) {
            (Some(key), Value::Dict(dict)) => {
                by_name = true;
                dict.get_str(&key).cloned().ok_or_else(|| Failure::new(format!("'{key}'")))?
            }
            (Some(_), _) => return fail("format requires a mapping"),
            _ => positional.next().ok_or_else(|| Failure::new("not enough arguments for format string"))?,
        };
        let field = percent_field(&spec, &value, budget)?;
        budget.allocate(field.cost() + 16)?;
        out.text(&field.trusted_if(trusted));
    }
    if positional.next().is_some() && !by_name && !matches!(values, Value::Dict(_)) {
        return fail("not all arguments converted during string formatting");
    }
    Ok(out.finish(format.markup))
}

fn percent_spec(chars: &mut std::iter::Peekable<std::str::Chars>) -> Outcome<Spec> {
    let mut spec = Spec { align: Some('>'), ..Spec::default() };
    while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '+' | ' ' | '#' | '0')) {
        match flag {
            '-' => spec.align = Some('<'),
            '#' => spec.alternate = true,
            '0' => spec.zero = true,
            sign => spec.sign = Some(sign),
        }
    }
    spec.width = digits(chars)?.unwrap_or(0);
    if chars.next_if_eq(&'.').is_some() {
        spec.precision = Some(digits(chars)?.unwrap_or(0));
    }
    match chars.next() {
        Some('*') => fail("'*' in a format is not supported"),
        None => fail("incomplete format"),
        kind => Ok(Spec { kind, ..spec }),
    }
}

fn digits(chars: &mut std::iter::Peekable<std::str::Chars>) -> Outcome<Option<usize>> {
    let text: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
    match text.parse::<usize>() {
        _ if text.is_empty() => Ok(None),
        Ok(n) if n <= WIDEST => Ok(Some(n)),
        _ => fail(format!("a format of more than {WIDEST} characters is not supported")),
    }
}

fn percent_field(spec: &Spec, value: &Value, budget: &Budget) -> Outcome<Text> {
    let text = match spec.kind {
        Some('s') => str_of(value, budget)?,
        Some('r' | 'a') => repr(value, budget)?,
        Some('d' | 'i' | 'u') => {
            let n = value.as_int().or_else(|| value.as_float().map(|x| x.trunc() as i128));
            let Some(n) = n else {
                return fail(format!("%d format: a real number is required, not {}", value.type_name()));
            };
            let spec = Spec { kind: Some('d'), precision: None, ..spec.clone() };
            return number(&spec, &Value::Int(n)).map(Text::content);
        }
        Some('f' | 'F' | 'e' | 'E' | 'g' | 'G') => {
            let Some(x) = value.as_float() else {
                return fail(format!("must be real number, not {}", value.type_name()));
            };
            let precision = Some(spec.precision.unwrap_or(6));
            return number(&Spec { precision, ..spec.clone() }, &Value::Float(x)).map(Text::content);
        }
        Some('x' | 'X' | 'o') => {
            if value.as_int().is_none() {
                return fail(format!("%x format: an integer is required, not {}", value.type_name()));
            }
            return number(spec, value).map(Text::content);
        }
        Some('c') => match value {
            Value::Str(text) if text.text.chars().count() == 1 => text.clone(),
            _ => match value.as_int().and_then(|n| u32::try_from(n).ok()).and_then(char::from_u32) {
                Some(c) => Text::content(c.to_string()),
                None => return fail("%c requires int or char"),
            },
        },
        Some(c) => return fail(format!("unsupported format character '{c}' (0x{:x})", c as u32)),
        None => return fail("incomplete format"),
    };
    Ok(field(&text, spec, '>'))
}

/// `text.format(*positional, **named)`.
pub(super) fn braces(
    format: &Text,
    positional: &[Value],
    named: &[(std::sync::Arc<str>, Value)],
    budget: &Budget,
) -> Outcome<Text> {
    let trusted = format.is_trusted();
    let mut out = Output::default();
    let mut rest = &*format.text;
    let mut next = 0;
    while let Some(i) = rest.find(['{', '}']) {
        out.push(&rest[..i], trusted);
        let brace = &rest[i..=i];
        rest = &rest[i + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push(brace, trusted);
            rest = after;
            continue;
        }
        if brace == "}" {
            return fail("Single '}' encountered in format string");
        }
        let Some(end) = rest.find('}') else { return fail("expected '}' before end of string") };
        let field = replacement(&rest[..end], positional, named, &mut next, budget)?;
        budget.allocate(field.cost() + 16)?;
        out.text(&field.trusted_if(trusted));
        rest = &rest[end + 1..];
    }
    out.push(rest, trusted);
    Ok(out.finish(format.markup))
}

/// One `{name!conversion:spec}`.
fn replacement(
    field: &str,
    positional: &[Value],
    named: &[(std::sync::Arc<str>, Value)],
    next: &mut usize,
    budget: &Budget,
) -> Outcome<Text> {
    if field.contains('{') {
        return fail("fields within fields are not supported in format strings");
    }
    let (name, spec) = field.split_once(':').unwrap_or((field, ""));
    let (name, conversion) = match name.split_once('!') {
        Some((name, conversion)) => (name, Some(conversion)),
        None => (name, None),
    };
    let first = name.find(['.', '[']).unwrap_or(name.len());
    let mut value = match &name[..first] {
        "" => {
            *next += 1;
            positional.get(*next - 1)
        }
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            digits.parse().ok().and_then(|i: usize| positional.get(i))
        }
        key => match named.iter().find(|(n, _)| &**n == key) {
            Some((_, value)) => Some(value),
            None => return fail(format!("'{key}'")),
        },
    }
    .cloned()
    .ok_or_else(|| Failure::new("Replacement index out of range for positional args tuple"))?;
    value = path(value, &name[first..], budget)?;
    match conversion {
        None => format_value(&value, &parse_spec(spec)?, budget),
        Some("s") => format_value(&Value::Str(str_of(&value, budget)?), &parse_spec(spec)?, budget),
        Some("r") => format_value(&Value::Str(repr(&value, budget)?), &parse_spec(spec)?, budget),
        Some(other) => fail(format!("Unknown conversion specifier {other}")),
    }
}

/// Follows `.name` and `[key]`.
fn path(mut value: Value, mut rest: &str, budget: &Budget) -> Outcome<Value> {
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            value = attributes::attribute(&value, &after[..end].into(), budget)?;
            rest = &after[end..];
        } else {
            let Some(end) = rest.find(']') else { return fail("Missing ']' in format string") };
            let key = &rest[1..end];
            let key = key.parse().map_or_else(|_| Value::str(key), Value::Int);
            value = attributes::item(&value, &key, budget)?;
            rest = &rest[end + 1..];
        }
    }
    Ok(value)
}

fn parse_spec(text: &str) -> Outcome<Spec> {
    let mut spec = Spec::default();
    let mut chars = text.chars().peekable();
    let second = text.chars().nth(1);
    if second.is_some_and(|c| matches!(c, '<' | '>' | '^' | '=')) {
        spec.fill = chars.next();
    }
    spec.align = chars.next_if(|c| matches!(c, '<' | '>' | '^' | '='));
    spec.sign = chars.next_if(|c| matches!(c, '+' | '-' | ' '));
    spec.alternate = chars.next_if_eq(&'#').is_some();
    spec.zero = chars.next_if_eq(&'0').is_some();
    spec.width = digits(&mut chars)?.unwrap_or(0);
    spec.grouping = chars.next_if(|c| matches!(c, ',' | '_'));
    if chars.next_if_eq(&'.').is_some() {
        spec.precision = digits(&mut chars)?;
    }
    spec.kind = chars.next();
    if chars.next().is_some() {
        return fail(format!("Invalid format specifier '{text}'"));
    }
    Ok(spec)
}

fn format_value(value: &Value, spec: &Spec, budget: &Budget) -> Outcome<Text> {
    let numeric = matches!(value, Value::Int(_) | Value::Float(_))
        || (matches!(value, Value::Bool(_)) && spec.kind.is_some());
    if numeric {
        return number(spec, value).map(Text::content);
    }
    match spec.kind {
        None | Some('s') => {}
        Some(kind) => {
            let name = value.type_name();
            return fail(format!("Unknown format code '{kind}' for object of type '{name}'"));
        }
    }
    Ok(field(&str_of(value, budget)?, spec, '<'))
}

/// A text, cut and filled up.
fn field(text: &Text, spec: &Spec, default: char) -> Text {
    if spec.precision.is_none() && spec.width == 0 {
        return text.clone().with_markup(false);
    }
    let s = &*text.text;
    let end = spec.precision.and_then(|n| s.char_indices().nth(n)).map_or(s.len(), |(end, _)| end);
    Text::new(pad(&s[..end], spec, default), text.is_trusted())
}

/// A number by its kind, sign, grouping, precision and width.
fn number(spec: &Spec, value: &Value) -> Outcome<String> {
    let (negative, body) = match (spec.kind, value) {
        (None | Some('d' | 'n'), _) if value.as_int().is_some() => integer(value, |n| n.to_string()),
        (Some('x'), _) if value.as_int().is_some() => integer(value, |n| format!("{n:x}")),
        (Some('X'), _) if value.as_int().is_some() => integer(value, |n| format!("{n:X}")),
        (Some('o'), _) if value.as_int().is_some() => integer(value, |n| format!("{n:o}")),
        (Some('b'), _) if value.as_int().is_some() => integer(value, |n| format!("{n:b}")),
        (kind, _) => {
            let x = value.as_float().unwrap_or(f64::NAN);
            (x.is_sign_negative() && !x.is_nan(), real(kind, x.abs(), spec)?)
        }
    };
    let prefix = match spec.kind {
        Some(kind @ ('x' | 'X' | 'o' | 'b')) if spec.alternate => format!("0{kind}"),
        _ => String::new(),
    };
    let sign = match (negative, spec.sign) {
        (true, _) => "-",
        (false, Some('+')) => "+",
        (false, Some(' ')) => " ",
        _ => "",
    };
    let body = match spec.grouping {
        Some(separator) => group(&body, separator),
        None => body,
    };
    let lead = format!("{sign}{prefix}");
    let left_aligned = spec.align == Some('<');
    if (spec.zero && !left_aligned && spec.fill.is_none()) || spec.align == Some('=') {
        let fill = spec.fill.unwrap_or(if spec.zero { '0' } else { ' ' });
        let missing = spec.width.saturating_sub(lead.len() + body.chars().count());
        return Ok(format!("{lead}{}{body}", fill.to_string().repeat(missing)));
    }
    Ok(pad(&format!("{lead}{body}"), spec, '>'))
}

fn integer(value: &Value, digits: impl Fn(u128) -> String) -> (bool, String) {
    let n = value.as_int().unwrap_or(0);
    (n < 0, digits(n.unsigned_abs()))
}

fn real(kind: Option<char>, x: f64, spec: &Spec) -> Outcome<String> {
    let precision = spec.precision.unwrap_or(6);
    Ok(match kind {
        _ if !x.is_finite() => float(x),
        Some('f' | 'F') => format!("{x:.precision$}"),
        Some('%') => format!("{:.precision$}%", x * 100.0),
        Some('e') => exponent(x, precision),
        Some('E') => exponent(x, precision).to_uppercase(),
        Some('g' | 'G' | 'n') => general(x, precision),
        None => match spec.precision {
            None => float(x),
            Some(n) => match general(x, n) {
                text if text.contains(['.', 'e']) => text,
                text => text + ".0",
            },
        },
        Some(other) => return fail(format!("Unknown format code '{other}' for object of type 'float'")),
    })
}

fn exponent(x: f64, precision: usize) -> String {
    let text = format!("{x:.precision$e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

fn general(x: f64, precision: usize) -> String {
    let digits = precision.max(1);
    let scientific = exponent(x, digits - 1);
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power_of_ten: i32 = power.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => text.to_string(),
    };
    if power_of_ten < -4 || power_of_ten >= digits as i32 {
        return format!("{}e{power}", trim(mantissa));
    }
    let decimals = (digits as i32 - 1 - power_of_ten).max(0) as usize;
    trim(&format!("{x:.decimals$}"))
}

fn group(body: &str, separator: char) -> String {
    let end = body.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(body.len());
    let mut out = String::new();
    for (i, c) in body[..end].chars().enumerate() {
        if i > 0 && (end - i).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(c);
    }
    out + &body[end..]
}

fn pad(text: &str, spec: &Spec, default: char) -> String {
    let missing = spec.width.saturating_sub(text.chars().count());
    let fill = spec.fill.unwrap_or(' ').to_string();
    match spec.align.unwrap_or(default) {
        '<' => format!("{text}{}", fill.repeat(missing)),
        '^' => format!("{}{text}{}", fill.repeat(missing / 2), fill.repeat(missing - missing / 2)),
        _ => format!("{}{text}", fill.repeat(missing)),
    }
}
