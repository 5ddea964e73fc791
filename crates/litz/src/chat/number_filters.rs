//! Jinja's filters on numbers.

use num_bigint::BigInt;

use super::arguments::{flag, integer, text, Called};
use super::budget::Budget;
use super::characters::decimal_value;
use super::failure::{fail, Failure, Outcome};
use super::operators::binary;
use super::origin::Text;
use super::strings::strip;
use super::value::Value;
use super::whole;

pub(super) const NAMES: [&str; 5] = ["abs", "filesizeformat", "float", "int", "round"];

pub(super) fn apply(name: &str, value: &Value, called: Called, budget: &Budget) -> Outcome<Value> {
    match name {
        "abs" => {
            let [] = called.bind(name, [], 0)?;
            abs(value, budget)
        }
        "int" => {
            let [default, base] = called.bind(name, ["default", "base"], 0)?;
            value.defined()?;
            let default = default.unwrap_or(Value::Int(0));
            match int(value, base.as_ref())? {
                Some(n) => whole::value(n, budget),
                None => Ok(default),
            }
        }
        "float" => {
            let [default] = called.bind(name, ["default"], 0)?;
            value.defined()?;
            let x = match value {
                Value::Str(text) => to_real(&text.text),
                _ => value.float()?,
            };
            Ok(x.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
        }
        "filesizeformat" => file_size(value, called),
        _ => round(value, called, budget),
    }
}

fn abs(value: &Value, budget: &Budget) -> Outcome<Value> {
    value.defined()?;
    match (value, value.as_whole()) {
        (Value::Float(x), _) => Ok(Value::Float(x.abs())),
        (_, Some(n)) => whole::value(BigInt::from(n.magnitude().clone()), budget),
        _ => fail(format!("bad operand type for abs(): '{}'", value.type_name())),
    }
}

/// `int(value)`, or of a text that spells a float; `None` where Jinja takes the default.
fn int(value: &Value, base: Option<&Value>) -> Outcome<Option<BigInt>> {
    let real = |x: f64| x.is_finite().then(|| whole::truncated(x));
    match value {
        Value::Str(text) => {
            let base = match base {
                None => Some(10),
                Some(base) => base.as_place(),
            };
            let n = base.and_then(|base| to_whole(&text.text, base));
            Ok(n.or_else(|| to_real(&text.text).and_then(real)))
        }
        Value::Float(x) if x.is_infinite() => fail("cannot convert float infinity to integer"),
        Value::Float(x) => Ok(real(*x)),
        _ => Ok(value.as_whole()),
    }
}

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
pub(super) fn to_whole(text: &str, base: i128) -> Option<BigInt> {
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
    let n = whole::parsed(&digits, radix)?;
    Some(if negative { -n } else { n })
}

/// `float(text)`.
pub(super) fn to_real(text: &str) -> Option<f64> {
    plain_digits(strip(text, None, true, true), false)?.parse().ok()
}

fn file_size(value: &Value, called: Called) -> Outcome<Value> {
    let [binary] = called.bind("filesizeformat", ["binary"], 0)?;
    let binary = flag(binary.as_ref());
    value.defined()?;
    let size = match value {
        Value::Str(text) => to_real(&text.text)
            .ok_or_else(|| Failure::new(format!("could not convert string to float: {:?}", text.text)))?,
        _ => match value.float()? {
            Some(size) => size,
            None => return fail(format!("float() argument must be a number, not '{}'", value.type_name())),
        },
    };
    let base: f64 = if binary { 1024.0 } else { 1000.0 };
    let shown = if size == 1.0 {
        "1 Byte".to_string()
    } else if size < base {
        if !size.is_finite() {
            return fail("cannot convert float infinity to integer");
        }
        format!("{} Bytes", whole::truncated(size))
    } else {
        let letters = [if binary { "K" } else { "k" }, "M", "G", "T", "P", "E", "Z", "Y"];
        let unit = |i: usize| base.powi(i as i32 + 2);
        let i = (0..letters.len()).find(|&i| size < unit(i)).unwrap_or(letters.len() - 1);
        let number = base * size / unit(i);
        let number = if number.is_finite() { format!("{number:.1}") } else { super::text::float(number) };
        format!("{number} {}{}B", letters[i], if binary { "i" } else { "" })
    };
    Ok(Value::Str(Text::content(shown)))
}

fn round(value: &Value, called: Called, budget: &Budget) -> Outcome<Value> {
    let [precision, method] = called.bind("round", ["precision", "method"], 0)?;
    let precision = precision.unwrap_or(Value::Int(0));
    let method = method.as_ref().map(text).transpose()?.unwrap_or("common").to_string();
    if !matches!(method.as_str(), "common" | "ceil" | "floor") {
        return fail("method must be common, ceil or floor");
    }
    value.defined()?;
    if value.as_float().is_none() {
        return fail(format!("type {} doesn't define __round__ method", value.type_name()));
    }
    if method == "common" {
        return common(value, &precision, budget);
    }
    integer(&precision)?;
    let scale = binary("**", &Value::Int(10), &precision, budget)?;
    let scaled = binary("*", value, &scale, budget)?;
    let whole = match scaled {
        Value::Float(x) if !x.is_finite() => return fail(format!("cannot convert float {x} to integer")),
        Value::Float(x) => {
            let x = if method == "ceil" { x.ceil() } else { x.floor() };
            whole::value(whole::truncated(x), budget)?
        }
        whole => whole,
    };
    binary("/", &whole, &scale, budget)
}

/// `round(value, precision)`; without a precision the result is whole.
fn common(value: &Value, precision: &Value, budget: &Budget) -> Outcome<Value> {
    let precision = match precision {
        Value::None => None,
        other => Some(integer(other)?),
    };
    let digits = precision.unwrap_or(0).clamp(-100_000, 400) as i32;
    match (value, value.as_whole()) {
        (_, Some(n)) if digits >= 0 => whole::value(n, budget),
        (_, Some(n)) => whole::value(whole::rounded(&n, digits.unsigned_abs()), budget),
        (Value::Float(x), _) if precision.is_none() => match x.is_finite() {
            true => whole::value(whole::truncated(x.round_ties_even()), budget),
            false => fail(format!("cannot convert float {x} to integer")),
        },
        (Value::Float(x), _) => rounded(*x, digits).map(Value::Float),
        _ => fail("cannot be rounded"),
    }
}

/// A float to so many digits behind its point, or before it.
fn rounded(x: f64, digits: i32) -> Outcome<f64> {
    if !x.is_finite() || x == 0.0 || digits > 323 {
        return Ok(x);
    }
    if digits >= 0 {
        let text = format!("{x:.*}", digits as usize);
        return text.parse().map_err(|_| Failure::new("cannot be rounded"));
    }
    if digits < -308 {
        return Ok(0.0f64.copysign(x));
    }
    // Twice the number and one more where it has a fraction: ties are ties of the whole number only.
    let doubled = whole::truncated(x) * 2u32 + if x.fract() == 0.0 { 0 } else { x.signum() as i32 };
    let unit = BigInt::from(10).pow(digits.unsigned_abs()) * 2u32;
    let half = &unit / 2u32;
    let size = BigInt::from(doubled.magnitude().clone());
    let (quotient, rest) = (&size / &unit, &size % &unit);
    let up = rest > half || (rest == half && quotient.bit(0));
    let size = (quotient + i32::from(up)) * (unit / 2u32);
    match whole::nearest_float(&size) {
        Some(size) => Ok(size.copysign(x)),
        None => fail("rounded value too large to represent"),
    }
}
