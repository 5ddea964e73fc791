//! A reader of one JSON object. Each error names its path, and an unread key is an error.

use serde_json::{Map, Value};

use crate::tokenizer::stages::pattern::Pattern;
use crate::{Error, Result};

/// One object of the file, with the keys that have not been read yet.
pub(crate) struct Fields<'a> {
    path: &'a str,
    object: &'a Map<String, Value>,
    unread: Vec<&'a str>,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which `path` names in errors.
    pub fn new(value: &'a Value, path: &'a str) -> Result<Self> {
        let Value::Object(object) = value else {
            return Err(Error::Format(format!("{path}: found {}, expected an object", kind(value))));
        };
        Ok(Self { path, object, unread: object.keys().map(String::as_str).collect() })
    }

    /// The value of a key; `None` when it is absent or null.
    pub fn get(&mut self, key: &str) -> Option<&'a Value> {
        self.unread.retain(|&other| other != key);
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// Marks keys as read whose values do not change ids and text.
    pub fn skip(&mut self, keys: &[&str]) {
        self.unread.retain(|key| !keys.contains(key));
    }

    /// A string.
    pub fn text(&mut self, key: &str) -> Result<&'a str> {
        let value = self.get(key);
        value.and_then(Value::as_str).ok_or_else(|| self.wrong(key, "text", value))
    }

    /// One character.
    pub fn character(&mut self, key: &str) -> Result<char> {
        let text = self.text(key)?;
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(c),
            _ => Err(Error::Format(format!("{}.{key}: found {text:?}, expected one character", self.path))),
        }
    }

    /// A Boolean, `absent` when the key is missing.
    pub fn flag(&mut self, key: &str, absent: bool) -> Result<bool> {
        match self.get(key) {
            None => Ok(absent),
            Some(Value::Bool(flag)) => Ok(*flag),
            other => Err(self.wrong(key, "true or false", other)),
        }
    }

    /// A count, 0 when the key is missing.
    pub fn count(&mut self, key: &str) -> Result<usize> {
        let value = self.get(key);
        match value {
            None => Ok(0),
            Some(number) => number
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .ok_or_else(|| self.wrong(key, "an integer from 0", value)),
        }
    }

    /// An array.
    pub fn array(&mut self, key: &str) -> Result<&'a [Value]> {
        let value = self.get(key);
        match value {
            Some(Value::Array(items)) => Ok(items),
            _ => Err(self.wrong(key, "an array", value)),
        }
    }

    /// `{"String": …}` or `{"Regex": …}`.
    pub fn pattern(&mut self, key: &str) -> Result<Pattern> {
        let path = self.child(key);
        let value = self.get(key).ok_or_else(|| self.wrong(key, "a pattern", None))?;
        let mut fields = Fields::new(value, &path)?;
        let pattern = match fields.get("String") {
            Some(literal) => {
                let literal =
                    literal.as_str().ok_or_else(|| fields.wrong("String", "text", Some(literal)))?;
                match literal {
                    // It matches between all characters, like an empty regex.
                    "" => Pattern::regex("", &path)?,
                    _ => Pattern::Literal(literal.to_owned()),
                }
            }
            None => Pattern::regex(fields.text("Regex")?, &path)?,
        };
        fields.done()?;
        Ok(pattern)
    }

    /// The path of a key, for errors further down.
    pub fn child(&self, key: &str) -> String {
        format!("{}.{key}", self.path)
    }

    /// The error for a stage that litz does not implement.
    pub fn unsupported(&self, name: &str) -> Error {
        Error::Unsupported(format!("{}: {name} is not implemented by litz", self.path))
    }

    /// Fails if a key was never read: it might change the result.
    pub fn done(self) -> Result<()> {
        match self.unread.first() {
            None => Ok(()),
            Some(key) => Err(Error::Unsupported(format!("{}.{key}: unknown setting", self.path))),
        }
    }

    /// The error for a value of the wrong kind.
    pub fn wrong(&self, key: &str, expected: &str, found: Option<&Value>) -> Error {
        let found = found.map_or("nothing", kind);
        Error::Format(format!("{}.{key}: found {found}, expected {expected}", self.path))
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a Boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Calls `leaf` for each stage, in order, with nested Sequences opened; `list` is their key for the stages.
pub(crate) fn flatten(
    value: &Value,
    path: &str,
    list: &str,
    leaf: &mut impl FnMut(&Value, &str) -> Result<()>,
) -> Result<()> {
    let mut fields = Fields::new(value, path)?;
    if fields.text("type")? != "Sequence" {
        return leaf(value, path);
    }
    let stages = fields.array(list)?;
    fields.done()?;
    for (i, stage) in stages.iter().enumerate() {
        flatten(stage, &format!("{path}.{list}[{i}]"), list, leaf)?;
    }
    Ok(())
}
