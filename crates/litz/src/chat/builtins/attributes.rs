//! `value.name` and `value[key]`, as the sandbox permits them.

use std::rc::Rc;
use std::sync::Arc;

use crate::chat::budget::Budget;
use crate::chat::builtins::methods;
use crate::chat::failure::{fail, Outcome};
use crate::chat::value::items::element;
use crate::chat::value::repr::repr;
use crate::chat::value::{Cycler, Loop, Macro, Missing, Value};

/// Methods that change their object, which the sandbox refuses.
const DICT_CHANGING: [&str; 5] = ["clear", "pop", "popitem", "setdefault", "update"];
const LIST_CHANGING: [&str; 8] = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"];

/// `value.name`: the type's own attributes come before the items of a mapping.
pub(crate) fn attribute(value: &Value, name: &Arc<str>, budget: &Budget) -> Outcome<Value> {
    if let Some(found) = own(value, name, budget)? {
        return Ok(found);
    }
    if let Value::Dict(dict) = value {
        if let Some(item) = dict.get_str(name) {
            return Ok(item.clone());
        }
    }
    Ok(Value::Undefined(Rc::new(Missing::Attribute(value.type_name(), name.clone()))))
}

/// `value[key]`: items come before attributes.
pub(crate) fn item(value: &Value, key: &Value, budget: &Budget) -> Outcome<Value> {
    value.defined()?;
    if let Some(found) = element(value, key, budget)? {
        return Ok(found);
    }
    match key {
        Value::Str(name) => only_attribute(value, &name.text, budget),
        _ => {
            let shown = repr(key, budget)?.text.to_string();
            Ok(Value::Undefined(Rc::new(Missing::Element(value.type_name(), shown))))
        }
    }
}

/// `value.name` without the items of a mapping: as the `attr` filter has it.
pub(crate) fn only_attribute(value: &Value, name: &str, budget: &Budget) -> Outcome<Value> {
    let found = own(value, name, budget)?;
    Ok(found.unwrap_or_else(|| Value::Undefined(Rc::new(Missing::Attribute(value.type_name(), name.into())))))
}

/// An attribute of the type of the value.
fn own(value: &Value, name: &str, budget: &Budget) -> Outcome<Option<Value>> {
    value.defined()?;
    if name.starts_with("__") && name.ends_with("__") && name.len() > 4 {
        return Ok(Some(unsafe_access(value, name)));
    }
    if let Some(found) = field(value, name, budget)? {
        return Ok(Some(found));
    }
    let changing: &[&str] = match value {
        Value::Dict(_) => &DICT_CHANGING,
        Value::List(_) => &LIST_CHANGING,
        _ => &[],
    };
    match changing.contains(&name) {
        true => Ok(Some(unsafe_access(value, name))),
        false => Ok(methods::named(value, name)),
    }
}

/// An attribute that is a value.
fn field(value: &Value, name: &str, budget: &Budget) -> Outcome<Option<Value>> {
    Ok(match (value, name) {
        (Value::Int(_) | Value::Big(_) | Value::Float(_), "real") => Some(value.clone()),
        (Value::Int(_) | Value::Big(_), "numerator") => Some(value.clone()),
        (Value::Bool(b), "real" | "numerator") => Some(Value::Int((*b).into())),
        (Value::Int(_) | Value::Bool(_) | Value::Big(_), "denominator") => Some(Value::Int(1)),
        (Value::Int(_) | Value::Bool(_) | Value::Big(_), "imag") => Some(Value::Int(0)),
        (Value::Float(_), "imag") => Some(Value::Float(0.0)),
        // Which Pythons have it differs.
        (Value::Int(_) | Value::Bool(_) | Value::Big(_), "is_integer") => return refused(value, name),
        (Value::Range(range), "start") => Some(Value::Int(range.start)),
        (Value::Range(range), "stop") => Some(Value::Int(range.stop)),
        (Value::Range(range), "step") => Some(Value::Int(range.step)),
        (Value::Tuple(s), _) => {
            s.names.iter().zip(&s.items).find(|(n, _)| **n == name).map(|(_, v)| v.clone())
        }
        (Value::View(..), "mapping") => return refused(value, name),
        (Value::Generator(_), "gi_running" | "gi_suspended" | "gi_yieldfrom") => return refused(value, name),
        (Value::Generator(_), "gi_frame" | "gi_code") => Some(unsafe_access(value, name)),
        (Value::Joiner(_), "sep" | "used") => return refused(value, name),
        (Value::Str(text), "escape" | "striptags" | "unescape") if text.markup => {
            return refused(value, name)
        }
        (Value::Namespace(namespace), _) => namespace.get(name),
        (Value::Loop(state), _) => of_loop(state, name, budget)?,
        (Value::Cycler(cycler), _) => of_cycler(cycler, name),
        (Value::Macro(m), _) => of_macro(m, name)?,
        _ => None,
    })
}

fn refused<T>(value: &Value, name: &str) -> Outcome<T> {
    fail(format!("the attribute '{name}' of '{}' is not supported in chat templates", value.type_name()))
}

fn unsafe_access(value: &Value, name: &str) -> Value {
    Value::hint(format!("access to attribute '{name}' of '{}' object is unsafe.", value.type_name()))
}

fn of_loop(l: &Loop, name: &str, budget: &Budget) -> Outcome<Option<Value>> {
    budget.step(1)?;
    let (index0, length) = (l.index0.get(), l.items.items.len());
    let number = |n: usize| Value::Int(n as i128);
    Ok(Some(match name {
        "index" => number(index0 + 1),
        "index0" => number(index0),
        "revindex" => number(length - index0),
        "revindex0" => number(length - index0 - 1),
        "first" => Value::Bool(index0 == 0),
        "last" => Value::Bool(index0 + 1 == length),
        "length" => number(length),
        "depth" => number(l.depth0 + 1),
        "depth0" => number(l.depth0),
        "previtem" if index0 == 0 => Value::hint("there is no previous item"),
        "previtem" => l.items.items[index0 - 1].clone(),
        "nextitem" => match l.items.items.get(index0 + 1) {
            Some(item) => item.clone(),
            None => Value::hint("there is no next item"),
        },
        _ => return Ok(None),
    }))
}

fn of_cycler(cycler: &Cycler, name: &str) -> Option<Value> {
    match name {
        "current" => cycler.items.items.get(cycler.position.get()).cloned(),
        "items" => Some(Value::Tuple(cycler.items.clone())),
        "pos" => Some(Value::Int(cycler.position.get() as i128)),
        _ => None,
    }
}

fn of_macro(m: &Macro, name: &str) -> Outcome<Option<Value>> {
    let definition = &m.definition;
    Ok(Some(match name {
        "name" => definition.name.clone().map_or(Value::None, Value::literal),
        "arguments" => {
            Value::tuple(definition.parameters.iter().map(|p| Value::literal(p.clone())).collect())?
        }
        "caller" => Value::Bool(definition.takes_caller),
        "explicit_caller" => Value::Bool(definition.parameters.iter().any(|p| &**p == "caller")),
        "catch_kwargs" => Value::Bool(definition.takes_kwargs),
        "catch_varargs" => Value::Bool(definition.takes_varargs),
        _ => return Ok(None),
    }))
}
