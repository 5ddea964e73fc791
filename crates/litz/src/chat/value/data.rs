//! The inputs of a template: Python's plain values.

use num_bigint::BigInt;

/// A plain value, as Python has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// A whole number of any size.
    Int(BigInt),
    /// A float.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Data>),
    /// A tuple.
    Tuple(Vec<Data>),
    /// A mapping, in its order.
    Dict(Vec<(Data, Data)>),
}

impl Data {
    /// About how many bytes it has.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::List(items) | Self::Tuple(items) => items.iter().map(|item| item.weight() + 8).sum(),
            Self::Dict(pairs) => pairs.iter().map(|(key, item)| key.weight() + item.weight() + 8).sum(),
            _ => 8,
        }
    }

    /// The members of a JSON object as variables; none of any other value.
    pub fn variables(json: &serde_json::Value) -> Vec<(String, Self)> {
        let members = json.as_object().into_iter().flatten();
        members.map(|(name, value)| (name.clone(), Self::from(value))).collect()
    }
}

impl From<&serde_json::Value> for Data {
    fn from(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::None,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => match (n.as_i64(), n.as_u64()) {
                (Some(n), _) => Self::Int(n.into()),
                (_, Some(n)) => Self::Int(n.into()),
                _ => Self::Float(n.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(text.clone()),
            Json::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Json::Object(map) => Self::Dict(
                map.iter().map(|(key, value)| (Self::Text(key.clone()), Self::from(value))).collect(),
            ),
        }
    }
}
