//! The methods of `str`, and of markupsafe's `Markup`, which escapes what is put into it.

use std::rc::Rc;

use super::arguments::{count_or, integer, optional_integer, text, text_of, Called};
use super::attributes;
use super::braces::{braces, Given};
use super::budget::Budget;
use super::failure::{fail, Outcome};
use super::origin::{Output, Text};
use super::strings;
use super::text::{escape, str_of};
use super::value::{Dict, Value};

/// `receiver.name(...)`.
pub(super) fn call(receiver: &Text, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    let s = &*receiver.text;
    budget.step(s.len() / 64)?;
    let same_kind = |result: Text| -> Outcome<Value> {
        budget.allocate(result.cost())?;
        Ok(Value::Str(result.with_markup(receiver.markup)))
    };
    if let Some(transform) = strings::transform(name) {
        let [] = called.positional(name, 0)?;
        return same_kind(receiver.changed(transform));
    }
    if let Some(test) = strings::test(name) {
        let [] = called.positional(name, 0)?;
        return Ok(Value::Bool(test(s)));
    }
    match name {
        "split" | "rsplit" | "splitlines" | "partition" | "rpartition" => cut(receiver, name, called, budget),
        "startswith" | "endswith" => affix(s, name, called),
        "find" | "rfind" | "index" | "rindex" | "count" => search(s, name, called),
        "maketrans" => maketrans(called),
        _ => same_kind(rewritten(receiver, name, called, budget)?),
    }
}

/// The methods that give a text of the receiver's kind.
fn rewritten(receiver: &Text, name: &str, called: Called, budget: &Budget) -> Outcome<Text> {
    let s = &*receiver.text;
    match name {
        "format" => {
            let given = Given::Arguments(&called.positional, &called.named);
            braces(receiver, &given, budget)
        }
        "format_map" => {
            let [mapping] = called.positional(name, 1)?;
            braces(receiver, &Given::Mapping(&mapping.unwrap_or(Value::None)), budget)
        }
        "strip" | "lstrip" | "rstrip" => {
            let [chars] = called.positional(name, 0)?;
            let chars = chars.as_ref().filter(|c| !matches!(c, Value::None)).map(text).transpose()?;
            Ok(receiver.piece(strings::strip(s, chars, name != "rstrip", name != "lstrip")))
        }
        "join" => {
            let [values] = called.positional(name, 1)?;
            join(receiver, &values.unwrap_or(Value::None), budget)
        }
        "replace" => {
            let [old, new, count] = called.positional(name, 2)?;
            let (old, new) = (old.unwrap_or(Value::None), new.unwrap_or(Value::None));
            let new = if receiver.markup { escaped(&new, budget)? } else { text_of(&new)?.clone() };
            let count = count_or(count.as_ref(), -1)?;
            strings::replace(receiver, text_of(&old)?, &new, count, budget)
        }
        "removeprefix" | "removesuffix" => {
            let [affix] = called.positional(name, 1)?;
            let affix = affix.unwrap_or(Value::None);
            let affix = text(&affix)?;
            let cut = if name == "removeprefix" { s.strip_prefix(affix) } else { s.strip_suffix(affix) };
            Ok(receiver.piece(cut.unwrap_or(s)))
        }
        "zfill" | "center" | "ljust" | "rjust" => padded(receiver, name, called, budget),
        "expandtabs" => {
            let [size] = called.bind(name, ["tabsize"], 0)?;
            let Ok(size) = i32::try_from(count_or(size.as_ref(), 8)?) else {
                return fail("Python int too large to convert to C int");
            };
            strings::expand_tabs(receiver, size.max(0) as usize, budget)
        }
        "translate" => {
            let [table] = called.positional(name, 1)?;
            translate(receiver, &table.unwrap_or(Value::None), budget)
        }
        _ => fail(format!("the string method '{name}' is not supported in chat templates")),
    }
}

/// A value as markup has it, escaped unless it is markup.
fn escaped(value: &Value, budget: &Budget) -> Outcome<Text> {
    let shown = str_of(value, budget)?;
    budget.allocate(shown.cost())?;
    Ok(if shown.markup { shown } else { shown.changed_apart(escape) })
}

/// The methods that return parts of a string.
fn cut(receiver: &Text, name: &str, called: Called, budget: &Budget) -> Outcome<Value> {
    let s = &*receiver.text;
    match name {
        "split" | "rsplit" => {
            let [separator, maxsplit] = called.bind(name, ["sep", "maxsplit"], 0)?;
            let separator =
                separator.as_ref().filter(|c| !matches!(c, Value::None)).map(text_of).transpose()?;
            let limit = usize::try_from(count_or(maxsplit.as_ref(), -1)?).unwrap_or(usize::MAX);
            if separator.is_some_and(|text| text.text.is_empty()) {
                return fail("empty separator");
            }
            let parts = strings::split(s, separator.map(|text| &*text.text), limit, name == "rsplit");
            pieces(&receiver.trusted_if(separator.is_none_or(Text::is_trusted)), parts, budget)
        }
        "splitlines" => {
            let [keep] = called.bind(name, ["keepends"], 0)?;
            pieces(receiver, strings::lines(s, count_or(keep.as_ref(), 0)? != 0), budget)
        }
        _ => {
            let [separator] = called.positional(name, 1)?;
            let separator = separator.unwrap_or(Value::None);
            let parts = strings::partition(s, text(&separator)?, name == "rpartition")?;
            let receiver = receiver.trusted_if(separator.is_trusted());
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
    Ok(out.finish(false))
}

fn padded(receiver: &Text, name: &str, called: Called, budget: &Budget) -> Outcome<Text> {
    let [width, fill] = match name {
        "zfill" => {
            let [width] = called.positional(name, 1)?;
            [width, None]
        }
        _ => called.positional(name, 1)?,
    };
    let Ok(width) = i64::try_from(integer(&width.unwrap_or(Value::None))?) else {
        return fail("Python int too large to convert to C ssize_t");
    };
    let width = width.max(0) as usize;
    let fill = match fill {
        None => Text::template(if name == "zfill" { "0" } else { " " }),
        Some(fill) if receiver.markup => escaped(&fill, budget)?,
        Some(fill) => text_of(&fill)?.clone(),
    };
    budget.allocate(width)?;
    strings::pad(receiver, name, width, &fill)
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
    let [affix, start, end] = called.positional(name, 1)?;
    let affix = affix.unwrap_or(Value::None);
    affix.defined()?;
    let s = window(s, start.as_ref(), end.as_ref())?.map(|(_, s)| s);
    let matches = |affix: &str| match s {
        Some(s) if name == "startswith" => s.starts_with(affix),
        Some(s) => s.ends_with(affix),
        None => false,
    };
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
    let [needle, start, end] = called.positional(name, 1)?;
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

/// Each character replaced by what a table says of its code point: a text, a code point, or nothing for `None`.
fn translate(s: &Text, table: &Value, budget: &Budget) -> Outcome<Text> {
    table.defined()?;
    if !matches!(table, Value::Dict(_) | Value::List(_) | Value::Tuple(_) | Value::Str(_)) {
        return fail(format!("'{}' object is not subscriptable", table.type_name()));
    }
    let mut out = Output::default();
    let mut last = 0;
    for (at, c) in s.text.char_indices() {
        budget.step(1)?;
        let new = match attributes::item(table, &Value::Int((c as u32).into()), budget)? {
            Value::Undefined(_) => continue,
            Value::None => Text::template(""),
            Value::Str(new) => new,
            other => Text::content(character(&other)?.to_string()),
        };
        budget.allocate(new.cost() + 16)?;
        out.part(s, last..at);
        out.text(&new.trusted_if(s.is_trusted()));
        last = at + c.len_utf8();
    }
    out.part(s, last..s.text.len());
    Ok(out.finish(s.markup))
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
fn maketrans(called: Called) -> Outcome<Value> {
    let [from, to, gone] = called.positional("maketrans", 1)?;
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
