//! What a template is given, as the values that it computes with.

use std::rc::Rc;

use super::budget::Budget;
use super::data::Data;
use super::failure::Outcome;
use super::origin::Text;
use super::value::{Dict, Value};
use super::whole;

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

/// The value of data that is given as `given`.
pub(super) fn value_of(data: &Data, given: Given, budget: &Budget) -> Outcome<Value> {
    let items = |items: &[Data]| -> Outcome<Vec<Value>> {
        items.iter().map(|item| value_of(item, given.item(), budget)).collect()
    };
    Ok(match data {
        Data::None => Value::None,
        Data::Bool(b) => Value::Bool(*b),
        Data::Int(n) => whole::value(n.clone(), budget)?,
        Data::Float(x) => Value::Float(*x),
        Data::Text(text) => Value::Str(Text::new(text.as_str(), given == Given::Special)),
        Data::List(list) => Value::list(items(list)?)?,
        Data::Tuple(tuple) => Value::tuple(items(tuple)?)?,
        Data::Dict(pairs) => {
            let mut dict = Dict::default();
            for (key, value) in pairs {
                let value = value_of(value, given.member(key, value), budget)?;
                dict.insert(value_of(key, Given::Content, budget)?, value)?;
            }
            Value::Dict(Rc::new(dict))
        }
    })
}
