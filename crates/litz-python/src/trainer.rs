//! The class `WordCounter`: it counts a corpus and trains on it without the GIL, with Ctrl-C and a progress bar.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use litz::tokenizer::train::{Trainer, TrainingStage, WordCounter};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;

use crate::errors::to_python;

// How often a signal is looked for and the bar is drawn.
const PERIOD: Duration = Duration::from_millis(100);

/// The words of a corpus, until a trainer takes them.
#[pyclass(name = "WordCounter", module = "litz._core", frozen)]
pub struct PyWordCounter {
    inner: Mutex<Option<WordCounter>>,
    threads: usize,
}

impl PyWordCounter {
    /// Runs `work` without the GIL. Its progress function checks for signals and reports every tenth of a second.
    fn detached<T: Send>(
        py: Python<'_>,
        report: Option<&Py<PyAny>>,
        work: impl FnOnce(&mut dyn FnMut(TrainingStage, u64, u64) -> litz::Result<()>) -> litz::Result<T> + Send,
    ) -> PyResult<T> {
        let mut stopped = None;
        let slot = &mut stopped;
        let done = py.detach(move || {
            let mut last: Option<(TrainingStage, Instant)> = None;
            let mut calls = 0u32;
            work(&mut |stage, done, total| {
                calls = calls.wrapping_add(1);
                // Reading the clock for every merge would cost too much.
                if last.is_some_and(|(shown, at)| {
                    shown == stage && (!calls.is_multiple_of(16) || at.elapsed() < PERIOD)
                }) {
                    return Ok(());
                }
                last = Some((stage, Instant::now()));
                let reported = Python::attach(|py| {
                    py.check_signals()?;
                    report.map_or(Ok(()), |report| report.call1(py, (stage.name(), done, total)).map(drop))
                });
                reported.map_err(|error| {
                    *slot = Some(error);
                    litz::Error::Value("stopped".to_owned())
                })
            })
        });
        match stopped {
            Some(error) => Err(error),
            None => done.map_err(to_python),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut WordCounter) -> PyResult<T>) -> PyResult<T> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.as_mut().map_or_else(|| Err(consumed()), work)
    }
}

#[pymethods]
impl PyWordCounter {
    #[new]
    #[pyo3(signature = (normalizer_json, pre_tokenizer_json, *, threads=None, memory))]
    fn new(
        normalizer_json: &str,
        pre_tokenizer_json: &str,
        threads: Option<usize>,
        memory: usize,
    ) -> PyResult<Self> {
        let threads = litz::threads::available_threads(threads).map_err(to_python)?;
        let parse = |text: &str| {
            serde_json::from_str(text).map_err(|error| to_python(litz::Error::Format(error.to_string())))
        };
        let inner = WordCounter::new(&parse(normalizer_json)?, &parse(pre_tokenizer_json)?, threads, memory);
        Ok(Self { inner: Mutex::new(Some(inner.map_err(to_python)?)), threads })
    }

    fn feed(&self, py: Python<'_>, texts: Vec<PyBackedStr>) -> PyResult<()> {
        py.check_signals()?;
        let fed = py.detach(|| self.with(|counter| Ok(counter.feed(&texts))));
        fed?.map_err(to_python)
    }

    #[pyo3(signature = (path, report=None))]
    fn feed_file(&self, py: Python<'_>, path: PathBuf, report: Option<Py<PyAny>>) -> PyResult<()> {
        let mut counter = self.take()?;
        let (counter, fed) = Self::detached(py, report.as_ref(), move |progress| {
            let fed = counter.feed_file(&path, progress);
            Ok((counter, fed))
        })?;
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Some(counter);
        fed.map_err(to_python)
    }

    #[pyo3(signature = (settings_json, report=None))]
    fn train(&self, py: Python<'_>, settings_json: &str, report: Option<Py<PyAny>>) -> PyResult<String> {
        let trainer = Trainer::from_json(settings_json).map_err(to_python)?;
        let (counter, threads) = (self.take()?, self.threads);
        Self::detached(py, report.as_ref(), move |progress| {
            Ok(trainer.train(counter, threads, progress)?.to_string())
        })
    }
}

impl PyWordCounter {
    fn take(&self) -> PyResult<WordCounter> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).take().ok_or_else(consumed)
    }
}

fn consumed() -> PyErr {
    PyRuntimeError::new_err("the words were counted for another training; count them again")
}

/// Adds this file's classes to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyWordCounter>()
}
