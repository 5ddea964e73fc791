//! The methods of `str`, and of markupsafe's `Markup`, which escapes what is put into it.

use std::rc::Rc;

use super::format;
use crate::chat::budget::Budget;
use crate::chat::builtins::arguments::{
    count_or, integer, optional_integer, optional_text, text, text_of, Call,
};
use crate::chat::builtins::{unsupported, OnValue, Table};
use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::run::interpreter::Interpreter;
use crate::chat::value::items::element;
use crate::chat::value::repr::{escape, str_of};
use crate::chat::value::strings::{self, Align};
use crate::chat::value::{characters, Dict, Output, Text, Value};

pub(super) const METHODS: &Table<OnValue> = &[
    ("capitalize", |i, value, call| changed(value, call, &i.budget, strings::capitalize)),
    ("casefold", |i, value, call| changed(value, call, &i.budget, strings::casefold)),
    ("center", |i, value, call| padded(value, call, Align::Center, &i.budget)),
    ("count", |_, value, call| {
        let (needle, window) = sought(value, call)?;
        Ok(Value::Int(window.map_or(0, |(_, s)| s.matches(&*needle.text).count()) as i128))
    }),
    ("encode", unsupported),
    ("endswith", |_, value, call| affix(value, call, |s, affix| s.ends_with(affix))),
    ("expandtabs", expand_tabs),
    ("find", |_, value, call| Ok(Value::Int(find(value, call, false)?.unwrap_or(-1)))),
    ("format", format::format),
    ("format_map", format::format_map),
    ("index", |_, value, call| index(find(value, call, false)?)),
    ("isalnum", |_, value, call| test(value, call, |s| strings::all(s, characters::alphanumeric))),
    ("isalpha", |_, value, call| test(value, call, |s| strings::all(s, characters::letter))),
    ("isascii", |_, value, call| test(value, call, |s| s.is_ascii())),
    ("isdecimal", |_, value, call| test(value, call, |s| strings::all(s, characters::decimal))),
    ("isdigit", |_, value, call| test(value, call, |s| strings::all(s, characters::digit))),
    ("isidentifier", |_, value, call| test(value, call, strings::is_identifier)),
    ("islower", |_, value, call| test(value, call, strings::is_lower)),
    ("isnumeric", |_, value, call| test(value, call, |s| strings::all(s, characters::numeric))),
    ("isprintable", |_, value, call| test(value, call, |s| s.chars().all(characters::printable))),
    ("isspace", |_, value, call| test(value, call, |s| strings::all(s, characters::is_space))),
    ("istitle", |_, value, call| test(value, call, strings::is_title)),
    ("isupper", |_, value, call| test(value, call, strings::is_upper)),
    ("join", |i, value, call| join(value, call, &i.budget)),
    ("ljust", |i, value, call| padded(value, call, Align::Left, &i.budget)),
    ("lower", |i, value, call| changed(value, call, &i.budget, str::to_lowercase)),
    ("lstrip", |i, value, call| strip(value, call, (true, false), &i.budget)),
    ("maketrans", |_, _, call| maketrans(call)),
    ("partition", |_, value, call| partition(value, call, false)),
    ("removeprefix", |i, value, call| without(value, call, |s, affix| s.strip_prefix(affix), &i.budget)),
    ("removesuffix", |i, value, call| without(value, call, |s, affix| s.strip_suffix(affix), &i.budget)),
    ("replace", replace),
    ("rfind", |_, value, call| Ok(Value::Int(find(value, call, true)?.unwrap_or(-1)))),
    ("rindex", |_, value, call| index(find(value, call, true)?)),
    ("rjust", |i, value, call| padded(value, call, Align::Right, &i.budget)),
    ("rpartition", |_, value, call| partition(value, call, true)),
    ("rsplit", |i, value, call| split(value, call, true, &i.budget)),
    ("rstrip", |i, value, call| strip(value, call, (false, true), &i.budget)),
    ("split", |i, value, call| split(value, call, false, &i.budget)),
    ("splitlines", split_lines),
    ("startswith", |_, value, call| affix(value, call, |s, affix| s.starts_with(affix))),
    ("strip", |i, value, call| strip(value, call, (true, true), &i.budget)),
    ("swapcase", |i, value, call| changed(value, call, &i.budget, strings::swapcase)),
    ("title", |i, value, call| changed(value, call, &i.budget, strings::title)),
    ("translate", |i, value, call| translate(value, call, &i.budget)),
    ("upper", |i, value, call| changed(value, call, &i.budget, strings::upper)),
    ("zfill", |i, value, call| padded(value, call, Align::Zeros, &i.budget)),
];

/// A result that is markup where the receiver is, charged to the budget.
pub(super) fn like(receiver: &Text, result: Text, budget: &Budget) -> Outcome<Value> {
    budget.allocate(result.cost())?;
    Ok(Value::Str(result.with_markup(receiver.markup)))
}

fn changed(value: &Value, call: Call, budget: &Budget, change: fn(&str) -> String) -> Outcome<Value> {
    let [] = call.positional(0)?;
    let receiver = text_of(value)?;
    like(receiver, receiver.changed(change), budget)
}

fn test(value: &Value, call: Call, test: fn(&str) -> bool) -> Outcome<Value> {
    let [] = call.positional(0)?;
    Ok(Value::Bool(test(text(value)?)))
}

fn strip(value: &Value, call: Call, (start, end): (bool, bool), budget: &Budget) -> Outcome<Value> {
    let [chars] = call.positional(0)?;
    let chars = optional_text(chars.as_ref())?.map(|text| &*text.text);
    let receiver = text_of(value)?;
    like(receiver, receiver.piece(strings::strip(&receiver.text, chars, start, end)), budget)
}

fn replace(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    let (receiver, budget) = (text_of(value)?, &interpreter.budget);
    let [old, new, count] = call.positional(2)?;
    let (old, new) = (old.unwrap_or(Value::None), new.unwrap_or(Value::None));
    let new = if receiver.markup { escaped(&new, budget)? } else { text_of(&new)?.clone() };
    let count = count_or(count.as_ref(), -1)?;
    like(receiver, strings::replace(receiver, text_of(&old)?, &new, count, budget)?, budget)
}

/// `removeprefix` and `removesuffix`.
fn without(
    value: &Value,
    call: Call,
    cut: for<'s> fn(&'s str, &str) -> Option<&'s str>,
    budget: &Budget,
) -> Outcome<Value> {
    let affix = call.one_positional()?;
    let receiver = text_of(value)?;
    let rest = cut(&receiver.text, text(&affix)?).unwrap_or(&receiver.text);
    like(receiver, receiver.piece(rest), budget)
}

fn expand_tabs(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    let [size] = call.bind(["tabsize"], 0)?;
    let Ok(size) = i32::try_from(count_or(size.as_ref(), 8)?) else {
        return fail("Python int too large to convert to C int");
    };
    let receiver = text_of(value)?;
    let expanded = strings::expand_tabs(receiver, size.max(0) as usize, &interpreter.budget)?;
    like(receiver, expanded, &interpreter.budget)
}

/// A value as markup has it, escaped unless it is markup.
fn escaped(value: &Value, budget: &Budget) -> Outcome<Text> {
    let shown = str_of(value, budget)?;
    budget.allocate(shown.cost())?;
    Ok(if shown.markup { shown } else { shown.changed_apart(escape) })
}

fn split(value: &Value, call: Call, right: bool, budget: &Budget) -> Outcome<Value> {
    let [separator, maxsplit] = call.bind(["sep", "maxsplit"], 0)?;
    let separator = optional_text(separator.as_ref())?;
    let limit = usize::try_from(count_or(maxsplit.as_ref(), -1)?).unwrap_or(usize::MAX);
    if separator.is_some_and(|text| text.text.is_empty()) {
        return fail("empty separator");
    }
    let receiver = text_of(value)?;
    let parts = strings::split(&receiver.text, separator.map(|text| &*text.text), limit, right);
    pieces(&receiver.trusted_if(separator.is_none_or(Text::is_trusted)), parts, budget)
}

fn split_lines(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    let [keep] = call.bind(["keepends"], 0)?;
    let lines = strings::lines(text(value)?, count_or(keep.as_ref(), 0)? != 0);
    pieces(text_of(value)?, lines, &interpreter.budget)
}

fn partition(value: &Value, call: Call, right: bool) -> Outcome<Value> {
    let separator = call.one_positional()?;
    let receiver = text_of(value)?;
    let parts = strings::partition(&receiver.text, text(&separator)?, right)?;
    let receiver = receiver.trusted_if(separator.is_trusted());
    Value::tuple(parts.into_iter().map(|part| Value::Str(receiver.piece(part))).collect())
}

fn pieces(receiver: &Text, pieces: Vec<&str>, budget: &Budget) -> Outcome<Value> {
    budget.slots(pieces.len())?;
    budget.allocate(receiver.cost())?;
    Value::list(pieces.into_iter().map(|piece| Value::Str(receiver.piece(piece))).collect())
}

fn join(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let separator = text_of(value)?;
    let values = call.one_positional()?;
    let mut out = Output::default();
    for (i, value) in values.iterate()?.items.iter().enumerate() {
        let piece = match value {
            _ if separator.markup => &escaped(value, budget)?,
            Value::Str(piece) => piece,
            _ => {
                let found = value.type_name();
                return fail(format!("sequence item {i}: expected str instance, {found} found"));
            }
        };
        if i > 0 {
            out.text(separator);
        }
        budget.allocate(separator.cost() + piece.cost())?;
        out.text(piece);
    }
    like(separator, out.finish(false), budget)
}

fn padded(value: &Value, call: Call, align: Align, budget: &Budget) -> Outcome<Value> {
    let receiver = text_of(value)?;
    let [width, fill] = match align {
        Align::Zeros => [Some(call.one_positional()?), None],
        _ => call.positional(1)?,
    };
    let Ok(width) = i64::try_from(integer(&width.unwrap_or(Value::None))?) else {
        return fail("Python int too large to convert to C ssize_t");
    };
    let width = width.max(0) as usize;
    let fill = match fill {
        None => Text::trusted(if align == Align::Zeros { "0" } else { " " }),
        Some(fill) if receiver.markup => escaped(&fill, budget)?,
        Some(fill) => text_of(&fill)?.clone(),
    };
    budget.allocate(width)?;
    like(receiver, strings::pad(receiver, align, width, &fill)?, budget)
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

/// `startswith` and `endswith`.
fn affix(value: &Value, call: Call, matches: fn(&str, &str) -> bool) -> Outcome<Value> {
    let name = call.name;
    let [affix, start, end] = call.positional(1)?;
    let affix = affix.unwrap_or(Value::None);
    affix.defined()?;
    let s = window(text(value)?, start.as_ref(), end.as_ref())?.map(|(_, s)| s);
    let matches = |affix: &str| s.is_some_and(|s| matches(s, affix));
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

/// What is sought, and the characters before the window and the window, if it is within the text.
fn sought(value: &Value, call: Call) -> Outcome<(Text, Option<(usize, &str)>)> {
    let [needle, start, end] = call.positional(1)?;
    let needle = text_of(&needle.unwrap_or(Value::None))?.clone();
    Ok((needle, window(text(value)?, start.as_ref(), end.as_ref())?))
}

/// The character position of the first or last place.
fn find(value: &Value, call: Call, last: bool) -> Outcome<Option<i128>> {
    let (needle, window) = sought(value, call)?;
    Ok(window.and_then(|(skipped, s)| {
        let byte = if last { s.rfind(&*needle.text) } else { s.find(&*needle.text) };
        byte.map(|byte| (skipped + s[..byte].chars().count()) as i128)
    }))
}

fn index(found: Option<i128>) -> Outcome<Value> {
    found.map(Value::Int).ok_or_else(|| Failure::new("substring not found"))
}

/// Each character replaced by what a table says of its code point: a text, a code point, or nothing for `None`.
fn translate(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let table = call.one_positional()?;
    let s = text_of(value)?;
    table.defined()?;
    if !matches!(table, Value::Dict(_) | Value::List(_) | Value::Tuple(_) | Value::Str(_)) {
        return fail(format!("'{}' object is not subscriptable", table.type_name()));
    }
    let mut out = Output::default();
    let mut last = 0;
    for (at, c) in s.text.char_indices() {
        budget.step(1)?;
        let new = match element(&table, &Value::Int((c as u32).into()), budget)? {
            None | Some(Value::Undefined(_)) => continue,
            Some(Value::None) => Text::trusted(""),
            Some(Value::Str(new)) => new,
            Some(other) => Text::untrusted(character(&other)?.to_string()),
        };
        budget.allocate(new.cost() + 16)?;
        out.part(s, last..at);
        out.text(&new.trusted_if(s.is_trusted()));
        last = at + c.len_utf8();
    }
    out.part(s, last..s.text.len());
    like(s, out.finish(s.markup), budget)
}

fn character(value: &Value) -> Outcome<char> {
    match value.as_place() {
        Some(code) => match u32::try_from(code).ok().and_then(char::from_u32) {
            Some(c) => Ok(c),
            None => fail(format!("the code point {code} is no character that chat templates support")),
        },
        None => fail("character mapping must return integer, None or str"),
    }
}

/// The code point of a text of one character.
fn code_point(value: &Value) -> Outcome<Value> {
    let mut chars = text(value)?.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(Value::Int((c as u32).into())),
        _ => fail("string keys in translate table must be of length 1"),
    }
}

/// `str.maketrans`: a table for `translate`.
fn maketrans(call: Call) -> Outcome<Value> {
    let [from, to, gone] = call.positional(1)?;
    let from = from.unwrap_or(Value::None);
    let mut table = Dict::default();
    match (&from, &to) {
        (Value::Dict(dict), None) => {
            for (key, value) in dict.entries() {
                let key = match key {
                    Value::Int(_) | Value::Bool(_) => key.clone(),
                    key => code_point(key)?,
                };
                table.insert(key, value.clone())?;
            }
        }
        (_, None) => return fail("if you give only one argument to maketrans it must be a dict"),
        (from, Some(to)) => {
            let (from, to) = (text(from)?, text(to)?);
            if from.chars().count() != to.chars().count() {
                return fail("the first two maketrans arguments must have equal length");
            }
            for (old, new) in from.chars().zip(to.chars()) {
                table.insert(Value::Int((old as u32).into()), Value::Int((new as u32).into()))?;
            }
            for c in gone.as_ref().map(text).transpose()?.unwrap_or_default().chars() {
                table.insert(Value::Int((c as u32).into()), Value::None)?;
            }
        }
    }
    Ok(Value::Dict(Rc::new(table)))
}
