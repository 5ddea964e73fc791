//! Jinja's filters on text; another value is turned into text first.

use crate::chat::budget::Budget;
use crate::chat::builtins::arguments::{
    flag, integer, optional_integer, optional_text, size_or, text_of, Call,
};
use crate::chat::builtins::{OnValue, Table};
use crate::chat::failure::{fail, Outcome};
use crate::chat::run::interpreter::Interpreter;
use crate::chat::value::characters::{alphanumeric, is_space};
use crate::chat::value::operators::add_text;
use crate::chat::value::repr::{escape, str_of};
use crate::chat::value::strings::{self, Align};
use crate::chat::value::{Output, Text, Value};

pub(super) const FILTERS: &Table<OnValue> = &[
    ("capitalize", |i, value, call| changed(value, call, &i.budget, strings::capitalize)),
    ("center", center),
    ("e", escaped),
    ("escape", escaped),
    ("forceescape", |i, value, call| {
        call.none()?;
        force_escape(&str_of(value, &i.budget)?, &i.budget)
    }),
    ("indent", indent),
    ("lower", |i, value, call| changed(value, call, &i.budget, str::to_lowercase)),
    ("replace", replace),
    ("safe", |i, value, call| {
        call.none()?;
        Ok(Value::Str(str_of(value, &i.budget)?.with_markup(true)))
    }),
    ("string", |i, value, call| {
        call.none()?;
        str_of(value, &i.budget).map(Value::Str)
    }),
    ("title", |i, value, call| changed(value, call, &i.budget, title)),
    ("trim", trim),
    ("truncate", |i, value, call| truncate(value, call, &i.budget)),
    ("upper", |i, value, call| changed(value, call, &i.budget, strings::upper)),
    ("wordcount", word_count),
];

/// A text, charged to the budget.
fn paid(text: Text, budget: &Budget) -> Outcome<Value> {
    budget.allocate(text.cost())?;
    Ok(Value::Str(text))
}

fn changed(value: &Value, call: Call, budget: &Budget, change: fn(&str) -> String) -> Outcome<Value> {
    call.none()?;
    paid(str_of(value, budget)?.changed(change), budget)
}

fn center(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    let budget = &interpreter.budget;
    let [width] = call.bind(["width"], 0)?;
    let width = size_or(width.as_ref(), 80)?;
    budget.allocate(width)?;
    let source = str_of(value, budget)?;
    paid(strings::pad(&source, Align::Center, width, &Text::trusted(" "))?, budget)
}

fn escaped(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    call.none()?;
    let source = str_of(value, &interpreter.budget)?;
    match source.markup {
        true => Ok(Value::Str(source)),
        false => force_escape(&source, &interpreter.budget),
    }
}

fn force_escape(source: &Text, budget: &Budget) -> Outcome<Value> {
    budget.allocate(source.text.len() * 5)?;
    Ok(Value::Str(source.changed_apart(escape).with_markup(true)))
}

fn replace(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    let budget = &interpreter.budget;
    let [old, new, count] = call.bind(["old", "new", "count"], 2)?;
    let old = str_of(&old.unwrap_or(Value::None), budget)?;
    let new = str_of(&new.unwrap_or(Value::None), budget)?;
    let count = optional_integer(count.as_ref())?.unwrap_or(-1);
    let replaced = strings::replace(&str_of(value, budget)?, &old, &new, count, budget)?;
    Ok(Value::Str(replaced.with_markup(false)))
}

fn trim(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    let source = str_of(value, &interpreter.budget)?;
    let [chars] = call.bind(["chars"], 0)?;
    let chars = optional_text(chars.as_ref())?.map(|text| &*text.text);
    paid(source.piece(strings::strip(&source.text, chars, true, true)), &interpreter.budget)
}

fn word_count(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    call.none()?;
    let source = str_of(value, &interpreter.budget)?;
    let words = source.text.split(|c: char| c != '_' && !alphanumeric(c)).filter(|word| !word.is_empty());
    Ok(Value::Int(words.count() as i128))
}

/// The first letters after white space, hyphens and opening brackets are capitals, each word for itself.
fn title(s: &str) -> String {
    let separates = |c: char| matches!(c, '-' | '(' | '{' | '[' | '<') || is_space(c);
    let mut out = String::with_capacity(s.len());
    let mut rest = s;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| separates(c) != separates(first)).unwrap_or(rest.len());
        let (item, after) = rest.split_at(end);
        out.push_str(&strings::upper(&item[..first.len_utf8()]));
        out.push_str(&item[first.len_utf8()..].to_lowercase());
        rest = after;
    }
    out
}

fn truncate(value: &Value, call: Call, budget: &Budget) -> Outcome<Value> {
    let [length, killwords, end, leeway] = call.bind(["length", "killwords", "end", "leeway"], 0)?;
    let length = length.as_ref().map_or(Ok(255), integer)?;
    let leeway = optional_integer(leeway.as_ref())?.unwrap_or(5);
    let end = end.as_ref().map(text_of).transpose()?.cloned().unwrap_or(Text::trusted("..."));
    let ending = end.text.chars().count() as i128;
    if length < ending {
        return fail(format!("expected length >= {ending}, got {length}"));
    }
    if leeway < 0 {
        return fail(format!("expected leeway >= 0, got {leeway}"));
    }
    if value.len()? as i128 <= length + leeway {
        return Ok(value.clone());
    }
    let source = text_of(value)?;
    let s = &*source.text;
    let kept = usize::try_from(length - ending).unwrap_or(usize::MAX);
    let cut = s.char_indices().nth(kept).map_or(s, |(at, _)| &s[..at]);
    let cut = match cut.rsplit_once(' ') {
        Some((words, _)) if !flag(killwords.as_ref()) => words,
        _ => cut,
    };
    add_text(&source.slice(0..cut.len()), &end, budget)
}

fn indent(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    let [width, first, blank] = call.bind(["width", "first", "blank"], 0)?;
    value.defined()?;
    let Value::Str(source) = value else {
        return fail(format!("unsupported operand type(s) for +=: '{}' and 'str'", value.type_name()));
    };
    let width = match width {
        Some(Value::Str(text)) if text.markup && !source.markup => {
            return fail("indent: a width that is markup is supported for markup only")
        }
        Some(Value::Str(text)) => text,
        width => {
            let width = size_or(width.as_ref(), 4)?;
            interpreter.budget.allocate(width)?;
            Text::trusted(" ".repeat(width))
        }
    };
    // The lines begin where they do in the source, which lacks the last line break only.
    let whole = format!("{}\n", source.text);
    let lines = strings::lines(&whole, false);
    interpreter.budget.allocate(source.cost() + lines.len().saturating_mul(width.cost() + 16))?;
    let blank = flag(blank.as_ref());
    let width = width.trusted_if(source.is_trusted());
    let mut out = Output::default();
    if flag(first.as_ref()) {
        out.text(&width);
    }
    for (i, line) in lines.iter().enumerate() {
        if i > 0 {
            out.push("\n", source.is_trusted());
            if blank || !line.is_empty() {
                out.text(&width);
            }
        }
        let start = line.as_ptr() as usize - whole.as_ptr() as usize;
        out.part(source, start..start + line.len());
    }
    Ok(Value::Str(out.finish(source.markup)))
}
