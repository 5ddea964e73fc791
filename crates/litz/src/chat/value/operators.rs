//! Python's operators on template values.

use std::cmp::Ordering;

use num_bigint::BigInt;

use crate::chat::budget::Budget;
use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::value::format::percent::percent;
use crate::chat::value::repr::escape;
use crate::chat::value::{integers, Output, Text, Value};

/// `left op right` for `+ - * / // % **`.
pub(crate) fn binary(op: &'static str, left: &Value, right: &Value, budget: &Budget) -> Outcome<Value> {
    left.defined()?;
    if let ("%", Value::Str(format)) = (op, left) {
        return percent(format, right, budget).map(Value::Str);
    }
    right.defined()?;
    match (op, left, right) {
        ("+", Value::Str(a), Value::Str(b)) => return add_text(a, b, budget),
        ("+", Value::List(a), Value::List(b)) | ("+", Value::Tuple(a), Value::Tuple(b)) => {
            budget.slots(a.items.len() + b.items.len())?;
            let items = a.items.iter().chain(&b.items).cloned().collect();
            return if matches!(left, Value::List(_)) { Value::list(items) } else { Value::tuple(items) };
        }
        ("*", _, _) if is_sequence(left) || is_sequence(right) => return repeat(left, right, budget),
        _ => {}
    }
    if let (Some(a), Some(b)) = (left.as_int(), right.as_int()) {
        if let Some(result) = small_integers(op, a, b) {
            return Ok(Value::Int(result));
        }
    }
    if let (Some(a), Some(b)) = (left.as_whole(), right.as_whole()) {
        return integers(op, &a, &b, budget);
    }
    match (left.as_float(), right.as_float()) {
        (Some(_), Some(_)) => {
            floats(op, left.float()?.unwrap_or_default(), right.float()?.unwrap_or_default())
        }
        _ => unsupported(op, left, right),
    }
}

fn unsupported(op: &str, left: &Value, right: &Value) -> Outcome<Value> {
    let (a, b) = (left.type_name(), right.type_name());
    match (op, left, right) {
        ("+", Value::Str(_), _) => fail(format!("can only concatenate str (not \"{b}\") to str")),
        ("+", Value::List(_), _) => fail(format!("can only concatenate list (not \"{b}\") to list")),
        _ => fail(format!("unsupported operand type(s) for {op}: '{a}' and '{b}'")),
    }
}

pub(crate) fn add_text(a: &Text, b: &Text, budget: &Budget) -> Outcome<Value> {
    budget.allocate(a.cost() + b.cost())?;
    let markup = a.markup || b.markup;
    let mut out = Output::with_capacity(a.text.len() + b.text.len());
    for side in [a, b] {
        match markup && !side.markup {
            true => out.text(&side.changed_apart(escape)),
            false => out.text(side),
        }
    }
    Ok(Value::Str(out.finish(markup)))
}

fn is_sequence(value: &Value) -> bool {
    matches!(value, Value::Str(_) | Value::List(_) | Value::Tuple(_))
}

fn repeat(left: &Value, right: &Value, budget: &Budget) -> Outcome<Value> {
    let (sequence, count) = if is_sequence(left) { (left, right) } else { (right, left) };
    let Some(count) = count.as_place() else {
        return fail(format!("can't multiply sequence by non-int of type '{}'", count.type_name()));
    };
    let Ok(count) = i64::try_from(count) else {
        return fail("cannot fit 'int' into an index-sized integer");
    };
    let count = count.max(0) as usize;
    match sequence {
        Value::Str(text) => {
            budget.allocate(text.cost().saturating_mul(count))?;
            Ok(Value::Str(text.repeated(count)))
        }
        Value::List(s) | Value::Tuple(s) => {
            budget.slots(s.items.len().saturating_mul(count))?;
            let times = if s.items.is_empty() { 0 } else { count };
            let items = (0..times).flat_map(|_| s.items.iter().cloned()).collect();
            if matches!(sequence, Value::List(_)) {
                Value::list(items)
            } else {
                Value::tuple(items)
            }
        }
        _ => unsupported("*", left, right),
    }
}

/// Arithmetic on 64-bit integers.
fn small_integers(op: &str, a: i128, b: i128) -> Option<i128> {
    match op {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "//" => Some(a.checked_div_euclid(b)? - i128::from(b < 0 && a.checked_rem_euclid(b)? != 0)),
        "%" => {
            let rest = a.checked_rem_euclid(b)?;
            Some(if b < 0 && rest != 0 { rest + b } else { rest })
        }
        "**" => a.checked_pow(u32::try_from(b).ok()?),
        _ => None,
    }
}

fn integers(op: &str, a: &BigInt, b: &BigInt, budget: &Budget) -> Outcome<Value> {
    let zero = BigInt::from(0);
    if *b == zero && matches!(op, "/" | "//" | "%") {
        let what = if op == "/" { "division by zero" } else { "integer division or modulo by zero" };
        return fail(what);
    }
    if op == "/" {
        return match integers::quotient(a, b) {
            Some(x) => Ok(Value::Float(x)),
            None => fail("integer division result too large for a float"),
        };
    }
    if op == "**" && *b < zero {
        let float = |n: &BigInt| {
            integers::nearest_float(n).ok_or_else(|| Failure::new("int too large to convert to float"))
        };
        return floats(op, float(a)?, float(b)?);
    }
    integers::arithmetic(op, a, b, budget)
}

fn floats(op: &str, a: f64, b: f64) -> Outcome<Value> {
    if b == 0.0 && matches!(op, "/" | "//" | "%") {
        return fail(match op {
            "/" => "float division by zero",
            "//" => "float floor division by zero",
            _ => "float modulo",
        });
    }
    Ok(Value::Float(match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "//" => floor_divide(a, b).0,
        "%" => floor_divide(a, b).1,
        _ if a == 0.0 && b < 0.0 => return fail("0.0 cannot be raised to a negative power"),
        _ if a < 0.0 && b.fract() != 0.0 && b.is_finite() => {
            return fail("complex numbers are not supported")
        }
        _ => match a.powf(b) {
            result if result.is_infinite() && a.is_finite() && b.is_finite() => {
                return fail("(34, 'Numerical result out of range')")
            }
            result => result,
        },
    }))
}

fn floor_divide(a: f64, b: f64) -> (f64, f64) {
    let mut remainder = a % b;
    let mut quotient = (a - remainder) / b;
    if remainder == 0.0 {
        remainder = 0.0f64.copysign(b);
    } else if (b < 0.0) != (remainder < 0.0) {
        remainder += b;
        quotient -= 1.0;
    }
    let floor = quotient.floor();
    let quotient = match quotient {
        0.0 => 0.0f64.copysign(a / b),
        q if q - floor > 0.5 => floor + 1.0,
        _ => floor,
    };
    (quotient, remainder)
}

/// `-value` and `+value`.
pub(crate) fn unary(negative: bool, value: &Value, budget: &Budget) -> Outcome<Value> {
    value.defined()?;
    match (value, value.as_int()) {
        (Value::Float(x), _) => Ok(Value::Float(if negative { -x } else { *x })),
        (Value::Big(_), _) if !negative => Ok(value.clone()),
        (Value::Big(n), _) => integers::value(-BigInt::clone(n), budget),
        (_, Some(n)) if negative => binary("-", &Value::Int(0), &Value::Int(n), budget),
        (_, Some(n)) => Ok(Value::Int(n)),
        (_, None) => {
            let sign = if negative { '-' } else { '+' };
            fail(format!("bad operand type for unary {sign}: '{}'", value.type_name()))
        }
    }
}

/// `left op right` for comparisons and membership.
pub(crate) fn compare(op: &str, left: &Value, right: &Value, budget: &Budget) -> Outcome<bool> {
    Ok(match op {
        "==" => equal(left, right, budget)?,
        "!=" => !equal(left, right, budget)?,
        "in" => contains(right, left, budget)?,
        "not in" => !contains(right, left, budget)?,
        _ => {
            budget.step(left.weight().min(right.weight()))?;
            let ordering = order(op, left, right)?;
            match op {
                "<" => ordering == Some(Ordering::Less),
                "<=" => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
                ">" => ordering == Some(Ordering::Greater),
                _ => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
            }
        }
    })
}

pub(crate) fn equal(left: &Value, right: &Value, budget: &Budget) -> Outcome<bool> {
    budget.step(left.weight().min(right.weight()))?;
    Ok(left.equals(right))
}

/// How two values compare; `None` when one of them is not a number.
pub(crate) fn order(op: &str, left: &Value, right: &Value) -> Outcome<Option<Ordering>> {
    left.defined()?;
    right.defined()?;
    if let Some(order) = left.compare_numbers(right) {
        return Ok(order);
    }
    match (left, right) {
        (Value::Str(a), Value::Str(b)) => Ok(Some(a.text.cmp(&b.text))),
        (Value::List(a), Value::List(b)) | (Value::Tuple(a), Value::Tuple(b)) => {
            match a.items.iter().zip(&b.items).find(|(x, y)| !x.equals(y)) {
                Some((x, y)) => order(op, x, y),
                None => Ok(Some(a.items.len().cmp(&b.items.len()))),
            }
        }
        _ => fail(format!(
            "'{op}' not supported between instances of '{}' and '{}'",
            left.type_name(),
            right.type_name()
        )),
    }
}

pub(crate) fn contains(container: &Value, item: &Value, budget: &Budget) -> Outcome<bool> {
    match container {
        Value::Str(text) => match item {
            Value::Str(needle) => {
                budget.step(text.text.len() / 64)?;
                Ok(text.text.contains(&*needle.text))
            }
            Value::Undefined(_) => item.defined().map(|()| false),
            _ => fail(format!("'in <string>' requires string as left operand, not {}", item.type_name())),
        },
        Value::Dict(_) if !item.hashable() => fail(format!("unhashable type: '{}'", item.type_name())),
        Value::Dict(dict) => Ok(dict.get(item).is_some()),
        Value::None | Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) => {
            fail(format!("argument of type '{}' is not iterable", container.type_name()))
        }
        _ => {
            let items = container.iterate()?;
            for other in &items.items {
                if equal(other, item, budget)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}
