//! `format % values`.

use std::iter::Peekable;
use std::str::Chars;

use crate::chat::budget::Budget;
use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::value::format::numbers::float_digits;
use crate::chat::value::format::spec::{digits, MAX_WIDTH};
use crate::chat::value::parse::{to_float, to_integer};
use crate::chat::value::repr::{ascii, escape, repr, str_of};
use crate::chat::value::{integers, Output, Text, Value};

/// One `%-5.2f`.
#[derive(Default)]
struct PercentField {
    left: bool,
    sign: Option<char>,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

/// What is still to be put in.
struct Values<'v> {
    items: std::slice::Iter<'v, Value>,
    /// The whole, if it has names.
    mapping: Option<&'v Value>,
    named: Option<Value>,
    /// Each is wrapped to be escaped, and so is no number to `*`.
    escaped: bool,
}

/// `format % values`; a format that is markup escapes what is put in.
pub(crate) fn percent(format: &Text, values: &Value, budget: &Budget) -> Outcome<Text> {
    let mapping = matches!(values, Value::Dict(_) | Value::List(_) | Value::Range(_) | Value::Undefined(_));
    let items = match values {
        Value::Tuple(s) => &s.items[..],
        other => std::slice::from_ref(other),
    };
    let mut values = Values {
        items: items.iter(),
        mapping: mapping.then_some(values),
        named: None,
        escaped: format.markup,
    };
    let trusted = format.is_trusted();
    let mut out = Output::default();
    let mut chars = format.text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c.encode_utf8(&mut [0; 4]), trusted);
            continue;
        }
        if chars.next_if_eq(&'%').is_some() {
            out.push("%", trusted);
            continue;
        }
        if chars.next_if_eq(&'(').is_some() {
            values.named = Some(values.by_name(&key(&mut chars)?)?);
        }
        let field = PercentField::read(&mut chars, &mut values)?;
        let value = values.next()?;
        let shown = field.show(&value, format.markup, budget)?;
        budget.allocate(shown.cost() + 16)?;
        out.text(&shown.trusted_if(trusted));
    }
    if values.mapping.is_none() && values.items.next().is_some() {
        return fail("not all arguments converted during string formatting");
    }
    Ok(out.finish(format.markup))
}

/// The name in `%(name)s`, which may have parentheses itself.
fn key(chars: &mut Peekable<Chars>) -> Outcome<String> {
    let (mut key, mut open) = (String::new(), 1);
    for c in chars.by_ref() {
        match c {
            '(' => open += 1,
            ')' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return Ok(key);
        }
        key.push(c);
    }
    fail("incomplete format key")
}

impl Values<'_> {
    fn by_name(&mut self, key: &str) -> Outcome<Value> {
        let Some(mapping) = self.mapping else { return fail("format requires a mapping") };
        self.items = [].iter();
        mapping.defined()?;
        match mapping {
            Value::Dict(dict) => dict.get_str(key).cloned().ok_or_else(|| Failure::new(format!("'{key}'"))),
            _ => fail(format!("{} has no element '{key}'", mapping.type_name())),
        }
    }

    fn next(&mut self) -> Outcome<Value> {
        match self.named.take() {
            Some(value) => Ok(value),
            None => self
                .items
                .next()
                .cloned()
                .ok_or_else(|| Failure::new("not enough arguments for format string")),
        }
    }

    /// The number that `*` stands for.
    fn width(&mut self) -> Outcome<i128> {
        match self.next()?.as_place().filter(|_| !self.escaped) {
            Some(n) if n.unsigned_abs() <= MAX_WIDTH as u128 => Ok(n),
            Some(_) => fail(format!("a format of more than {MAX_WIDTH} characters is not supported")),
            None => fail("* wants int"),
        }
    }
}

impl PercentField {
    fn read(chars: &mut Peekable<Chars>, values: &mut Values) -> Outcome<Self> {
        let mut field = Self::default();
        while let Some(flag) = chars.next_if(|c| matches!(c, '-' | '+' | ' ' | '#' | '0')) {
            match flag {
                '-' => field.left = true,
                '#' => field.alternate = true,
                '0' => field.zero = true,
                '+' => field.sign = Some('+'),
                _ => field.sign = field.sign.or(Some(' ')),
            }
        }
        if chars.next_if_eq(&'*').is_some() {
            let width = values.width()?;
            field.left |= width < 0;
            field.width = width.unsigned_abs() as usize;
        } else {
            field.width = digits(chars)?.unwrap_or(0);
        }
        if chars.next_if_eq(&'.').is_some() {
            field.precision = Some(match chars.next_if_eq(&'*') {
                Some(_) => values.width()?.max(0) as usize,
                None => digits(chars)?.unwrap_or(0),
            });
        }
        chars.next_if(|c| matches!(c, 'h' | 'l' | 'L'));
        match chars.next() {
            Some(kind) => Ok(Self { kind, ..field }),
            None => fail("incomplete format"),
        }
    }

    fn show(&self, value: &Value, escaped: bool, budget: &Budget) -> Outcome<Text> {
        match self.kind {
            's' | 'r' | 'a' => {
                let text = match self.kind {
                    's' => str_of(value, budget)?,
                    'r' => repr(value, budget)?,
                    _ => ascii(&repr(value, budget)?),
                };
                let text = match escaped && !(self.kind == 's' && text.markup) {
                    true => text.changed_apart(escape),
                    false => text,
                };
                budget.allocate(text.cost())?;
                self.filled(&text)
            }
            'd' | 'i' | 'u' => self.whole(value, escaped, budget).map(Text::untrusted),
            'x' | 'X' | 'o' => self.radix(value, escaped, budget).map(Text::untrusted),
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => self.real(value, escaped).map(Text::untrusted),
            'c' => self.character(value, escaped),
            c => fail(format!("unsupported format character '{c}' (0x{:x})", c as u32)),
        }
    }

    /// A text, cut and filled up.
    fn filled(&self, text: &Text) -> Outcome<Text> {
        let s = &*text.text;
        let cut = self.precision.filter(|_| self.kind != 'c');
        let end = cut.and_then(|n| s.char_indices().nth(n)).map_or(s.len(), |(end, _)| end);
        let missing = self.width.saturating_sub(s[..end].chars().count());
        let spaces = " ".repeat(missing);
        let mut out = Output::default();
        if !self.left {
            out.push(&spaces, text.is_trusted());
        }
        out.part(text, 0..end);
        if self.left {
            out.push(&spaces, text.is_trusted());
        }
        Ok(out.finish(false))
    }

    fn whole(&self, value: &Value, escaped: bool, budget: &Budget) -> Outcome<String> {
        let n = match (value, value.as_whole()) {
            (_, Some(n)) => n,
            (Value::Float(x), _) if x.is_finite() => integers::truncated(*x),
            (Value::Float(x), _) => return fail(format!("cannot convert float {x} to integer")),
            // The wrapper that escapes passes what it holds to int().
            (Value::Str(text), _) if escaped => to_integer(&text.text, 10).ok_or_else(|| {
                Failure::new(format!("invalid literal for int() with base 10: {:?}", text.text))
            })?,
            _ => {
                let name = value.type_name();
                return fail(format!("%{} format: a real number is required, not {name}", self.kind));
            }
        };
        let digits = self.precise(integers::decimal(&n, budget)?);
        Ok(self.number(n.sign() == num_bigint::Sign::Minus, "", &digits))
    }

    /// The digits with zeros before them up to the precision.
    fn precise(&self, digits: String) -> String {
        let missing = self.precision.unwrap_or(0).saturating_sub(digits.len());
        "0".repeat(missing) + &digits
    }

    fn radix(&self, value: &Value, escaped: bool, budget: &Budget) -> Outcome<String> {
        let Some(n) = value.as_whole().filter(|_| !escaped) else {
            let name = if escaped { "_MarkupEscapeHelper" } else { value.type_name() };
            return fail(format!("%{} format: an integer is required, not {name}", self.kind));
        };
        let (radix, prefix) = match self.kind {
            'o' => (8, "0o"),
            'x' => (16, "0x"),
            _ => (16, "0X"),
        };
        let digits = n.magnitude().to_str_radix(radix);
        budget.allocate(digits.len() * 2)?;
        let digits = self.precise(if self.kind == 'X' { digits.to_uppercase() } else { digits });
        let prefix = if self.alternate { prefix } else { "" };
        Ok(self.number(n.sign() == num_bigint::Sign::Minus, prefix, &digits))
    }

    fn real(&self, value: &Value, escaped: bool) -> Outcome<String> {
        let x = match value {
            Value::Str(text) if escaped => to_float(&text.text),
            _ => value.float()?,
        };
        let Some(x) = x else {
            return fail(format!("must be real number, not {}", value.type_name()));
        };
        let digits = float_digits(x, Some(self.kind), Some(self.precision.unwrap_or(6)), self.alternate);
        Ok(self.number(digits.negative, "", &(digits.whole + &digits.rest)))
    }

    fn number(&self, negative: bool, prefix: &str, digits: &str) -> String {
        let sign = match (negative, self.sign) {
            (true, _) => "-",
            (false, Some('+')) => "+",
            (false, Some(_)) => " ",
            _ => "",
        };
        let missing = self.width.saturating_sub(sign.len() + prefix.len() + digits.len());
        match (self.left, self.zero) {
            (true, _) => format!("{sign}{prefix}{digits}{}", " ".repeat(missing)),
            (_, true) => format!("{sign}{prefix}{}{digits}", "0".repeat(missing)),
            _ => format!("{}{sign}{prefix}{digits}", " ".repeat(missing)),
        }
    }

    fn character(&self, value: &Value, escaped: bool) -> Outcome<Text> {
        match value {
            _ if escaped => fail("%c requires int or char"),
            Value::Str(text) if text.text.chars().count() == 1 => self.filled(text),
            _ => match value.as_int().and_then(|n| u32::try_from(n).ok()).and_then(char::from_u32) {
                Some(c) => self.filled(&Text::untrusted(c.to_string())),
                None => fail("%c requires int or char"),
            },
        }
    }
}
