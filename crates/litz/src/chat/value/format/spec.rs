//! `format(value, spec)`: a value in a field, by Python's mini-language (`>10`, `+,.2f`, `#x`).

use crate::chat::budget::Budget;
use crate::chat::failure::{fail, Outcome};
use crate::chat::value::format::numbers::{float_digits, grouped, Digits};
use crate::chat::value::repr::str_of;
use crate::chat::value::{integers, Text, Value};

/// Wider fields and longer fractions than this are refused.
pub(crate) const MAX_WIDTH: usize = 10_000;

struct FormatSpec {
    fill: Option<char>,
    align: Option<char>,
    sign: Option<char>,
    /// A zero has no sign.
    plain_zero: bool,
    alternate: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// A value as a format's field shows it.
pub(crate) fn format_value(value: &Value, spec: &str, budget: &Budget) -> Outcome<Text> {
    if spec.is_empty() {
        return Ok(str_of(value, budget)?.with_markup(false));
    }
    match value {
        Value::Str(text) => string(text, &FormatSpec::read(spec, '<')?, budget),
        Value::Int(_) | Value::Bool(_) | Value::Big(_) => {
            let spec = FormatSpec::read(spec, '>')?;
            match spec.kind {
                Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => {
                    let x = value.float()?.unwrap_or_default();
                    real(x, &spec)
                }
                _ => integer(value, &spec, budget),
            }
            .map(Text::untrusted)
        }
        Value::Float(x) => real(*x, &FormatSpec::read(spec, '>')?).map(Text::untrusted),
        _ => fail(format!("unsupported format string passed to {}.__format__", value.type_name())),
    }
}

impl FormatSpec {
    fn read(text: &str, default_align: char) -> Outcome<Self> {
        let is_align = |c: &char| matches!(c, '<' | '>' | '^' | '=');
        let mut chars = text.chars().peekable();
        let filled = text.chars().nth(1).is_some_and(|c| is_align(&c));
        let mut fill = if filled { chars.next() } else { None };
        let mut align = chars.next_if(is_align);
        let sign = chars.next_if(|c| matches!(c, '+' | '-' | ' '));
        let plain_zero = chars.next_if_eq(&'z').is_some();
        let alternate = chars.next_if_eq(&'#').is_some();
        if fill.is_none() && chars.next_if_eq(&'0').is_some() {
            fill = Some('0');
            if align.is_none() && default_align == '>' {
                align = Some('=');
            }
        }
        let width = digits(&mut chars)?.unwrap_or(0);
        let grouping = chars.next_if(|c| matches!(c, ',' | '_'));
        if grouping.is_some() && chars.next_if(|c| matches!(c, ',' | '_')).is_some() {
            return fail("Cannot specify both ',' and '_'.");
        }
        let mut precision = None;
        if chars.next_if_eq(&'.').is_some() {
            precision = digits(&mut chars)?;
            if precision.is_none() {
                return fail("Format specifier missing precision");
            }
        }
        let kind = chars.next();
        if chars.next().is_some() {
            return fail(format!("Invalid format specifier '{text}'"));
        }
        let align = Some(align.unwrap_or(default_align));
        Ok(Self { fill, align, sign, plain_zero, alternate, width, grouping, precision, kind })
    }

    fn unknown<T>(&self, type_name: &str) -> Outcome<T> {
        let kind = self.kind.unwrap_or(' ');
        fail(format!("Unknown format code '{kind}' for object of type '{type_name}'"))
    }

    /// Digits with their sign and prefix, grouped and filled up.
    fn number(&self, digits: &Digits, prefix: &str, group: usize) -> String {
        let sign = match (digits.negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(' ')) => " ",
            _ => "",
        };
        let lead = format!("{sign}{prefix}");
        let zeros = self.fill == Some('0') && self.align == Some('=');
        let apart = lead.len() + digits.rest.chars().count();
        let least = if zeros { self.width.saturating_sub(apart) } else { 0 };
        let whole = grouped(&digits.whole, self.grouping.map(|separator| (separator, group)), least);
        self.padded(&lead, &format!("{whole}{}", digits.rest))
    }

    fn padded(&self, lead: &str, body: &str) -> String {
        let missing = self.width.saturating_sub(lead.chars().count() + body.chars().count());
        let fill = |count: usize| self.fill.unwrap_or(' ').to_string().repeat(count);
        match self.align {
            Some('<') => format!("{lead}{body}{}", fill(missing)),
            Some('^') => format!("{}{lead}{body}{}", fill(missing / 2), fill(missing - missing / 2)),
            Some('=') => format!("{lead}{}{body}", fill(missing)),
            _ => format!("{}{lead}{body}", fill(missing)),
        }
    }
}

/// A count of at most `MAX_WIDTH`, if there is one.
pub(crate) fn digits(chars: &mut std::iter::Peekable<std::str::Chars>) -> Outcome<Option<usize>> {
    let text: String = std::iter::from_fn(|| chars.next_if(char::is_ascii_digit)).collect();
    match text.parse::<usize>() {
        _ if text.is_empty() => Ok(None),
        Ok(n) if n <= MAX_WIDTH => Ok(Some(n)),
        _ => fail(format!("a format of more than {MAX_WIDTH} characters is not supported")),
    }
}

fn string(text: &Text, spec: &FormatSpec, budget: &Budget) -> Outcome<Text> {
    match (spec.kind, spec.sign, spec.grouping) {
        (None | Some('s'), None, None) if !spec.alternate && !spec.plain_zero && spec.align != Some('=') => {}
        (None | Some('s'), ..) => {
            return fail("a text takes no sign, '#', 'z', ',', '_' or '=' in a format specifier")
        }
        _ => return spec.unknown("str"),
    }
    let s = &*text.text;
    let end = spec.precision.and_then(|n| s.char_indices().nth(n)).map_or(s.len(), |(end, _)| end);
    budget.allocate(end + spec.width * 4)?;
    Ok(Text::new(spec.padded("", &s[..end]), text.is_trusted()))
}

fn integer(value: &Value, spec: &FormatSpec, budget: &Budget) -> Outcome<String> {
    let n = value.as_whole().unwrap_or_default();
    if spec.plain_zero || spec.precision.is_some() {
        return fail("neither a precision nor 'z' is allowed in an integer's format specifier");
    }
    let radix = |radix| n.magnitude().to_str_radix(radix);
    let (whole, prefix, group) = match spec.kind {
        None | Some('d') => (integers::decimal(&n, budget)?, "", 3),
        Some('n') if spec.grouping.is_none() => (integers::decimal(&n, budget)?, "", 3),
        Some('b') => (radix(2), "0b", 4),
        Some('o') => (radix(8), "0o", 4),
        Some('x') => (radix(16), "0x", 4),
        Some('X') => (radix(16).to_uppercase(), "0X", 4),
        Some('c') => return character(value, spec),
        _ => return spec.unknown("int"),
    };
    if group == 4 && spec.grouping == Some(',') {
        return fail(format!("Cannot specify ',' with '{}'.", spec.kind.unwrap_or(' ')));
    }
    budget.allocate(whole.len() * 2)?;
    let negative = n.sign() == num_bigint::Sign::Minus;
    let prefix = if spec.alternate { prefix } else { "" };
    Ok(spec.number(&Digits { negative, whole, rest: String::new() }, prefix, group))
}

fn character(value: &Value, spec: &FormatSpec) -> Outcome<String> {
    if spec.sign.is_some() || spec.alternate || spec.grouping.is_some() {
        return fail("neither a sign nor '#', ',' or '_' is allowed with the format specifier 'c'");
    }
    match value.as_int().and_then(|n| u32::try_from(n).ok()).and_then(char::from_u32) {
        Some(c) => Ok(spec.padded("", &c.to_string())),
        None => fail("%c arg not in range(0x110000)"),
    }
}

fn real(x: f64, spec: &FormatSpec) -> Outcome<String> {
    let known = matches!(spec.kind, None | Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n' | '%'));
    if !known || (spec.kind == Some('n') && spec.grouping.is_some()) {
        return spec.unknown("float");
    }
    let mut digits = float_digits(x, spec.kind, spec.precision, spec.alternate);
    if spec.plain_zero && !digits.whole.chars().chain(digits.rest.chars()).any(|c| matches!(c, '1'..='9')) {
        digits.negative = digits.negative && !x.is_finite();
    }
    Ok(spec.number(&digits, "", 3))
}
