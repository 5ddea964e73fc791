//! Jinja's filters.

mod markup;
mod numbers;
mod sequences;
mod strings;

use std::rc::Rc;

use crate::chat::builtins::arguments::{flag, integer, text, Call};
use crate::chat::builtins::{attributes, find, unsupported, OnValue, Table};
use crate::chat::failure::{fail, Outcome};
use crate::chat::run::interpreter::Interpreter;
use crate::chat::value::format::percent::percent;
use crate::chat::value::repr::str_of;
use crate::chat::value::{json, Dict, Value};

/// Those on any value, and those that Jinja has besides.
const FILTERS: &Table<OnValue> = &[
    ("attr", attr),
    ("count", length),
    ("d", default),
    ("default", default),
    ("format", format),
    ("items", |_, value, call| items(value, call)),
    ("length", length),
    ("tojson", to_json),
    ("pprint", unsupported),
    ("random", unsupported),
    ("striptags", unsupported),
    ("urlize", unsupported),
    ("wordwrap", unsupported),
];

const TABLES: [&Table<OnValue>; 5] =
    [FILTERS, strings::FILTERS, sequences::FILTERS, numbers::FILTERS, markup::FILTERS];

fn entry(name: &str) -> Option<(&'static str, OnValue)> {
    TABLES.into_iter().find_map(|table| find(table, name))
}

pub(crate) fn exists(name: &str) -> bool {
    entry(name).is_some()
}

pub(crate) fn apply(
    interpreter: &mut Interpreter<'_>,
    name: &str,
    value: &Value,
    call: Call,
) -> Outcome<Value> {
    interpreter.budget.step(1)?;
    if let Value::Str(text) = value {
        interpreter.budget.step(text.text.len() / 64)?;
    }
    match entry(name) {
        Some((name, filter)) => filter(interpreter, value, Call { name, ..call }),
        None => fail(format!("No filter named '{name}' found.")),
    }
}

fn default(_: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    let [default, boolean] = call.bind(["default_value", "boolean"], 0)?;
    let replaced = value.is_undefined() || (flag(boolean.as_ref()) && !value.truthy());
    Ok(if replaced { default.unwrap_or_else(|| Value::literal("")) } else { value.clone() })
}

fn length(_: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    call.none()?;
    Ok(Value::Int(value.len()? as i128))
}

fn attr(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    attributes::only_attribute(value, text(&call.one("name")?)?, &interpreter.budget)
}

fn format(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    let values = if call.named.is_empty() {
        Value::tuple(call.positional)?
    } else if call.positional.is_empty() {
        let mut dict = Dict::default();
        for (name, value) in call.named {
            dict.insert(Value::str(name), value)?;
        }
        Value::Dict(Rc::new(dict))
    } else {
        return fail("can't handle positional and keyword arguments at the same time");
    };
    let format = str_of(value, &interpreter.budget)?;
    percent(&format, &values, &interpreter.budget).map(Value::Str)
}

fn items(value: &Value, call: Call) -> Outcome<Value> {
    call.none()?;
    match value {
        Value::Undefined(_) => Value::generator(Vec::new()),
        Value::Dict(dict) => {
            let pair = |(k, v): &(Value, Value)| Value::tuple(vec![k.clone(), v.clone()]);
            Value::generator(dict.entries().iter().map(pair).collect::<Outcome<_>>()?)
        }
        _ => fail("Can only get item pairs from a mapping."),
    }
}

fn to_json(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    let [ascii, indent, separators, sort_keys] =
        call.bind(["ensure_ascii", "indent", "separators", "sort_keys"], 0)?;
    let mut trusted = true;
    let indent = match indent {
        None | Some(Value::None) => None,
        Some(Value::Str(text)) => {
            trusted = text.is_trusted();
            Some(text.text.to_string())
        }
        Some(width) => {
            let width = usize::try_from(integer(&width)?.max(0)).unwrap_or(usize::MAX);
            interpreter.budget.allocate(width)?;
            Some(" ".repeat(width))
        }
    };
    let separators = match separators {
        None | Some(Value::None) => None,
        Some(pair) => match &pair.iterate()?.items[..] {
            [comma, colon] => {
                trusted = trusted && comma.is_trusted() && colon.is_trusted();
                Some((text(comma)?.to_string(), text(colon)?.to_string()))
            }
            _ => return fail("separators must be a pair of strings"),
        },
    };
    let (ascii, sort_keys) = (flag(ascii.as_ref()), flag(sort_keys.as_ref()));
    let style = json::JsonStyle { ascii, indent, separators, sort_keys, trusted };
    json::dumps(value, &style, &interpreter.budget).map(Value::Str)
}
