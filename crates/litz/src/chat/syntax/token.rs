//! The tokens of a template.

use std::sync::Arc;

use num_bigint::BigInt;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    Data(Arc<str>),
    VariableBegin,
    VariableEnd,
    BlockBegin,
    BlockEnd,
    Name(Arc<str>),
    Str(Arc<str>),
    Int(i128),
    Big(Arc<BigInt>),
    Float(f64),
    Op(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub kind: TokenKind,
    pub line: usize,
}
