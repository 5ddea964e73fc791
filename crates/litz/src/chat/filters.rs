//! Jinja's filters: those on one value. Those on sequences are in `sequences`.

use std::rc::Rc;

use super::arguments::{flag, integer, optional_integer, text, text_of, Called};
use super::budget::Budget;
use super::characters::alphanumeric;
use super::failure::{fail, Outcome};
use super::interpreter::Interpreter;
use super::origin::{Output, Text};
use super::percent::percent;
use super::predicates::count;
use super::text::{escape, str_of};
use super::value::{Dict, Value};
use super::{attributes, json, markup_filters, number_filters, operators, sequences, strings};

const ON_VALUES: [&str; 23] = [
    "attr",
    "capitalize",
    "center",
    "d",
    "default",
    "e",
    "escape",
    "forceescape",
    "format",
    "indent",
    "length",
    "count",
    "lower",
    "replace",
    "safe",
    "string",
    "title",
    "tojson",
    "trim",
    "truncate",
    "upper",
    "wordcount",
    "items",
];

/// Jinja has these, chat templates have no use for them: they fail when they are reached.
const UNSUPPORTED: [&str; 5] = ["pprint", "random", "striptags", "urlize", "wordwrap"];

pub(super) fn exists(name: &str) -> bool {
    let known: [&[&str]; 5] =
        [&ON_VALUES, &sequences::NAMES, &number_filters::NAMES, &markup_filters::NAMES, &UNSUPPORTED];
    known.into_iter().any(|names| names.contains(&name))
}

pub(super) fn apply(
    interpreter: &mut Interpreter,
    name: &str,
    value: Value,
    called: Called,
) -> Outcome<Value> {
    interpreter.budget.step(1)?;
    if sequences::NAMES.contains(&name) {
        return sequences::apply(interpreter, name, value, called);
    }
    let budget = &interpreter.budget;
    if let Value::Str(text) = &value {
        budget.step(text.text.len() / 64)?;
    }
    if number_filters::NAMES.contains(&name) {
        return number_filters::apply(name, &value, called, budget);
    }
    if markup_filters::NAMES.contains(&name) {
        return markup_filters::apply(name, &value, called, budget);
    }
    match name {
        "default" | "d" => {
            let [default, boolean] = called.bind(name, ["default_value", "boolean"], 0)?;
            let replaced = value.is_undefined() || (flag(boolean.as_ref()) && !value.truthy());
            Ok(if replaced { default.unwrap_or_else(|| Value::literal("")) } else { value })
        }
        "length" | "count" => {
            let [] = called.bind(name, [], 0)?;
            Ok(Value::Int(value.len()? as i128))
        }
        "items" => items(&value, called),
        "tojson" => to_json(&value, called, interpreter),
        "attr" => {
            let [name] = called.bind(name, ["name"], 1)?;
            attributes::only_attribute(&value, text(&name.unwrap_or(Value::None))?, budget)
        }
        "format" => {
            let values = if called.named.is_empty() {
                Value::tuple(called.positional)?
            } else if called.positional.is_empty() {
                let mut dict = Dict::default();
                for (name, value) in called.named {
                    dict.insert(Value::str(name), value)?;
                }
                Value::Dict(Rc::new(dict))
            } else {
                return fail("can't handle positional and keyword arguments at the same time");
            };
            let format = str_of(&value, budget)?;
            percent(&format, &values, budget).map(Value::Str)
        }
        "indent" => indent(&value, called, interpreter),
        _ if exists(name) => of_text(interpreter, name, &value, called),
        _ => fail(format!("No filter named '{name}' found.")),
    }
}

/// Filters that first turn their value into text.
fn of_text(interpreter: &mut Interpreter, name: &str, value: &Value, called: Called) -> Outcome<Value> {
    let budget = &interpreter.budget;
    let source = str_of(value, budget)?;
    let s = &*source.text;
    let same = |result: Text| -> Outcome<Value> {
        budget.allocate(result.cost())?;
        Ok(Value::Str(result))
    };
    match name {
        "replace" => {
            let [old, new, count] = called.bind(name, ["old", "new", "count"], 2)?;
            let old = str_of(&old.unwrap_or(Value::None), budget)?;
            let new = str_of(&new.unwrap_or(Value::None), budget)?;
            let count = optional_integer(count.as_ref())?.unwrap_or(-1);
            let replaced = strings::replace(&source, &old, &new, count, budget)?;
            return Ok(Value::Str(replaced.with_markup(false)));
        }
        "trim" => {
            let [chars] = called.bind(name, ["chars"], 0)?;
            let chars = chars.as_ref().filter(|c| !matches!(c, Value::None)).map(text).transpose()?;
            return same(source.piece(strings::strip(s, chars, true, true)));
        }
        "center" => {
            let [width] = called.bind(name, ["width"], 0)?;
            let width = count(width.as_ref(), 80)?;
            budget.allocate(width)?;
            return same(strings::pad(&source, "center", width, &Text::template(" "))?);
        }
        "truncate" => return truncate(value, called, budget),
        _ => {}
    }
    let [] = called.bind(name, [], 0)?;
    match name {
        "string" => Ok(Value::Str(source.clone())),
        "upper" => same(source.changed(strings::upper)),
        "lower" => same(source.changed(str::to_lowercase)),
        "capitalize" => same(strings::transform(name).map_or_else(|| source.clone(), |f| source.changed(f))),
        "title" => same(source.changed(title)),
        "wordcount" => Ok(Value::Int(
            s.split(|c: char| c != '_' && !alphanumeric(c)).filter(|w| !w.is_empty()).count() as i128,
        )),
        "safe" => Ok(Value::Str(source.with_markup(true))),
        "e" | "escape" if source.markup => Ok(Value::Str(source.clone())),
        "e" | "escape" | "forceescape" => {
            budget.allocate(s.len() * 5)?;
            Ok(Value::Str(source.changed_apart(escape).with_markup(true)))
        }
        _ => fail(format!("the filter '{name}' is not supported in chat templates")),
    }
}

/// The first letters after white space, hyphens and opening brackets are capitals, each word for itself.
fn title(s: &str) -> String {
    let separates = |c: char| matches!(c, '-' | '(' | '{' | '[' | '<') || super::lexer::is_space(c);
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

fn truncate(value: &Value, called: Called, budget: &Budget) -> Outcome<Value> {
    let [length, killwords, end, leeway] =
        called.bind("truncate", ["length", "killwords", "end", "leeway"], 0)?;
    let length = length.as_ref().map_or(Ok(255), integer)?;
    let leeway = optional_integer(leeway.as_ref())?.unwrap_or(5);
    let end = end.as_ref().map(text_of).transpose()?.cloned().unwrap_or(Text::template("..."));
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
    operators::add_text(&source.slice(0..cut.len()), &end, budget)
}

fn items(value: &Value, called: Called) -> Outcome<Value> {
    let [] = called.bind("items", [], 0)?;
    match value {
        Value::Undefined(_) => Value::generator(Vec::new()),
        Value::Dict(dict) => {
            let pair = |(k, v): &(Value, Value)| Value::tuple(vec![k.clone(), v.clone()]);
            Value::generator(dict.entries().iter().map(pair).collect::<Outcome<_>>()?)
        }
        _ => fail("Can only get item pairs from a mapping."),
    }
}

fn to_json(value: &Value, called: Called, interpreter: &Interpreter) -> Outcome<Value> {
    let [ascii, indent, separators, sort_keys] =
        called.bind("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"], 0)?;
    let mut trusted = true;
    let indent = match indent {
        None | Some(Value::None) => None,
        Some(Value::Str(text)) => {
            trusted = text.is_trusted();
            Some(text.text.to_string())
        }
        Some(width) => {
            let width = usize::try_from(integer(&width)?.max(0)).unwrap_or(usize::MAX);
            interpreter.budget.allocate(width)?;
            Some(" ".repeat(width))
        }
    };
    let separators = match separators {
        None | Some(Value::None) => None,
        Some(pair) => match &pair.iterate()?.items[..] {
            [comma, colon] => {
                trusted = trusted && comma.is_trusted() && colon.is_trusted();
                Some((text(comma)?.to_string(), text(colon)?.to_string()))
            }
            _ => return fail("separators must be a pair of strings"),
        },
    };
    let (ascii, sort_keys) = (flag(ascii.as_ref()), flag(sort_keys.as_ref()));
    let style = json::Style { ascii, indent, separators, sort_keys, trusted };
    json::dumps(value, &style, &interpreter.budget).map(Value::Str)
}

fn indent(value: &Value, called: Called, interpreter: &Interpreter) -> Outcome<Value> {
    let [width, first, blank] = called.bind("indent", ["width", "first", "blank"], 0)?;
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
            let width = count(width.as_ref(), 4)?;
            interpreter.budget.allocate(width)?;
            Text::template(" ".repeat(width))
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
