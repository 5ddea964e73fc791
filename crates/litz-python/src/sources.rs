//! Opening tokenizers from their files.

use std::path::{Path, PathBuf};

use litz::tokenizer::{Source, SourceOptions, Tokenizer};
use pyo3::prelude::*;

use crate::errors::to_python;
use crate::tokenizer::PyTokenizer;

/// Reads the files of a kind and compiles them; `options` is JSON, `cache` a folder for compiled tables.
#[pyfunction]
#[pyo3(signature = (kind, paths, options="{}", cache=None))]
fn open_tokenizer(
    py: Python<'_>,
    kind: &str,
    paths: Vec<PathBuf>,
    options: &str,
    cache: Option<PathBuf>,
) -> PyResult<PyTokenizer> {
    let open = || {
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        Tokenizer::open(Source::named(kind)?, &paths, &SourceOptions::from_json(options)?, cache.as_deref())
    };
    py.detach(open).map(PyTokenizer::from).map_err(to_python)
}

/// Adds this file's functions to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(open_tokenizer, m)?)
}
