//! The core's errors as the exceptions of `litz.errors`.

use litz::Error;
use pyo3::prelude::*;

/// Converts a core error to the Python exception of the same kind, defined in `litz/errors.py`; an exception that
/// passed through the core stays itself, with its traceback.
pub fn to_python(error: Error) -> PyErr {
    let error = match error {
        Error::Executor(source) => match source.downcast::<PyErr>() {
            Ok(raised) => return *raised,
            Err(source) => Error::Executor(source),
        },
        error => error,
    };
    let name = match &error {
        Error::Format(_) => "FormatError",
        Error::Config(_) => "ConfigError",
        Error::Unsupported(_) => "UnsupportedError",
        Error::Value(_) | Error::Executor(_) => "ArgumentError",
        Error::Template { .. } => "TemplateError",
        Error::Context(_) => "ContextError",
        Error::Memory(_) => "InsufficientMemoryError",
        Error::Io { .. } => "FileAccessError",
    };
    Python::attach(|py| {
        let made = py
            .import("litz.errors")
            .and_then(|module| module.getattr(name))
            .and_then(|class| class.call1((error.to_string(),)));
        match made {
            Ok(exception) => PyErr::from_value(exception),
            Err(failure) => failure,
        }
    })
}
