//! The functions that every chat template can call.

use std::rc::Rc;
use std::sync::Arc;

use crate::chat::builtins::arguments::{integer, text, Call};
use crate::chat::builtins::{find, Table};
use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::run::interpreter::Interpreter;
use crate::chat::value::repr::str_of;
use crate::chat::value::{Cycler, Dict, Namespace, RangeObject, Sequence, Text, Value};

type Function = fn(&mut Interpreter<'_>, Call) -> Outcome<Value>;

const FUNCTIONS: &Table<Function> = &[
    ("range", |_, call| range(call)),
    ("dict", |_, call| Ok(Value::Dict(Rc::new(dict(call)?)))),
    ("namespace", namespace),
    ("cycler", |_, call| cycler(call)),
    ("joiner", joiner),
    ("lipsum", |_, call| fail(format!("'{}' is not supported in chat templates", call.name))),
    ("raise_exception", raise_exception),
    ("strftime_now", strftime_now),
];

/// The longest range that the sandbox allows.
const MAX_RANGE: usize = 100_000;

/// The function of this name, as a value.
pub(crate) fn named(name: &str) -> Option<Value> {
    find(FUNCTIONS, name).map(|(name, _)| Value::Function(name))
}

pub(crate) fn call(interpreter: &mut Interpreter<'_>, name: &str, call: Call) -> Outcome<Value> {
    match find(FUNCTIONS, name) {
        Some((name, function)) => function(interpreter, Call { name, ..call }),
        None => fail(format!("'{name}' is not supported in chat templates")),
    }
}

fn cycler(call: Call) -> Outcome<Value> {
    if call.positional.is_empty() {
        return fail("at least one item has to be provided");
    }
    let items = Sequence::new(call.positional)?;
    Ok(Value::Cycler(Rc::new(Cycler { items, position: 0.into() })))
}

fn joiner(interpreter: &mut Interpreter<'_>, call: Call) -> Outcome<Value> {
    let [separator] = call.bind(["sep"], 0)?;
    let separator = match separator {
        Some(value) => str_of(&value, &interpreter.budget)?,
        None => Text::trusted(", "),
    };
    Ok(Value::Joiner(Rc::new((separator, false.into()))))
}

fn raise_exception(interpreter: &mut Interpreter<'_>, call: Call) -> Outcome<Value> {
    fail(&*str_of(&call.one("message")?, &interpreter.budget)?.text)
}

fn strftime_now(interpreter: &mut Interpreter<'_>, call: Call) -> Outcome<Value> {
    let format = call.one("format")?;
    let now = interpreter.now.format(text(&format)?)?;
    Ok(Value::Str(Text::new(now, format.is_trusted())))
}

fn range(call: Call) -> Outcome<Value> {
    if !call.named.is_empty() {
        return fail("range() takes no keyword arguments");
    }
    let numbers = call.positional.iter().map(integer).collect::<Outcome<Vec<_>>>()?;
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
    let range = RangeObject { start, stop, step };
    if range.len() > MAX_RANGE {
        return fail(format!(
            "Range too big. The sandbox blocks ranges larger than MAX_RANGE ({MAX_RANGE})."
        ));
    }
    Ok(Value::Range(Rc::new(range)))
}

/// `dict(mapping or pairs, **named)`.
fn dict(call: Call) -> Outcome<Dict> {
    let mut dict = match &call.positional[..] {
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
    for (name, value) in call.named {
        dict.insert(Value::str(name), value)?;
    }
    Ok(dict)
}

fn namespace(interpreter: &mut Interpreter<'_>, call: Call) -> Outcome<Value> {
    let mut attributes = Vec::new();
    for (key, value) in dict(call)?.entries() {
        let name: Arc<str> = match key {
            Value::Str(name) => name.text.clone(),
            _ => return Err(Failure::new("the attributes of a namespace must have names")),
        };
        attributes.push((name, value.clone()));
    }
    interpreter.budget.slots(8 + attributes.len())?;
    Ok(interpreter.keep_namespace(Rc::new(Namespace::new(attributes)?)))
}
