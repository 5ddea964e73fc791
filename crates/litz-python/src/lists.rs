//! Lists of ids from cached integer objects, so that making a list copies pointers only.

use std::sync::{Arc, OnceLock};

use litz::tokenizer::{Batch, Tokenizer};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PyTuple};

/// The Python integer of each id, made when it is first needed.
pub struct Ints(Box<[OnceLock<Py<PyInt>>]>);

/// The integers of a tokenizer, made when they are first needed and shared with its encodings.
#[derive(Clone, Default)]
pub struct Shared(Arc<OnceLock<Ints>>);

impl Shared {
    /// The table for a tokenizer's ids.
    pub fn of(&self, tokenizer: &Tokenizer) -> &Ints {
        self.0.get_or_init(|| Ints::new(tokenizer.vocab_size(true)))
    }
}

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

    /// Pairs of numbers as a list of tuples.
    pub fn pairs<'py>(&self, py: Python<'py>, pairs: &[(u32, u32)]) -> PyResult<Bound<'py, PyList>> {
        let mut tuples = Vec::with_capacity(pairs.len());
        for &(from, to) in pairs {
            let pair = PyTuple::new(py, [self.get(py, from), self.get(py, to)])?;
            // SAFETY: the tuple is complete and referenced only here; integers form no cycles, so the garbage collector
            // has no use for it.
            unsafe { ffi::PyObject_GC_UnTrack(pair.as_ptr().cast()) };
            tuples.push(pair);
        }
        PyList::new(py, tuples)
    }

    /// Numbers, None where there is none.
    pub fn maybe<'py>(&self, py: Python<'py>, numbers: &[Option<u32>]) -> PyResult<Bound<'py, PyList>> {
        let none = py.None().into_bound(py);
        PyList::new(
            py,
            numbers.iter().map(|n| n.map_or_else(|| none.clone(), |n| self.get(py, n).into_any())),
        )
    }

    /// Flags as 0 and 1.
    pub fn flags<'py>(
        &self,
        py: Python<'py>,
        flags: impl ExactSizeIterator<Item = bool>,
    ) -> PyResult<Bound<'py, PyList>> {
        let numbers = [self.get(py, 0), self.get(py, 1)];
        PyList::new(py, flags.map(|flag| numbers[usize::from(flag)].clone()))
    }

    #[inline]
    fn get<'py>(&self, py: Python<'py>, id: u32) -> Bound<'py, PyInt> {
        match self.0.get(id as usize) {
            Some(place) => place.get_or_init(|| PyInt::new(py, id).unbind()).bind(py).clone(),
            None => PyInt::new(py, id),
        }
    }
}
