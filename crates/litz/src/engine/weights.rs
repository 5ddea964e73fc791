//! Checked loading: every canonical weight is found once and has the shape that the Spec says. Floats stay in the mapped
//! file, quantised matrices are packed for the kernels, and what no kernel reads as stored is converted.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde::Serialize;

use super::arena::{Arena, Layout};
use super::convert;
use super::fill::{fill, Job};
use super::model::{ActivationDType, LoadOptions};
use super::sources::{read_vector, Stored, WeightSource};
use crate::formats::{dequantize, DType, TensorFile, TensorInfo};
use crate::kernels::{Kernels, Matrix, WeightDType};
use crate::memory::{check, Available, Need};
use crate::threads::Pool;
use crate::{Error, Result};

/// What loading did, or would do.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LoadReport {
    /// Matrices whose storage changed; their values did not.
    pub conversions: Vec<Conversion>,
    /// Matrices that stay in the files.
    pub mapped: usize,
    /// Matrices in memory of their own, with their rows in the order that the kernels read.
    pub packed: usize,
    /// Matrices put together from parts, or transposed.
    pub copied: usize,
    /// Weight bytes that stay in the files.
    pub bytes_mapped: usize,
    /// Bytes of the packed matrices.
    pub bytes_packed: usize,
    /// Bytes of conversions, copies and vectors.
    pub bytes_converted: usize,
    /// Bytes of working memory, beside the sequences.
    pub bytes_scratch: usize,
}

/// One matrix that no kernel reads as stored.
#[derive(Clone, Debug, Serialize)]
pub struct Conversion {
    /// The canonical name.
    pub tensor: String,
    /// The storage in the file.
    pub from: String,
    /// The storage in memory.
    pub to: String,
}

/// A weight matrix: a range of a mapped file, or of memory of its own. Clones are the same matrix.
#[derive(Clone)]
pub(super) struct Weight(Arc<Inner>);

struct Inner {
    rows: usize,
    cols: usize,
    /// Set once, when loading knows that all weights fit.
    kept: OnceLock<Kept>,
}

struct Kept {
    dtype: WeightDType,
    packed: bool,
    data: Data,
}

enum Data {
    Mapped { file: TensorFile, tensor: TensorInfo, start: usize, len: usize },
    Owned { arena: Arc<Arena>, start: usize, len: usize },
}

impl Kept {
    fn bytes(&self) -> &[u8] {
        match &self.data {
            Data::Mapped { file, tensor, start, len } => &file.bytes(tensor)[*start..*start + *len],
            Data::Owned { arena, start, len } => arena.bytes(*start, *len),
        }
    }

    fn matrix(&self, rows: usize, cols: usize) -> Result<Matrix<'_>> {
        match self.packed {
            true => Matrix::packed(self.dtype, rows, cols, self.bytes()),
            false => Matrix::new(self.dtype, rows, cols, self.bytes()),
        }
    }
}

impl Weight {
    fn new(rows: usize, cols: usize) -> Self {
        Self(Arc::new(Inner { rows, cols, kept: OnceLock::new() }))
    }

    fn keep(&self, kept: Kept) -> Result<()> {
        kept.matrix(self.0.rows, self.0.cols)?;
        let _ = self.0.kept.set(kept);
        Ok(())
    }

    fn kept(&self) -> &Kept {
        self.0.kept.get().expect("a weight is used when loading is over")
    }

    pub(super) fn rows(&self) -> usize {
        self.0.rows
    }

    pub(super) fn cols(&self) -> usize {
        self.0.cols
    }

    /// The kernels' view of it.
    pub(super) fn matrix(&self) -> Matrix<'_> {
        self.kept().matrix(self.0.rows, self.0.cols).expect("the sizes were checked at load")
    }

    /// Bytes of a row, for cutting work.
    pub(super) fn row_bytes(&self) -> usize {
        self.kept().bytes().len() / self.0.rows
    }
}

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
        _ => None,
    }
}

/// A weight whose place is not settled yet.
struct Pending {
    name: String,
    weight: Weight,
    stored: Arc<Stored>,
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
    jobs: Vec<(Weight, Job)>,
    /// The size of the arena.
    bytes: usize,
}

/// Takes weights by their canonical names, and knows at the end which were left.
pub(super) struct Loader<'a> {
    files: &'a [TensorFile],
    sources: HashMap<&'a str, &'a WeightSource>,
    dequantize: bool,
    packs: bool,
    pending: Vec<Pending>,
    report: LoadReport,
}

impl<'a> Loader<'a> {
    pub(super) fn new(
        files: &'a [TensorFile],
        sources: &'a [WeightSource],
        options: &LoadOptions,
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
        Ok(Self {
            files,
            sources: by_name,
            dequantize: options.dequantize,
            packs: options.activations != ActivationDType::F32,
            pending: Vec::new(),
            report: LoadReport::default(),
        })
    }

    /// A matrix of exactly this shape, to multiply with.
    pub(super) fn matrix(&mut self, name: &str, rows: usize, cols: usize) -> Result<Weight> {
        self.add(name, rows, cols, false)
    }

    /// A matrix of exactly this shape whose rows are looked up one by one, such as embeddings.
    pub(super) fn table(&mut self, name: &str, rows: usize, cols: usize) -> Result<Weight> {
        self.add(name, rows, cols, true)
    }

    /// A table as a matrix to multiply with: the same memory, unless the kernels want its rows packed.
    pub(super) fn tied(&mut self, table: &Weight) -> Weight {
        let known = self.pending.iter().find(|pending| Arc::ptr_eq(&pending.weight.0, &table.0));
        let Some(known) =
            known.filter(|known| self.packs && known.to.is_some_and(is_packed) && !known.converted())
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
        let stored = Stored::matrix(self.files, self.take(name, &[rows, cols])?, rows, cols)?;
        let dtype = stored.dtype;
        let to = match self.dequantize {
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
    pub(super) fn vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>> {
        let values = read_vector(self.files, self.take(name, &[len])?, len)?;
        self.report.bytes_converted += 4 * len;
        Ok(values)
    }

    /// A vector that the Spec may say is absent.
    pub(super) fn vector_if(&mut self, present: bool, name: &str, len: usize) -> Result<Option<Vec<f32>>> {
        present.then(|| self.vector(name, len)).transpose()
    }

    fn take(&mut self, name: &str, shape: &[usize]) -> Result<&'a WeightSource> {
        self.sources.remove(name).ok_or_else(|| {
            Error::Format(format!(
                "the weight {name} of shape {shape:?} is missing; the files are incomplete"
            ))
        })
    }

    /// What loading would do, at most: values that must be looked at count as F32.
    pub(super) fn survey(mut self, scratch: usize) -> Result<LoadReport> {
        self.pending.iter_mut().for_each(|pending| {
            pending.to.get_or_insert(WeightDType::F32);
        });
        self.settle(scratch).map(|plan| plan.report)
    }

    /// Brings every weight to its place and gives the report; fails before it starts if memory cannot hold them.
    pub(super) fn finish(
        mut self,
        scratch: usize,
        available: Option<&Available>,
        kernels: &'static Kernels,
        pool: &Pool,
    ) -> Result<LoadReport> {
        self.look(pool)?;
        let Plan { report, jobs, bytes } = self.settle(scratch)?;
        let (weights, jobs): (Vec<Weight>, Vec<Job>) = jobs.into_iter().unzip();
        let own = report.bytes_packed + report.bytes_converted;
        check(&Need { weights: own, scratch, mapped: report.bytes_mapped }, available)?;
        let (arena, jobs) = (Arc::new(Arena::new(bytes)?), Arc::new(jobs));
        fill(&jobs, &arena, kernels, pool)?;
        for (weight, job) in weights.iter().zip(jobs.iter()) {
            let data =
                Data::Owned { arena: Arc::clone(&arena), start: job.start, len: job.len().unwrap_or(0) };
            weight.keep(Kept { dtype: job.to, packed: job.packed, data })?;
        }
        Ok(report)
    }

    /// Finds the narrowest floats for what has no kernel.
    fn look(&mut self, pool: &Pool) -> Result<()> {
        let mut open: Vec<&mut Pending> =
            self.pending.iter_mut().filter(|pending| pending.to.is_none()).collect();
        let matrices: Vec<Arc<Stored>> = open.iter().map(|pending| Arc::clone(&pending.stored)).collect();
        for (pending, dtype) in open.iter_mut().zip(convert::narrowest(&matrices, pool)?) {
            pending.to = Some(dtype);
        }
        Ok(())
    }

    /// Maps what stays in its file, and places the rest in the arena.
    fn settle(mut self, scratch: usize) -> Result<Plan> {
        if let Some(name) = self.sources.keys().min() {
            return Err(Error::Format(format!(
                "{} weights have no place in the model, first {name}; the spec and the files do not belong together",
                self.sources.len()
            )));
        }
        let (mut layout, mut jobs) = (Layout::default(), Vec::new());
        for pending in std::mem::take(&mut self.pending) {
            let to = pending.to.unwrap_or(WeightDType::F32);
            let converted = pending.converted();
            let packed = self.packs && is_packed(to) && !pending.table;
            let mapped = pending.stored.in_one_piece().filter(|_| !converted && !packed);
            if let Some((file, tensor, start, len)) = mapped {
                self.report.mapped += 1;
                self.report.bytes_mapped += len;
                let data = Data::Mapped { file: file.clone(), tensor: tensor.clone(), start, len };
                pending.weight.keep(Kept { dtype: to, packed, data })?;
                continue;
            }
            let Pending { name, weight, stored, .. } = pending;
            let mut job = Job { name, stored, to, converted, packed, start: 0 };
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

/// Whether the kernels want rows of this storage packed.
fn is_packed(dtype: WeightDType) -> bool {
    dtype.group_bytes(dtype.block().0).is_some()
}

impl LoadReport {
    /// Bytes of memory that are not the files'.
    pub fn own_bytes(&self) -> usize {
        self.bytes_packed + self.bytes_converted + self.bytes_scratch
    }

    fn count(&mut self, job: &Job, len: usize) {
        if job.converted {
            self.conversions.push(Conversion {
                tensor: job.name.clone(),
                from: job.stored.dtype.name().to_owned(),
                to: format!("{:?}", job.to),
            });
        }
        if job.packed {
            self.packed += 1;
            self.bytes_packed += len;
        } else {
            self.copied += usize::from(!job.converted);
            self.bytes_converted += len;
        }
    }
}
