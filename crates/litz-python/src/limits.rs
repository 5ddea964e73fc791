//! What this machine allows: for the benchmarks, and for `litz env`.

use litz::kernels::{limits, Isa};
use pyo3::prelude::*;

use crate::errors::to_python;

/// The widest instructions that the kernels use here: what the CPU has, narrowed by `LITZ_CPU`.
#[pyfunction]
fn instructions() -> PyResult<&'static str> {
    Isa::detect().map(Isa::name).map_err(to_python)
}

/// Every name that `LITZ_CPU` may have on this CPU, narrowest first.
#[pyfunction]
fn available_instructions() -> Vec<&'static str> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available()).map(Isa::name).collect()
}

/// The default number of a model's threads: `LITZ_NUM_THREADS`, else the cores of this process.
#[pyfunction]
fn available_threads() -> PyResult<usize> {
    litz::threads::available_threads(None).map_err(to_python)
}

/// Bytes a second that `threads` threads read together from `size` bytes of memory: the best of `rounds`.
#[pyfunction]
#[pyo3(signature = (threads, size, rounds, /))]
fn read_bandwidth(py: Python<'_>, threads: usize, size: usize, rounds: usize) -> f64 {
    py.detach(|| limits::read_bandwidth(threads, size, rounds))
}

/// Single-precision operations a second of `threads` threads with vectors of at most `width` bits.
#[pyfunction]
#[pyo3(signature = (threads, width, rounds, /))]
fn fma_peak(py: Python<'_>, threads: usize, width: usize, rounds: usize) -> f64 {
    py.detach(|| limits::fma_peak(threads, width, rounds))
}

/// Operations a second of `threads` threads with the dot product of bfloats, 0 without it.
#[pyfunction]
#[pyo3(signature = (threads, rounds, /))]
fn bf16_peak(py: Python<'_>, threads: usize, rounds: usize) -> f64 {
    py.detach(|| limits::bf16_peak(threads, rounds))
}

/// Operations a second of `threads` threads with products of bytes and vectors of at most `width` bits, 0 without them.
#[pyfunction]
#[pyo3(signature = (threads, width, rounds, /))]
fn int8_peak(py: Python<'_>, threads: usize, width: usize, rounds: usize) -> f64 {
    py.detach(|| limits::int8_peak(threads, width, rounds))
}

/// Adds this file's functions to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_function(wrap_pyfunction!(instructions, m)?)?;
    m.add_function(wrap_pyfunction!(available_instructions, m)?)?;
    m.add_function(wrap_pyfunction!(available_threads, m)?)?;
    m.add_function(wrap_pyfunction!(read_bandwidth, m)?)?;
    m.add_function(wrap_pyfunction!(fma_peak, m)?)?;
    m.add_function(wrap_pyfunction!(bf16_peak, m)?)?;
    m.add_function(wrap_pyfunction!(int8_peak, m)?)
}
