//! `_core.Template`: a compiled chat template.

use std::ops::Range;
use std::sync::Arc;

use litz::chat::{Clock, Rendered};
use pyo3::prelude::*;
use pyo3::types::{PyDateAccess, PyDateTime, PyString, PyTimeAccess};

use crate::data;
use crate::errors::to_python;

/// A compiled chat template; compiling fails with the line of the mistake.
#[pyclass(frozen, module = "litz._core")]
struct Template {
    inner: Arc<litz::chat::Template>,
}

#[pymethods]
impl Template {
    #[new]
    fn new(source: &Bound<'_, PyString>) -> PyResult<Self> {
        let py = source.py();
        let source = data::text(source, "the source")?;
        let template = py.detach(|| litz::chat::Template::new(source)).map_err(to_python)?;
        Ok(Self { inner: Arc::new(template) })
    }

    /// Renders with variables, a dict or a JSON object: the text, the ranges of its generation blocks in characters,
    /// and the ranges that the template wrote itself in bytes of UTF-8.
    ///
    /// `special` names the variables that are the tokenizer's special tokens and count as the template's own.
    /// `now` is what `strftime_now` formats; without it, the local time.
    #[pyo3(signature = (variables, *, special = Vec::new(), now = None))]
    fn render(
        &self,
        py: Python<'_>,
        variables: &Bound<'_, PyAny>,
        special: Vec<String>,
        now: Option<Bound<'_, PyDateTime>>,
    ) -> PyResult<(String, Ranges, Ranges)> {
        let clock = clock(py, now)?;
        let template = self.inner.clone();
        let variables = data::variables(variables)?;
        py.detach(move || {
            let special: Vec<&str> = special.iter().map(String::as_str).collect();
            template.render(&variables, &special, &clock).map(to_tuple)
        })
        .map_err(to_python)
    }

    /// Every name that the template reads.
    #[getter]
    fn names(&self) -> Vec<String> {
        self.inner.names().map(str::to_string).collect()
    }

    /// Whether the template has a `{% generation %}` block.
    #[getter]
    fn has_generation(&self) -> bool {
        self.inner.has_generation()
    }
}

fn clock(py: Python<'_>, now: Option<Bound<'_, PyDateTime>>) -> PyResult<Clock> {
    let now = match now {
        Some(now) => now,
        None => py.import("datetime")?.getattr("datetime")?.call_method0("now")?.cast_into::<PyDateTime>()?,
    };
    Ok(Clock {
        year: now.get_year(),
        month: now.get_month().into(),
        day: now.get_day().into(),
        hour: now.get_hour().into(),
        minute: now.get_minute().into(),
        second: now.get_second().into(),
        microsecond: now.get_microsecond(),
    })
}

/// Ranges as Python has them: from, to.
type Ranges = Vec<(usize, usize)>;

fn to_tuple(rendered: Rendered) -> (String, Ranges, Ranges) {
    let Rendered { text, generation, trusted } = rendered;
    let generation = characters(&text, &generation);
    (text, generation, trusted.into_iter().map(|range| (range.start, range.end)).collect())
}

/// Byte ranges, which are in order, as character ranges.
fn characters(text: &str, ranges: &[Range<usize>]) -> Ranges {
    let (mut byte, mut count) = (0, 0);
    let mut at = |position: usize| {
        if position < byte {
            return text[..position].chars().count();
        }
        count += text[byte..position].chars().count();
        byte = position;
        count
    };
    ranges.iter().map(|range| (at(range.start), at(range.end))).collect()
}

/// Adds this file's classes to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<Template>()
}
