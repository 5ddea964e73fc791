//! Methods of strings, lists, dicts and Jinja's own objects.

use std::rc::Rc;

use num_bigint::BigInt;

use super::arguments::Called;
use super::budget::Budget;
use super::failure::{fail, Outcome};
use super::value::{Cycler, Dict, Loop, Sequence, Value, ViewKind};
use super::{operators, string_methods, whole};

/// `receiver.name(...)` for a method that `attributes` let through.
pub(super) fn call(receiver: &Value, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    match receiver {
        Value::Str(text) => string_methods::call(text, name, called, budget),
        Value::Int(_) | Value::Bool(_) | Value::Big(_) => whole_number(receiver, name, called, budget),
        Value::Float(x) => real_number(*x, name, called, budget),
        Value::Dict(dict) => of_dict(dict, name, called, budget),
        Value::List(s) | Value::Tuple(s) => sequence(receiver, s, name, called, budget),
        Value::Range(_) => sequence(receiver, &*receiver.iterate()?, name, called, budget),
        Value::Loop(l) => of_loop(l, name, called),
        Value::Cycler(cycler) => of_cycler(cycler, name, called),
        Value::Function(_) => fromkeys(called, budget),
        _ => fail(format!("'{}' object has no method '{name}'", receiver.type_name())),
    }
}

/// Methods of `int` and `bool`.
fn whole_number(receiver: &Value, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    let [] = called.positional(name, 0)?;
    let n = receiver.as_whole().unwrap_or_default();
    match name {
        "conjugate" => whole::value(n, budget),
        "bit_length" => Ok(Value::Int(n.bits().into())),
        "bit_count" => Ok(Value::Int(n.magnitude().count_ones().into())),
        "as_integer_ratio" => Value::tuple(vec![whole::value(n, budget)?, Value::Int(1)]),
        _ => fail(format!("the method '{name}' of whole numbers is not supported in chat templates")),
    }
}

/// Methods of `float`.
fn real_number(x: f64, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    let [] = called.positional(name, 0)?;
    match name {
        "conjugate" => Ok(Value::Float(x)),
        "is_integer" => Ok(Value::Bool(x.is_finite() && x.fract() == 0.0)),
        "as_integer_ratio" if !x.is_finite() => fail(format!("cannot convert {x} to integer ratio")),
        "as_integer_ratio" => {
            let (mut numerator, mut shift) = (x, 0u32);
            while numerator.fract() != 0.0 {
                (numerator, shift) = (numerator * 2.0, shift + 1);
            }
            let denominator = whole::value(BigInt::from(1) << shift, budget)?;
            Value::tuple(vec![whole::value(whole::truncated(numerator), budget)?, denominator])
        }
        _ => fail(format!("the method '{name}' of floats is not supported in chat templates")),
    }
}

fn of_dict(dict: &Rc<Dict>, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    if name == "get" {
        let [key, default] = called.positional("get", 1)?;
        let key = key.unwrap_or(Value::None);
        if !key.hashable() {
            return fail(format!("unhashable type: '{}'", key.type_name()));
        }
        let found = dict.get(&key).cloned();
        return Ok(found.or(default).unwrap_or(Value::None));
    }
    if name == "fromkeys" {
        return fromkeys(called, budget);
    }
    let [] = called.bind(name, [], 0)?;
    budget.slots(dict.entries().len())?;
    let pair = |(key, value): &(Value, Value)| Value::tuple(vec![key.clone(), value.clone()]);
    let (kind, items) = match name {
        "items" => (ViewKind::Items, dict.entries().iter().map(pair).collect::<Outcome<_>>()?),
        "keys" => (ViewKind::Keys, dict.keys()),
        "values" => (ViewKind::Values, dict.entries().iter().map(|(_, value)| value.clone()).collect()),
        _ => return Ok(Value::Dict(dict.clone())),
    };
    Ok(Value::View(kind, Sequence::new(items)?))
}

fn fromkeys(called: Called, budget: &Budget) -> Outcome<Value> {
    let [keys, value] = called.positional("fromkeys", 1)?;
    let keys = keys.unwrap_or(Value::None).iterate()?;
    budget.slots(keys.items.len())?;
    budget.step(keys.items.len())?;
    let mut dict = Dict::default();
    for key in &keys.items {
        dict.insert(key.clone(), value.clone().unwrap_or(Value::None))?;
    }
    Ok(Value::Dict(Rc::new(dict)))
}

fn sequence(receiver: &Value, s: &Sequence, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    if name == "copy" {
        let [] = called.bind("copy", [], 0)?;
        return Ok(receiver.clone());
    }
    let [item] = called.positional(name, 1)?;
    let item = item.unwrap_or(Value::None);
    let mut places = Vec::new();
    for (i, other) in s.items.iter().enumerate() {
        if operators::equal(other, &item, budget)? {
            places.push(i);
        }
    }
    match (name, places.first()) {
        ("count", _) => Ok(Value::Int(places.len() as i128)),
        (_, Some(&i)) => Ok(Value::Int(i as i128)),
        _ => fail("the value is not in the list"),
    }
}

fn of_loop(l: &Loop, name: &str, called: Called) -> Outcome<Value> {
    if !called.named.is_empty() {
        return fail(format!("loop.{name}() takes no keyword arguments"));
    }
    let values = called.positional;
    if name == "cycle" {
        return match values.len() {
            0 => fail("no items for cycling given"),
            n => Ok(values[l.index0.get() % n].clone()),
        };
    }
    // What is remembered here must not be able to hold the loop itself.
    if values.iter().any(|v| {
        !matches!(
            v,
            Value::None | Value::Bool(_) | Value::Int(_) | Value::Big(_) | Value::Float(_) | Value::Str(_)
        )
    }) {
        return fail("loop.changed() is supported for text, numbers, booleans and none only");
    }
    let mut last = l.last_changed.borrow_mut();
    let same = last
        .as_ref()
        .is_some_and(|old| old.len() == values.len() && old.iter().zip(&values).all(|(a, b)| a.equals(b)));
    *last = Some(values);
    Ok(Value::Bool(!same))
}

fn of_cycler(cycler: &Cycler, name: &str, called: Called) -> Outcome<Value> {
    let [] = called.bind(name, [], 0)?;
    if name == "reset" {
        cycler.position.set(0);
        return Ok(Value::None);
    }
    let at = cycler.position.get();
    cycler.position.set((at + 1) % cycler.items.items.len().max(1));
    Ok(cycler.items.items.get(at).cloned().unwrap_or(Value::None))
}
