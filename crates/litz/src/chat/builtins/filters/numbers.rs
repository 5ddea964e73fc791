//! Jinja's filters on numbers.

use num_bigint::BigInt;

use crate::chat::budget::Budget;
use crate::chat::builtins::arguments::{flag, integer, text, Call};
use crate::chat::builtins::{OnValue, Table};
use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::value::operators::binary;
use crate::chat::value::parse::{to_float, to_integer};
use crate::chat::value::{integers, repr, Text, Value};

pub(super) const FILTERS: &Table<OnValue> = &[
    ("abs", |i, value, call| {
        call.none()?;
        abs(value, &i.budget)
    }),
    ("filesizeformat", |_, value, call| file_size(value, call)),
    ("float", |_, value, call| float(value, call)),
    ("int", |i, value, call| {
        let [default, base] = call.bind(["default", "base"], 0)?;
        value.defined()?;
        match int(value, base.as_ref())? {
            Some(n) => integers::value(n, &i.budget),
            None => Ok(default.unwrap_or(Value::Int(0))),
        }
    }),
    ("round", |i, value, call| round(value, call, &i.budget)),
];

fn float(value: &Value, call: Call) -> Outcome<Value> {
    let [default] = call.bind(["default"], 0)?;
    value.defined()?;
    let x = match value {
        Value::Str(text) => to_float(&text.text),
        _ => value.float()?,
    };
    Ok(x.map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
}

fn abs(value: &Value, budget: &Budget) -> Outcome<Value> {
    value.defined()?;
    match (value, value.as_whole()) {
        (Value::Float(x), _) => Ok(Value::Float(x.abs())),
        (_, Some(n)) => integers::value(BigInt::from(n.magnitude().clone()), budget),
        _ => fail(format!("bad operand type for abs(): '{}'", value.type_name())),
    }
}

/// `int(value)`, also of a text that is a float; `None` where Jinja takes the default.
fn int(value: &Value, base: Option<&Value>) -> Outcome<Option<BigInt>> {
    let real = |x: f64| x.is_finite().then(|| integers::truncated(x));
    match value {
        Value::Str(text) => {
            let base = match base {
                None => Some(10),
                Some(base) => base.as_place(),
            };
            let n = base.and_then(|base| to_integer(&text.text, base));
            Ok(n.or_else(|| to_float(&text.text).and_then(real)))
        }
        Value::Float(x) if x.is_infinite() => fail("cannot convert float infinity to integer"),
        Value::Float(x) => Ok(real(*x)),
        _ => Ok(value.as_whole()),
    }
}

fn file_size(value: &Value, call: Call) -> Outcome<Value> {
    let [binary] = call.bind(["binary"], 0)?;
    let binary = flag(binary.as_ref());
    value.defined()?;
    let size = match value {
        Value::Str(text) => to_float(&text.text)
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
        format!("{} Bytes", integers::truncated(size))
    } else {
        let letters = [if binary { "K" } else { "k" }, "M", "G", "T", "P", "E", "Z", "Y"];
        let unit = |i: usize| base.powi(i as i32 + 2);
        let i = (0..letters.len()).find(|&i| size < unit(i)).unwrap_or(letters.len() - 1);
        let number = base * size / unit(i);
        let number = if number.is_finite() { format!("{number:.1}") } else { repr::float(number) };
        format!("{number} {}{}B", letters[i], if binary { "i" } else { "" })
    };
    Ok(Value::Str(Text::untrusted(shown)))
}

fn round(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let [precision, method] = call.bind(["precision", "method"], 0)?;
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
            integers::value(integers::truncated(x), budget)?
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
        (_, Some(n)) if digits >= 0 => integers::value(n, budget),
        (_, Some(n)) => integers::value(integers::rounded(&n, digits.unsigned_abs()), budget),
        (Value::Float(x), _) if precision.is_none() => match x.is_finite() {
            true => integers::value(integers::truncated(x.round_ties_even()), budget),
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
    let doubled = integers::truncated(x) * 2u32 + if x.fract() == 0.0 { 0 } else { x.signum() as i32 };
    let unit = BigInt::from(10).pow(digits.unsigned_abs()) * 2u32;
    let half = &unit / 2u32;
    let size = BigInt::from(doubled.magnitude().clone());
    let (quotient, rest) = (&size / &unit, &size % &unit);
    let up = rest > half || (rest == half && quotient.bit(0));
    let size = (quotient + i32::from(up)) * (unit / 2u32);
    match integers::nearest_float(&size) {
        Some(size) => Ok(size.copysign(x)),
        None => fail("rounded value too large to represent"),
    }
}
