//! `_core.TensorFile`.

use std::path::PathBuf;

use litz::formats::{
    dequantize, Array, DType, MetadataValue, TensorFile, TensorInfo, ValueType, QUANTIZABLE,
};
use litz::Error;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::errors::to_python;

/// Longer arrays are left out of `metadata()`: more than a model has layers, less than a vocabulary has tokens.
const SHORT: usize = 4096;
/// Elements that are dequantised at a time: a multiple of every block size.
const CHUNK: usize = 1 << 14;

/// Adds this file's classes to the module.
pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PyTensorFile>()
}

/// An open GGUF or safetensors file: mapped, validated, and not to be written to while it is open.
#[pyclass(name = "TensorFile", module = "litz._core", frozen)]
pub struct PyTensorFile(pub(crate) TensorFile);

#[pymethods]
impl PyTensorFile {
    #[new]
    #[pyo3(signature = (path, /))]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        py.detach(|| TensorFile::open(&path)).map(Self).map_err(to_python)
    }

    /// "gguf" or "safetensors", decided by the header.
    #[getter]
    fn format(&self) -> &'static str {
        self.0.format().name()
    }

    /// The size of the file in bytes.
    #[getter]
    fn size(&self) -> usize {
        self.0.size()
    }

    /// Every key with its value, in the file's order, without arrays of more than 4,096 items and arrays of arrays.
    fn metadata<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let values = PyDict::new(py);
        for (key, value) in self.0.metadata().iter() {
            if !matches!(value, MetadataValue::Array(array) if array.len() > SHORT || array.kind() == ValueType::Array)
            {
                values.set_item(key, convert(py, value)?)?;
            }
        }
        Ok(values)
    }

    /// The number of items of every array that `metadata()` leaves out.
    fn long_arrays<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let lengths = PyDict::new(py);
        for (key, value) in self.0.metadata().iter() {
            if let MetadataValue::Array(array) = value {
                if array.len() > SHORT || array.kind() == ValueType::Array {
                    lengths.set_item(key, array.len())?;
                }
            }
        }
        Ok(lengths)
    }

    /// One array in full; None if the file has no such key.
    #[pyo3(signature = (key, /))]
    fn metadata_array<'py>(&self, py: Python<'py>, key: &str) -> PyResult<Option<Bound<'py, PyList>>> {
        let array = self.0.metadata().array(key).map_err(to_python)?;
        array.map(|array| list(py, array)).transpose()
    }

    /// All keys in the file's order.
    fn metadata_keys(&self) -> Vec<&str> {
        self.0.metadata().iter().map(|(key, _)| key).collect()
    }

    /// A value as a GGUF header stores it after its key: the code of its type and its bytes; None without the key.
    #[pyo3(signature = (key, /))]
    fn metadata_bytes<'py>(&self, py: Python<'py>, key: &str) -> Option<Bound<'py, PyBytes>> {
        self.0.metadata().encoded(key).map(|bytes| PyBytes::new(py, &bytes))
    }

    /// Where in an array of texts any of `texts` stands, in the array's order; nothing if there is no such array.
    #[pyo3(signature = (key, texts, /))]
    fn find_texts(&self, py: Python<'_>, key: &str, texts: Vec<String>) -> PyResult<Vec<usize>> {
        let found = |value: &MetadataValue<'_>| matches!(value, MetadataValue::Text(own) if texts.iter().any(|text| text.as_bytes() == *own));
        py.detach(|| {
            let array = self.0.metadata().array(key)?;
            let items = array.into_iter().flat_map(|array| array.iter()).enumerate();
            Ok(items.filter(|(_, value)| found(value)).map(|(place, _)| place).collect())
        })
        .map_err(to_python)
    }

    /// dtype, shape (outermost first) and size in bytes by name, in the file's order.
    fn tensors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tensors = PyDict::new(py);
        for tensor in self.0.tensors() {
            let shape = pyo3::types::PyTuple::new(py, &tensor.shape)?;
            tensors.set_item(&tensor.name, (tensor.dtype.name(), shape, tensor.nbytes))?;
        }
        Ok(tensors)
    }

    /// A tensor's bytes as they are stored.
    #[pyo3(signature = (name, /))]
    fn read<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, self.0.bytes(self.find(name)?)))
    }

    /// Whether two tensors, of this file and of `other`, have one dtype, one shape and the same bytes.
    #[pyo3(signature = (name, other, other_name, /))]
    fn same(&self, py: Python<'_>, name: &str, other: &Self, other_name: &str) -> PyResult<bool> {
        let (one, two) = (self.find(name)?, other.find(other_name)?);
        let alike = one.dtype == two.dtype && one.shape == two.shape;
        Ok(alike && py.detach(|| self.0.bytes(one) == other.0.bytes(two)))
    }

    /// A tensor as little-endian F32.
    #[pyo3(signature = (name, /))]
    fn read_f32<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyBytes>> {
        let tensor = self.find(name)?;
        let too_large = || Error::Memory(format!("the tensor {name:?} is too large to be read as F32"));
        let size = tensor.elements().checked_mul(4).ok_or_else(too_large).map_err(to_python)?;
        PyBytes::new_with(py, size, |out| {
            py.detach(|| dequantize_bytes(tensor, self.0.bytes(tensor), out)).map_err(to_python)
        })
    }

    /// Rows of a tensor as another type, by several threads.
    #[pyo3(signature = (name, dtype, first_row, rows, threads, /))]
    fn converted<'py>(
        &self,
        py: Python<'py>,
        name: &str,
        dtype: &str,
        first_row: usize,
        rows: usize,
        threads: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let tensor = self.find(name)?;
        let dtype = named(dtype)?;
        let part = first_row..first_row.saturating_add(rows);
        let size = self.0.converted_size(tensor, &part, dtype).map_err(to_python)?;
        PyBytes::new_with(py, size, |out| {
            py.detach(|| self.0.convert(tensor, part, dtype, threads, out)).map_err(to_python)
        })
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

impl PyTensorFile {
    fn find(&self, name: &str) -> PyResult<&TensorInfo> {
        let count = self.0.tensors().len();
        self.0.tensor(name).ok_or_else(|| {
            to_python(Error::Value(format!("there is no tensor {name:?} among the {count} of this file")))
        })
    }
}

fn named(name: &str) -> PyResult<DType> {
    DType::ALL.iter().copied().find(|dtype| dtype.name() == name).ok_or_else(|| {
        let known: Vec<_> = QUANTIZABLE.iter().map(|dtype| dtype.name()).collect();
        to_python(Error::Value(format!("there is no type {name:?}; litz writes {}", known.join(", "))))
    })
}

fn dequantize_bytes(tensor: &TensorInfo, blocks: &[u8], out: &mut [u8]) -> litz::Result<()> {
    let mut buffer = vec![0.0_f32; CHUNK.min(out.len() / 4)];
    let stride = tensor.dtype.bytes_for(CHUNK).unwrap_or(blocks.len()).max(1);
    for (blocks, out) in blocks.chunks(stride).zip(out.chunks_mut(CHUNK * 4)) {
        let values = &mut buffer[..out.len() / 4];
        dequantize(tensor.dtype, blocks, values)?;
        for (bytes, value) in out.chunks_exact_mut(4).zip(values) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
    }
    Ok(())
}

fn convert<'py>(py: Python<'py>, value: MetadataValue<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        MetadataValue::Bool(flag) => flag.into_pyobject(py)?.to_owned().into_any(),
        MetadataValue::Unsigned(n) => n.into_pyobject(py)?.into_any(),
        MetadataValue::Signed(n) => n.into_pyobject(py)?.into_any(),
        MetadataValue::Float(x) => x.into_pyobject(py)?.into_any(),
        MetadataValue::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => PyString::new(py, text).into_any(),
            Err(_) => PyBytes::new(py, bytes).into_any(),
        },
        MetadataValue::Array(array) => list(py, array)?.into_any(),
    })
}

fn list<'py>(py: Python<'py>, array: Array<'_>) -> PyResult<Bound<'py, PyList>> {
    let items = PyList::empty(py);
    for value in array.iter() {
        items.append(convert(py, value)?)?;
    }
    Ok(items)
}
