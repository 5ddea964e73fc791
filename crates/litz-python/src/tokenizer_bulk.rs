//! Batches of texts, which are read with the GIL held and encoded without it.

use litz::tokenizer::{Batch, Padding, RowTruncation, Side, Tokenizer};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyString};

use crate::errors::to_python;

/// The texts of a list or another sequence of `str`, kept alive.
pub struct Texts<'py>(Vec<Bound<'py, PyString>>);

impl<'py> Texts<'py> {
    /// Collects the items. An item that is not `str` is an error that names its type.
    pub fn new(texts: &Bound<'py, PyAny>) -> PyResult<Self> {
        if texts.cast::<PyString>().is_ok() {
            return Err(wrong("a list of texts", "one str"));
        }
        let mut items = Vec::with_capacity(texts.len().unwrap_or(0));
        for item in texts.try_iter()? {
            let item = item?;
            match item.cast_into::<PyString>() {
                Ok(item) => items.push(item),
                Err(error) => {
                    let kind = error.into_inner().get_type().name()?.to_string();
                    return Err(wrong("str", &format!("{kind} at {}", items.len())));
                }
            }
        }
        Ok(Self(items))
    }

    /// The UTF-8 of each.
    pub fn as_strs(&self) -> PyResult<Vec<&str>> {
        self.0.iter().map(text).collect()
    }
}

/// The UTF-8 of a `str`.
pub fn text<'a>(item: &'a Bound<'_, PyString>) -> PyResult<&'a str> {
    item.to_str().map_err(|_| {
        to_python(litz::Error::Value(
            "the text has a lone surrogate, which no UTF-8 can say; \
             decode it with errors=\"replace\" or pass text.encode(errors=\"replace\").decode()"
                .into(),
        ))
    })
}

fn wrong(expected: &str, found: &str) -> PyErr {
    to_python(litz::Error::Value(format!("texts: expected {expected}, found {found}")))
}

/// Encodes without the GIL.
pub fn encode(
    py: Python<'_>,
    tokenizer: &Tokenizer,
    texts: &Bound<'_, PyAny>,
    add_special_tokens: bool,
    truncation: Option<RowTruncation>,
) -> PyResult<Batch> {
    let texts = Texts::new(texts)?;
    let texts = texts.as_strs()?;
    py.detach(|| tokenizer.encode_many(&texts, add_special_tokens, truncation)).map_err(to_python)
}

/// All ids as 32-bit integers, and the start of each row as 64-bit integers.
pub fn flat<'py>(
    py: Python<'py>,
    batch: &Batch,
) -> PyResult<(Bound<'py, PyByteArray>, Bound<'py, PyByteArray>)> {
    let ids = PyByteArray::new_with(py, batch.ids() * 4, |out| {
        batch.write_ids(out);
        Ok(())
    })?;
    let offsets: Vec<u8> = batch.offsets().into_iter().flat_map(i64::to_ne_bytes).collect();
    Ok((ids, PyByteArray::new(py, &offsets)))
}

/// Rows of 64-bit integers, their mask, and their width.
pub fn padded<'py>(
    py: Python<'py>,
    batch: &Batch,
    padding: &Padding,
) -> PyResult<(Bound<'py, PyByteArray>, Bound<'py, PyByteArray>, usize)> {
    let width = batch.width(padding);
    let size = width.checked_mul(8).and_then(|row| row.checked_mul(batch.len()));
    let size = size.filter(|&size| isize::try_from(size).is_ok()).ok_or_else(|| {
        let rows = batch.len();
        to_python(litz::Error::Memory(format!("{rows} rows of {width} ids do not fit into memory")))
    })?;
    let mask = PyByteArray::new_with(py, size, |_| Ok(()))?;
    let ids = PyByteArray::new_with(py, size, |out| {
        // SAFETY: no other thread has this array yet.
        batch.write_padded(padding, width, out, unsafe { mask.as_bytes_mut() });
        Ok(())
    })?;
    Ok((ids, mask, width))
}

/// "left" or "right".
pub fn is_left(name: &str, side: &str) -> PyResult<bool> {
    match side {
        "left" => Ok(true),
        "right" => Ok(false),
        other => {
            Err(to_python(litz::Error::Value(format!("{name} is {other:?}, expected \"left\" or \"right\""))))
        }
    }
}

/// The truncation of rows.
pub fn row_truncation(max_length: Option<usize>, side: &str) -> PyResult<Option<RowTruncation>> {
    let left = is_left("truncation_side", side)?;
    Ok(max_length.map(|length| RowTruncation { length, left }))
}

/// A side as the core's type.
pub fn side(name: &str, side: &str) -> PyResult<Side> {
    Ok(if is_left(name, side)? { Side::Left } else { Side::Right })
}
