//! Methods of strings, lists, dicts and Jinja's own objects.

use std::rc::Rc;

use super::arguments::{flag, integer, optional_integer, text, text_of, Called};
use super::budget::Budget;
use super::failure::{fail, Outcome};
use super::origin::{Output, Text};
use super::value::{Cycler, Dict, Loop, Sequence, Value, ViewKind};
use super::{formatting, operators, strings};

/// `receiver.name(...)` for a method that `attributes` let through.
pub(super) fn call(receiver: &Value, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    match receiver {
        Value::Str(text) => string(text, name, called, budget),
        Value::Dict(dict) => of_dict(dict, name, called, budget),
        Value::List(s) | Value::Tuple(s) => sequence(receiver, s, name, called, budget),
        Value::Range(_) => sequence(receiver, &*receiver.iterate()?, name, called, budget),
        Value::Loop(l) => of_loop(l, name, called),
        Value::Cycler(cycler) => of_cycler(cycler, name, called),
        Value::Function(_) => fromkeys(called, budget),
        _ => fail(format!("'{}' object has no method '{name}'", receiver.type_name())),
    }
}

fn of_dict(dict: &Rc<Dict>, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    if name == "get" {
        let [key, default] = called.bind("get", ["key", "default"], 1)?;
        let found = key.and_then(|key| dict.get(&key).cloned());
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
    let [keys, value] = called.bind("fromkeys", ["iterable", "value"], 1)?;
    let keys = keys.unwrap_or(Value::None).iterate()?;
    budget.slots(keys.items.len())?;
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
    let [item] = called.bind(name, ["value"], 1)?;
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
    if values
        .iter()
        .any(|v| !matches!(v, Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_)))
    {
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

/// Methods of `str`.
fn string(receiver: &Text, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    let s = &*receiver.text;
    budget.step(s.len() / 64)?;
    let same_kind = |result: Text| -> Outcome<Value> {
        budget.allocate(result.cost())?;
        Ok(Value::Str(result.with_markup(receiver.markup)))
    };
    if let Some(transform) = strings::transform(name) {
        let [] = called.bind(name, [], 0)?;
        return same_kind(receiver.changed(transform));
    }
    if let Some(test) = strings::test(name) {
        let [] = called.bind(name, [], 0)?;
        return Ok(Value::Bool(test(s)));
    }
    match name {
        "format" => same_kind(formatting::braces(receiver, &called.positional, &called.named, budget)?),
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = called.bind(name, ["chars"], 0)?;
            let chars = chars.as_ref().filter(|c| !matches!(c, Value::None)).map(text).transpose()?;
            same_kind(receiver.piece(strings::strip(s, chars, name != "rstrip", name != "lstrip")))
        }
        "split" | "rsplit" | "splitlines" | "partition" | "rpartition" => cut(receiver, name, called, budget),
        "join" => {
            let [values] = called.bind(name, ["iterable"], 1)?;
            same_kind(join(receiver, &values.unwrap_or(Value::None), budget)?)
        }
        "replace" => {
            let [old, new, count] = called.bind(name, ["old", "new", "count"], 2)?;
            let (old, new) = (old.unwrap_or(Value::None), new.unwrap_or(Value::None));
            let count = optional_integer(count.as_ref())?.unwrap_or(-1);
            same_kind(strings::replace(receiver, text_of(&old)?, text_of(&new)?, count, budget)?)
        }
        "startswith" | "endswith" => affix(s, name, called),
        "find" | "rfind" | "index" | "rindex" | "count" => search(s, name, called),
        "removeprefix" | "removesuffix" => {
            let [affix] = called.bind(name, ["affix"], 1)?;
            let affix = affix.unwrap_or(Value::None);
            let affix = text(&affix)?;
            let cut = if name == "removeprefix" { s.strip_prefix(affix) } else { s.strip_suffix(affix) };
            same_kind(receiver.piece(cut.unwrap_or(s)))
        }
        "zfill" | "center" | "ljust" | "rjust" => {
            let [width, fill] = called.bind(name, ["width", "fillchar"], 1)?;
            let width = usize::try_from(integer(&width.unwrap_or(Value::None))?).unwrap_or(0);
            let usual = Text::template(if name == "zfill" { "0" } else { " " });
            let fill = fill.as_ref().map(text_of).transpose()?.unwrap_or(&usual);
            budget.allocate(width)?;
            same_kind(strings::pad(receiver, name, width, fill)?)
        }
        _ => fail(format!("the string method '{name}' is not supported in chat templates")),
    }
}

/// The methods that return parts of a string.
fn cut(receiver: &Text, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    let s = &*receiver.text;
    match name {
        "split" | "rsplit" => {
            let [separator, maxsplit] = called.bind(name, ["sep", "maxsplit"], 0)?;
            let separator =
                separator.as_ref().filter(|c| !matches!(c, Value::None)).map(text_of).transpose()?;
            let limit =
                usize::try_from(optional_integer(maxsplit.as_ref())?.unwrap_or(-1)).unwrap_or(usize::MAX);
            if separator.is_some_and(|text| text.text.is_empty()) {
                return fail("empty separator");
            }
            let parts = strings::split(s, separator.map(|text| &*text.text), limit, name == "rsplit");
            pieces(&receiver.trusted_if(separator.is_none_or(Text::is_trusted)), parts, budget)
        }
        "splitlines" => {
            let [keep] = called.bind(name, ["keepends"], 0)?;
            pieces(receiver, strings::lines(s, flag(keep.as_ref())), budget)
        }
        _ => {
            let [separator] = called.bind(name, ["sep"], 1)?;
            let separator = separator.unwrap_or(Value::None);
            let parts = strings::partition(s, text(&separator)?, name == "rpartition")?;
            let receiver = receiver.trusted_if(separator.is_trusted()).with_markup(false);
            Value::tuple(parts.into_iter().map(|part| Value::Str(receiver.piece(part))).collect())
        }
    }
}

fn pieces(receiver: &Text, pieces: Vec<&str>, budget: &Budget) -> Outcome<Value> {
    budget.slots(pieces.len())?;
    budget.allocate(receiver.cost())?;
    Value::list(pieces.into_iter().map(|piece| Value::Str(receiver.piece(piece))).collect())
}

fn join(separator: &Text, values: &Value, budget: &Budget) -> Outcome<Text> {
    let mut out = Output::default();
    for (i, value) in values.iterate()?.items.iter().enumerate() {
        let Value::Str(piece) = value else {
            return fail(format!("sequence item {i}: expected str instance, {} found", value.type_name()));
        };
        if i > 0 {
            out.text(separator);
        }
        budget.allocate(separator.cost() + piece.cost())?;
        out.text(piece);
    }
    Ok(out.finish(false))
}

/// The part of `s` between two optional character positions.
fn window<'s>(s: &'s str, start: Option<&Value>, end: Option<&Value>) -> Outcome<Option<(usize, &'s str)>> {
    if start.is_none() && end.is_none() {
        return Ok(Some((0, s)));
    }
    let len = s.chars().count() as i128;
    let place = |i: i128| (if i < 0 { i + len } else { i }).max(0);
    let start = place(optional_integer(start)?.unwrap_or(0));
    let end = place(optional_integer(end)?.unwrap_or(len)).min(len);
    if start > end {
        return Ok(None);
    }
    let byte = |i: i128| s.char_indices().nth(i as usize).map_or(s.len(), |(byte, _)| byte);
    Ok(Some((start as usize, &s[byte(start)..byte(end)])))
}

fn affix(s: &str, name: &str, called: Called) -> Outcome<Value> {
    let [affix, start, end] = called.bind(name, ["affix", "start", "end"], 1)?;
    let affix = affix.unwrap_or(Value::None);
    let Some((_, s)) = window(s, start.as_ref(), end.as_ref())? else { return Ok(Value::Bool(false)) };
    let matches = |affix: &str| if name == "startswith" { s.starts_with(affix) } else { s.ends_with(affix) };
    match &affix {
        Value::Str(affix) => Ok(Value::Bool(matches(&affix.text))),
        Value::Tuple(options) => {
            for option in &options.items {
                if matches(text(option)?) {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        other => fail(format!("{name} first arg must be str or a tuple of str, not {}", other.type_name())),
    }
}

fn search(s: &str, name: &str, called: Called) -> Outcome<Value> {
    let [needle, start, end] = called.bind(name, ["sub", "start", "end"], 1)?;
    let needle = needle.unwrap_or(Value::None);
    let needle = text(&needle)?;
    let window = window(s, start.as_ref(), end.as_ref())?;
    if name == "count" {
        return Ok(Value::Int(window.map_or(0, |(_, s)| s.matches(needle).count()) as i128));
    }
    let found = window.and_then(|(skipped, s)| {
        let byte = if name.starts_with('r') { s.rfind(needle) } else { s.find(needle) };
        byte.map(|byte| skipped + s[..byte].chars().count())
    });
    match found {
        Some(i) => Ok(Value::Int(i as i128)),
        None if name.ends_with("find") => Ok(Value::Int(-1)),
        None => fail("substring not found"),
    }
}
