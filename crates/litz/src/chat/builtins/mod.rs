//! What templates can call: filters, tests, functions, and the methods and attributes of values.
//!
//! Each kind is a table of names and functions; a name stands in it once.

pub(crate) mod arguments;
pub(crate) mod attributes;
pub(crate) mod clock;
pub(crate) mod filters;
pub(crate) mod functions;
pub(crate) mod methods;
pub(crate) mod tests;

use self::arguments::Call;
use crate::chat::failure::{fail, Outcome};
use crate::chat::run::interpreter::Interpreter;
use crate::chat::value::Value;

/// A filter or a method: what it makes of a value.
pub(crate) type OnValue = fn(&mut Interpreter<'_>, &Value, Call) -> Outcome<Value>;

/// Functions by name.
pub(crate) type Table<F> = [(&'static str, F)];

/// The entry of a table.
pub(crate) fn find<F: Copy>(table: &Table<F>, name: &str) -> Option<(&'static str, F)> {
    table.iter().find(|(known, _)| *known == name).copied()
}

/// Stands for what Jinja or Python has and chat templates have no use for: it fails when it is called.
fn unsupported(_: &mut Interpreter<'_>, _: &Value, call: Call) -> Outcome<Value> {
    fail(format!("'{}' is not supported in chat templates", call.name))
}
