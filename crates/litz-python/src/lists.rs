//! Lists of ids from integers that are made once: a list is then a table of pointers.

use std::sync::OnceLock;

use litz::tokenizer::Batch;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList};

/// The Python integer of each id, made when it is first needed.
pub struct Ints(Box<[OnceLock<Py<PyInt>>]>);

impl Ints {
    /// A table for ids below `size`; others are made each time.
    pub fn new(size: usize) -> Self {
        Self((0..size).map(|_| OnceLock::new()).collect())
    }

    /// The ids as a list.
    pub fn list<'py>(&self, py: Python<'py>, ids: &[u32]) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, ids.iter().map(|&id| self.get(py, id)))
    }

    /// The ids of each text, as a list of lists.
    pub fn lists<'py>(&self, py: Python<'py>, batch: &Batch) -> PyResult<Bound<'py, PyList>> {
        let rows = batch.rows().map(|row| self.list(py, row)).collect::<PyResult<Vec<_>>>()?;
        PyList::new(py, rows)
    }

    #[inline]
    fn get<'py>(&self, py: Python<'py>, id: u32) -> Bound<'py, PyInt> {
        match self.0.get(id as usize) {
            Some(place) => place.get_or_init(|| PyInt::new(py, id).unbind()).bind(py).clone(),
            None => PyInt::new(py, id),
        }
    }
}
