//! Chat templates: Jinja as the transformers library runs it, byte for byte, in bounded time and memory.
//!
//! The interpreter is this crate's own: it has Python's semantics where templates rely on them. It has no
//! access to Python objects, and no template can overflow the stack, loop without end or fill the memory.

use std::collections::HashMap;

use crate::Result;

mod budget;
mod builtins;
mod failure;
mod run;
mod syntax;
mod value;

#[cfg(test)]
mod tests;

pub use builtins::clock::Clock;
pub use num_bigint::BigInt;
pub use run::interpreter::Rendered;
pub use value::data::Data;

use budget::Budget;
use builtins::{filters, tests as jinja_tests};
use run::interpreter::Interpreter;
use syntax::parser::{self, Known};
use value::inputs::{self, InputKind};

/// A chat template, compiled once and rendered any number of times, from any thread.
#[derive(Debug)]
pub struct Template {
    parsed: parser::Parsed,
    size: usize,
}

impl Template {
    /// Compiles a template; a syntax error names its line.
    pub fn new(source: &str) -> Result<Self> {
        let known = Known { filter: filters::exists, test: jinja_tests::exists };
        Ok(Self { parsed: parser::parse(source, known)?, size: source.len() })
    }

    /// Renders with these variables at the local time `now`.
    ///
    /// What the template itself writes is trusted. So are the variables that `special` names, the tokenizer's special
    /// tokens, and a message's role where it is a usual one. All other texts are untrusted.
    /// A template that fails, by its own `raise_exception` or otherwise, is an `Error::Template`.
    pub fn render(&self, variables: &[(String, Data)], special: &[&str], now: &Clock) -> Result<Rendered> {
        let budget = Budget::new(self.size + variables.iter().map(|(_, data)| data.weight()).sum::<usize>());
        let mut values = HashMap::with_capacity(variables.len());
        for (name, data) in variables {
            let kind = InputKind::variable(name, special);
            values.insert(name.clone(), inputs::value_of(data, kind, &budget)?);
        }
        Ok(Interpreter::new(values, now, budget).run(&self.parsed.body)?)
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
