//! Unicode classes as ranges of code points.

use pyo3::prelude::*;

use crate::errors::to_python;

/// The code points of a class, as ranges that include their ends.
#[pyfunction]
fn character_class(pattern: &str) -> PyResult<Vec<(u32, u32)>> {
    litz::tokenizer::character_class(pattern).map_err(to_python)
}

/// Adds this file's functions to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(character_class, m)?)
}
