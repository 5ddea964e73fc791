//! The functions that every chat template can call.

use std::rc::Rc;
use std::sync::Arc;

use super::arguments::{integer, text, Called};
use super::failure::{fail, Failure, Outcome};
use super::interpreter::Interpreter;
use super::origin::Text;
use super::text::str_of;
use super::value::{Cycler, Dict, Namespace, Range, Sequence, Value};

const NAMES: [&str; 8] =
    ["range", "dict", "namespace", "cycler", "joiner", "lipsum", "raise_exception", "strftime_now"];

/// The longest range that the sandbox allows.
const LONGEST_RANGE: usize = 100_000;

pub(super) fn named(name: &str) -> Option<Value> {
    NAMES.into_iter().find(|known| *known == name).map(Value::Function)
}

pub(super) fn call(interpreter: &mut Interpreter, name: &str, called: Called) -> Outcome<Value> {
    match name {
        "range" => range(called),
        "dict" => Ok(Value::Dict(Rc::new(dict(called)?))),
        "namespace" => namespace(interpreter, called),
        "cycler" if called.positional.is_empty() => fail("at least one item has to be provided"),
        "cycler" => {
            let items = Sequence::new(called.positional)?;
            Ok(Value::Cycler(Rc::new(Cycler { items, position: 0.into() })))
        }
        "joiner" => {
            let [separator] = called.bind("joiner", ["sep"], 0)?;
            let separator = match separator {
                Some(value) => str_of(&value, &interpreter.budget)?,
                None => Text::template(", "),
            };
            Ok(Value::Joiner(Rc::new((separator, false.into()))))
        }
        "raise_exception" => {
            let [message] = called.bind("raise_exception", ["message"], 1)?;
            let message = str_of(&message.unwrap_or(Value::None), &interpreter.budget)?;
            fail(&*message.text)
        }
        "strftime_now" => {
            let [format] = called.bind("strftime_now", ["format"], 1)?;
            let format = format.unwrap_or(Value::None);
            let now = interpreter.now.format(text(&format)?)?;
            Ok(Value::Str(Text::new(now, format.is_trusted())))
        }
        _ => fail(format!("'{name}' is not supported in chat templates")),
    }
}

fn range(called: Called) -> Outcome<Value> {
    if !called.named.is_empty() {
        return fail("range() takes no keyword arguments");
    }
    let numbers = called.positional.iter().map(integer).collect::<Outcome<Vec<_>>>()?;
    let (start, stop, step) = match numbers[..] {
        [stop] => (0, stop, 1),
        [start, stop] => (start, stop, 1),
        [start, stop, step] => (start, stop, step),
        _ => return fail(format!("range expected 1 to 3 arguments, got {}", numbers.len())),
    };
    if step == 0 {
        return fail("range() arg 3 must not be zero");
    }
    let bounded = |n: i128| n.unsigned_abs() < 1 << 96;
    if !(bounded(start) && bounded(stop) && bounded(step)) {
        return fail("the bounds of range() are too large");
    }
    let range = Range { start, stop, step };
    if range.len() > LONGEST_RANGE {
        return fail(format!(
            "Range too big. The sandbox blocks ranges larger than MAX_RANGE ({LONGEST_RANGE})."
        ));
    }
    Ok(Value::Range(Rc::new(range)))
}

/// `dict(mapping or pairs, **named)`.
fn dict(called: Called) -> Outcome<Dict> {
    let mut dict = match &called.positional[..] {
        [] => Dict::default(),
        [Value::Dict(other)] => (**other).clone(),
        [pairs] => {
            let mut dict = Dict::default();
            for pair in &pairs.iterate()?.items {
                let pair = pair.iterate()?;
                let [key, value] = &pair.items[..] else {
                    return fail("dictionary update sequence elements must have length 2");
                };
                dict.insert(key.clone(), value.clone())?;
            }
            dict
        }
        more => return fail(format!("dict expected at most 1 argument, got {}", more.len())),
    };
    for (name, value) in called.named {
        dict.insert(Value::str(name), value)?;
    }
    Ok(dict)
}

fn namespace(interpreter: &mut Interpreter, called: Called) -> Outcome<Value> {
    let mut attributes = Vec::new();
    for (key, value) in dict(called)?.entries() {
        let name: Arc<str> = match key {
            Value::Str(name) => name.text.clone(),
            _ => return Err(Failure::new("the attributes of a namespace must have names")),
        };
        check_attribute(&name)?;
        attributes.push((name, value.clone()));
    }
    interpreter.budget.slots(8 + attributes.len())?;
    Ok(interpreter.keep_namespace(Rc::new(Namespace { attributes: attributes.into() })))
}

pub(super) fn check_attribute(name: &str) -> Outcome<()> {
    if name.starts_with('_') {
        return fail(format!(
            "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '{name}'."
        ));
    }
    Ok(())
}
