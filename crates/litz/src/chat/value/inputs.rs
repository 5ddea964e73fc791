//! The inputs of a template as the values that it computes with.

use std::rc::Rc;

use crate::chat::budget::Budget;
use crate::chat::failure::Outcome;
use crate::chat::value::data::Data;
use crate::chat::value::{integers, Dict, Text, Value};

/// The roles that templates build special tokens from (`<|user|>`); they are trusted.
const ROLES: [&str; 14] = [
    "system",
    "user",
    "assistant",
    "tool",
    "developer",
    "function",
    "model",
    "ipython",
    "observation",
    "critic",
    "context",
    "documents",
    "environment",
    "tool_response",
];

/// The kind of an input, which decides whether its texts are trusted.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum InputKind {
    /// A special token, which the tokenizer names.
    Special,
    Messages,
    Message,
    Content,
}

impl InputKind {
    /// The kind of a variable.
    pub fn variable(name: &str, special: &[&str]) -> Self {
        match name {
            _ if special.contains(&name) => Self::Special,
            "messages" => Self::Messages,
            _ => Self::Content,
        }
    }

    fn item(self) -> Self {
        match self {
            Self::Special => Self::Special,
            Self::Messages => Self::Message,
            _ => Self::Content,
        }
    }

    fn member(self, key: &Data, value: &Data) -> Self {
        match (self, key, value) {
            (Self::Special, ..) => Self::Special,
            (Self::Message, Data::Text(key), Data::Text(role))
                if key == "role" && ROLES.contains(&role.as_str()) =>
            {
                Self::Special
            }
            _ => Self::Content,
        }
    }
}

/// The value of data of this kind.
pub(crate) fn value_of(data: &Data, kind: InputKind, budget: &Budget) -> Outcome<Value> {
    let items = |items: &[Data]| -> Outcome<Vec<Value>> {
        items.iter().map(|item| value_of(item, kind.item(), budget)).collect()
    };
    Ok(match data {
        Data::None => Value::None,
        Data::Bool(b) => Value::Bool(*b),
        Data::Int(n) => integers::value(n.clone(), budget)?,
        Data::Float(x) => Value::Float(*x),
        Data::Text(text) => Value::Str(Text::new(text.as_str(), kind == InputKind::Special)),
        Data::List(list) => Value::list(items(list)?)?,
        Data::Tuple(tuple) => Value::tuple(items(tuple)?)?,
        Data::Dict(pairs) => {
            let mut dict = Dict::default();
            for (key, value) in pairs {
                let value = value_of(value, kind.member(key, value), budget)?;
                dict.insert(value_of(key, InputKind::Content, budget)?, value)?;
            }
            Value::Dict(Rc::new(dict))
        }
    })
}
