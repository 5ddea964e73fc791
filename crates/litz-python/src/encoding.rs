//! The class `Encoding`. Each of its lists is made when it is read.

use std::sync::{Arc, OnceLock};

use litz::tokenizer::{Encoding, Filler, Tokenizer};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyList, PyTuple};

use crate::errors::to_python;
use crate::lists::{Ints, Shared};
use crate::tokenizer_bulk::side;

/// The tokens of a text, or one of its overflowing pieces.
#[pyclass(name = "Encoding", module = "litz._core", frozen)]
pub struct PyEncoding {
    tokenizer: Option<Arc<Tokenizer>>, // none where all tokens are named
    ints: Shared,
    whole: Arc<Encoding>,
    piece: Option<usize>,
}

type Parts = (
    Vec<u32>,
    Vec<u32>,
    Vec<String>,
    Vec<(u32, u32)>,
    Vec<Option<u32>>,
    Vec<bool>,
    Vec<u8>,
    Vec<(usize, usize, usize)>,
);

impl PyEncoding {
    /// Wraps an encoding of the tokenizer.
    pub fn new(tokenizer: &Arc<Tokenizer>, ints: &Shared, encoding: Encoding) -> Self {
        Self {
            tokenizer: Some(Arc::clone(tokenizer)),
            ints: ints.clone(),
            whole: Arc::new(encoding),
            piece: None,
        }
    }

    fn get(&self) -> &Encoding {
        match self.piece {
            Some(piece) => &self.whole.overflowing[piece],
            None => &self.whole,
        }
    }

    fn ints(&self) -> &Ints {
        // Without a tokenizer, integers are made each time.
        static NONE: OnceLock<Ints> = OnceLock::new();
        match &self.tokenizer {
            Some(tokenizer) => self.ints.of(tokenizer),
            None => NONE.get_or_init(|| Ints::new(0)),
        }
    }

    fn texts(&self) -> Vec<&str> {
        let encoding = self.get();
        let known = self.tokenizer.as_deref();
        let text = |&id: &u32| known.and_then(|tokenizer| tokenizer.id_to_token(id)).unwrap_or_default();
        let mut texts: Vec<&str> = encoding.ids.iter().map(text).collect();
        for (place, name) in &encoding.named {
            if let Some(text) = texts.get_mut(*place) {
                *text = name;
            }
        }
        texts
    }
}

#[pymethods]
impl PyEncoding {
    #[staticmethod]
    fn _restore(parts: Parts, overflowing: Vec<Parts>) -> PyResult<Self> {
        let mut whole = restored(parts)?;
        whole.overflowing = overflowing.into_iter().map(restored).collect::<PyResult<_>>()?;
        Ok(Self { tokenizer: None, ints: Shared::default(), whole: Arc::new(whole), piece: None })
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let parts: Vec<Parts> = self.overflowing().iter().map(Self::parts).collect();
        let restore = py.get_type::<Self>().getattr("_restore")?;
        (restore, (self.parts(), parts)).into_pyobject(py)
    }

    fn __len__(&self) -> usize {
        self.get().len()
    }

    fn __repr__(&self) -> String {
        let encoding = self.get();
        format!(
            "Encoding({} tokens of {} text{}, {} overflowing)",
            encoding.len(),
            encoding.n_sequences(),
            if encoding.n_sequences() == 1 { "" } else { "s" },
            encoding.overflowing.len()
        )
    }

    fn __eq__(&self, other: &Self) -> bool {
        let (mine, theirs) = (self.overflowing(), other.overflowing());
        mine.len() == theirs.len()
            && self.parts() == other.parts()
            && mine.iter().zip(&theirs).all(|(mine, theirs)| mine.parts() == theirs.parts())
    }

    #[getter]
    fn ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.ints().list(py, &self.get().ids)
    }

    #[getter]
    fn type_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.ints().list(py, &self.get().type_ids)
    }

    #[getter]
    fn tokens(&self) -> Vec<&str> {
        self.texts()
    }

    #[getter]
    fn offsets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.ints().pairs(py, &self.get().offsets)
    }

    #[getter]
    fn word_ids<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.ints().maybe(py, &self.get().words)
    }

    #[getter]
    fn words<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.word_ids(py)
    }

    #[getter]
    fn sequence_ids(&self) -> Vec<Option<usize>> {
        self.get().sequence_ids()
    }

    #[getter]
    fn special_tokens_mask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.ints().flags(py, self.get().special.iter().copied())
    }

    #[getter]
    fn attention_mask<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.ints().flags(py, self.get().attention.iter().map(|&one| one != 0))
    }

    #[getter]
    fn n_sequences(&self) -> usize {
        self.get().n_sequences()
    }

    #[getter]
    fn overflowing(&self) -> Vec<Self> {
        let pieces = 0..self.get().overflowing.len();
        let of = |piece| Self {
            tokenizer: self.tokenizer.clone(),
            ints: self.ints.clone(),
            whole: Arc::clone(&self.whole),
            piece: Some(piece),
        };
        pieces.map(of).collect()
    }

    fn token_to_sequence(&self, token: usize) -> Option<usize> {
        self.get().token_to_sequence(token)
    }

    fn token_to_chars(&self, token: usize) -> Option<(u32, u32)> {
        self.get().token_to_chars(token).map(|(_, chars)| chars)
    }

    fn token_to_word(&self, token: usize) -> Option<u32> {
        self.get().token_to_word(token).map(|(_, word)| word)
    }

    #[pyo3(signature = (char, sequence=0))]
    fn char_to_token(&self, char: u32, sequence: usize) -> Option<usize> {
        self.get().char_to_token(char, sequence)
    }

    #[pyo3(signature = (char, sequence=0))]
    fn char_to_word(&self, char: u32, sequence: usize) -> Option<u32> {
        self.get().char_to_word(char, sequence)
    }

    #[pyo3(signature = (word, sequence=0))]
    fn word_to_tokens(&self, word: u32, sequence: usize) -> Option<(usize, usize)> {
        self.get().word_to_tokens(word, sequence).map(|tokens| (tokens.start, tokens.end))
    }

    #[pyo3(signature = (word, sequence=0))]
    fn word_to_chars(&self, word: u32, sequence: usize) -> Option<(u32, u32)> {
        self.get().word_to_chars(word, sequence)
    }

    #[pyo3(signature = (width, *, pad_id, pad_type_id=0, pad_token=None, padding_side="right"))]
    fn padded(
        &self,
        width: usize,
        pad_id: u32,
        pad_type_id: u32,
        pad_token: Option<&str>,
        padding_side: &str,
    ) -> PyResult<Self> {
        let known = self.tokenizer.as_deref().and_then(|tokenizer| tokenizer.id_to_token(pad_id));
        let filler = Filler {
            id: pad_id,
            type_id: pad_type_id,
            name: pad_token.filter(|&name| known != Some(name)),
            side: side("padding_side", padding_side)?,
        };
        let mut whole = self.get().clone();
        whole.pad(width, filler).map_err(to_python)?;
        Ok(Self {
            tokenizer: self.tokenizer.clone(),
            ints: self.ints.clone(),
            whole: Arc::new(whole),
            piece: None,
        })
    }
}

impl PyEncoding {
    fn parts(&self) -> Parts {
        let encoding = self.get();
        let sequences = encoding.sequences.iter().map(|(id, range)| (*id, range.start, range.end));
        (
            encoding.ids.clone(),
            encoding.type_ids.clone(),
            self.texts().into_iter().map(str::to_owned).collect(),
            encoding.offsets.clone(),
            encoding.words.clone(),
            encoding.special.clone(),
            encoding.attention.clone(),
            sequences.collect(),
        )
    }
}

fn restored(parts: Parts) -> PyResult<Encoding> {
    let (ids, type_ids, tokens, offsets, words, special, attention, sequences) = parts;
    let lengths = [type_ids.len(), tokens.len(), offsets.len(), words.len(), special.len(), attention.len()];
    let fits = |&(_, start, end): &(usize, usize, usize)| start <= end && end <= ids.len();
    if lengths.iter().any(|&length| length != ids.len()) || !sequences.iter().all(fits) {
        return Err(to_python(litz::Error::Value("the lists of an encoding must be of one length".into())));
    }
    Ok(Encoding {
        ids,
        type_ids,
        offsets,
        words,
        special,
        attention,
        sequences: sequences.into_iter().map(|(id, start, end)| (id, start..end)).collect(),
        named: tokens.into_iter().enumerate().collect(),
        overflowing: Vec::new(),
    })
}

/// One list of several encodings as rows of 64-bit integers; all must be of one length.
#[pyfunction]
fn encoding_matrix<'py>(
    py: Python<'py>,
    encodings: &Bound<'py, PyList>,
    field: &str,
) -> PyResult<(Bound<'py, PyByteArray>, usize)> {
    let encodings = encodings.extract::<Vec<PyRef<'_, PyEncoding>>>()?;
    let width = encodings.first().map_or(0, |first| first.get().len());
    let wrong = |text: String| to_python(litz::Error::Value(text));
    if let Some(other) = encodings.iter().map(|e| e.get().len()).find(|&len| len != width) {
        return Err(wrong(format!(
            "a tensor needs rows of one length, found {width} and {other}; pass padding=True"
        )));
    }
    let values = if field == "offsets" { 2 } else { 1 };
    let row = width.checked_mul(8 * values).filter(|row| row.checked_mul(encodings.len()).is_some());
    let row = row.ok_or_else(|| wrong("the rows do not fit into memory".into()))?;
    let out = PyByteArray::new_with(py, row * encodings.len(), |out| {
        for (out, encoding) in out.chunks_exact_mut(row.max(1)).zip(&encodings) {
            let e = encoding.get();
            match field {
                "ids" => write(out, e.ids.iter().map(|&id| id.into())),
                "type_ids" => write(out, e.type_ids.iter().map(|&id| id.into())),
                "attention_mask" => write(out, e.attention.iter().map(|&one| one.into())),
                "special_tokens_mask" => write(out, e.special.iter().map(|&one| one.into())),
                "offsets" => write(out, e.offsets.iter().flat_map(|&(from, to)| [from.into(), to.into()])),
                other => return Err(wrong(format!("an encoding has no rows of {other:?}"))),
            }
        }
        Ok(())
    })?;
    Ok((out, width))
}

fn write(out: &mut [u8], values: impl Iterator<Item = i64>) {
    for (place, value) in out.chunks_exact_mut(8).zip(values) {
        place.copy_from_slice(&value.to_ne_bytes());
    }
}

/// Adds this file's classes to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyEncoding>()?;
    m.add_function(wrap_pyfunction!(encoding_matrix, m)?)
}
