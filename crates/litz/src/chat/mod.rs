//! Chat templates: Jinja as the transformers library runs it, byte for byte, in bounded time and memory.
//!
//! The interpreter is this crate's own: it has Python's semantics where templates rely on them, knows no Python
//! object, and cannot be made to overflow the stack, loop without end or fill the memory by a template.

use std::collections::HashMap;
use std::ops::Range;

use crate::Result;

mod arguments;
mod ast;
mod attributes;
mod braces;
mod budget;
mod case_tables;
mod characters;
mod clock;
mod data;
mod evaluate;
mod expressions;
mod failure;
mod filters;
mod format_spec;
mod given;
mod globals;
mod interpreter;
mod json;
mod lexer;
mod literals;
mod markup_filters;
mod methods;
mod number_filters;
mod number_text;
mod operators;
mod origin;
mod parser;
mod percent;
mod predicates;
mod sequences;
mod string_methods;
mod strings;
mod text;
mod value;
mod whole;

#[cfg(test)]
mod tests;

pub use clock::Clock;
pub use data::Data;
pub use num_bigint::BigInt;

/// A chat template, compiled once and rendered any number of times, from any thread.
#[derive(Debug)]
pub struct Template {
    parsed: parser::Parsed,
    size: usize,
}

/// What a template rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The whole prompt.
    pub text: String,
    /// The byte ranges of `text` that `{% generation %}` blocks wrote: what the assistant said.
    pub generation: Vec<Range<usize>>,
    /// The byte ranges of `text` that the template wrote, in order: only there is a special token meant.
    pub trusted: Vec<Range<usize>>,
}

impl Template {
    /// Compiles a template; a syntax error names its line.
    pub fn new(source: &str) -> Result<Self> {
        Ok(Self { parsed: parser::parse(source)?, size: source.len() })
    }

    /// Renders with these variables at the local time `now`.
    ///
    /// The variables that `special` names are the tokenizer's special tokens: they count as the template's own words,
    /// as do a message's role where it is a usual one. All other texts are content.
    /// A template that fails, by its own `raise_exception` or otherwise, is an `Error::Template`.
    pub fn render(&self, variables: &[(String, Data)], special: &[&str], now: &Clock) -> Result<Rendered> {
        let budget =
            budget::Budget::new(self.size + variables.iter().map(|(_, data)| data.weight()).sum::<usize>());
        let mut values = HashMap::with_capacity(variables.len());
        for (name, data) in variables {
            let given = given::Given::variable(name, special);
            values.insert(name.clone(), given::value_of(data, given, &budget)?);
        }
        Ok(interpreter::Interpreter::new(values, now, budget).run(&self.parsed.body)?)
    }

    /// Every name that the template reads: a variable that is not among them has no effect.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parsed.names.iter().map(|name| &**name)
    }

    /// Whether the template marks what the assistant says with `{% generation %}`.
    pub fn has_generation(&self) -> bool {
        self.parsed.has_generation
    }
}
