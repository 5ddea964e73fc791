//! `_core.Generation` and `_core.process_logits`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use litz::engine::Model;
use litz::generation::{process, Event, Generation, History, OpenText, Params, Range, TokenText, RANGES};
use litz::tokenizer::{DecodeStream, Tokenizer};
use litz::{Error, Result};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::errors::to_python;
use crate::executor::Executor;
use crate::model::PyModel;
use crate::tokenizer::PyTokenizer;

/// How long the interpreter's signals may wait.
const PAUSE: Duration = Duration::from_millis(100);

type Row = (usize, u32, Option<&'static str>);

/// The loop over what computes the logits.
enum Run {
    Native(Generation<Model>),
    Callable(Generation<Executor>),
}

impl Run {
    fn new(
        executor: &Bound<'_, PyAny>,
        prompts: &[Vec<u32>],
        params: Params,
        open: Option<OpenText>,
    ) -> PyResult<Self> {
        if let Ok(model) = executor.cast::<PyModel>() {
            let PyModel { model, store } = model.get();
            let store = Some(Arc::clone(store));
            let run = Generation::new(Arc::clone(model), prompts, params, open, store);
            return run.map(Self::Native).map_err(to_python);
        }
        let store = Executor::store(executor)?;
        let run = Generation::new(Arc::new(Executor::new(executor)?), prompts, params, open, store);
        run.map(Self::Callable).map_err(to_python)
    }

    fn cancellation(&self) -> Arc<AtomicBool> {
        match self {
            Self::Native(run) => run.cancellation(),
            Self::Callable(run) => run.cancellation(),
        }
    }

    fn done(&self) -> bool {
        match self {
            Self::Native(run) => run.done(),
            Self::Callable(run) => run.done(),
        }
    }

    fn advance(&mut self, tokens: usize) -> Result<Vec<Event>> {
        match self {
            Self::Native(run) => run.advance(tokens, PAUSE),
            Self::Callable(run) => run.advance(tokens, PAUSE),
        }
    }

    fn take_text(&mut self, row: usize) -> String {
        match self {
            Self::Native(run) => run.take_text(row),
            Self::Callable(run) => run.take_text(row),
        }
    }
}

/// The tokenizer's incremental decoder, as the loop uses it.
struct Text(DecodeStream);

impl TokenText for Text {
    fn push(&mut self, token: u32) -> Result<String> {
        self.0.push(token)
    }

    fn finish(&mut self) -> Result<String> {
        self.0.finish()
    }
}

fn texts_of(tokenizer: Arc<Tokenizer>) -> OpenText {
    Arc::new(move |skip| Box::new(Text(DecodeStream::new(Arc::clone(&tokenizer), skip))))
}

/// What is generated so far but not yet fetched belongs to the run: an interrupted `advance` loses no token.
struct State {
    run: Run,
    unfetched: Vec<Event>,
}

/// One run over several prompts.
#[pyclass(name = "Generation", frozen, module = "litz._core")]
struct PyGeneration {
    state: Mutex<State>,
    /// The process that made it.
    process: u32,
    cancelled: Arc<AtomicBool>,
}

#[pymethods]
impl PyGeneration {
    /// Prepares a run of a `Model`, or of an object as `litz.generation.Executor` describes it. Nothing is computed
    /// before `advance`. Stop strings and text need the tokenizer.
    #[new]
    #[pyo3(signature = (executor, prompts, params_json, tokenizer=None, /))]
    fn new(
        executor: &Bound<'_, PyAny>,
        prompts: Vec<Vec<u32>>,
        params_json: &str,
        tokenizer: Option<&PyTokenizer>,
    ) -> PyResult<Self> {
        let params = Params::from_json(params_json).map_err(to_python)?;
        let open = tokenizer.map(|tokenizer| texts_of(tokenizer.handle()));
        let run = Run::new(executor, &prompts, params, open)?;
        let cancelled = run.cancellation();
        let state = Mutex::new(State { run, unfetched: Vec::new() });
        Ok(Self { state, process: std::process::id(), cancelled })
    }

    /// The next tokens: up to `max_tokens` of each row, fewer after a tenth of a second; none once all is done.
    fn advance(&self, py: Python<'_>, max_tokens: usize) -> PyResult<Vec<Row>> {
        if max_tokens == 0 {
            return Err(to_python(Error::Value("max_tokens is 0; expected a whole number from 1".into())));
        }
        loop {
            let more = py.detach(|| self.generate(max_tokens)).map_err(to_python)?;
            py.check_signals()?;
            if !more {
                let events = py.detach(|| self.lock().map(|mut state| std::mem::take(&mut state.unfetched)));
                return Ok(events.map_err(to_python)?.into_iter().map(row).collect());
            }
        }
    }

    /// The text of a row that became final since the last call; needs the tokenizer.
    fn take_text(&self, py: Python<'_>, row: usize) -> PyResult<String> {
        py.detach(|| self.lock().map(|mut state| state.run.take_text(row))).map_err(to_python)
    }

    /// Ends the run before its next token; from any thread.
    fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

impl PyGeneration {
    /// Generates for a while; true if there is nothing to fetch yet.
    fn generate(&self, tokens: usize) -> Result<bool> {
        let mut state = self.lock()?;
        if state.unfetched.is_empty() {
            state.unfetched = state.run.advance(tokens)?;
        }
        Ok(state.unfetched.is_empty() && !state.run.done())
    }

    /// Waits for another thread, but not for one that only the parent of a forked process has.
    fn lock(&self) -> Result<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Ok(state),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) if self.process == std::process::id() => {
                Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner))
            }
            Err(TryLockError::WouldBlock) => Err(Error::Value(
                "this run was computing when its process forked; start another in the child".into(),
            )),
        }
    }
}

fn row(event: Event) -> Row {
    (event.row, event.token, event.finish.map(|reason| reason.name()))
}

/// The float32 scores that a token is chosen by, after all processors and filters: what the tests compare.
#[pyfunction]
fn process_logits<'py>(
    py: Python<'py>,
    logits: &[u8],
    prompt_ids: Vec<u32>,
    generated_ids: Vec<u32>,
    params_json: &str,
) -> PyResult<Bound<'py, PyBytes>> {
    let params = Params::from_json(params_json).map_err(to_python)?;
    let mut history = History::new(&prompt_ids);
    generated_ids.iter().for_each(|token| history.push(*token));
    let requested = params.max_new_tokens.map(|new| prompt_ids.len() + new).or(params.max_length);
    let mut scores: Vec<f32> = logits
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    process(&params, &history, requested.unwrap_or(usize::MAX), &mut scores).map_err(to_python)?;
    let bytes: Vec<u8> = scores.iter().flat_map(|score| score.to_le_bytes()).collect();
    Ok(PyBytes::new(py, &bytes))
}

/// Of each parameter that is a number: the least, the most, and whether the least itself is out of its range. Ints
/// where only whole numbers are in it.
#[pyfunction]
fn generation_ranges(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let ranges = PyDict::new(py);
    for (name, range) in RANGES {
        match range {
            Range::Whole { least, most } => ranges.set_item(name, (least, most, false))?,
            Range::Real { least, most, above } => ranges.set_item(name, (least, most, above))?,
        }
    }
    Ok(ranges)
}

/// ArgumentError for parameters that no run would accept.
#[pyfunction]
fn check_generation_params(params_json: &str) -> PyResult<()> {
    Params::from_json(params_json).map(|_| ()).map_err(to_python)
}

/// Adds this file's classes to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyGeneration>()?;
    m.add_function(wrap_pyfunction!(generation_ranges, m)?)?;
    m.add_function(wrap_pyfunction!(check_generation_params, m)?)?;
    m.add_function(wrap_pyfunction!(process_logits, m)?)
}
