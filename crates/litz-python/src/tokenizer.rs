//! The classes `Tokenizer` and `DecodeStream`. Long work runs without the GIL.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use litz::tokenizer::{AddedToken, DecodeStream, Padding, Tokenizer};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyList, PyString, PyTuple};

use crate::encoding::PyEncoding;
use crate::errors::to_python;
use crate::formats::PyTensorFile;
use crate::full::{self, Arguments, Trusted};
use crate::lists::{Ints, Shared};
use crate::tokenizer_bulk as bulk;

/// Shorter texts, in bytes, are encoded with the GIL held.
const SHORT: usize = 1 << 10;

type NewToken = (String, bool, bool, bool, bool, bool);

/// A compiled tokenizer, immutable and shared between threads.
#[pyclass(name = "Tokenizer", module = "litz._core", frozen)]
pub struct PyTokenizer {
    inner: Arc<Tokenizer>,
    ints: Shared,
}

impl PyTokenizer {
    /// The core's tokenizer, for the other files of the binding.
    pub(crate) fn handle(&self) -> Arc<Tokenizer> {
        Arc::clone(&self.inner)
    }

    fn ints(&self) -> &Ints {
        self.ints.of(&self.inner)
    }
}

impl From<Tokenizer> for PyTokenizer {
    fn from(tokenizer: Tokenizer) -> Self {
        Self { inner: Arc::new(tokenizer), ints: Shared::default() }
    }
}

#[pymethods]
impl PyTokenizer {
    #[staticmethod]
    fn from_json(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        let inner = py.detach(|| Tokenizer::from_json(data)).map_err(to_python)?;
        Ok(inner.into())
    }

    #[staticmethod]
    fn from_gguf(py: Python<'_>, file: &PyTensorFile) -> PyResult<Self> {
        let inner = py.detach(|| Tokenizer::from_gguf(&file.0)).map_err(to_python)?;
        Ok(inner.into())
    }

    /// Pickles it as a tokenizer.json.
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let json = self.to_json(py)?;
        let restore = py.get_type::<Self>().getattr("from_json")?;
        (restore, (PyBytes::new(py, json.as_bytes()),)).into_pyobject(py)
    }

    /// It is immutable: a copy is the object itself.
    fn __copy__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __deepcopy__<'py>(slf: PyRef<'py, Self>, _memo: &Bound<'py, PyAny>) -> PyRef<'py, Self> {
        slf
    }

    fn model_type(&self) -> &'static str {
        self.inner.model_type()
    }

    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        py.detach(|| self.inner.to_json()).map_err(to_python)
    }

    #[pyo3(signature = (text, add_special_tokens=true, trusted=None))]
    fn encode<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyString>,
        add_special_tokens: bool,
        trusted: Option<Trusted>,
    ) -> PyResult<Bound<'py, PyList>> {
        let text = bulk::text(text)?;
        let trusted: Option<Vec<_>> =
            trusted.map(|ranges| ranges.into_iter().map(|(start, end)| start..end).collect());
        let encode = || self.inner.encode_trusted(text, add_special_tokens, trusted.as_deref());
        // Short texts take less time than releasing and reacquiring the GIL.
        let ids = if text.len() < SHORT { encode() } else { py.detach(encode) };
        self.ints().list(py, &ids.map_err(to_python)?)
    }

    #[pyo3(signature = (text, pair=None, *, add_special_tokens=true, max_length=None, stride=0,
                        strategy="longest_first", truncation_side="right", trusted=None, overflow=true))]
    fn encode_full<'py>(
        &self,
        py: Python<'py>,
        text: &Bound<'py, PyAny>,
        pair: Option<&Bound<'py, PyAny>>,
        add_special_tokens: bool,
        max_length: Option<usize>,
        stride: usize,
        strategy: &str,
        truncation_side: &str,
        trusted: Option<Trusted>,
        overflow: bool,
    ) -> PyResult<PyEncoding> {
        let arguments =
            Arguments { add_special_tokens, max_length, stride, strategy, truncation_side, overflow };
        full::encode(py, (&self.inner, &self.ints), text, pair, trusted, &arguments)
    }

    #[pyo3(signature = (texts, pairs=None, *, add_special_tokens=true, max_length=None, stride=0,
                        strategy="longest_first", truncation_side="right", trusted=None, overflow=true))]
    fn encode_full_batch<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        pairs: Option<&Bound<'py, PyAny>>,
        add_special_tokens: bool,
        max_length: Option<usize>,
        stride: usize,
        strategy: &str,
        truncation_side: &str,
        trusted: Option<Vec<Option<Trusted>>>,
        overflow: bool,
    ) -> PyResult<Vec<PyEncoding>> {
        let arguments =
            Arguments { add_special_tokens, max_length, stride, strategy, truncation_side, overflow };
        full::encode_batch(py, (&self.inner, &self.ints), texts, pairs, trusted, &arguments)
    }

    /// (token id or None, text 0 or 1 or None, type id, whether special) of each slot.
    #[pyo3(signature = (pair=false, add_special_tokens=true))]
    fn slots(&self, pair: bool, add_special_tokens: bool) -> Vec<(Option<u32>, Option<usize>, u32, bool)> {
        let slots = self.inner.slots(pair, add_special_tokens).iter();
        slots.map(|s| (s.sequence.is_none().then_some(s.id), s.sequence, s.type_id, s.special)).collect()
    }

    /// Seeds the dropout.
    fn seed(&self, seed: u64) {
        self.inner.seed(seed);
    }

    fn is_random(&self) -> bool {
        self.inner.is_random()
    }

    #[pyo3(signature = (pair=false))]
    fn special_tokens_to_add(&self, pair: bool) -> usize {
        self.inner.special_tokens_to_add(pair)
    }

    #[pyo3(signature = (first, second, add_special_tokens=true))]
    fn encode_pair(
        &self,
        py: Python<'_>,
        first: &str,
        second: &str,
        add_special_tokens: bool,
    ) -> PyResult<Vec<u32>> {
        py.detach(|| self.inner.encode_pair(first, second, add_special_tokens)).map_err(to_python)
    }

    #[pyo3(signature = (texts, add_special_tokens=true, *, max_length=None, truncation_side="right"))]
    fn encode_batch<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        add_special_tokens: bool,
        max_length: Option<usize>,
        truncation_side: &str,
    ) -> PyResult<Bound<'py, PyList>> {
        let truncation = bulk::row_truncation(max_length, truncation_side)?;
        let batch = bulk::encode(py, &self.inner, texts, add_special_tokens, truncation)?;
        self.ints().lists(py, &batch)
    }

    #[pyo3(signature = (texts, add_special_tokens=true, *, max_length=None, truncation_side="right"))]
    fn encode_flat<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        add_special_tokens: bool,
        max_length: Option<usize>,
        truncation_side: &str,
    ) -> PyResult<(Bound<'py, PyByteArray>, Bound<'py, PyByteArray>)> {
        let truncation = bulk::row_truncation(max_length, truncation_side)?;
        bulk::flat(py, &bulk::encode(py, &self.inner, texts, add_special_tokens, truncation)?)
    }

    #[pyo3(signature = (texts, add_special_tokens=true, *, pad_id=0, padding_side="right", width=0, multiple_of=0,
                        max_length=None, truncation_side="right"))]
    fn encode_padded<'py>(
        &self,
        py: Python<'py>,
        texts: &Bound<'py, PyAny>,
        add_special_tokens: bool,
        pad_id: u32,
        padding_side: &str,
        width: usize,
        multiple_of: usize,
        max_length: Option<usize>,
        truncation_side: &str,
    ) -> PyResult<(Bound<'py, PyByteArray>, Bound<'py, PyByteArray>, usize)> {
        let truncation = bulk::row_truncation(max_length, truncation_side)?;
        let left = bulk::is_left("padding_side", padding_side)?;
        let batch = bulk::encode(py, &self.inner, texts, add_special_tokens, truncation)?;
        bulk::padded(py, &batch, &Padding { width, multiple_of, id: pad_id, left })
    }

    #[pyo3(signature = (ids, skip_special_tokens=false))]
    fn decode(&self, py: Python<'_>, ids: Vec<u32>, skip_special_tokens: bool) -> PyResult<String> {
        py.detach(|| self.inner.decode(&ids, skip_special_tokens)).map_err(to_python)
    }

    #[pyo3(signature = (ids, skip_special_tokens=false))]
    fn decode_bytes(
        &self,
        py: Python<'_>,
        ids: Vec<u32>,
        skip_special_tokens: bool,
    ) -> PyResult<std::borrow::Cow<'static, [u8]>> {
        let bytes = py.detach(|| self.inner.decode_bytes(&ids, skip_special_tokens)).map_err(to_python)?;
        Ok(bytes.into())
    }

    fn decode_tokens(&self, py: Python<'_>, tokens: Vec<String>) -> PyResult<String> {
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        py.detach(|| self.inner.decode_tokens(&tokens)).map_err(to_python)
    }

    fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    fn id_to_token(&self, id: u32) -> Option<&str> {
        self.inner.id_to_token(id)
    }

    #[pyo3(signature = (with_added=true))]
    fn vocab_size(&self, with_added: bool) -> usize {
        self.inner.vocab_size(with_added)
    }

    fn vocab(&self) -> HashMap<&str, u32> {
        self.inner.vocab().collect()
    }

    fn added_tokens(&self) -> Vec<(u32, &str, bool, bool, bool, bool, bool)> {
        let tokens = self.inner.added_tokens().iter();
        tokens
            .map(|t| (t.id, t.content.as_str(), t.special, t.lstrip, t.rstrip, t.single_word, t.normalized))
            .collect()
    }

    /// This tokenizer with more tokens (content, special, lstrip, rstrip, single_word, normalized), and how many changed.
    fn with_tokens(&self, py: Python<'_>, tokens: Vec<NewToken>) -> PyResult<(Self, usize)> {
        let token = |(content, special, lstrip, rstrip, single_word, normalized)| AddedToken {
            id: 0,
            content,
            special,
            lstrip,
            rstrip,
            single_word,
            normalized,
        };
        let tokens = tokens.into_iter().map(token).collect();
        let (inner, changed) = py.detach(|| self.inner.with_tokens(tokens)).map_err(to_python)?;
        Ok((inner.into(), changed))
    }

    /// The sections of its tokenizer.json other than the model and the added tokens, as JSON.
    fn stages(&self) -> String {
        self.inner.stages_json()
    }

    /// This tokenizer with other sections.
    fn with_stages(&self, py: Python<'_>, stages: &str) -> PyResult<Self> {
        Ok(py.detach(|| self.inner.with_stages(stages)).map_err(to_python)?.into())
    }

    #[pyo3(signature = (skip_special_tokens=false))]
    fn stream(&self, skip_special_tokens: bool) -> PyDecodeStream {
        let stream = DecodeStream::new(self.handle(), skip_special_tokens);
        PyDecodeStream { inner: Mutex::new(stream) }
    }
}

/// A stream of ids to text.
#[pyclass(name = "DecodeStream", module = "litz._core", frozen)]
pub struct PyDecodeStream {
    inner: Mutex<DecodeStream>,
}

#[pymethods]
impl PyDecodeStream {
    fn push(&self, id: u32) -> PyResult<String> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).push(id).map_err(to_python)
    }

    fn finish(&self) -> PyResult<String> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).finish().map_err(to_python)
    }
}

/// Adds this file's classes to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyTokenizer>()?;
    m.add_class::<PyDecodeStream>()
}
