//! Full encodings of texts, pairs and words. Arguments are read with the GIL held; the encoding runs without it.

use std::ops::Range;
use std::sync::Arc;

use litz::tokenizer::{EncodeOptions, Sample, SequenceInput, Strategy, Tokenizer, Truncation};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::encoding::PyEncoding;
use crate::errors::to_python;
use crate::lists::Shared;
use crate::tokenizer_bulk::{side, text};

/// Trusted ranges of bytes, as Python passes them.
pub type Trusted = Vec<(usize, usize)>;

/// The arguments of a call that are the same for all of its texts.
pub struct Arguments<'a> {
    pub add_special_tokens: bool,
    pub max_length: Option<usize>,
    pub stride: usize,
    pub strategy: &'a str,
    pub truncation_side: &'a str,
    pub overflow: bool,
}

impl Arguments<'_> {
    fn options(&self) -> PyResult<EncodeOptions> {
        let strategy = match self.strategy {
            "longest_first" => Strategy::LongestFirst,
            "only_first" => Strategy::OnlyFirst,
            "only_second" => Strategy::OnlySecond,
            other => {
                return Err(wrong(format!(
                    "strategy is {other:?}; expected longest_first, only_first or only_second"
                )))
            }
        };
        let side = side("truncation_side", self.truncation_side)?;
        let truncation = self.max_length.map(|max_length| Truncation {
            max_length,
            stride: self.stride,
            strategy,
            side,
            overflowing: self.overflow,
        });
        Ok(EncodeOptions { add_special_tokens: self.add_special_tokens, truncation })
    }
}

/// A text or a list of words, kept alive.
enum Held<'py> {
    Text(Bound<'py, PyString>),
    Words(Vec<Bound<'py, PyString>>),
}

impl<'py> Held<'py> {
    fn new(given: &Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(text) = given.cast::<PyString>() {
            return Ok(Self::Text(text.clone()));
        }
        let words = given.try_iter()?.map(|word| {
            let word = word?;
            word.cast_into::<PyString>().map_err(|error| {
                wrong(format!("expected str or a list of str, found {}", error.into_inner().get_type()))
            })
        });
        Ok(Self::Words(words.collect::<PyResult<_>>()?))
    }

    /// The UTF-8 of the text, or of each word.
    fn strs(&self) -> PyResult<Vec<&str>> {
        match self {
            Self::Text(one) => Ok(vec![text(one)?]),
            Self::Words(words) => words.iter().map(text).collect(),
        }
    }

    fn input<'a>(&self, strs: &'a [&'a str]) -> SequenceInput<'a> {
        match (self, strs) {
            (Self::Text(_), [text]) => SequenceInput::Text(text),
            _ => SequenceInput::Words(strs),
        }
    }
}

/// One text, or two.
pub fn encode<'py>(
    py: Python<'py>,
    (tokenizer, ints): (&Arc<Tokenizer>, &Shared),
    first: &Bound<'py, PyAny>,
    second: Option<&Bound<'py, PyAny>>,
    trusted: Option<Trusted>,
    arguments: &Arguments<'_>,
) -> PyResult<PyEncoding> {
    let options = arguments.options()?;
    let first = Held::new(first)?;
    let second = second.map(Held::new).transpose()?;
    let first_strs = first.strs()?;
    let second_strs = second.as_ref().map(Held::strs).transpose()?;
    let trusted = trusted.map(ranges);
    let sample = Sample {
        first: first.input(&first_strs),
        second: second.as_ref().zip(second_strs.as_ref()).map(|(second, strs)| second.input(strs)),
        trusted: trusted.as_deref(),
    };
    let encoding = py.detach(|| tokenizer.encode_full(sample, options)).map_err(to_python)?;
    Ok(PyEncoding::new(tokenizer, ints, encoding))
}

/// Many texts, or pairs of them.
pub fn encode_batch<'py>(
    py: Python<'py>,
    (tokenizer, ints): (&Arc<Tokenizer>, &Shared),
    firsts: &Bound<'py, PyAny>,
    seconds: Option<&Bound<'py, PyAny>>,
    trusted: Option<Vec<Option<Trusted>>>,
    arguments: &Arguments<'_>,
) -> PyResult<Vec<PyEncoding>> {
    let options = arguments.options()?;
    let firsts = held(firsts)?;
    let seconds = seconds.map(held).transpose()?;
    let trusted: Option<Vec<Option<Vec<Range<usize>>>>> =
        trusted.map(|each| each.into_iter().map(|one| one.map(ranges)).collect());
    let lengths = [seconds.as_ref().map(Vec::len), trusted.as_ref().map(Vec::len)];
    if let Some(other) = lengths.into_iter().flatten().find(|&length| length != firsts.len()) {
        return Err(wrong(format!(
            "{} texts, but {other} of another argument: they must agree",
            firsts.len()
        )));
    }
    let first_strs = firsts.iter().map(Held::strs).collect::<PyResult<Vec<_>>>()?;
    let second_strs = seconds.iter().flatten().map(Held::strs).collect::<PyResult<Vec<_>>>()?;
    let sample = |i: usize| Sample {
        first: firsts[i].input(&first_strs[i]),
        second: seconds.as_ref().map(|seconds| seconds[i].input(&second_strs[i])),
        trusted: trusted.as_ref().and_then(|trusted| trusted[i].as_deref()),
    };
    let samples: Vec<Sample<'_>> = (0..firsts.len()).map(sample).collect();
    let encodings = py.detach(|| tokenizer.encode_full_many(&samples, options)).map_err(to_python)?;
    Ok(encodings.into_iter().map(|encoding| PyEncoding::new(tokenizer, ints, encoding)).collect())
}

fn held<'py>(given: &Bound<'py, PyAny>) -> PyResult<Vec<Held<'py>>> {
    if given.cast::<PyString>().is_ok() {
        return Err(wrong("expected a list of texts, found one".into()));
    }
    given.try_iter()?.map(|item| Held::new(&item?)).collect()
}

fn ranges(given: Trusted) -> Vec<Range<usize>> {
    given.into_iter().map(|(start, end)| start..end).collect()
}

fn wrong(text: String) -> PyErr {
    to_python(litz::Error::Value(text))
}
