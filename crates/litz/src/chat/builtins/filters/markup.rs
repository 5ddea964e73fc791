//! Jinja's filters for addresses and attributes of pages.

use crate::chat::budget::Budget;
use crate::chat::builtins::arguments::{text, Call};
use crate::chat::builtins::{OnValue, Table};
use crate::chat::failure::{fail, Outcome};
use crate::chat::value::repr::{escape, str_of};
use crate::chat::value::{Text, Value};

pub(super) const FILTERS: &Table<OnValue> = &[
    ("urlencode", |i, value, call| {
        call.none()?;
        url(value, &i.budget).map(|text| Value::Str(Text::untrusted(text)))
    }),
    ("xmlattr", |i, value, call| {
        attributes(value, call, &i.budget).map(|text| Value::Str(Text::untrusted(text)))
    }),
];

/// A text with all that is special in an address as `%XX`; pairs as a query.
fn url(value: &Value, budget: &Budget) -> Outcome<String> {
    let pairs = match value {
        Value::Str(_) => return quoted(value, false, budget),
        Value::Dict(dict) => dict.entries().to_vec(),
        _ => match value.iterate() {
            Err(_) => return quoted(value, false, budget),
            Ok(items) => {
                let pair = |item: &Value| match &item.iterate()?.items[..] {
                    [key, value] => Ok((key.clone(), value.clone())),
                    other => fail(format!("cannot unpack {} values into a key and a value", other.len())),
                };
                items.items.iter().map(pair).collect::<Outcome<_>>()?
            }
        },
    };
    let mut parts = Vec::with_capacity(pairs.len());
    for (key, value) in &pairs {
        parts.push(format!("{}={}", quoted(key, true, budget)?, quoted(value, true, budget)?));
    }
    Ok(parts.join("&"))
}

fn quoted(value: &Value, in_query: bool, budget: &Budget) -> Outcome<String> {
    let text = str_of(value, budget)?;
    budget.allocate(text.text.len() * 3)?;
    let mut out = String::with_capacity(text.text.len());
    for &byte in text.text.as_bytes() {
        match byte {
            b' ' if in_query => out.push('+'),
            b'/' if !in_query => out.push('/'),
            b'_' | b'.' | b'-' | b'~' => out.push(byte.into()),
            _ if byte.is_ascii_alphanumeric() => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    Ok(out)
}

/// ` key="value"` of each member that has a value.
fn attributes(value: &Value, call: Call, budget: &Budget) -> Outcome<String> {
    let [autospace] = call.bind(["autospace"], 0)?;
    value.defined()?;
    let Value::Dict(dict) = value else {
        return fail(format!("'{}' object has no attribute 'items'", value.type_name()));
    };
    let safe = |value: &Value| -> Outcome<String> {
        let shown = str_of(value, budget)?;
        budget.allocate(shown.text.len() * 5)?;
        Ok(if shown.markup { shown.text.to_string() } else { escape(&shown.text) })
    };
    let mut out = Vec::new();
    for (key, value) in dict.entries() {
        if matches!(value, Value::None | Value::Undefined(_)) {
            continue;
        }
        if text(key)?.contains([' ', '\t', '\n', '\r', '\x0b', '\x0c', '/', '>', '=']) {
            return fail(format!("Invalid character in attribute name: {:?}", text(key)?));
        }
        out.push(format!("{}=\"{}\"", safe(key)?, safe(value)?));
    }
    let space = if autospace.is_none_or(|space| space.truthy()) && !out.is_empty() { " " } else { "" };
    Ok(format!("{space}{}", out.join(" ")))
}
