//! The arguments of a call, bound to the names of parameters.

use std::sync::Arc;

use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::value::{Text, Value};

/// A call: what is called, for messages, and its arguments.
#[derive(Default, Clone)]
pub(crate) struct Call {
    pub name: &'static str,
    pub positional: Vec<Value>,
    pub named: Vec<(Arc<str>, Value)>,
}

impl Call {
    /// The arguments of a function that takes none by name; the first `required` must be there.
    pub fn positional<const N: usize>(self, required: usize) -> Outcome<[Option<Value>; N]> {
        let name = self.name;
        if let Some((keyword, _)) = self.named.first() {
            return fail(format!("{name}() takes no keyword argument '{keyword}'"));
        }
        if self.positional.len() < required {
            let given = self.positional.len();
            return fail(format!("{name}() takes at least {required} arguments ({given} given)"));
        }
        self.bind([""; N], 0)
    }

    /// Fails if there are arguments.
    pub fn none(self) -> Outcome<()> {
        self.bind([], 0).map(|[]| ())
    }

    /// The argument of each parameter, in their order; the first `required` must be there.
    pub fn bind<const N: usize>(self, parameters: [&str; N], required: usize) -> Outcome<[Option<Value>; N]> {
        let (name, given) = (self.name, self.positional.len());
        if given > N {
            return fail(format!("{name}() takes at most {N} arguments ({given} given)"));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (keyword, value) in self.named {
            let Some(i) = parameters.iter().position(|p| *p == &*keyword) else {
                return fail(format!("{name}() got an unexpected keyword argument '{keyword}'"));
            };
            if bound[i].replace(value).is_some() {
                return fail(format!("{name}() got multiple values for argument '{keyword}'"));
            }
        }
        match (0..required).find(|&i| bound[i].is_none()) {
            Some(i) => fail(format!("{name}() missing a required argument: '{}'", parameters[i])),
            None => Ok(bound),
        }
    }

    /// The one argument of a function that needs it, called by this keyword.
    pub fn one(self, parameter: &str) -> Outcome<Value> {
        let [value] = self.bind([parameter], 1)?;
        Ok(value.unwrap_or(Value::None))
    }

    /// The one argument of a function that needs it, without a keyword.
    pub fn one_positional(self) -> Outcome<Value> {
        let [value] = self.positional(1)?;
        Ok(value.unwrap_or(Value::None))
    }
}

/// A value that must be text.
pub(crate) fn text(value: &Value) -> Outcome<&str> {
    text_of(value).map(|text| &*text.text)
}

/// A value that must be text, with its origins.
pub(crate) fn text_of(value: &Value) -> Outcome<&Text> {
    value.defined()?;
    match value {
        Value::Str(text) => Ok(text),
        _ => fail(format!("expected a str, not '{}'", value.type_name())),
    }
}

/// An optional text; `None` and absent are alike.
pub(crate) fn optional_text(value: Option<&Value>) -> Outcome<Option<&Text>> {
    value.filter(|value| !matches!(value, Value::None)).map(text_of).transpose()
}

/// A value that must be an integer, as a place or a count.
pub(crate) fn integer(value: &Value) -> Outcome<i128> {
    value.defined()?;
    value.as_place().ok_or_else(|| {
        Failure::new(format!("'{}' object cannot be interpreted as an integer", value.type_name()))
    })
}

/// A count that may be left out, but not be `None`.
pub(crate) fn count_or(value: Option<&Value>, absent: i128) -> Outcome<i128> {
    match value.map_or(Ok(absent), integer)? {
        count if i64::try_from(count).is_ok() => Ok(count),
        _ => fail("Python int too large to convert to C ssize_t"),
    }
}

/// A size that may be left out; a negative one is zero.
pub(crate) fn size_or(value: Option<&Value>, absent: usize) -> Outcome<usize> {
    match value {
        Some(value) => Ok(usize::try_from(integer(value)?.max(0)).unwrap_or(usize::MAX)),
        None => Ok(absent),
    }
}

/// An optional integer; `None` and absent are alike.
pub(crate) fn optional_integer(value: Option<&Value>) -> Outcome<Option<i128>> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(value) => integer(value).map(Some),
    }
}

/// An optional truth value, false when absent.
pub(crate) fn flag(value: Option<&Value>) -> bool {
    value.is_some_and(Value::truthy)
}
