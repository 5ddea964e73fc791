//! Methods of Python's types and of Jinja's own objects: one table a type.

mod format;
mod strings;

use std::rc::Rc;

use num_bigint::BigInt;

use crate::chat::budget::Budget;
use crate::chat::builtins::arguments::Call;
use crate::chat::builtins::{find, unsupported, OnValue, Table};
use crate::chat::failure::{fail, Outcome};
use crate::chat::run::interpreter::Interpreter;
use crate::chat::value::operators::equal;
use crate::chat::value::{integers, Dict, Sequence, Value, ViewKind};

const INTEGER: &Table<OnValue> = &[
    ("as_integer_ratio", |i, value, call| {
        Value::tuple(vec![integers::value(whole(value, call)?, &i.budget)?, Value::Int(1)])
    }),
    ("bit_count", |_, value, call| Ok(Value::Int(whole(value, call)?.magnitude().count_ones().into()))),
    ("bit_length", |_, value, call| Ok(Value::Int(whole(value, call)?.bits().into()))),
    ("conjugate", |i, value, call| integers::value(whole(value, call)?, &i.budget)),
    ("from_bytes", unsupported),
    ("to_bytes", unsupported),
];
const FLOAT: &Table<OnValue> = &[
    ("as_integer_ratio", |i, value, call| ratio(float(value, call)?, &i.budget)),
    ("conjugate", |_, value, call| Ok(Value::Float(float(value, call)?))),
    ("fromhex", unsupported),
    ("hex", unsupported),
    ("is_integer", |_, value, call| Ok(Value::Bool(float(value, call)?.fract() == 0.0))),
];
const DICT: &Table<OnValue> = &[
    ("copy", |_, value, call| call.none().map(|()| value.clone())),
    ("fromkeys", |i, _, call| fromkeys(call, &i.budget)),
    ("get", |_, value, call| get(value, call)),
    ("items", |i, value, call| view(value, ViewKind::Items, call, &i.budget)),
    ("keys", |i, value, call| view(value, ViewKind::Keys, call, &i.budget)),
    ("values", |i, value, call| view(value, ViewKind::Values, call, &i.budget)),
];
const DICT_TYPE: &Table<OnValue> = &[("fromkeys", |i, _, call| fromkeys(call, &i.budget))];
const VIEW: &Table<OnValue> = &[("isdisjoint", unsupported)];
const GENERATOR: &Table<OnValue> = &[("close", unsupported), ("send", unsupported), ("throw", unsupported)];
const LIST: &Table<OnValue> =
    &[("copy", |_, value, call| call.none().map(|()| value.clone())), ("count", count), ("index", index)];
const SEQUENCE: &Table<OnValue> = &[("count", count), ("index", index)];
const LOOP: &Table<OnValue> = &[
    ("changed", |_, value, call| changed(value, values(call)?)),
    ("cycle", |_, value, call| cycle(value, values(call)?)),
];
const CYCLER: &Table<OnValue> =
    &[("next", |_, value, call| next(value, call)), ("reset", |_, value, call| reset(value, call))];

/// The methods of a value, and those whose call fails because templates have no use for them.
fn table(receiver: &Value) -> &'static Table<OnValue> {
    match receiver {
        Value::Str(_) => strings::METHODS,
        Value::Int(_) | Value::Bool(_) | Value::Big(_) => INTEGER,
        Value::Float(_) => FLOAT,
        Value::View(..) => VIEW,
        Value::Generator(_) => GENERATOR,
        Value::Dict(_) => DICT,
        Value::List(_) => LIST,
        Value::Tuple(_) | Value::Range(_) => SEQUENCE,
        Value::Loop(_) => LOOP,
        Value::Cycler(_) => CYCLER,
        Value::Function("dict") => DICT_TYPE,
        _ => &[],
    }
}

/// The method of this name, as a value.
pub(crate) fn named(receiver: &Value, name: &str) -> Option<Value> {
    find(table(receiver), name).map(|(name, _)| Value::Method(Rc::new((receiver.clone(), name))))
}

/// `receiver.name(...)`.
pub(crate) fn call(
    interpreter: &mut Interpreter<'_>,
    receiver: &Value,
    name: &str,
    call: Call,
) -> Outcome<Value> {
    if let Value::Str(text) = receiver {
        interpreter.budget.step(text.text.len() / 64)?;
    }
    match find(table(receiver), name) {
        Some((name, method)) => method(interpreter, receiver, Call { name, ..call }),
        None => fail(format!("'{}' object has no method '{name}'", receiver.type_name())),
    }
}

fn wrong<T>(receiver: &Value) -> Outcome<T> {
    fail(format!("a method of another type than '{}'", receiver.type_name()))
}

fn whole(receiver: &Value, call: Call) -> Outcome<BigInt> {
    let [] = call.positional(0)?;
    Ok(receiver.as_whole().unwrap_or_default())
}

fn float(receiver: &Value, call: Call) -> Outcome<f64> {
    let [] = call.positional(0)?;
    let Value::Float(x) = receiver else { return wrong(receiver) };
    Ok(*x)
}

/// The numerator and denominator of a float, in lowest terms.
fn ratio(x: f64, budget: &Budget) -> Outcome<Value> {
    if !x.is_finite() {
        return fail(format!("cannot convert {x} to integer ratio"));
    }
    let (mut numerator, mut shift) = (x, 0u32);
    while numerator.fract() != 0.0 {
        (numerator, shift) = (numerator * 2.0, shift + 1);
    }
    let denominator = integers::value(BigInt::from(1) << shift, budget)?;
    Value::tuple(vec![integers::value(integers::truncated(numerator), budget)?, denominator])
}

fn get(receiver: &Value, call: Call) -> Outcome<Value> {
    let Value::Dict(dict) = receiver else { return wrong(receiver) };
    let [key, default] = call.positional(1)?;
    let key = key.unwrap_or(Value::None);
    if !key.hashable() {
        return fail(format!("unhashable type: '{}'", key.type_name()));
    }
    Ok(dict.get(&key).cloned().or(default).unwrap_or(Value::None))
}

fn view(receiver: &Value, kind: ViewKind, call: Call, budget: &Budget) -> Outcome<Value> {
    let Value::Dict(dict) = receiver else { return wrong(receiver) };
    call.none()?;
    budget.slots(dict.entries().len())?;
    let pair = |(key, value): &(Value, Value)| Value::tuple(vec![key.clone(), value.clone()]);
    let items = match kind {
        ViewKind::Items => dict.entries().iter().map(pair).collect::<Outcome<_>>()?,
        ViewKind::Keys => dict.keys(),
        ViewKind::Values => dict.entries().iter().map(|(_, value)| value.clone()).collect(),
    };
    Ok(Value::View(kind, Sequence::new(items)?))
}

fn fromkeys(call: Call, budget: &Budget) -> Outcome<Value> {
    let [keys, value] = call.positional(1)?;
    let keys = keys.unwrap_or(Value::None).iterate()?;
    budget.slots(keys.items.len())?;
    budget.step(keys.items.len())?;
    let mut dict = Dict::default();
    for key in &keys.items {
        dict.insert(key.clone(), value.clone().unwrap_or(Value::None))?;
    }
    Ok(Value::Dict(Rc::new(dict)))
}

/// Where the argument is in a sequence.
fn places(interpreter: &Interpreter<'_>, receiver: &Value, call: Call) -> Outcome<Vec<usize>> {
    let item = call.one_positional()?;
    let mut places = Vec::new();
    for (i, other) in receiver.iterate()?.items.iter().enumerate() {
        if equal(other, &item, &interpreter.budget)? {
            places.push(i);
        }
    }
    Ok(places)
}

fn count(interpreter: &mut Interpreter<'_>, receiver: &Value, call: Call) -> Outcome<Value> {
    Ok(Value::Int(places(interpreter, receiver, call)?.len() as i128))
}

fn index(interpreter: &mut Interpreter<'_>, receiver: &Value, call: Call) -> Outcome<Value> {
    match places(interpreter, receiver, call)?.first() {
        Some(&place) => Ok(Value::Int(place as i128)),
        None => fail("the value is not in the list"),
    }
}

/// The arguments of a method of `loop`.
fn values(call: Call) -> Outcome<Vec<Value>> {
    match call.named.is_empty() {
        true => Ok(call.positional),
        false => fail(format!("loop.{}() takes no keyword arguments", call.name)),
    }
}

fn cycle(receiver: &Value, values: Vec<Value>) -> Outcome<Value> {
    let Value::Loop(state) = receiver else { return wrong(receiver) };
    match values.len() {
        0 => fail("no items for cycling given"),
        n => Ok(values[state.index0.get() % n].clone()),
    }
}

fn changed(receiver: &Value, values: Vec<Value>) -> Outcome<Value> {
    use Value::{Big, Bool, Float, Int, None, Str};
    let Value::Loop(state) = receiver else { return wrong(receiver) };
    // The value that is kept here must not be able to contain the loop itself.
    if values.iter().any(|value| !matches!(value, None | Bool(_) | Int(_) | Big(_) | Float(_) | Str(_))) {
        return fail("loop.changed() is supported for text, numbers, booleans and none only");
    }
    let mut last = state.last_changed.borrow_mut();
    let same = last
        .as_ref()
        .is_some_and(|old| old.len() == values.len() && old.iter().zip(&values).all(|(a, b)| a.equals(b)));
    *last = Some(values);
    Ok(Value::Bool(!same))
}

fn next(receiver: &Value, call: Call) -> Outcome<Value> {
    let Value::Cycler(cycler) = receiver else { return wrong(receiver) };
    call.none()?;
    let at = cycler.position.get();
    cycler.position.set((at + 1) % cycler.items.items.len().max(1));
    Ok(cycler.items.items.get(at).cloned().unwrap_or(Value::None))
}

fn reset(receiver: &Value, call: Call) -> Outcome<Value> {
    let Value::Cycler(cycler) = receiver else { return wrong(receiver) };
    call.none()?;
    cycler.position.set(0);
    Ok(Value::None)
}
