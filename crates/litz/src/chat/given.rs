//! What a template is given: JSON, as the values that it computes with.

use std::rc::Rc;

use serde_json::Value as Json;

use super::failure::Outcome;
use super::origin::Text;
use super::value::{Dict, Value};

/// The roles that templates spell special tokens with (`<|user|>`): words of the protocol, not of a message.
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

/// As what a value is given, which decides whether its texts count as the template's own.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Given {
    /// A special token, which the tokenizer names.
    Special,
    Messages,
    Message,
    Content,
}

impl Given {
    /// What a variable is.
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

    fn member(self, key: &str, value: &Json) -> Self {
        let known = |role: &Json| role.as_str().is_some_and(|role| ROLES.contains(&role));
        match self {
            Self::Special => Self::Special,
            Self::Message if key == "role" && known(value) => Self::Special,
            _ => Self::Content,
        }
    }
}

/// A value of JSON, given as `given`.
pub(super) fn value_of(json: &Json, given: Given) -> Outcome<Value> {
    Ok(match json {
        Json::Null => Value::None,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(n), _) => Value::Int(n.into()),
            (_, Some(n)) => Value::Int(n.into()),
            _ => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => Value::Str(Text::new(text.as_str(), given == Given::Special)),
        Json::Array(items) => {
            let item = |item| value_of(item, given.item());
            Value::list(items.iter().map(item).collect::<Outcome<_>>()?)?
        }
        Json::Object(map) => {
            let mut dict = Dict::default();
            for (key, value) in map {
                dict.insert(Value::str(key.as_str()), value_of(value, given.member(key, value))?)?;
            }
            Value::Dict(Rc::new(dict))
        }
    })
}
