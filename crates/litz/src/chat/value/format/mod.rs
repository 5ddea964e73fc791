//! Python's formats: `format % values`, and the specifications of `format(value, spec)`.

mod numbers;
pub(crate) mod percent;
pub(crate) mod spec;
