//! Conversion of plain Python values to the data of a chat template, without loss.

use litz::chat::{BigInt, Data};
use litz::Error;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::errors::to_python;

/// Deeper values are an error, so that recursion over them cannot exhaust the stack.
const DEEPEST: usize = 200;

/// The variables of a template: a dict with names, or a JSON object as text.
pub fn variables(given: &Bound<'_, PyAny>) -> PyResult<Vec<(String, Data)>> {
    let parsed = match given.cast::<PyString>() {
        Ok(json) => &parsed(json)?,
        Err(_) => given,
    };
    let Ok(dict) = parsed.cast::<PyDict>() else {
        return Err(refused("", &format!("found {}, expected a dict", kind(parsed))));
    };
    let variable = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let Ok(name) = key.extract::<String>() else {
            return Err(refused("", &format!("found a name of the type {}, expected a text", kind(&key))));
        };
        let value = data(&value, &name, 0)?;
        Ok((name, value))
    };
    dict.iter().map(variable).collect()
}

/// JSON as Python reads it, with whole numbers of any size.
fn parsed<'py>(json: &Bound<'py, PyString>) -> PyResult<Bound<'py, PyAny>> {
    let py = json.py();
    let read = py.import("json")?.call_method1("loads", (json,));
    read.map_err(|error| refused("", &format!("found no JSON: {}", error.value(py))))
}

fn data(value: &Bound<'_, PyAny>, path: &str, depth: usize) -> PyResult<Data> {
    if depth > DEEPEST {
        return Err(refused(path, &format!("it is nested more than {DEEPEST} levels deep, or holds itself")));
    }
    if value.is_none() {
        return Ok(Data::None);
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(Data::Bool(truth.is_true()));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Data::Text(self::text(text, path)?.to_owned()));
    }
    if value.is_instance_of::<PyInt>() {
        return whole(value, path).map(Data::Int);
    }
    if let Ok(number) = value.cast::<PyFloat>() {
        return Ok(Data::Float(number.value()));
    }
    let items = |items: Vec<Bound<'_, PyAny>>| -> PyResult<Vec<Data>> {
        let item = |(i, item): (usize, &Bound<'_, PyAny>)| data(item, &format!("{path}[{i}]"), depth + 1);
        items.iter().enumerate().map(item).collect()
    };
    if let Ok(list) = value.cast::<PyList>() {
        return items(list.iter().collect()).map(Data::List);
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        return items(tuple.iter().collect()).map(Data::Tuple);
    }
    let Ok(dict) = value.cast::<PyDict>() else {
        return Err(refused(path, &format!("a value of the type {} is no plain data", kind(value))));
    };
    let member = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        let key = data(&key, path, depth + 1)?;
        let path = match &key {
            Data::Text(name) => format!("{path}.{name:.40}"),
            _ => path.to_owned(),
        };
        Ok((key, data(&value, &path, depth + 1)?))
    };
    dict.iter().map(member).collect::<PyResult<_>>().map(Data::Dict)
}

/// A text as UTF-8, which lone surrogates make impossible.
pub fn text<'a>(text: &'a Bound<'_, PyString>, path: &str) -> PyResult<&'a str> {
    let half = "the text has half of a surrogate pair, which is no character";
    text.to_str().map_err(|_| refused(path, half))
}

fn whole(value: &Bound<'_, PyAny>, path: &str) -> PyResult<BigInt> {
    if let Ok(small) = value.extract::<i64>() {
        return Ok(small.into());
    }
    let digits: String = value.py().import("builtins")?.getattr("hex")?.call1((value,))?.extract()?;
    let number = BigInt::parse_bytes(digits.replacen("0x", "", 1).as_bytes(), 16);
    number.ok_or_else(|| refused(path, "the whole number cannot be read"))
}

fn kind(value: &Bound<'_, PyAny>) -> String {
    value.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string())
}

fn refused(path: &str, why: &str) -> PyErr {
    let place = if path.is_empty() { "the variables".to_owned() } else { path.to_owned() };
    to_python(Error::Value(format!("{place} cannot be given to a chat template: {why}")))
}
