//! Jinja's filters: those on one value. Those on sequences are in `sequences`.

use std::rc::Rc;

use super::arguments::{flag, integer, optional_integer, text, text_of, Called};
use super::failure::{fail, Failure, Outcome};
use super::interpreter::Interpreter;
use super::origin::{Output, Text};
use super::predicates::count;
use super::text::{escape, str_of};
use super::value::{Dict, Value};
use super::{attributes, formatting, json, operators, sequences, strings};

const ON_VALUES: [&str; 27] = [
    "abs",
    "attr",
    "capitalize",
    "center",
    "d",
    "default",
    "e",
    "escape",
    "float",
    "forceescape",
    "format",
    "indent",
    "int",
    "length",
    "count",
    "lower",
    "replace",
    "round",
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
const UNSUPPORTED: [&str; 8] =
    ["filesizeformat", "pprint", "random", "striptags", "urlencode", "urlize", "wordwrap", "xmlattr"];

pub(super) fn exists(name: &str) -> bool {
    ON_VALUES.contains(&name) || sequences::NAMES.contains(&name) || UNSUPPORTED.contains(&name)
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
        "abs" | "int" | "float" | "round" => number(name, &value, called),
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
            formatting::percent(&format.with_markup(false), &values, budget).map(Value::Str)
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
        "truncate" => return truncate(&source, called).and_then(same),
        _ => {}
    }
    let [] = called.bind(name, [], 0)?;
    match name {
        "string" => Ok(Value::Str(source.clone())),
        "upper" => same(source.changed(str::to_uppercase)),
        "lower" => same(source.changed(str::to_lowercase)),
        "capitalize" => same(source.changed(strings::capitalize)),
        "title" => same(source.changed(title)),
        "wordcount" => Ok(Value::Int(
            s.split(|c: char| c != '_' && !c.is_alphanumeric()).filter(|w| !w.is_empty()).count() as i128,
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

/// Capital letters after whitespace, hyphens and opening brackets.
fn title(s: &str) -> String {
    let mut out = String::with_capacity(s.len());
    let mut starts = true;
    for c in s.chars() {
        let separates = matches!(c, '-' | '(' | '{' | '[' | '<') || super::lexer::is_space(c);
        if separates {
            out.push(c);
        } else if starts {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        starts = separates;
    }
    out
}

fn truncate(source: &Text, called: Called) -> Outcome<Text> {
    let s = &*source.text;
    let [length, killwords, end, leeway] =
        called.bind("truncate", ["length", "killwords", "end", "leeway"], 0)?;
    let (length, leeway) = (count(length.as_ref(), 255)?, count(leeway.as_ref(), 5)?);
    let end = end.as_ref().map(text_of).transpose()?.cloned().unwrap_or(Text::template("..."));
    let Some(kept) = length.checked_sub(end.text.chars().count()) else {
        return fail(format!("expected length >= {}, got {length}", end.text.chars().count()));
    };
    if s.chars().count() <= length.saturating_add(leeway) {
        return Ok(source.clone());
    }
    let cut = s.char_indices().nth(kept).map_or(s, |(at, _)| &s[..at]);
    let cut = match cut.rsplit_once(' ') {
        Some((words, _)) if !flag(killwords.as_ref()) => words,
        _ => cut,
    };
    let mut out = Output::default();
    out.part(source, 0..cut.len());
    out.text(&end);
    Ok(out.finish(source.markup))
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

fn number(name: &str, value: &Value, called: Called) -> Outcome<Value> {
    match name {
        "abs" => {
            let [] = called.bind(name, [], 0)?;
            value.defined()?;
            match value {
                Value::Float(x) => Ok(Value::Float(x.abs())),
                _ => match value.as_int() {
                    Some(n) => Ok(Value::Int(n.saturating_abs())),
                    None => fail(format!("bad operand type for abs(): '{}'", value.type_name())),
                },
            }
        }
        "int" => {
            let [default, base] = called.bind(name, ["default", "base"], 0)?;
            let base = optional_integer(base.as_ref())?.unwrap_or(10);
            value.defined()?;
            Ok(to_int(value, base).map_or_else(|| default.unwrap_or(Value::Int(0)), Value::Int))
        }
        "float" => {
            let [default] = called.bind(name, ["default"], 0)?;
            value.defined()?;
            Ok(to_float(value).map_or_else(|| default.unwrap_or(Value::Float(0.0)), Value::Float))
        }
        _ => round(value, called),
    }
}

fn to_int(value: &Value, base: i128) -> Option<i128> {
    if let Value::Str(text) = value {
        let digits = super::strings::strip(&text.text, None, true, true).replace('_', "");
        let radix = u32::try_from(base).ok().filter(|radix| (2..=36).contains(radix));
        let prefix = match base {
            16 => ["0x", "0X"],
            8 => ["0o", "0O"],
            2 => ["0b", "0B"],
            _ => ["", ""],
        };
        let digits = prefix.iter().find_map(|p| digits.strip_prefix(p)).unwrap_or(&digits);
        if let Some(n) = radix.and_then(|radix| i128::from_str_radix(digits, radix).ok()) {
            return Some(n);
        }
    } else if let Some(n) = value.as_int() {
        return Some(n);
    }
    to_float(value).filter(|x| x.is_finite() && x.abs() < 1e38).map(|x| x.trunc() as i128)
}

fn to_float(value: &Value) -> Option<f64> {
    match value {
        Value::Str(text) => strings::strip(&text.text, None, true, true).replace('_', "").parse().ok(),
        _ => value.as_float(),
    }
}

fn round(value: &Value, called: Called) -> Outcome<Value> {
    let [precision, method] = called.bind("round", ["precision", "method"], 0)?;
    let precision = optional_integer(precision.as_ref())?.unwrap_or(0);
    let method = method.as_ref().map(text).transpose()?.unwrap_or("common");
    value.defined()?;
    let Some(x) = value.as_float() else {
        return fail(format!("type {} doesn't define __round__ method", value.type_name()));
    };
    let Some(digits) = i32::try_from(precision).ok().filter(|digits| digits.abs() <= 300) else {
        return fail("a precision beyond 300 digits is not supported");
    };
    let scale = 10f64.powi(digits);
    match method {
        "common" if value.as_int().is_some() && digits >= 0 => Ok(Value::Int(value.as_int().unwrap_or(0))),
        "common" if digits >= 0 => {
            let text = format!("{x:.*}", digits as usize);
            text.parse().map(Value::Float).map_err(|_| Failure::new("cannot be rounded"))
        }
        "common" => {
            let rounded = operators::round_half_even(x * scale) / scale;
            Ok(if value.as_int().is_some() { Value::Int(rounded as i128) } else { Value::Float(rounded) })
        }
        "ceil" => Ok(Value::Float((x * scale).ceil() / scale)),
        "floor" => Ok(Value::Float((x * scale).floor() / scale)),
        _ => fail("method must be common, ceil or floor"),
    }
}
