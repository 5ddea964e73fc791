//! Checked loading: every canonical tensor is found once, has the shape that the Spec says, and stays in the mapped file
//! where a kernel can read it as stored.

use std::collections::HashMap;

use serde::Serialize;

use super::convert;
use super::sources::{read_vector, Stored, WeightSource};
use crate::formats::{DType, TensorFile, TensorInfo};
use crate::kernels::{Matrix, WeightDType};
use crate::{Error, Result};

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
    fn from_source(stored: &Stored, dequantized: bool) -> Result<Self> {
        let (rows, cols) = (stored.rows, stored.cols);
        let native = kernel_dtype(stored.dtype).filter(|&dtype| !dequantized || dtype == WeightDType::F32);
        let mapped = stored.in_one_piece();
        if let (Some(dtype), Some((file, tensor, start, len))) = (native, mapped) {
            let data = Data::Mapped { file: file.clone(), tensor: tensor.clone(), start, len };
            return Self { dtype, rows, cols, data }.checked();
        }
        let mut bytes = vec![0; rows * stored.row_bytes];
        stored.read(0..rows, &mut bytes);
        let (dtype, bytes) = match native {
            Some(dtype) => (dtype, bytes),
            None => convert::convert(stored.dtype, &bytes, cols, dequantized)?,
        };
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
        let stored = Stored::matrix(self.files, self.take(name, &[rows, cols])?, rows, cols)?;
        let from = stored.dtype;
        let weight = Weight::from_source(&stored, self.dequantize)
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
        let values = read_vector(self.files, self.take(name, &[len])?, len)?;
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

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<&'a WeightSource> {
        self.sources.remove(name).ok_or_else(|| {
            Error::Format(format!(
                "the weight {name} of shape {shape:?} is missing; the files are incomplete"
            ))
        })
    }
}
