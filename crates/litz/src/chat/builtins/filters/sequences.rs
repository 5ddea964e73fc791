//! Jinja's filters on sequences.

use std::cmp::Ordering;
use std::rc::Rc;

use crate::chat::budget::Budget;
use crate::chat::builtins::arguments::{count_or, flag, size_or, text, Call};
use crate::chat::builtins::{attributes, OnValue, Table};
use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::run::interpreter::Interpreter;
use crate::chat::value::operators::{binary, equal, order};
use crate::chat::value::parse::to_integer;
use crate::chat::value::repr::str_of;
use crate::chat::value::{characters, Output, Sequence, Value};

pub(super) const FILTERS: &Table<OnValue> = &[
    ("batch", |i, value, call| batch(value, call, &i.budget)),
    ("dictsort", |i, value, call| dictsort(value, call, &i.budget)),
    ("first", |i, value, call| first(value, call, &i.budget)),
    ("groupby", |i, value, call| groupby(value, call, &i.budget)),
    ("join", |i, value, call| join(value, call, &i.budget)),
    ("last", |i, value, call| last(value, call, &i.budget)),
    ("list", |i, value, call| {
        call.none()?;
        Value::list(items_of(value, &i.budget)?.items.clone())
    }),
    ("map", map),
    ("max", |i, value, call| extreme(value, call, Ordering::Greater, &i.budget)),
    ("min", |i, value, call| extreme(value, call, Ordering::Less, &i.budget)),
    ("reject", |i, value, call| select(i, value, call, false, false)),
    ("rejectattr", |i, value, call| select(i, value, call, false, true)),
    ("reverse", |i, value, call| reverse(value, call, &i.budget)),
    ("select", |i, value, call| select(i, value, call, true, false)),
    ("selectattr", |i, value, call| select(i, value, call, true, true)),
    ("slice", |i, value, call| slices(value, call, &i.budget)),
    ("sort", |i, value, call| sort(value, call, &i.budget)),
    ("sum", |i, value, call| sum(value, call, &i.budget)),
    ("unique", |i, value, call| unique(value, call, &i.budget)),
];

/// The items of a value, charged to the budget.
fn items_of(value: &Value, budget: &Budget) -> Outcome<Rc<Sequence>> {
    let items = value.iterate()?;
    budget.step(items.items.len())?;
    budget.slots(items.items.len())?;
    Ok(items)
}

fn first(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    call.none()?;
    let items = items_of(value, budget)?;
    Ok(items.items.first().cloned().unwrap_or_else(|| Value::hint("No first item, sequence was empty.")))
}

fn last(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    call.none()?;
    if let Value::Generator(_) = value {
        return fail("'generator' object is not reversible");
    }
    let items = items_of(value, budget)?;
    Ok(items.items.last().cloned().unwrap_or_else(|| Value::hint("No last item, sequence was empty.")))
}

fn reverse(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    call.none()?;
    if let Value::Str(text) = value {
        budget.allocate(text.text.len().saturating_mul(8))?;
        let mut out = Output::default();
        text.text.char_indices().rev().for_each(|(i, c)| out.part(text, i..i + c.len_utf8()));
        return Ok(Value::Str(out.finish(false)));
    }
    let mut items = items_of(value, budget)?.items.clone();
    items.reverse();
    match value {
        Value::Generator(_) => Value::list(items),
        _ => Value::generator(items),
    }
}

fn join(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let [separator, attribute] = call.bind(["d", "attribute"], 0)?;
    let separator = str_of(&separator.unwrap_or_else(|| Value::literal("")), budget)?;
    let getter = attribute.map(|attribute| AttributePath::new(&attribute, None, false)).transpose()?;
    let mut out = Output::default();
    for (i, item) in items_of(value, budget)?.items.iter().enumerate() {
        let piece = match &getter {
            Some(getter) => str_of(&getter.get(item, budget)?, budget)?,
            None => str_of(item, budget)?,
        };
        if i > 0 {
            out.text(&separator);
        }
        budget.allocate(separator.cost() + piece.cost())?;
        out.text(&piece);
    }
    Ok(Value::Str(out.finish(false)))
}

/// Follows an attribute path such as `function.name` or `0.text`.
struct AttributePath {
    path: Vec<Value>,
    default: Option<Value>,
    ignore_case: bool,
}

impl AttributePath {
    fn new(attribute: &Value, default: Option<Value>, ignore_case: bool) -> Outcome<Self> {
        let part = |part: &str| match !part.is_empty() && part.chars().all(characters::digit) {
            false => Ok(Value::str(part)),
            true => match to_integer(part, 10) {
                Some(index) => Ok(Value::Int(i128::try_from(index).unwrap_or(i128::MAX >> 1))),
                None => fail(format!("invalid literal for int() with base 10: '{part}'")),
            },
        };
        let path = match attribute {
            Value::None => Vec::new(),
            Value::Str(text) => text.text.split('.').map(part).collect::<Outcome<_>>()?,
            other => vec![other.clone()],
        };
        Ok(Self { path, default: default.filter(|d| !matches!(d, Value::None)), ignore_case })
    }

    fn get(&self, item: &Value, budget: &Budget) -> Outcome<Value> {
        let mut value = item.clone();
        for part in &self.path {
            budget.step(1)?;
            value = attributes::item(&value, part, budget)?;
            if let (true, Some(default)) = (value.is_undefined(), &self.default) {
                value = default.clone();
            }
        }
        match &value {
            Value::Str(text) if self.ignore_case => Ok(Value::str(text.text.to_lowercase())),
            _ => Ok(value),
        }
    }
}

fn map(interpreter: &mut Interpreter<'_>, value: &Value, mut call: Call) -> Outcome<Value> {
    if !value.truthy() {
        return Value::generator(Vec::new());
    }
    let items = items_of(value, &interpreter.budget)?;
    let mut mapped = Vec::with_capacity(items.items.len());
    if call.positional.is_empty() {
        let [attribute, default] = call.bind(["attribute", "default"], 0)?;
        let Some(attribute) = attribute else { return fail("map requires a filter argument") };
        let getter = AttributePath::new(&attribute, default, false)?;
        for item in &items.items {
            mapped.push(getter.get(item, &interpreter.budget)?);
        }
    } else {
        let name = call.positional.remove(0);
        for item in &items.items {
            mapped.push(interpreter.apply_filter(text(&name)?, item, call.clone())?);
        }
    }
    Value::generator(mapped)
}

/// `select`, `reject` and, with `by_attribute`, their forms that look at an attribute.
fn select(
    interpreter: &mut Interpreter<'_>,
    value: &Value,
    mut call: Call,
    keep: bool,
    by_attribute: bool,
) -> Outcome<Value> {
    if !value.truthy() {
        return Value::generator(Vec::new());
    }
    let getter = match by_attribute {
        true if call.positional.is_empty() => return fail("Missing parameter for attribute name"),
        true => Some(AttributePath::new(&call.positional.remove(0), None, false)?),
        false => None,
    };
    let test = (!call.positional.is_empty()).then(|| call.positional.remove(0));
    let items = items_of(value, &interpreter.budget)?;
    let mut kept = Vec::new();
    for item in &items.items {
        let looked_at = match &getter {
            Some(getter) => getter.get(item, &interpreter.budget)?,
            None => item.clone(),
        };
        let passes = match &test {
            Some(test) => interpreter.apply_test(text(test)?, &looked_at, call.clone())?,
            None => looked_at.truthy(),
        };
        if passes == keep {
            kept.push(item.clone());
        }
    }
    Value::generator(kept)
}

/// Sorts items by their keys, stably; the first pair that cannot be compared fails.
fn sorted(mut keyed: Vec<(Value, Value)>, reverse: bool, budget: &Budget) -> Outcome<Vec<(Value, Value)>> {
    let mut failure = None;
    let mut compare = |a: &Value, b: &Value| {
        let weight = a.weight().min(b.weight());
        match budget.step(weight).and_then(|()| order("<", a, b)) {
            Ok(ordering) => ordering.unwrap_or(Ordering::Equal),
            Err(error) => {
                failure.get_or_insert(error);
                Ordering::Equal
            }
        }
    };
    if reverse {
        keyed.sort_by(|a, b| compare(&b.0, &a.0));
    } else {
        keyed.sort_by(|a, b| compare(&a.0, &b.0));
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(keyed),
    }
}

fn keyed(items: &Sequence, getter: &AttributePath, budget: &Budget) -> Outcome<Vec<(Value, Value)>> {
    items.items.iter().map(|item| Ok((getter.get(item, budget)?, item.clone()))).collect()
}

fn sort(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let [reverse, case_sensitive, attribute] = call.bind(["reverse", "case_sensitive", "attribute"], 0)?;
    let ignore_case = !flag(case_sensitive.as_ref());
    let attributes = match attribute.unwrap_or(Value::None) {
        Value::Str(list) => list.text.split(',').map(Value::str).collect(),
        other => vec![other],
    };
    let mut items: Vec<Value> = items_of(value, budget)?.items.clone();
    // Sorting by the last key first leaves the order that all keys together give.
    for attribute in attributes.iter().rev() {
        let getter = AttributePath::new(attribute, None, ignore_case)?;
        let pairs = keyed(&*Sequence::new(items)?, &getter, budget)?;
        items = sorted(pairs, count_or(reverse.as_ref(), 0)? != 0, budget)?
            .into_iter()
            .map(|(_, item)| item)
            .collect();
    }
    Value::list(items)
}

fn dictsort(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let [case_sensitive, by, reverse] = call.bind(["case_sensitive", "by", "reverse"], 0)?;
    value.defined()?;
    let Value::Dict(dict) = value else {
        return fail(format!("'{}' object has no attribute 'items'", value.type_name()));
    };
    let place = match by.as_ref().map(text).transpose()?.unwrap_or("key") {
        "key" => 0,
        "value" => 1,
        _ => return fail("You can only sort by either \"key\" or \"value\""),
    };
    let getter = AttributePath::new(&Value::Int(place), None, !flag(case_sensitive.as_ref()))?;
    let pair = |(k, v): &(Value, Value)| Value::tuple(vec![k.clone(), v.clone()]);
    let pairs = Sequence::new(dict.entries().iter().map(pair).collect::<Outcome<_>>()?)?;
    budget.slots(pairs.items.len() * 3)?;
    let sorted = sorted(keyed(&pairs, &getter, budget)?, count_or(reverse.as_ref(), 0)? != 0, budget)?;
    Value::list(sorted.into_iter().map(|(_, item)| item).collect())
}

fn groupby(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let [attribute, default, case_sensitive] = call.bind(["attribute", "default", "case_sensitive"], 1)?;
    let attribute = attribute.unwrap_or(Value::None);
    let key = AttributePath::new(&attribute, default.clone(), !flag(case_sensitive.as_ref()))?;
    let shown = AttributePath::new(&attribute, default, false)?;
    let pairs = keyed(&*items_of(value, budget)?, &key, budget)?;
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for (key, item) in sorted(pairs, false, budget)? {
        match groups.last_mut() {
            Some((last, items)) if equal(last, &key, budget)? => items.push(item),
            _ => groups.push((key, vec![item])),
        }
    }
    let group = |(_, items): (Value, Vec<Value>)| {
        let grouper = shown.get(&items[0], budget)?;
        Value::named_tuple(vec![grouper, Value::list(items)?], &["grouper", "list"])
    };
    Value::list(groups.into_iter().map(group).collect::<Outcome<_>>()?)
}

fn unique(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let [case_sensitive, attribute] = call.bind(["case_sensitive", "attribute"], 0)?;
    let getter = AttributePath::new(&attribute.unwrap_or(Value::None), None, !flag(case_sensitive.as_ref()))?;
    let (mut seen, mut kept): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for item in &items_of(value, budget)?.items {
        let key = getter.get(item, budget)?;
        if matches!(key, Value::List(_) | Value::Dict(_)) {
            return fail(format!("unhashable type: '{}'", key.type_name()));
        }
        let mut known = false;
        for other in &seen {
            known = known || equal(other, &key, budget)?;
        }
        if !known {
            seen.push(key);
            kept.push(item.clone());
        }
    }
    Value::generator(kept)
}

fn extreme(value: &Value, call: Call, wanted: Ordering, budget: &Budget) -> Outcome<Value> {
    let [case_sensitive, attribute] = call.bind(["case_sensitive", "attribute"], 0)?;
    let getter = AttributePath::new(&attribute.unwrap_or(Value::None), None, !flag(case_sensitive.as_ref()))?;
    let op = if wanted == Ordering::Less { "<" } else { ">" };
    let mut best: Option<(Value, Value)> = None;
    for (key, item) in keyed(&*items_of(value, budget)?, &getter, budget)? {
        let better = match &best {
            Some((old, _)) => order(op, &key, old)? == Some(wanted),
            None => true,
        };
        if better {
            best = Some((key, item));
        }
    }
    Ok(best.map_or_else(|| Value::hint("No aggregated item, sequence was empty."), |(_, item)| item))
}

fn sum(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let [attribute, start] = call.bind(["attribute", "start"], 0)?;
    let getter = AttributePath::new(&attribute.unwrap_or(Value::None), None, false)?;
    let mut total = start.unwrap_or(Value::Int(0));
    if matches!(total, Value::Str(_)) {
        return fail("sum() can't sum strings [use ''.join(seq) instead]");
    }
    for item in &items_of(value, budget)?.items {
        total = binary("+", &total, &getter.get(item, budget)?, budget)?;
    }
    Ok(total)
}

fn batch(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let [size, fill] = call.bind(["linecount", "fill_with"], 1)?;
    let size = size_or(size.as_ref(), 1)?;
    if size == 0 {
        return fail("a batch must hold at least one item");
    }
    let items = items_of(value, budget)?;
    let mut batches = Vec::new();
    for chunk in items.items.chunks(size) {
        let mut chunk = chunk.to_vec();
        if let Some(fill) = fill.as_ref().filter(|f| !matches!(f, Value::None)) {
            budget.slots(size)?;
            chunk.resize(size, fill.clone());
        }
        batches.push(Value::list(chunk)?);
    }
    Value::generator(batches)
}

fn slices(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let [slices, fill] = call.bind(["slices", "fill_with"], 1)?;
    let slices = size_or(slices.as_ref(), 1)?;
    if slices == 0 {
        return Err(Failure::new("integer division or modulo by zero"));
    }
    budget.slots(slices)?;
    let items = items_of(value, budget)?;
    let (each, extra) = (items.items.len() / slices, items.items.len() % slices);
    let mut rest = &items.items[..];
    let mut out = Vec::new();
    for i in 0..slices {
        let (taken, left) = rest.split_at(each + usize::from(i < extra));
        rest = left;
        let mut slice = taken.to_vec();
        if let Some(fill) = fill.as_ref().filter(|f| !matches!(f, Value::None) && i >= extra) {
            slice.push(fill.clone());
        }
        out.push(Value::list(slice)?);
    }
    Value::generator(out)
}
