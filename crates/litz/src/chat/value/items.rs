//! `value[key]` and `value[a:b]`: the items of texts, lists, tuples, ranges and dicts.

use std::rc::Rc;

use crate::chat::budget::Budget;
use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::value::{Output, RangeObject, Text, Value};

/// The item at a key or index, if there is one.
pub(crate) fn element(value: &Value, key: &Value, budget: &Budget) -> Outcome<Option<Value>> {
    Ok(match (value, key.as_place()) {
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
    })
}

/// Python's meaning of an index: from the end when it is negative.
fn index(i: i128, len: usize) -> Option<usize> {
    let i = if i < 0 { i + len as i128 } else { i };
    usize::try_from(i).ok().filter(|&i| i < len)
}

/// `value[start:stop:step]`.
pub(crate) fn slice(value: &Value, bounds: [Value; 3], budget: &Budget) -> Outcome<Value> {
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
fn part(range: &RangeObject, bounds: [Value; 3]) -> Outcome<RangeObject> {
    let (start, stop, step) = resolved(bounds, range.len())?;
    let at = |i: i128| range.step.checked_mul(i)?.checked_add(range.start);
    let bounded = |n: &i128| n.unsigned_abs() < 1 << 96;
    match (at(start), at(stop), range.step.checked_mul(step).filter(bounded)) {
        (Some(start), Some(stop), Some(step)) => Ok(RangeObject { start, stop, step }),
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
