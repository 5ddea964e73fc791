//! Values as text: Python's `str` and `repr`.

use std::fmt::Write;
use std::sync::OnceLock;

use super::budget::Budget;
use super::failure::{fail, Outcome};
use super::value::{Text, Value, ViewKind};

/// Namespaces can hold themselves; nothing printable goes deeper.
const DEEPEST: usize = 250;

/// `str(value)`.
pub(super) fn str_of(value: &Value, budget: &Budget) -> Outcome<Text> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        Value::Undefined(_) => Ok(Text::plain("")),
        _ => Ok(Text::plain(repr(value, budget)?)),
    }
}

/// `repr(value)`.
pub(super) fn repr(value: &Value, budget: &Budget) -> Outcome<String> {
    let mut out = String::new();
    write_repr(value, &mut out, 0, budget)?;
    budget.allocate(out.len())?;
    Ok(out)
}

fn write_repr(value: &Value, out: &mut String, depth: usize, budget: &Budget) -> Outcome<()> {
    budget.step(1)?;
    if depth > DEEPEST {
        return fail("a value that contains itself cannot be printed");
    }
    match value {
        Value::Undefined(_) => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(b) => out.push_str(if *b { "True" } else { "False" }),
        Value::Int(n) => push(out, format_args!("{n}")),
        Value::Float(x) => out.push_str(&float(*x)),
        Value::Str(text) if text.markup => {
            out.push_str("Markup(");
            quote(&text.text, out);
            out.push(')');
        }
        Value::Str(text) => quote(&text.text, out),
        Value::List(s) => write_items(&s.items, out, depth, ["[", "]"], budget)?,
        Value::Tuple(s) if s.items.len() == 1 => write_items(&s.items, out, depth, ["(", ",)"], budget)?,
        Value::Tuple(s) => write_items(&s.items, out, depth, ["(", ")"], budget)?,
        Value::View(kind, s) => {
            let open = match kind {
                ViewKind::Keys => "dict_keys([",
                ViewKind::Values => "dict_values([",
                ViewKind::Items => "dict_items([",
            };
            write_items(&s.items, out, depth, [open, "])"], budget)?;
        }
        Value::Dict(dict) => write_pairs(dict.entries().iter().map(|(k, v)| (k, v)), out, depth, budget)?,
        Value::Range(r) if r.step == 1 => push(out, format_args!("range({}, {})", r.start, r.stop)),
        Value::Range(r) => push(out, format_args!("range({}, {}, {})", r.start, r.stop, r.step)),
        Value::Namespace(namespace) => {
            let entries: Vec<(Value, Value)> = namespace
                .attributes
                .borrow()
                .iter()
                .map(|(k, v)| (Value::str(k.clone()), v.clone()))
                .collect();
            out.push_str("<Namespace ");
            write_pairs(entries.iter().map(|(k, v)| (k, v)), out, depth + 1, budget)?;
            out.push('>');
        }
        Value::Macro(m) => match &m.definition.name {
            Some(name) => push(out, format_args!("<Macro '{name}'>")),
            None => out.push_str("<Macro anonymous>"),
        },
        Value::Loop(l) => {
            push(out, format_args!("<LoopContext {}/{}>", l.index0.get() + 1, l.items.items.len()))
        }
        // Python prints the address of these; there is none to print, and none worth giving away.
        _ => push(out, format_args!("<{} object>", value.type_name())),
    }
    Ok(())
}

fn push(out: &mut String, text: std::fmt::Arguments) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(text);
}

fn write_items(
    items: &[Value],
    out: &mut String,
    depth: usize,
    [open, close]: [&str; 2],
    budget: &Budget,
) -> Outcome<()> {
    out.push_str(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_repr(item, out, depth + 1, budget)?;
    }
    out.push_str(close);
    Ok(())
}

fn write_pairs<'v>(
    pairs: impl Iterator<Item = (&'v Value, &'v Value)>,
    out: &mut String,
    depth: usize,
    budget: &Budget,
) -> Outcome<()> {
    out.push('{');
    for (i, (key, value)) in pairs.enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        write_repr(key, out, depth + 1, budget)?;
        out.push_str(": ");
        write_repr(value, out, depth + 1, budget)?;
    }
    out.push('}');
    Ok(())
}

/// `repr` of a float: the shortest digits that read back the same, laid out as Python does.
pub(super) fn float(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let scientific = format!("{x:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{x}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn quote(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            c if !c.is_ascii() && printable(c) => out.push(c),
            c => match c as u32 {
                code @ ..=0xff => push(out, format_args!("\\x{code:02x}")),
                code @ ..=0xffff => push(out, format_args!("\\u{code:04x}")),
                code => push(out, format_args!("\\U{code:08x}")),
            },
        }
    }
    out.push(quote);
}

/// Python's `str.isprintable` of one character.
fn printable(c: char) -> bool {
    static HIDDEN: OnceLock<Option<fancy_regex::Regex>> = OnceLock::new();
    let hidden = HIDDEN.get_or_init(|| fancy_regex::Regex::new(r"^[\p{C}\p{Z}]$").ok());
    let mut buffer = [0; 4];
    hidden.as_ref().is_none_or(|regex| !regex.is_match(c.encode_utf8(&mut buffer)).unwrap_or(false))
}

/// markupsafe's `escape` of a plain text.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            c => out.push(c),
        }
    }
    out
}
