//! The ranges of sizes and numbers in a Spec.

use crate::{Error, Result};

/// No size may be larger: products of any two then fit a `usize` with room to spare.
const LARGEST: usize = 1 << 28;

/// An error with this message, unless the condition holds.
pub(super) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    holds.then_some(()).ok_or_else(|| Error::Config(otherwise()))
}

/// A size that a model can have.
pub(super) fn positive(name: &str, size: usize) -> Result<()> {
    check((1..=LARGEST).contains(&size), || format!("{name} is {size}, expected 1 to {LARGEST}"))
}

/// The same for a size that may be absent.
pub(super) fn positive_if(name: &str, size: Option<usize>) -> Result<()> {
    positive(name, size.unwrap_or(1))
}

/// A size from 0.
pub(super) fn at_most_largest(name: &str, size: usize) -> Result<()> {
    check(size <= LARGEST, || format!("{name} is {size}, expected at most {LARGEST}"))
}

/// A finite number.
pub(super) fn finite(name: &str, value: f32) -> Result<()> {
    check(value.is_finite(), || format!("{name} is {value}, expected a finite number"))
}

/// A positive number or none.
pub(super) fn cap(name: &str, value: Option<f32>) -> Result<()> {
    check(value.is_none_or(|cap| cap.is_finite() && cap > 0.0), || {
        format!("{name} is {value:?}, expected a positive number or null")
    })
}

/// The error with the place where it arose in front.
pub(super) fn within(place: &str, error: Error) -> Error {
    match error {
        Error::Config(message) => Error::Config(format!("{place}: {message}")),
        other => other,
    }
}
