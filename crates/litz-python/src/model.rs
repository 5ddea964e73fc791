//! `_core.Model`: loading and whole-sequence logits; generation drives the same model.

use std::sync::Arc;

use litz::engine::{
    CacheDType, Encoded, Forward, Inputs, LoadOptions, LoadReport, Model, Outputs, Part, Sequence,
    WeightSource,
};
use litz::formats::TensorFile;
use litz::generation::SequenceStore;
use litz::spec::Spec;
use litz::Error;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::encode::{self, Batch};
use crate::errors::to_python;
use crate::formats::PyTensorFile;

/// Adds this file's classes to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyModel>()?;
    m.add_function(wrap_pyfunction!(available_memory, m)?)?;
    m.add_function(wrap_pyfunction!(check_spec, m)?)?;
    m.add_function(wrap_pyfunction!(kv_bytes, m)?)?;
    m.add_function(wrap_pyfunction!(scratch_bytes, m)?)
}

/// A weight's canonical name, its parts, and whether they are stored (in, out).
type Source = (String, Vec<StoredPart>, bool);

/// File, tensor, first row, rows, from one row to the next; file and tensor of scales that are stored apart.
type StoredPart = (usize, String, usize, usize, usize, Option<(usize, String)>);

/// A loaded model. Safe to use from several threads.
#[pyclass(name = "Model", module = "litz._core", frozen)]
pub struct PyModel {
    pub(crate) model: Arc<Model>,
    /// The sequences of the last conversations, so that a next turn does not read them again.
    pub(crate) store: Arc<SequenceStore<Sequence>>,
}

#[pymethods]
impl PyModel {
    /// Maps or packs the weights, checked against the spec.
    #[staticmethod]
    #[pyo3(signature = (spec_json, files, sources, options_json, /))]
    fn load(
        py: Python<'_>,
        spec_json: &str,
        files: Vec<PyRef<'_, PyTensorFile>>,
        sources: Vec<Source>,
        options_json: &str,
    ) -> PyResult<Self> {
        let files: Vec<TensorFile> = files.iter().map(|file| file.0.clone()).collect();
        let sources = weight_sources(sources);
        let model = py.detach(|| {
            let options = load_options(options_json)?;
            Model::load(Spec::from_json(spec_json)?, &files, &sources, &options)
        });
        model.map(|model| Self { model: Arc::new(model), store: Arc::default() }).map_err(to_python)
    }

    /// The report of a load that does not happen: what it would do and need at most, as JSON. Reads no matrix.
    #[staticmethod]
    #[pyo3(signature = (spec_json, files, sources, options_json, /))]
    fn survey(
        spec_json: &str,
        files: Vec<PyRef<'_, PyTensorFile>>,
        sources: Vec<Source>,
        options_json: &str,
    ) -> PyResult<String> {
        let files: Vec<TensorFile> = files.iter().map(|file| file.0.clone()).collect();
        let options = load_options(options_json).map_err(to_python)?;
        let spec = Spec::from_json(spec_json).map_err(to_python)?;
        report_json(&Model::survey(&spec, &files, &weight_sources(sources), &options).map_err(to_python)?)
    }

    /// The logits of every position, (time, vocab) little-endian float32; Ctrl-C ends it between chunks of tokens.
    #[pyo3(signature = (ids, /))]
    fn logits<'py>(&self, py: Python<'py>, ids: Vec<u32>) -> PyResult<Bound<'py, PyBytes>> {
        self.outputs(py, &ids, Outputs::All)
    }

    /// The hidden states after the final norm, (time, width), or those of every layer, (layers + 1, time, width):
    /// first what enters the layers, last what `every_layer=False` gives. As `logits` otherwise.
    #[pyo3(signature = (ids, every_layer, /))]
    fn hidden_states<'py>(
        &self,
        py: Python<'py>,
        ids: Vec<u32>,
        every_layer: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        self.outputs(py, &ids, if every_layer { Outputs::HiddenOfLayers } else { Outputs::Hidden })
    }

    /// What the head gives for whole texts, and their hidden states: `Model.encode` in `_core.pyi` says it all.
    #[pyo3(signature = (
        ids, lengths, *, positions=None, types=None, tasks=None, embeddings=None, keys=None, pooled=None, head=true,
        hidden="none",
    ))]
    #[allow(clippy::too_many_arguments)] // keywords of Python
    fn encode<'py>(
        &self,
        py: Python<'py>,
        ids: Option<&[u8]>,
        lengths: Vec<usize>,
        positions: Option<&[u8]>,
        types: Option<&[u8]>,
        tasks: Option<&[u8]>,
        embeddings: Option<&[u8]>,
        keys: Option<Vec<usize>>,
        pooled: Option<Vec<usize>>,
        head: bool,
        hidden: &str,
    ) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
        let batch = Batch { lengths, ids, embeddings, positions, types, tasks, keys, pooled };
        let hidden = encode::hidden(hidden).map_err(to_python)?;
        let Encoded { head, hidden } =
            interruptible(py, |signals| batch.encode(&self.model, head, hidden, signals))?;
        Ok((float_bytes(py, &head)?, float_bytes(py, &hidden)?))
    }

    /// What loading did, as JSON: `LoadReport` of the core.
    fn report(&self) -> PyResult<String> {
        report_json(self.model.report())
    }

    /// How many threads work on a token.
    #[getter]
    fn threads(&self) -> usize {
        self.model.threads()
    }

    /// How many logits a token has.
    #[getter]
    fn vocab(&self) -> usize {
        self.model.vocab()
    }

    /// The longest sequence.
    #[getter]
    fn context(&self) -> usize {
        self.model.context()
    }
}

impl PyModel {
    /// The outputs of a sequence of its own.
    fn outputs<'py>(&self, py: Python<'py>, ids: &[u32], outputs: Outputs) -> PyResult<Bound<'py, PyBytes>> {
        let run = |signals: Signals<'_>| self.model.outputs_while(Inputs::Tokens(ids), outputs, signals);
        float_bytes(py, &interruptible(py, run)?)
    }
}

/// Asked between chunks of tokens whether a signal came.
type Signals<'a> = &'a mut dyn FnMut() -> litz::Result<()>;

/// Runs without the interpreter's lock; an exception of a signal's handler ends it.
fn interruptible<T: Send>(
    py: Python<'_>,
    run: impl FnOnce(Signals<'_>) -> litz::Result<T> + Send,
) -> PyResult<T> {
    let mut interrupted = None;
    let mut signals = || {
        Python::attach(|py| py.check_signals()).map_err(|error| {
            interrupted = Some(error);
            Error::Value("interrupted".to_owned())
        })
    };
    let outcome = py.detach(|| run(&mut signals));
    match interrupted {
        Some(error) => Err(error),
        None => outcome.map_err(to_python),
    }
}

/// Little-endian float32.
fn float_bytes<'py>(py: Python<'py>, values: &[f32]) -> PyResult<Bound<'py, PyBytes>> {
    PyBytes::new_with(py, 4 * values.len(), |bytes| {
        for (bytes, value) in bytes.chunks_exact_mut(4).zip(values) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        Ok(())
    })
}

fn weight_sources(sources: Vec<Source>) -> Vec<WeightSource> {
    let part = |(file, tensor, start, count, step, scales)| Part { file, tensor, start, count, step, scales };
    let source = |(name, parts, transposed): Source| {
        let parts = parts.into_iter().map(part).collect();
        WeightSource { name, parts, transposed }
    };
    sources.into_iter().map(source).collect()
}

fn load_options(json: &str) -> litz::Result<LoadOptions> {
    serde_json::from_str(json).map_err(|error| Error::Value(format!("the load options: {error}")))
}

fn report_json(report: &LoadReport) -> PyResult<String> {
    serde_json::to_string(report).map_err(|error| to_python(Error::Value(error.to_string())))
}

/// The bytes that a sequence of `tokens` keeps, for a `cache_dtype` as the load options have it.
#[pyfunction]
#[pyo3(signature = (spec_json, tokens, cache_dtype="f16", /))]
fn kv_bytes(spec_json: &str, tokens: usize, cache_dtype: &str) -> PyResult<usize> {
    let cache: CacheDType = serde_json::from_value(cache_dtype.into())
        .map_err(|error| to_python(Error::Value(format!("cache_dtype: {error}"))))?;
    let spec = Spec::from_json(spec_json).map_err(to_python)?;
    Ok(Model::memory(&spec, cache, 1).map_err(to_python)?.sequence(tokens))
}

/// Bytes of memory that this process may still take, and what limits them; None where the system does not say.
#[pyfunction]
fn available_memory() -> Option<(u64, String)> {
    litz::memory::available().map(|available| (available.bytes, available.limit))
}

/// The bytes of working memory that a model of this spec needs besides its weights and sequences.
#[pyfunction]
#[pyo3(signature = (spec_json, /))]
fn scratch_bytes(spec_json: &str) -> PyResult<usize> {
    let spec = Spec::from_json(spec_json).map_err(to_python)?;
    let options = LoadOptions::default();
    Ok(Model::memory(&spec, options.cache, options.chunk).map_err(to_python)?.scratch)
}

/// Raises ConfigError if no model can be so.
#[pyfunction]
#[pyo3(signature = (spec_json, /))]
fn check_spec(spec_json: &str) -> PyResult<()> {
    Spec::from_json(spec_json).map(drop).map_err(to_python)
}
