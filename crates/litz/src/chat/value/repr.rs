//! Values as text: Python's `str` and `repr`.

use std::fmt::Write;

use crate::chat::budget::Budget;
use crate::chat::failure::{fail, Outcome};
use crate::chat::value::characters::printable;
use crate::chat::value::{integers, Text, Value, ViewKind};

/// A namespace can hold itself, and nothing that can be printed is nested deeper.
const MAX_DEPTH: usize = 250;

/// `str(value)`.
pub(crate) fn str_of(value: &Value, budget: &Budget) -> Outcome<Text> {
    match value {
        Value::Str(text) => Ok(text.clone()),
        Value::Undefined(_) => Ok(Text::trusted("")),
        _ => repr(value, budget),
    }
}

/// `repr(value)`; trusted only where all of it is.
pub(crate) fn repr(value: &Value, budget: &Budget) -> Outcome<Text> {
    let mut out = Printed { text: String::new(), trusted: true };
    write_repr(value, &mut out, 0, budget)?;
    budget.allocate(out.text.len())?;
    Ok(Text::new(out.text, out.trusted))
}

struct Printed {
    text: String,
    trusted: bool,
}

impl Printed {
    /// Appends untrusted text.
    fn untrusted(&mut self, text: std::fmt::Arguments) {
        self.trusted = false;
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(text);
    }

    fn quoted(&mut self, text: &Text) {
        self.trusted &= text.is_trusted();
        quote(&text.text, &mut self.text);
    }
}

fn write_repr(value: &Value, out: &mut Printed, depth: usize, budget: &Budget) -> Outcome<()> {
    budget.step(1)?;
    if depth > MAX_DEPTH {
        return fail("a value that contains itself cannot be printed");
    }
    match value {
        Value::Undefined(_) => out.untrusted(format_args!("Undefined")),
        Value::None => out.untrusted(format_args!("None")),
        Value::Bool(b) => out.untrusted(format_args!("{}", if *b { "True" } else { "False" })),
        Value::Int(n) => out.untrusted(format_args!("{n}")),
        Value::Big(n) => {
            let sign = if n.sign() == num_bigint::Sign::Minus { "-" } else { "" };
            out.untrusted(format_args!("{sign}{}", integers::decimal(n, budget)?));
        }
        Value::Float(x) => out.untrusted(format_args!("{}", float(*x))),
        Value::Str(text) if text.markup => {
            out.text.push_str("Markup(");
            out.quoted(text);
            out.text.push(')');
        }
        Value::Str(text) => out.quoted(text),
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
        Value::Range(r) if r.step == 1 => out.untrusted(format_args!("range({}, {})", r.start, r.stop)),
        Value::Range(r) => out.untrusted(format_args!("range({}, {}, {})", r.start, r.stop, r.step)),
        Value::Namespace(namespace) => {
            let entries: Vec<(Value, Value)> = namespace
                .attributes
                .borrow()
                .iter()
                .map(|(k, v)| (Value::str(k.clone()), v.clone()))
                .collect();
            out.text.push_str("<Namespace ");
            write_pairs(entries.iter().map(|(k, v)| (k, v)), out, depth + 1, budget)?;
            out.text.push('>');
        }
        Value::Macro(m) => match &m.definition.name {
            Some(name) => out.untrusted(format_args!("<Macro '{name}'>")),
            None => out.untrusted(format_args!("<Macro anonymous>")),
        },
        Value::Loop(l) => {
            out.untrusted(format_args!("<LoopContext {}/{}>", l.index0.get() + 1, l.items.items.len()))
        }
        // Python prints the addresses of these objects; there is none here.
        _ => out.untrusted(format_args!("<{} object>", value.type_name())),
    }
    Ok(())
}

fn write_items(
    items: &[Value],
    out: &mut Printed,
    depth: usize,
    [open, close]: [&str; 2],
    budget: &Budget,
) -> Outcome<()> {
    out.text.push_str(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.text.push_str(", ");
        }
        write_repr(item, out, depth + 1, budget)?;
    }
    out.text.push_str(close);
    Ok(())
}

fn write_pairs<'v>(
    pairs: impl Iterator<Item = (&'v Value, &'v Value)>,
    out: &mut Printed,
    depth: usize,
    budget: &Budget,
) -> Outcome<()> {
    out.text.push('{');
    for (i, (key, value)) in pairs.enumerate() {
        if i > 0 {
            out.text.push_str(", ");
        }
        write_repr(key, out, depth + 1, budget)?;
        out.text.push_str(": ");
        write_repr(value, out, depth + 1, budget)?;
    }
    out.text.push('}');
    Ok(())
}

/// `repr` of a float: the shortest digits that read back the same, laid out as Python does.
pub(crate) fn float(x: f64) -> String {
    if x.is_nan() {
        return "nan".into();
    }
    if x.is_infinite() {
        return if x > 0.0 { "inf".into() } else { "-inf".into() };
    }
    let shortest = format!("{x:e}");
    // Of two shortest forms that are equally near, Python takes the even one.
    let digits = shortest.bytes().take_while(|&b| b != b'e').filter(u8::is_ascii_digit).count();
    let even = format!("{x:.*e}", digits - 1);
    let scientific = if even.parse() == Ok(x) { even } else { shortest };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits = mantissa.replace('.', "");
    let point = exponent + 1;
    if point <= 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
    }
    let whole = point as usize;
    if digits.len() <= whole {
        return format!("{sign}{digits}{}.0", "0".repeat(whole - digits.len()));
    }
    format!("{sign}{}.{}", &digits[..whole], &digits[whole..])
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
            c => push_escaped(c, out),
        }
    }
    out.push(quote);
}

fn push_escaped(c: char, out: &mut String) {
    // Writing to a String cannot fail.
    let _ = match c as u32 {
        code @ ..=0xff => write!(out, "\\x{code:02x}"),
        code @ ..=0xffff => write!(out, "\\u{code:04x}"),
        code => write!(out, "\\U{code:08x}"),
    };
}

/// `ascii(value)`, from its `repr`.
pub(crate) fn ascii(repr: &Text) -> Text {
    repr.changed_apart(|text| {
        let mut out = String::with_capacity(text.len());
        text.chars().for_each(|c| if c.is_ascii() { out.push(c) } else { push_escaped(c, &mut out) });
        out
    })
}

/// markupsafe's `escape` of a plain text.
pub(crate) fn escape(text: &str) -> String {
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
