//! `value.name`, `value[key]` and `value[a:b]`, as the sandbox lets them through.

use std::rc::Rc;
use std::sync::Arc;

use super::budget::Budget;
use super::failure::{fail, Failure, Outcome};
use super::origin::{Output, Text};
use super::text::repr;
use super::value::{Cycler, Loop, Macro, Missing, Range, Value};

const STRING: [&str; 47] = [
    "capitalize",
    "casefold",
    "center",
    "count",
    "encode",
    "endswith",
    "expandtabs",
    "find",
    "format",
    "format_map",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "isidentifier",
    "islower",
    "isnumeric",
    "isprintable",
    "isspace",
    "istitle",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "maketrans",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rindex",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "swapcase",
    "title",
    "translate",
    "upper",
    "zfill",
];
const DICT: [&str; 6] = ["copy", "fromkeys", "get", "items", "keys", "values"];
const DICT_CHANGING: [&str; 5] = ["clear", "pop", "popitem", "setdefault", "update"];
const VIEW: [&str; 1] = ["isdisjoint"];
const WHOLE: [&str; 6] =
    ["as_integer_ratio", "bit_count", "bit_length", "conjugate", "from_bytes", "to_bytes"];
const FLOAT: [&str; 5] = ["as_integer_ratio", "conjugate", "fromhex", "hex", "is_integer"];
const GENERATOR: [&str; 3] = ["close", "send", "throw"];
const LIST: [&str; 3] = ["copy", "count", "index"];
const LIST_CHANGING: [&str; 8] = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"];
const SEQUENCE: [&str; 2] = ["count", "index"];

/// `value.name`: the type's own attributes come before the items of a mapping.
pub(super) fn attribute(value: &Value, name: &Arc<str>, budget: &Budget) -> Outcome<Value> {
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
pub(super) fn item(value: &Value, key: &Value, budget: &Budget) -> Outcome<Value> {
    value.defined()?;
    let found = match (value, key.as_place()) {
        (Value::Dict(dict), _) => dict.get(key).cloned(),
        (Value::List(s) | Value::Tuple(s), Some(i)) => index(i, s.items.len()).map(|i| s.items[i].clone()),
        (Value::Range(range), Some(i)) => index(i, range.len()).map(|i| range.item(i)),
        (Value::Str(text), Some(i)) => {
            budget.step(text.text.len() / 64)?;
            index(i, text.text.chars().count())
                .and_then(|i| text.text.char_indices().nth(i))
                .map(|(at, c)| Value::Str(text.slice(at..at + c.len_utf8())))
        }
        _ => None,
    };
    if let Some(found) = found {
        return Ok(found);
    }
    if let Value::Str(name) = key {
        if let Some(found) = own(value, &name.text, budget)? {
            return Ok(found);
        }
        return Ok(Value::Undefined(Rc::new(Missing::Attribute(value.type_name(), name.text.clone()))));
    }
    Ok(Value::Undefined(Rc::new(Missing::Element(value.type_name(), repr(key, budget)?.text.to_string()))))
}

/// Python's meaning of an index: from the end when it is negative.
fn index(i: i128, len: usize) -> Option<usize> {
    let i = if i < 0 { i + len as i128 } else { i };
    usize::try_from(i).ok().filter(|&i| i < len)
}

/// An attribute of the type of the value.
fn own(value: &Value, name: &Arc<str>, budget: &Budget) -> Outcome<Option<Value>> {
    value.defined()?;
    if name.starts_with("__") && name.ends_with("__") && name.len() > 4 {
        return Ok(Some(unsafe_access(value, name)));
    }
    if let Some(found) = field(value, name)? {
        return Ok(Some(found));
    }
    let (methods, changing): (&[&str], &[&str]) = match value {
        Value::Str(text) if text.markup && matches!(&**name, "escape" | "striptags" | "unescape") => {
            return refused(value, name)
        }
        Value::Str(_) => (&STRING, &[]),
        Value::Int(_) | Value::Bool(_) | Value::Big(_) => (&WHOLE, &[]),
        Value::Float(_) => (&FLOAT, &[]),
        Value::View(..) => (&VIEW, &[]),
        Value::Generator(_) => (&GENERATOR, &[]),
        Value::Dict(_) => (&DICT, &DICT_CHANGING),
        Value::List(_) => (&LIST, &LIST_CHANGING),
        Value::Tuple(_) | Value::Range(_) => (&SEQUENCE, &[]),
        Value::Namespace(namespace) => return Ok(namespace.get(name)),
        Value::Loop(l) => return of_loop(l, name, value, budget),
        Value::Cycler(cycler) => return Ok(of_cycler(cycler, name, value)),
        Value::Macro(m) => return of_macro(m, name),
        Value::Function("dict") => (&["fromkeys"], &[]),
        _ => (&[], &[]),
    };
    if changing.contains(&&**name) {
        return Ok(Some(unsafe_access(value, name)));
    }
    Ok(methods.contains(&&**name).then(|| method(value, name)))
}

/// An attribute that is a value.
fn field(value: &Value, name: &str) -> Outcome<Option<Value>> {
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
        _ => None,
    })
}

fn refused<T>(value: &Value, name: &str) -> Outcome<T> {
    fail(format!("the attribute '{name}' of '{}' is not supported in chat templates", value.type_name()))
}

fn method(value: &Value, name: &Arc<str>) -> Value {
    Value::Method(Rc::new((value.clone(), name.clone())))
}

fn unsafe_access(value: &Value, name: &str) -> Value {
    Value::hint(format!("access to attribute '{name}' of '{}' object is unsafe.", value.type_name()))
}

fn of_loop(l: &Loop, name: &Arc<str>, value: &Value, budget: &Budget) -> Outcome<Option<Value>> {
    budget.step(1)?;
    let (index0, length) = (l.index0.get(), l.items.items.len());
    let number = |n: usize| Value::Int(n as i128);
    Ok(Some(match &**name {
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
        "cycle" | "changed" => method(value, name),
        _ => return Ok(None),
    }))
}

fn of_cycler(cycler: &Cycler, name: &Arc<str>, value: &Value) -> Option<Value> {
    match &**name {
        "current" => cycler.items.items.get(cycler.position.get()).cloned(),
        "items" => Some(Value::Tuple(cycler.items.clone())),
        "pos" => Some(Value::Int(cycler.position.get() as i128)),
        "next" | "reset" => Some(method(value, name)),
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

/// `value[start:stop:step]`.
pub(super) fn slice(value: &Value, bounds: [Value; 3], budget: &Budget) -> Outcome<Value> {
    value.defined()?;
    let len = match value {
        Value::Str(_) | Value::List(_) | Value::Tuple(_) | Value::Range(_) => value.len()?,
        Value::Dict(_) => return fail("unhashable type: 'slice'"),
        _ => return fail(format!("'{}' object is not subscriptable", value.type_name())),
    };
    if let Value::Range(range) = value {
        return Ok(Value::Range(Rc::new(part(range, bounds)?)));
    }
    let positions = positions(bounds, len)?;
    budget.slots(positions.len())?;
    match value {
        Value::Str(text) => characters(text, &positions, budget).map(Value::Str),
        Value::Tuple(s) => Value::tuple(positions.into_iter().map(|i| s.items[i].clone()).collect()),
        Value::List(s) => Value::list(positions.into_iter().map(|i| s.items[i].clone()).collect()),
        _ => fail("cannot be sliced"),
    }
}

/// The characters at these positions.
fn characters(text: &Text, positions: &[usize], budget: &Budget) -> Outcome<Text> {
    let starts: Vec<usize> = match text.text.is_ascii() {
        true => (0..text.text.len()).collect(),
        false => text.text.char_indices().map(|(start, _)| start).collect(),
    };
    let end = |i: usize| starts.get(i + 1).copied().unwrap_or(text.text.len());
    if let (Some(&first), Some(&last)) = (positions.first(), positions.last()) {
        if last.checked_sub(first) == Some(positions.len() - 1) {
            return Ok(text.slice(starts[first]..end(last)));
        }
    }
    let mut out = Output::default();
    for &i in positions {
        budget.allocate(16)?;
        out.part(text, starts[i]..end(i));
    }
    Ok(out.finish(text.markup))
}

/// A slice of a range, which is a range.
fn part(range: &Range, bounds: [Value; 3]) -> Outcome<Range> {
    let (start, stop, step) = resolved(bounds, range.len())?;
    let at = |i: i128| range.step.checked_mul(i)?.checked_add(range.start);
    let bounded = |n: &i128| n.unsigned_abs() < 1 << 96;
    match (at(start), at(stop), range.step.checked_mul(step).filter(bounded)) {
        (Some(start), Some(stop), Some(step)) => Ok(Range { start, stop, step }),
        _ => fail("the bounds of range() are too large"),
    }
}

/// The indices that a slice of a sequence of `len` items takes.
fn positions(bounds: [Value; 3], len: usize) -> Outcome<Vec<usize>> {
    let (mut at, end, step) = resolved(bounds, len)?;
    let mut positions = Vec::new();
    while (step > 0 && at < end) || (step < 0 && at > end) {
        positions.push(at as usize);
        at = at.saturating_add(step);
    }
    Ok(positions)
}

/// Where a slice of a sequence of `len` items begins and ends, and its step.
fn resolved(bounds: [Value; 3], len: usize) -> Outcome<(i128, i128, i128)> {
    let bound = |value: &Value| match value {
        Value::None => Ok(None),
        other => other.as_place().map(Some).ok_or_else(|| {
            Failure::new("slice indices must be integers or None or have an __index__ method")
        }),
    };
    let [start, stop, step] = [bound(&bounds[0])?, bound(&bounds[1])?, bound(&bounds[2])?];
    let len = len as i128;
    let step = step.unwrap_or(1);
    if step == 0 {
        return fail("slice step cannot be zero");
    }
    let (lowest, highest) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |i: i128| (if i < 0 { i.saturating_add(len) } else { i }).clamp(lowest, highest);
    let at = start.map_or(if step > 0 { lowest } else { highest }, clamp);
    let end = stop.map_or(if step > 0 { highest } else { lowest }, clamp);
    Ok((at, end, step))
}

/// `value.name` without the items of a mapping: what the `attr` filter sees.
pub(super) fn only_attribute(value: &Value, name: &str, budget: &Budget) -> Outcome<Value> {
    let name: Arc<str> = name.into();
    let found = own(value, &name, budget)?;
    Ok(found.unwrap_or_else(|| Value::Undefined(Rc::new(Missing::Attribute(value.type_name(), name)))))
}
