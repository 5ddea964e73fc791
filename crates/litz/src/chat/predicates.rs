//! Jinja's tests: `value is name`.

use super::arguments::{integer, text, Called};
use super::failure::{fail, Outcome};
use super::filters;
use super::interpreter::Interpreter;
use super::operators::{binary, compare};
use super::strings;
use super::text::str_of;
use super::value::Value;

const NAMES: [&str; 39] = [
    "odd",
    "even",
    "divisibleby",
    "defined",
    "undefined",
    "filter",
    "test",
    "none",
    "boolean",
    "false",
    "true",
    "integer",
    "float",
    "lower",
    "upper",
    "string",
    "mapping",
    "number",
    "sequence",
    "iterable",
    "callable",
    "sameas",
    "escaped",
    "in",
    "==",
    "eq",
    "equalto",
    "!=",
    "ne",
    ">",
    "gt",
    "greaterthan",
    ">=",
    "ge",
    "<",
    "lt",
    "lessthan",
    "<=",
    "le",
];

pub(super) fn exists(name: &str) -> bool {
    NAMES.contains(&name)
}

pub(super) fn apply(
    interpreter: &mut Interpreter,
    name: &str,
    value: &Value,
    called: Called,
) -> Outcome<bool> {
    if let Some(op) = operator(name) {
        let [other] = called.bind(name, ["other"], 1)?;
        return compare(op, value, &other.unwrap_or(Value::None), &interpreter.budget);
    }
    match name {
        "sameas" => {
            let [other] = called.bind(name, ["other"], 1)?;
            return Ok(value.is(&other.unwrap_or(Value::None)));
        }
        "divisibleby" => {
            let [divisor] = called.bind(name, ["num"], 1)?;
            let rest = binary("%", value, &divisor.unwrap_or(Value::None), &interpreter.budget)?;
            return Ok(rest.equals(&Value::Int(0)));
        }
        _ => {}
    }
    let [] = called.bind(name, [], 0)?;
    if let Some(kind) = of_kind(name, value) {
        return Ok(kind);
    }
    match name {
        "odd" => Ok(binary("%", value, &Value::Int(2), &interpreter.budget)?.equals(&Value::Int(1))),
        "even" => Ok(binary("%", value, &Value::Int(2), &interpreter.budget)?.equals(&Value::Int(0))),
        "lower" | "upper" => {
            let text = str_of(value, &interpreter.budget)?;
            let test = strings::test(if name == "lower" { "islower" } else { "isupper" });
            Ok(test.is_some_and(|test| test(&text.text)))
        }
        "filter" => Ok(filters::exists(text(value)?)),
        "test" => Ok(exists(text(value)?)),
        _ => fail(format!("No test named '{name}' found.")),
    }
}

fn operator(name: &str) -> Option<&'static str> {
    Some(match name {
        "==" | "eq" | "equalto" => "==",
        "!=" | "ne" => "!=",
        ">" | "gt" | "greaterthan" => ">",
        ">=" | "ge" => ">=",
        "<" | "lt" | "lessthan" => "<",
        "<=" | "le" => "<=",
        "in" => "in",
        _ => return None,
    })
}

/// The tests that only look at what kind of value it is.
fn of_kind(name: &str, value: &Value) -> Option<bool> {
    use Value::{
        Big, Bool, Dict, Float, Function, Generator, Int, Joiner, List, Loop, Macro, Method, None, Range,
        Str, Tuple, Undefined, View,
    };
    Some(match name {
        "defined" => !value.is_undefined(),
        "undefined" => value.is_undefined(),
        "none" => matches!(value, None),
        "boolean" => matches!(value, Bool(_)),
        "true" => matches!(value, Bool(true)),
        "false" => matches!(value, Bool(false)),
        "integer" => matches!(value, Int(_) | Big(_)),
        "float" => matches!(value, Float(_)),
        "number" => matches!(value, Int(_) | Big(_) | Float(_) | Bool(_)),
        "string" => matches!(value, Str(_)),
        "mapping" => matches!(value, Dict(_)),
        // Undefined has a length and can be walked, as far as these two look.
        "sequence" => matches!(value, Undefined(_) | Str(_) | List(_) | Tuple(_) | Dict(_) | Range(_)),
        "iterable" => matches!(
            value,
            Undefined(_)
                | Str(_)
                | List(_)
                | Tuple(_)
                | Dict(_)
                | Range(_)
                | View(..)
                | Generator(_)
                | Loop(_)
        ),
        "callable" => {
            matches!(value, Undefined(_) | Macro(_) | Method(_) | Function(_) | Joiner(_) | Loop(_))
        }
        "escaped" => matches!(value, Str(text) if text.markup),
        _ => return Option::None,
    })
}

/// A number of items, for filters that cut.
pub(super) fn count(value: Option<&Value>, default: usize) -> Outcome<usize> {
    match value {
        Some(value) => Ok(usize::try_from(integer(value)?.max(0)).unwrap_or(usize::MAX)),
        None => Ok(default),
    }
}
