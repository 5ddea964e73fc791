//! The arguments of a call, bound to the names of parameters.

use std::sync::Arc;

use super::failure::{fail, Failure, Outcome};
use super::origin::Text;
use super::value::Value;

#[derive(Default, Clone)]
pub(super) struct Called {
    pub positional: Vec<Value>,
    pub named: Vec<(Arc<str>, Value)>,
}

impl Called {
    /// The arguments of a function that takes none by name; the first `required` must be there.
    pub fn positional<const N: usize>(self, function: &str, required: usize) -> Outcome<[Option<Value>; N]> {
        if let Some((name, _)) = self.named.first() {
            return fail(format!("{function}() takes no keyword argument '{name}'"));
        }
        if self.positional.len() < required {
            let given = self.positional.len();
            return fail(format!("{function}() takes at least {required} arguments ({given} given)"));
        }
        self.bind(function, [""; N], 0)
    }

    /// The argument of each parameter, in their order; the first `required` must be there.
    pub fn bind<const N: usize>(
        self,
        function: &str,
        parameters: [&str; N],
        required: usize,
    ) -> Outcome<[Option<Value>; N]> {
        let given = self.positional.len();
        if given > N {
            return fail(format!("{function}() takes at most {N} arguments ({given} given)"));
        }
        let mut bound = [const { None }; N];
        for (slot, value) in bound.iter_mut().zip(self.positional) {
            *slot = Some(value);
        }
        for (name, value) in self.named {
            let Some(i) = parameters.iter().position(|p| *p == &*name) else {
                return fail(format!("{function}() got an unexpected keyword argument '{name}'"));
            };
            if bound[i].replace(value).is_some() {
                return fail(format!("{function}() got multiple values for argument '{name}'"));
            }
        }
        match (0..required).find(|&i| bound[i].is_none()) {
            Some(i) => fail(format!("{function}() missing a required argument: '{}'", parameters[i])),
            None => Ok(bound),
        }
    }
}

/// A value that must be text.
pub(super) fn text(value: &Value) -> Outcome<&str> {
    text_of(value).map(|text| &*text.text)
}

/// A value that must be text, with where it is from.
pub(super) fn text_of(value: &Value) -> Outcome<&Text> {
    value.defined()?;
    match value {
        Value::Str(text) => Ok(text),
        _ => fail(format!("expected a str, not '{}'", value.type_name())),
    }
}

/// A value that must be an integer, as a place or a count.
pub(super) fn integer(value: &Value) -> Outcome<i128> {
    value.defined()?;
    value.as_place().ok_or_else(|| {
        Failure::new(format!("'{}' object cannot be interpreted as an integer", value.type_name()))
    })
}

/// A count that may be left out, but not be `None`.
pub(super) fn count_or(value: Option<&Value>, absent: i128) -> Outcome<i128> {
    match value.map_or(Ok(absent), integer)? {
        count if i64::try_from(count).is_ok() => Ok(count),
        _ => fail("Python int too large to convert to C ssize_t"),
    }
}

/// An optional integer, `None` and absent alike.
pub(super) fn optional_integer(value: Option<&Value>) -> Outcome<Option<i128>> {
    match value {
        None | Some(Value::None) => Ok(None),
        Some(value) => integer(value).map(Some),
    }
}

/// An optional truth value, false when absent.
pub(super) fn flag(value: Option<&Value>) -> bool {
    value.is_some_and(Value::truthy)
}
