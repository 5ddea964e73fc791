//! `text.format(...)` and `text.format_map(...)`, as the sandbox's formatter runs them.

use std::sync::Arc;

use crate::chat::builtins::arguments::{text_of, Call};
use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::run::interpreter::Interpreter;
use crate::chat::value::characters::{self, decimal_value};
use crate::chat::value::format::spec::format_value;
use crate::chat::value::repr::{ascii, escape, repr, str_of};
use crate::chat::value::{Output, Text, Value};

/// A field's specification may hold fields, and theirs none.
const MAX_DEPTH: usize = 1;

/// What the fields of a format refer to.
enum FormatArguments<'v> {
    /// The arguments of `format`.
    Call(&'v [Value], &'v [(Arc<str>, Value)]),
    /// The mapping of `format_map`.
    Mapping(&'v Value),
}

/// How fields are numbered.
#[derive(Clone, Copy, PartialEq)]
enum Numbering {
    Next(usize),
    ByHand,
}

/// One `{name!conversion:spec}`.
struct FormatField<'s> {
    name: &'s str,
    conversion: Option<char>,
    spec: &'s str,
}

/// `text.format(...)`.
pub(super) fn format(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    filled(interpreter, text_of(value)?, &FormatArguments::Call(&call.positional, &call.named))
}

/// `text.format_map(mapping)`.
pub(super) fn format_map(interpreter: &mut Interpreter<'_>, value: &Value, call: Call) -> Outcome<Value> {
    filled(interpreter, text_of(value)?, &FormatArguments::Mapping(&call.one_positional()?))
}

/// Puts values into the fields of a format; one that is markup escapes them.
fn filled(interpreter: &Interpreter<'_>, format: &Text, given: &FormatArguments) -> Outcome<Value> {
    let mut numbering = Numbering::Next(0);
    let trusted = format.is_trusted();
    let mut out = Output::default();
    let filling = Filling { given, escapes: format.markup, interpreter };
    filling.fill(&format.text, trusted, 0, &mut numbering, &mut out)?;
    let text = out.finish(format.markup);
    interpreter.budget.allocate(text.cost())?;
    Ok(Value::Str(text))
}

struct Filling<'a> {
    given: &'a FormatArguments<'a>,
    escapes: bool,
    interpreter: &'a Interpreter<'a>,
}

impl Filling<'_> {
    fn fill(
        &self,
        format: &str,
        trusted: bool,
        depth: usize,
        numbering: &mut Numbering,
        out: &mut Output,
    ) -> Outcome<()> {
        let mut rest = format;
        while let Some(at) = rest.find(['{', '}']) {
            out.push(&rest[..at], trusted);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                out.push(brace, trusted);
                rest = after;
                continue;
            }
            if brace == "}" || rest.is_empty() {
                return fail(format!("Single '{brace}' encountered in format string"));
            }
            let (field, after) = FormatField::read(rest)?;
            rest = after;
            let value = self.value(&field, numbering)?;
            let mut spec = Output::default();
            match depth {
                MAX_DEPTH if !field.spec.is_empty() && field.spec.contains(['{', '}']) => {
                    return fail("Max string recursion exceeded")
                }
                MAX_DEPTH => spec.push(field.spec, false),
                _ => self.fill(field.spec, false, depth + 1, numbering, &mut spec)?,
            }
            let shown = self.shown(&value, &spec.into_parts().0)?;
            self.interpreter.budget.allocate(shown.cost() + 16)?;
            out.text(&shown.trusted_if(trusted));
        }
        out.push(rest, trusted);
        Ok(())
    }

    fn value(&self, field: &FormatField, numbering: &mut Numbering) -> Outcome<Value> {
        let mixed = "cannot switch from manual field specification to automatic field numbering";
        let digits = |name: &str| !name.is_empty() && name.chars().all(characters::digit);
        let mut numbered = String::new();
        let name = match (*numbering, field.name) {
            (Numbering::ByHand, "") => return fail(mixed),
            (Numbering::Next(n), "") => {
                *numbering = Numbering::Next(n + 1);
                numbered.push_str(&n.to_string());
                &numbered
            }
            (Numbering::Next(n), name) if n > 0 && digits(name) => return fail(mixed),
            (_, name) if digits(name) => {
                *numbering = Numbering::ByHand;
                name
            }
            (_, name) => name,
        };
        let first = name.find(['.', '[']).unwrap_or(name.len());
        let value = self.named(&name[..first])?;
        let value = path(value, &name[first..], self.interpreter)?;
        Ok(match field.conversion {
            None => value,
            Some('s') => Value::Str(str_of(&value, &self.interpreter.budget)?.with_markup(false)),
            Some('r') => Value::Str(repr(&value, &self.interpreter.budget)?),
            Some('a') => Value::Str(ascii(&repr(&value, &self.interpreter.budget)?)),
            Some(other) => return fail(format!("Unknown conversion specifier {other}")),
        })
    }

    fn named(&self, name: &str) -> Outcome<Value> {
        if let Some(place) = place(name)? {
            let items = match self.given {
                FormatArguments::Call(positional, _) => positional,
                FormatArguments::Mapping(_) => &[][..],
            };
            let item = items.get(place).cloned();
            return item.ok_or_else(|| Failure::new(format!("Replacement index {place} out of range")));
        }
        let found = match self.given {
            FormatArguments::Call(_, named) => {
                named.iter().find(|(n, _)| &**n == name).map(|(_, v)| v.clone())
            }
            FormatArguments::Mapping(Value::Dict(dict)) => dict.get_str(name).cloned(),
            FormatArguments::Mapping(other) => {
                return fail(format!("format_map() needs a mapping, not {}", other.type_name()))
            }
        };
        found.ok_or_else(|| Failure::new(format!("'{name}'")))
    }

    fn shown(&self, value: &Value, spec: &str) -> Outcome<Text> {
        match value {
            Value::Str(text) if self.escapes && text.markup => match spec {
                "" => Ok(text.clone()),
                _ => fail("Unsupported format specification for Markup."),
            },
            _ => {
                let shown = format_value(value, spec, &self.interpreter.budget)?;
                self.interpreter.budget.allocate(shown.cost())?;
                Ok(if self.escapes { shown.changed_apart(escape) } else { shown })
            }
        }
    }
}

impl<'s> FormatField<'s> {
    /// Reads a field behind its brace, and what follows it.
    fn read(text: &'s str) -> Outcome<(Self, &'s str)> {
        let mut end = 0;
        let mut in_brackets = false;
        loop {
            match text[end..].chars().next() {
                None => return fail("expected '}' before end of string"),
                Some(']') if in_brackets => in_brackets = false,
                Some(_) if in_brackets => {}
                Some('[') => in_brackets = true,
                Some('{') => return fail("unexpected '{' in field name"),
                Some('}' | ':' | '!') => break,
                Some(_) => {}
            }
            end += text[end..].chars().next().map_or(1, char::len_utf8);
        }
        let name = &text[..end];
        let mut rest = &text[end..];
        let mut conversion = None;
        if let Some(after) = rest.strip_prefix('!') {
            let mut chars = after.chars();
            conversion = chars.next();
            rest = chars.as_str();
            if conversion.is_none() || !rest.starts_with(['}', ':']) {
                return fail("expected ':' after conversion specifier");
            }
        }
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((Self { name, conversion, spec: "" }, after));
        }
        let body = &rest[1..];
        let mut open = 1;
        for (at, c) in body.char_indices() {
            match c {
                '{' => open += 1,
                '}' => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Ok((Self { name, conversion, spec: &body[..at] }, &body[at + 1..]));
            }
        }
        fail("unmatched '{' in format spec")
    }
}

/// The number that decimal digits of any script spell; `None` for a name.
fn place(name: &str) -> Outcome<Option<usize>> {
    let mut number = 0usize;
    for c in name.chars() {
        let Some(digit) = decimal_value(c) else { return Ok(None) };
        number = match number.checked_mul(10).and_then(|n| n.checked_add(digit as usize)) {
            Some(number) => number,
            None => return fail("Too many decimal digits in format string"),
        };
    }
    Ok((!name.is_empty()).then_some(number))
}

/// Follows `.name` and `[key]`.
fn path(mut value: Value, mut rest: &str, interpreter: &Interpreter<'_>) -> Outcome<Value> {
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            if end == 0 {
                return fail("Empty attribute in format string");
            }
            value = interpreter.attribute(&value, &after[..end].into())?;
            rest = &after[end..];
        } else {
            let Some(end) = rest.find(']') else { return fail("Missing ']' in format string") };
            let key = &rest[1..end];
            if key.is_empty() {
                return fail("Empty attribute in format string");
            }
            let key = place(key)?.map_or_else(|| Value::str(key), |place| Value::Int(place as i128));
            value = interpreter.element(&value, &key)?;
            rest = &rest[end + 1..];
            if !rest.is_empty() && !rest.starts_with(['.', '[']) {
                return fail("Only '.' or '[' may follow ']' in format field specifier");
            }
        }
    }
    Ok(value)
}
