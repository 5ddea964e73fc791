//! Jinja's tests: `value is name`.

use crate::chat::builtins::arguments::{text, Call};
use crate::chat::builtins::{filters, find, Table};
use crate::chat::failure::{fail, Outcome};
use crate::chat::run::interpreter::Interpreter;
use crate::chat::value::operators::{binary, compare};
use crate::chat::value::repr::str_of;
use crate::chat::value::{strings, Value};

type Test = fn(&mut Interpreter<'_>, &Value, Call) -> Outcome<bool>;

const TESTS: &Table<Test> = &[
    ("odd", |i, value, call| call.none().and_then(|()| divides(i, value, &Value::Int(2), 1))),
    ("even", |i, value, call| call.none().and_then(|()| divides(i, value, &Value::Int(2), 0))),
    ("divisibleby", |i, value, call| divides(i, value, &call.one("num")?, 0)),
    ("defined", |_, value, call| kind(call, !value.is_undefined())),
    ("undefined", |_, value, call| kind(call, value.is_undefined())),
    ("filter", |_, value, call| call.none().and_then(|()| Ok(filters::exists(text(value)?)))),
    ("test", |_, value, call| call.none().and_then(|()| Ok(exists(text(value)?)))),
    ("none", |_, value, call| kind(call, matches!(value, Value::None))),
    ("boolean", |_, value, call| kind(call, matches!(value, Value::Bool(_)))),
    ("false", |_, value, call| kind(call, matches!(value, Value::Bool(false)))),
    ("true", |_, value, call| kind(call, matches!(value, Value::Bool(true)))),
    ("integer", |_, value, call| kind(call, matches!(value, Value::Int(_) | Value::Big(_)))),
    ("float", |_, value, call| kind(call, matches!(value, Value::Float(_)))),
    ("lower", |i, value, call| case(i, value, call, strings::is_lower)),
    ("upper", |i, value, call| case(i, value, call, strings::is_upper)),
    ("string", |_, value, call| kind(call, matches!(value, Value::Str(_)))),
    ("mapping", |_, value, call| kind(call, matches!(value, Value::Dict(_)))),
    ("number", |_, value, call| {
        kind(call, matches!(value, Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Bool(_)))
    }),
    ("sequence", |_, value, call| kind(call, is_sequence(value))),
    ("iterable", |_, value, call| {
        let walked = matches!(value, Value::View(..) | Value::Generator(_) | Value::Loop(_));
        kind(call, walked || is_sequence(value))
    }),
    ("callable", |_, value, call| kind(call, is_callable(value))),
    ("sameas", |_, value, call| Ok(value.is(&call.one("other")?))),
    ("escaped", |_, value, call| kind(call, matches!(value, Value::Str(text) if text.markup))),
    ("in", |i, value, call| compared(i, "in", value, call)),
    ("==", |i, value, call| compared(i, "==", value, call)),
    ("eq", |i, value, call| compared(i, "==", value, call)),
    ("equalto", |i, value, call| compared(i, "==", value, call)),
    ("!=", |i, value, call| compared(i, "!=", value, call)),
    ("ne", |i, value, call| compared(i, "!=", value, call)),
    (">", |i, value, call| compared(i, ">", value, call)),
    ("gt", |i, value, call| compared(i, ">", value, call)),
    ("greaterthan", |i, value, call| compared(i, ">", value, call)),
    (">=", |i, value, call| compared(i, ">=", value, call)),
    ("ge", |i, value, call| compared(i, ">=", value, call)),
    ("<", |i, value, call| compared(i, "<", value, call)),
    ("lt", |i, value, call| compared(i, "<", value, call)),
    ("lessthan", |i, value, call| compared(i, "<", value, call)),
    ("<=", |i, value, call| compared(i, "<=", value, call)),
    ("le", |i, value, call| compared(i, "<=", value, call)),
];

pub(crate) fn exists(name: &str) -> bool {
    find(TESTS, name).is_some()
}

pub(crate) fn apply(
    interpreter: &mut Interpreter<'_>,
    name: &str,
    value: &Value,
    call: Call,
) -> Outcome<bool> {
    match find(TESTS, name) {
        Some((name, test)) => test(interpreter, value, Call { name, ..call }),
        None => fail(format!("No test named '{name}' found.")),
    }
}

/// A test that takes no arguments and has looked at the value already.
fn kind(call: Call, passes: bool) -> Outcome<bool> {
    call.none().map(|()| passes)
}

fn compared(interpreter: &Interpreter<'_>, op: &str, value: &Value, call: Call) -> Outcome<bool> {
    compare(op, value, &call.one("other")?, &interpreter.budget)
}

/// Whether `value % divisor` is `rest`.
fn divides(interpreter: &Interpreter<'_>, value: &Value, divisor: &Value, rest: i128) -> Outcome<bool> {
    Ok(binary("%", value, divisor, &interpreter.budget)?.equals(&Value::Int(rest)))
}

fn case(interpreter: &Interpreter<'_>, value: &Value, call: Call, test: fn(&str) -> bool) -> Outcome<bool> {
    call.none()?;
    Ok(test(&str_of(value, &interpreter.budget)?.text))
}

/// An undefined value has a length and can be iterated, so that Jinja counts it, too.
fn is_sequence(value: &Value) -> bool {
    use Value::{Dict, List, Range, Str, Tuple, Undefined};
    matches!(value, Undefined(_) | Str(_) | List(_) | Tuple(_) | Dict(_) | Range(_))
}

fn is_callable(value: &Value) -> bool {
    use Value::{Function, Joiner, Loop, Macro, Method, Undefined};
    matches!(value, Undefined(_) | Macro(_) | Method(_) | Function(_) | Joiner(_) | Loop(_))
}
