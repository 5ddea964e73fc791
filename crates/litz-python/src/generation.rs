//! `_core.Generation` and `_core.process_logits`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use litz::engine::Model;
use litz::generation::{process, Event, History, OpenText, Params, TokenText};
use litz::tokenizer::{DecodeStream, Tokenizer};
use litz::{Error, Result};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::errors::to_python;
use crate::model::PyModel;
use crate::tokenizer::PyTokenizer;

/// How long the interpreter's signals may wait.
const PAUSE: Duration = Duration::from_millis(100);

type Row = (usize, u32, Option<&'static str>);

type Run = litz::generation::Generation<Model>;

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
#[pyclass(frozen, module = "litz._core")]
struct Generation {
    state: Mutex<State>,
    /// The process that made it.
    process: u32,
    cancelled: Arc<AtomicBool>,
}

#[pymethods]
impl Generation {
    /// Prepares a run; nothing is computed before `advance`. Stop strings and text need the tokenizer.
    #[new]
    #[pyo3(signature = (model, prompts, params_json, tokenizer=None, /))]
    fn new(
        model: &PyModel,
        prompts: Vec<Vec<u32>>,
        params_json: &str,
        tokenizer: Option<&PyTokenizer>,
    ) -> PyResult<Self> {
        let params = Params::from_json(params_json).map_err(to_python)?;
        let open = tokenizer.map(|tokenizer| texts_of(tokenizer.handle()));
        let store = Some(Arc::clone(&model.store));
        let run = Run::new(Arc::clone(&model.model), &prompts, params, open, store).map_err(to_python)?;
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

impl Generation {
    /// Generates for a while; true if there is nothing to fetch yet.
    fn generate(&self, tokens: usize) -> Result<bool> {
        let mut state = self.lock()?;
        if state.unfetched.is_empty() {
            state.unfetched = state.run.advance(tokens, PAUSE)?;
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
    let asked = params.max_new_tokens.map(|new| prompt_ids.len() + new).or(params.max_length);
    let mut scores: Vec<f32> = logits
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect();
    process(&params, &history, asked.unwrap_or(usize::MAX), &mut scores).map_err(to_python)?;
    let bytes: Vec<u8> = scores.iter().flat_map(|score| score.to_le_bytes()).collect();
    Ok(PyBytes::new(py, &bytes))
}

/// ArgumentError for parameters that no run would accept.
#[pyfunction]
fn check_generation_params(params_json: &str) -> PyResult<()> {
    Params::from_json(params_json).map(|_| ()).map_err(to_python)
}

/// Adds this file's classes to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Generation>()?;
    m.add_function(wrap_pyfunction!(check_generation_params, m)?)?;
    m.add_function(wrap_pyfunction!(process_logits, m)?)
}
