//! Runs the statements of a template and evaluates its expressions.

mod expressions;
pub(crate) mod interpreter;
