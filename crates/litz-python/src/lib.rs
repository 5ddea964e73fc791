//! `litz._core`: converts arguments, releases the GIL, maps errors, and nothing else.

use pyo3::prelude::*;

mod chat;
mod data;
mod encode;
mod encoding;
mod errors;
mod executor;
mod formats;
mod full;
mod generation;
mod limits;
mod lists;
mod model;
mod sources;
mod tokenizer;
mod tokenizer_bulk;
mod trainer;
mod unicode;

/// The native core of litz.
#[pymodule(gil_used = false)]
fn _core(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    limits::register(m)?;
    formats::register(m)?;
    tokenizer::register(m)?;
    unicode::register(m)?;
    sources::register(m)?;
    encoding::register(m)?;
    trainer::register(m)?;
    chat::register(m)?;
    model::register(m)?;
    executor::register(m)?;
    generation::register(m)
}
