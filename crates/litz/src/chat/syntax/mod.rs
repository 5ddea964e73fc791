//! Template source to statements and expressions.

pub(crate) mod ast;
mod expressions;
mod lexer;
mod literals;
pub(crate) mod parser;
mod token;
