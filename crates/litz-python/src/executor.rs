//! A Python object that computes logits, as the generation loop calls it: `litz.generation.Executor`.

use std::ffi::CStr;
use std::sync::Arc;

use litz::engine::{Forward, Inputs, Outputs};
use litz::generation::SequenceStore;
use litz::{Error, Result};
use pyo3::buffer::{ElementType, PyUntypedBuffer};
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::errors::to_python;

/// What every executor has; `vocab` and `context` are numbers beside them.
const METHODS: [&str; 4] = ["sequence", "step", "rewind", "fork"];

/// The object, and its constants.
pub struct Executor {
    object: Py<PyAny>,
    vocab: usize,
    context: usize,
}

/// What the object returned for a sequence (None until its first tokens), and how many tokens it holds.
pub struct Sequence {
    handle: Option<Py<PyAny>>,
    len: usize,
}

/// Sequences of one executor, kept between runs.
#[pyclass(name = "SequenceStore", module = "litz._core", frozen)]
#[derive(Default)]
pub struct PySequenceStore(Arc<SequenceStore<Sequence>>);

#[pymethods]
impl PySequenceStore {
    #[new]
    fn new() -> Self {
        Self::default()
    }
}

impl Executor {
    /// Checks what can be checked without a call.
    pub fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Some(missing) = METHODS.iter().find(|name| !object.hasattr(**name).unwrap_or(false)) {
            return Err(invalid(format!(
                "{} computes no logits: it has no method {missing}(); litz.generation.Executor lists what it needs",
                type_name(object)
            )));
        }
        let vocab = constant(object, "vocab")?;
        let context = constant(object, "context")?;
        Ok(Self { object: object.clone().unbind(), vocab, context })
    }

    /// Where its sequences are kept between runs; None where they are not.
    pub fn store(object: &Bound<'_, PyAny>) -> PyResult<Option<Arc<SequenceStore<Sequence>>>> {
        let Some(store) = object.getattr_opt("store")?.filter(|store| !store.is_none()) else {
            return Ok(None);
        };
        match store.cast::<PySequenceStore>() {
            Ok(store) => Ok(Some(Arc::clone(&store.get().0))),
            Err(_) => Err(invalid(format!(
                "{}.store is {}; expected a litz.generation.SequenceStore, or None",
                type_name(object),
                shown(&store)
            ))),
        }
    }

    fn step(
        &self,
        py: Python<'_>,
        batch: &mut [(&mut Sequence, &[u32])],
        logits: &mut Vec<f32>,
    ) -> PyResult<()> {
        let object = self.object.bind(py);
        for (sequence, _) in batch.iter_mut().filter(|(sequence, _)| sequence.handle.is_none()) {
            sequence.handle = Some(object.call_method0("sequence")?.unbind());
        }
        let tokens = PyList::new(py, batch.iter().map(|(_, tokens)| *tokens))?;
        let handles = PyList::new(py, batch.iter().map(|(sequence, _)| &sequence.handle))?;
        let returned = object.call_method1("step", (tokens, handles))?;
        logits.resize(batch.len() * self.vocab, 0.0);
        self.read(&returned, &[batch.len(), self.vocab], logits)
    }

    /// Copies float32 logits of exactly this shape.
    fn read(&self, returned: &Bound<'_, PyAny>, shape: &[usize], logits: &mut [f32]) -> PyResult<()> {
        let py = returned.py();
        let unexpected = |found: String| {
            let name = type_name(self.object.bind(py));
            let [batch, vocab] = shape else { return invalid(found) };
            invalid(format!("{name}.step returned {found}; expected a buffer of float32, ({batch}, {vocab})"))
        };
        let Ok(buffer) = PyUntypedBuffer::get(returned) else {
            let hint = " (of a torch tensor, return logits.detach().float().cpu().numpy())";
            let hint = if returned.hasattr("numpy")? { hint } else { "" };
            return Err(unexpected(format!("{}, which is no buffer{hint}", shown(returned))));
        };
        match buffer.as_typed::<f32>() {
            Ok(floats) if native(buffer.format()) && buffer.shape() == shape => {
                floats.copy_to_slice(py, logits)
            }
            _ => Err(unexpected(described(&buffer))),
        }
    }

    /// Calls the object's `rewind`; returns the number of tokens that the handle holds then.
    fn rewind_handle(&self, py: Python<'_>, handle: &Py<PyAny>, to: usize) -> PyResult<usize> {
        let object = self.object.bind(py);
        let returned = object.call_method1("rewind", (handle, to))?;
        match returned.extract::<usize>() {
            Ok(reached) if reached <= to => Ok(reached),
            _ => Err(invalid(format!(
                "{}.rewind(sequence, {to}) returned {}; expected the number of tokens that the sequence holds now, 0 to {to}",
                type_name(object),
                shown(&returned)
            ))),
        }
    }
}

impl Forward for Executor {
    type Sequence = Sequence;

    fn vocab(&self) -> usize {
        self.vocab
    }

    fn context(&self) -> usize {
        self.context
    }

    fn sequence(&self) -> Sequence {
        Sequence { handle: None, len: 0 }
    }

    fn len(&self, sequence: &Sequence) -> usize {
        sequence.len
    }

    fn rewind(&self, sequence: &mut Sequence, to: usize) -> Result<usize> {
        if let Some(handle) = sequence.handle.as_ref().filter(|_| to < sequence.len) {
            sequence.len = attached(|py| self.rewind_handle(py, handle, to))?;
        }
        Ok(sequence.len)
    }

    fn fork(&self, sequence: &Sequence, len: usize) -> Result<Sequence> {
        let Some(handle) = &sequence.handle else { return Ok(self.sequence()) };
        let copy = attached(|py| self.object.call_method1(py, "fork", (handle,)))?;
        let mut copy = Sequence { handle: Some(copy), len: sequence.len };
        self.rewind(&mut copy, len)?;
        Ok(copy)
    }

    fn forward(
        &self,
        batch: &mut [(&mut Sequence, Inputs<'_>)],
        outputs: Outputs,
        logits: &mut Vec<f32>,
    ) -> Result<()> {
        if outputs != Outputs::Last {
            return Err(Error::Unsupported(
                "an executor in Python gives the last token's logits only".into(),
            ));
        }
        let mut tokens = batch
            .iter_mut()
            .map(|(sequence, inputs)| match inputs {
                Inputs::Tokens(ids) => Ok((&mut **sequence, *ids)),
                Inputs::Embeddings(_) => {
                    Err(Error::Unsupported("an executor in Python takes tokens, not embeddings".into()))
                }
            })
            .collect::<Result<Vec<_>>>()?;
        attached(|py| self.step(py, &mut tokens, logits))?;
        tokens.iter_mut().for_each(|(sequence, ids)| sequence.len += ids.len());
        Ok(())
    }
}

/// Holds the interpreter for one call; what the call raises passes through the core as it is.
fn attached<T>(call: impl FnOnce(Python<'_>) -> PyResult<T>) -> Result<T> {
    match Python::try_attach(call) {
        Some(outcome) => outcome.map_err(|error| Error::Executor(Box::new(error))),
        None => Err(Error::Value("the interpreter is shutting down".into())),
    }
}

fn constant(object: &Bound<'_, PyAny>, name: &str) -> PyResult<usize> {
    let value = object.getattr(name)?;
    match value.extract::<usize>() {
        Ok(number) if (1..=u32::MAX as usize).contains(&number) => Ok(number),
        _ => Err(invalid(format!(
            "{}.{name} is {}; expected a whole number from 1",
            type_name(object),
            shown(&value)
        ))),
    }
}

/// Whether items lie in this machine's byte order: pyo3 takes ">" for it.
fn native(format: &CStr) -> bool {
    !matches!(format.to_bytes().first(), Some(b'<' | b'>' | b'!'))
}

fn described(buffer: &PyUntypedBuffer) -> String {
    let format = buffer.format();
    let items = match ElementType::from_format(format) {
        ElementType::Float { bytes } if native(format) => format!("float{}", 8 * bytes),
        ElementType::SignedInteger { bytes } if native(format) => format!("int{}", 8 * bytes),
        ElementType::UnsignedInteger { bytes } if native(format) => format!("uint{}", 8 * bytes),
        _ => format!("items of format {:?}", format.to_string_lossy()),
    };
    let sizes: Vec<String> = buffer.shape().iter().map(usize::to_string).collect();
    format!("{items}, ({}{})", sizes.join(", "), if sizes.len() == 1 { "," } else { "" })
}

fn type_name(object: &Bound<'_, PyAny>) -> String {
    object.get_type().name().map_or_else(|_| "the executor".into(), |name| name.to_string())
}

/// A value as errors show it.
fn shown(value: &Bound<'_, PyAny>) -> String {
    let text = value.repr().map(|text| text.to_string()).unwrap_or_default();
    match text.len() <= 60 && !text.contains('\n') && !text.is_empty() {
        true => text,
        false => format!("a {}", type_name(value)),
    }
}

fn invalid(message: String) -> PyErr {
    to_python(Error::Value(message))
}

/// Adds this file's classes to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PySequenceStore>()
}
