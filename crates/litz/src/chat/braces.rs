//! `text.format(...)` and `text.format_map(...)`, as the sandbox's formatter runs them.

use std::sync::Arc;

use super::attributes;
use super::budget::Budget;
use super::characters::decimal_value;
use super::failure::{fail, Failure, Outcome};
use super::format_spec::format_value;
use super::origin::{Output, Text};
use super::text::{ascii, escape, repr, str_of};
use super::value::Value;

/// A field's specification may hold fields, and theirs none.
const DEEPEST: usize = 1;

/// What a format can ask for.
pub(super) enum Given<'v> {
    /// The arguments of `format`.
    Arguments(&'v [Value], &'v [(Arc<str>, Value)]),
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
struct Field<'s> {
    name: &'s str,
    conversion: Option<char>,
    spec: &'s str,
}

/// Puts values into the fields of a format; one that is markup escapes them.
pub(super) fn braces(format: &Text, given: &Given, budget: &Budget) -> Outcome<Text> {
    let mut numbering = Numbering::Next(0);
    let trusted = format.is_trusted();
    let mut out = Output::default();
    let filling = Filling { given, escapes: format.markup, budget };
    filling.fill(&format.text, trusted, 0, &mut numbering, &mut out)?;
    Ok(out.finish(format.markup))
}

struct Filling<'a> {
    given: &'a Given<'a>,
    escapes: bool,
    budget: &'a Budget,
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
            let (field, after) = Field::read(rest)?;
            rest = after;
            let value = self.value(&field, numbering)?;
            let mut spec = Output::default();
            match depth {
                DEEPEST if !field.spec.is_empty() && field.spec.contains(['{', '}']) => {
                    return fail("Max string recursion exceeded")
                }
                DEEPEST => spec.push(field.spec, false),
                _ => self.fill(field.spec, false, depth + 1, numbering, &mut spec)?,
            }
            let shown = self.shown(&value, &spec.into_parts().0)?;
            self.budget.allocate(shown.cost() + 16)?;
            out.text(&shown.trusted_if(trusted));
        }
        out.push(rest, trusted);
        Ok(())
    }

    fn value(&self, field: &Field, numbering: &mut Numbering) -> Outcome<Value> {
        let mixed = "cannot switch from manual field specification to automatic field numbering";
        let digits = |name: &str| !name.is_empty() && name.chars().all(super::characters::digit);
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
        let value = path(value, &name[first..], self.budget)?;
        Ok(match field.conversion {
            None => value,
            Some('s') => Value::Str(str_of(&value, self.budget)?.with_markup(false)),
            Some('r') => Value::Str(repr(&value, self.budget)?),
            Some('a') => Value::Str(ascii(&repr(&value, self.budget)?)),
            Some(other) => return fail(format!("Unknown conversion specifier {other}")),
        })
    }

    fn named(&self, name: &str) -> Outcome<Value> {
        if let Some(place) = place(name)? {
            let items = match self.given {
                Given::Arguments(positional, _) => positional,
                Given::Mapping(_) => &[][..],
            };
            let item = items.get(place).cloned();
            return item.ok_or_else(|| Failure::new(format!("Replacement index {place} out of range")));
        }
        let found = match self.given {
            Given::Arguments(_, named) => named.iter().find(|(n, _)| &**n == name).map(|(_, v)| v.clone()),
            Given::Mapping(Value::Dict(dict)) => dict.get_str(name).cloned(),
            Given::Mapping(other) => {
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
                let shown = format_value(value, spec, self.budget)?;
                self.budget.allocate(shown.cost())?;
                Ok(if self.escapes { shown.changed_apart(escape) } else { shown })
            }
        }
    }
}

impl<'s> Field<'s> {
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
fn path(mut value: Value, mut rest: &str, budget: &Budget) -> Outcome<Value> {
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(['.', '[']).unwrap_or(after.len());
            if end == 0 {
                return fail("Empty attribute in format string");
            }
            value = attributes::attribute(&value, &after[..end].into(), budget)?;
            rest = &after[end..];
        } else {
            let Some(end) = rest.find(']') else { return fail("Missing ']' in format string") };
            let key = &rest[1..end];
            if key.is_empty() {
                return fail("Empty attribute in format string");
            }
            let key = place(key)?.map_or_else(|| Value::str(key), |place| Value::Int(place as i128));
            value = attributes::item(&value, &key, budget)?;
            rest = &rest[end + 1..];
            if !rest.is_empty() && !rest.starts_with(['.', '[']) {
                return fail("Only '.' or '[' may follow ']' in format field specifier");
            }
        }
    }
    Ok(value)
}
