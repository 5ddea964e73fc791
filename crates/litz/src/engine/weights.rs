//! Checked loading: every canonical tensor is found once, has the shape that the Spec says, and stays in the mapped file
//! where a kernel can read it as stored.

use std::collections::HashMap;

use serde::Serialize;

use super::convert;
use crate::formats::{dequantize, DType, TensorFile, TensorInfo};
use crate::kernels::{Matrix, WeightDType};
use crate::{Error, Result};

/// Where a canonical tensor comes from.
#[derive(Clone, Debug)]
pub struct WeightSource {
    /// The canonical name, such as `layers.0.attn.q.weight`.
    pub name: String,
    /// Index into the files.
    pub file: usize,
    /// The tensor's name in that file.
    pub tensor: String,
    /// Rows of a fused tensor: start and count.
    pub rows: Option<(usize, usize)>,
}

/// What loading did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoadReport {
    /// Tensors whose storage changed; their values did not.
    pub conversions: Vec<Conversion>,
    /// Weight bytes that stay in the files.
    pub bytes_mapped: usize,
    /// Weight bytes in memory of their own.
    pub bytes_converted: usize,
}

/// One tensor that no kernel reads as stored.
#[derive(Clone, Debug, Serialize)]
pub struct Conversion {
    /// The canonical name.
    pub tensor: String,
    /// The storage in the file.
    pub from: String,
    /// The storage in memory.
    pub to: String,
}

/// A weight matrix: a range of a mapped file, or memory of its own.
pub(super) struct Weight {
    dtype: WeightDType,
    rows: usize,
    cols: usize,
    data: Data,
}

enum Data {
    Mapped { file: TensorFile, tensor: TensorInfo, start: usize, len: usize },
    Owned(Vec<u8>),
}

impl Weight {
    /// The one place where a stored tensor becomes what the kernels read; repacking would happen here.
    fn from_source(found: Found, rows: usize, cols: usize, dequantized: bool) -> Result<Self> {
        let stored = found.tensor.dtype;
        let native = kernel_dtype(stored).filter(|&dtype| !dequantized || dtype == WeightDType::F32);
        if let Some(dtype) = native {
            let data = Data::Mapped {
                file: found.file.clone(),
                tensor: found.tensor.clone(),
                start: found.start,
                len: found.len,
            };
            return Self { dtype, rows, cols, data }.checked();
        }
        let (dtype, bytes) = convert::convert(stored, found.bytes(), cols, dequantized)?;
        Self { dtype, rows, cols, data: Data::Owned(bytes) }.checked()
    }

    fn checked(self) -> Result<Self> {
        Matrix::new(self.dtype, self.rows, self.cols, self.bytes())?;
        Ok(self)
    }

    pub(super) fn dtype(&self) -> WeightDType {
        self.dtype
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Mapped { file, tensor, start, len } => &file.bytes(tensor)[*start..*start + *len],
            Data::Owned(bytes) => bytes,
        }
    }

    /// The kernels' view of it.
    pub(super) fn matrix(&self) -> Matrix<'_> {
        Matrix::new(self.dtype, self.rows, self.cols, self.bytes()).expect("the sizes were checked at load")
    }

    /// Bytes of a row, for cutting work.
    pub(super) fn row_bytes(&self) -> usize {
        self.bytes().len() / self.rows
    }
}

fn kernel_dtype(dtype: DType) -> Option<WeightDType> {
    match dtype {
        DType::F32 => Some(WeightDType::F32),
        DType::F16 => Some(WeightDType::F16),
        DType::BF16 => Some(WeightDType::BF16),
        DType::Q8_0 => Some(WeightDType::Q8_0),
        DType::Q4_0 => Some(WeightDType::Q4_0),
        DType::Q4_1 => Some(WeightDType::Q4_1),
        _ => None,
    }
}

/// The rows of a tensor that a source names.
struct Found<'a> {
    file: &'a TensorFile,
    tensor: &'a TensorInfo,
    start: usize,
    len: usize,
}

impl<'a> Found<'a> {
    fn bytes(&self) -> &'a [u8] {
        &self.file.bytes(self.tensor)[self.start..self.start + self.len]
    }
}

/// Takes tensors by their canonical names, and knows at the end which were left.
pub(super) struct Loader<'a> {
    files: &'a [TensorFile],
    sources: HashMap<&'a str, &'a WeightSource>,
    dequantize: bool,
    report: LoadReport,
}

impl<'a> Loader<'a> {
    pub(super) fn new(
        files: &'a [TensorFile],
        sources: &'a [WeightSource],
        dequantize: bool,
    ) -> Result<Self> {
        let mut by_name = HashMap::new();
        for source in sources {
            if by_name.insert(source.name.as_str(), source).is_some() {
                return Err(Error::Format(format!(
                    "the weight {} has two sources, expected one",
                    source.name
                )));
            }
        }
        Ok(Self { files, sources: by_name, dequantize, report: LoadReport::default() })
    }

    /// A matrix of exactly this shape.
    pub(super) fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Weight> {
        let found = self.take(name, &[rows, cols])?;
        let from = found.tensor.dtype;
        let weight = Weight::from_source(found, rows, cols, self.dequantize)
            .map_err(|error| Error::Format(format!("the weight {name}: {error}")))?;
        match &weight.data {
            Data::Mapped { len, .. } => self.report.bytes_mapped += len,
            Data::Owned(bytes) => {
                self.report.bytes_converted += bytes.len();
                let to = format!("{:?}", weight.dtype);
                self.report.conversions.push(Conversion {
                    tensor: name.to_owned(),
                    from: from.name().to_owned(),
                    to,
                });
            }
        }
        Ok(weight)
    }

    /// A norm's weight or a bias, as f32.
    pub(super) fn vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>> {
        let found = self.take(name, &[len])?;
        let mut values = vec![0.0; len];
        dequantize(found.tensor.dtype, found.bytes(), &mut values)?;
        self.report.bytes_converted += 4 * len;
        Ok(values)
    }

    /// A vector that the Spec may say is absent.
    pub(super) fn vector_if(&mut self, present: bool, name: &str, len: usize) -> Result<Option<Vec<f32>>> {
        present.then(|| self.vector(name, len)).transpose()
    }

    /// The report, once every source found its place.
    pub(super) fn finish(self) -> Result<LoadReport> {
        match self.sources.keys().min() {
            Some(name) => Err(Error::Format(format!(
                "{} weights have no place in the model, first {name}; the spec and the files do not belong together",
                self.sources.len()
            ))),
            None => Ok(self.report),
        }
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Found<'a>> {
        let source = self.sources.remove(name).ok_or_else(|| {
            Error::Format(format!(
                "the weight {name} of shape {shape:?} is missing; the files are incomplete"
            ))
        })?;
        let file = self.files.get(source.file).ok_or_else(|| {
            Error::Value(format!(
                "the weight {name} is in file {}, but there are {}",
                source.file,
                self.files.len()
            ))
        })?;
        let tensor = file.tensor(&source.tensor).ok_or_else(|| {
            Error::Format(format!(
                "the weight {name} should be the tensor {}, which the file lacks",
                source.tensor
            ))
        })?;
        locate(file, tensor, source, shape)
    }
}

/// Checks the shape and finds the bytes of the rows that the source names.
fn locate<'a>(
    file: &'a TensorFile,
    tensor: &'a TensorInfo,
    source: &WeightSource,
    shape: &[usize],
) -> Result<Found<'a>> {
    let mut found = tensor.shape.clone();
    let (first, count) = source.rows.unwrap_or((0, found.first().copied().unwrap_or(1)));
    let inside = first.checked_add(count).is_some_and(|end| found.first().is_some_and(|&rows| end <= rows));
    if !inside {
        return Err(Error::Format(format!(
            "the weight {} is rows {first} to {first} + {count} of the tensor {}, which has the shape {:?}",
            source.name, source.tensor, tensor.shape
        )));
    }
    found[0] = count;
    if found != shape {
        let part = source.rows.map_or(String::new(), |_| format!(" (rows from {first})"));
        return Err(Error::Format(format!(
            "the weight {} (tensor {}{part}) has the shape {found:?}, expected {shape:?}",
            source.name, source.tensor
        )));
    }
    let row: usize = shape[1..].iter().product();
    let row_bytes = tensor.dtype.bytes_for(row).ok_or_else(|| {
        let (block, _) = tensor.dtype.block();
        let name = &source.name;
        Error::Format(format!(
            "the weight {name} has rows of {row} {} elements, expected a multiple of {block}",
            tensor.dtype.name()
        ))
    });
    // A whole vector may end its blocks anywhere only at its end; a slice of rows must begin and end at a block.
    let (start, len) = match (shape.len(), source.rows) {
        (1, None) => (0, tensor.nbytes),
        (1, Some(_)) => slice_of_vector(tensor, first, count)?,
        _ => (first * row_bytes.as_ref().map_or(0, |&bytes| bytes), count * row_bytes?),
    };
    if file.bytes(tensor).len() < start + len {
        return Err(Error::Format(format!("the tensor {} ends outside its file", source.tensor)));
    }
    Ok(Found { file, tensor, start, len })
}

fn slice_of_vector(tensor: &TensorInfo, first: usize, count: usize) -> Result<(usize, usize)> {
    let place = tensor.dtype.bytes_for(first).zip(tensor.dtype.bytes_for(count));
    place.ok_or_else(|| {
        Error::Format(format!("elements {first} to {first} + {count} of {} end inside a block", tensor.name))
    })
}
