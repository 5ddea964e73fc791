//! Checked loading: every canonical weight is found once, has the requested shape, and gets its place once memory
//! is known to hold all of them.

use std::collections::HashMap;
use std::sync::Arc;

use super::arena::{Arena, Layout};
use super::convert;
use super::fill::{fill, FillJob};
use super::report::LoadReport;
use super::sources::{read_columns, read_vector, StoredRows, WeightSource};
use super::weight::{Placement, Weight, WeightData};
use crate::formats::{dequantize, DType, TensorFile};
use crate::kernels::{Kernels, WeightDType};
use crate::memory::{check, Available, Need};
use crate::threads::Pool;
use crate::{Error, Result};

/// The storage that the kernels read just as the file has it; `None` is converted.
fn kernel_dtype(dtype: DType) -> Option<WeightDType> {
    match dtype {
        DType::F32 => Some(WeightDType::F32),
        DType::F16 => Some(WeightDType::F16),
        DType::BF16 => Some(WeightDType::BF16),
        DType::Q8_0 => Some(WeightDType::Q8_0),
        DType::Q4_0 => Some(WeightDType::Q4_0),
        DType::Q4_1 => Some(WeightDType::Q4_1),
        DType::Q5_0 => Some(WeightDType::Q5_0),
        DType::Q5_1 => Some(WeightDType::Q5_1),
        DType::Q4K => Some(WeightDType::Q4_K),
        DType::Q5K => Some(WeightDType::Q5_K),
        DType::Q6K => Some(WeightDType::Q6_K),
        DType::IQ4NL => Some(WeightDType::IQ4_NL),
        DType::MXFP4 => Some(WeightDType::MXFP4),
        _ => None,
    }
}

/// A weight without its place.
struct Pending {
    name: String,
    weight: Weight,
    stored: Arc<StoredRows>,
    /// How it will be kept; `None` until its values were looked at.
    to: Option<WeightDType>,
    /// Whether its rows are looked up one by one, and so stay as they are stored.
    table: bool,
}

impl Pending {
    fn converted(&self) -> bool {
        self.to.is_none() || self.to != kernel_dtype(self.stored.dtype)
    }
}

/// What is to be done once memory is known to suffice.
struct Plan {
    report: LoadReport,
    jobs: Vec<(Weight, FillJob)>,
    /// The size of the arena.
    bytes: usize,
}

/// Takes weights by their canonical names, and lists at the end which were left.
pub(crate) struct Loader<'a> {
    files: &'a [TensorFile],
    /// What was not taken yet; `None`: every request succeeds, without values.
    sources: Option<HashMap<&'a str, &'a WeightSource>>,
    storage: Storage,
    pending: Vec<Pending>,
    /// What was given out, for layers that share it.
    matrices: HashMap<String, Weight>,
    vectors: HashMap<String, Vec<f32>>,
    report: LoadReport,
}

/// How matrices are kept.
#[derive(Clone, Copy, Default)]
pub(crate) struct Storage {
    /// All as f32.
    pub(crate) dequantize: bool,
    /// Quantised matrices in the order that the kernels read.
    pub(crate) packs: bool,
    /// Matrices of f32 too, where many tokens are multiplied at once.
    pub(crate) packs_floats: bool,
}

impl<'a> Loader<'a> {
    pub(crate) fn new(
        files: &'a [TensorFile],
        sources: &'a [WeightSource],
        storage: Storage,
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
        let (pending, report) = (Vec::new(), LoadReport::default());
        let (matrices, vectors) = Default::default();
        Ok(Self { files, sources: Some(by_name), storage, pending, matrices, vectors, report })
    }

    /// A loader without files: matrices have their shapes and vectors are empty. For counting what a program needs.
    pub(crate) fn without_values() -> Self {
        let (pending, report) = (Vec::new(), LoadReport::default());
        let (matrices, vectors) = Default::default();
        Self { files: &[], sources: None, storage: Storage::default(), pending, matrices, vectors, report }
    }

    /// A matrix of exactly this shape, to multiply with.
    pub(crate) fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Weight> {
        self.add(name, rows, cols, false)
    }

    /// A matrix of exactly this shape whose rows are looked up one by one, such as embeddings.
    pub(crate) fn table(&mut self, name: &str, rows: usize, cols: usize) -> Result<Weight> {
        self.add(name, rows, cols, true)
    }

    /// A table as a matrix to multiply with: the same memory, unless the kernels want its rows packed.
    pub(crate) fn tied(&mut self, table: &Weight) -> Weight {
        let known = self.pending.iter().find(|pending| pending.weight.is(table));
        let Some(known) =
            known.filter(|known| known.to.is_some_and(|to| self.storage.packs(to)) && !known.converted())
        else {
            return table.clone();
        };
        let (stored, to) = (Arc::clone(&known.stored), known.to);
        let name = format!("{} as the head", known.name);
        let weight = Weight::new(stored.rows, stored.cols);
        self.pending.push(Pending { name, weight: weight.clone(), stored, to, table: false });
        weight
    }

    fn add(&mut self, name: &str, rows: usize, cols: usize, table: bool) -> Result<Weight> {
        let known = self.matrices.get(name).filter(|known| (known.rows(), known.cols()) == (rows, cols));
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let weight = self.add_new(name, rows, cols, table)?;
        self.matrices.insert(name.to_owned(), weight.clone());
        Ok(weight)
    }

    fn add_new(&mut self, name: &str, rows: usize, cols: usize, table: bool) -> Result<Weight> {
        let Some(source) = self.take(name, &[rows, cols])? else { return Ok(Weight::new(rows, cols)) };
        let stored = StoredRows::matrix(self.files, source, rows, cols)?;
        let dtype = stored.dtype;
        let to = match self.storage.dequantize {
            true => Some(WeightDType::F32),
            false => kernel_dtype(dtype),
        };
        if kernel_dtype(dtype).is_none() {
            // What cannot be converted is refused before anything is.
            let (block, bytes) = dtype.block();
            dequantize(dtype, &vec![0; bytes], &mut vec![0.0; block])
                .map_err(|error| Error::Unsupported(format!("the weight {name}: {error}")))?;
        }
        let (name, weight, stored) = (name.to_owned(), Weight::new(rows, cols), Arc::new(stored));
        self.pending.push(Pending { name, weight: weight.clone(), stored, to, table });
        Ok(weight)
    }

    /// A norm's weight or a bias, as f32.
    pub(crate) fn vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>> {
        if let Some(known) = self.vectors.get(name).filter(|known| known.len() == len) {
            return Ok(known.clone());
        }
        let Some(source) = self.take(name, &[len])? else { return Ok(Vec::new()) };
        let values = read_vector(self.files, source, len)?;
        self.report.bytes_converted += 4 * len;
        self.vectors.insert(name.to_owned(), values.clone());
        Ok(values)
    }

    /// A vector that the Spec may say is absent.
    pub(crate) fn vector_if(&mut self, present: bool, name: &str, len: usize) -> Result<Option<Vec<f32>>> {
        present.then(|| self.vector(name, len)).transpose()
    }

    /// The columns of a small matrix, as f32.
    pub(crate) fn columns(&mut self, name: &str, rows: usize, cols: usize) -> Result<Vec<Vec<f32>>> {
        let Some(source) = self.take(name, &[rows, cols])? else { return Ok(Vec::new()) };
        let values = read_columns(self.files, source, rows, cols)?;
        self.report.bytes_converted += 4 * rows * cols;
        Ok(values)
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<Option<&'a WeightSource>> {
        let Some(sources) = &mut self.sources else { return Ok(None) };
        sources.remove(name).map(Some).ok_or_else(|| {
            Error::Format(format!(
                "the weight {name} of shape {shape:?} is missing; the files are incomplete"
            ))
        })
    }

    /// What loading would do, at most: values that must be looked at count as F32.
    pub(crate) fn survey(mut self, scratch: usize) -> Result<LoadReport> {
        self.pending.iter_mut().for_each(|pending| {
            pending.to.get_or_insert(WeightDType::F32);
        });
        self.place_weights(scratch).map(|plan| plan.report)
    }

    /// Places every weight and returns the report; fails before it starts if memory cannot hold them.
    pub(crate) fn finish(
        mut self,
        scratch: usize,
        available: Option<&Available>,
        kernels: &'static Kernels,
        pool: &Pool,
    ) -> Result<LoadReport> {
        self.choose_floats(pool)?;
        let Plan { report, jobs, bytes } = self.place_weights(scratch)?;
        let (weights, jobs): (Vec<Weight>, Vec<FillJob>) = jobs.into_iter().unzip();
        let own = report.bytes_packed + report.bytes_converted;
        check(&Need { weights: own, scratch, mapped: report.bytes_mapped }, available)?;
        let (arena, jobs) = (Arc::new(Arena::new(bytes)?), Arc::new(jobs));
        fill(&jobs, &arena, kernels, pool)?;
        for (weight, job) in weights.iter().zip(jobs.iter()) {
            let data = WeightData::Owned {
                arena: Arc::clone(&arena),
                start: job.start,
                len: job.len().unwrap_or(0),
            };
            weight.keep(Placement { dtype: job.to, packed: job.packed, data })?;
        }
        Ok(report)
    }

    /// Finds the narrowest floats for what no kernel reads.
    fn choose_floats(&mut self, pool: &Pool) -> Result<()> {
        let mut open: Vec<&mut Pending> =
            self.pending.iter_mut().filter(|pending| pending.to.is_none()).collect();
        let matrices: Vec<Arc<StoredRows>> = open.iter().map(|pending| Arc::clone(&pending.stored)).collect();
        for (pending, dtype) in open.iter_mut().zip(convert::narrowest(&matrices, pool)?) {
            pending.to = Some(dtype);
        }
        Ok(())
    }

    /// Maps what stays in its file, and places the rest in the arena.
    fn place_weights(mut self, scratch: usize) -> Result<Plan> {
        let left = self.sources.take().unwrap_or_default();
        if let Some(name) = left.keys().min() {
            return Err(Error::Format(format!(
                "{} weights have no place in the model, first {name}; the spec and the files do not belong together",
                left.len()
            )));
        }
        let (mut layout, mut jobs) = (Layout::default(), Vec::new());
        for pending in std::mem::take(&mut self.pending) {
            let to = pending.to.unwrap_or(WeightDType::F32);
            let converted = pending.converted();
            let floats = to == WeightDType::F32;
            let packed = self.storage.packs(to) && !pending.table && !(floats && converted);
            let mapped = pending.stored.in_one_piece().filter(|_| !converted && !packed);
            if let Some((file, tensor, start, len)) = mapped {
                self.report.mapped += 1;
                self.report.bytes_mapped += len;
                let data = WeightData::Mapped { file: file.clone(), tensor: tensor.clone(), start, len };
                pending.weight.keep(Placement { dtype: to, packed, data })?;
                continue;
            }
            let Pending { name, weight, stored, .. } = pending;
            let mut job = FillJob { name, stored, to, converted, packed, start: 0 };
            let len = job
                .len()
                .ok_or_else(|| Error::Memory(format!("the weight {} is beyond any memory", job.name)))?;
            job.start = layout.place(len)?;
            self.report.count(&job, len);
            jobs.push((weight, job));
        }
        self.report.bytes_scratch = scratch;
        Ok(Plan { report: self.report, jobs, bytes: layout.len() })
    }
}

impl Storage {
    /// Whether rows of this storage are packed.
    fn packs(self, dtype: WeightDType) -> bool {
        match dtype {
            WeightDType::F32 => self.packs_floats,
            _ => self.packs && dtype.group_bytes(dtype.block().0).is_some(),
        }
    }
}
