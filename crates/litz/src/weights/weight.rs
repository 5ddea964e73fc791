//! A weight matrix in its place.

use std::sync::{Arc, OnceLock};

use super::arena::Arena;
use crate::formats::{TensorFile, TensorInfo};
use crate::kernels::{Matrix, WeightDType};
use crate::Result;

/// A weight matrix: a range of a mapped file, or of memory of its own. Clones are the same matrix.
#[derive(Clone)]
pub(crate) struct Weight(Arc<WeightInner>);

struct WeightInner {
    rows: usize,
    cols: usize,
    /// Set once, when it is certain that all weights fit.
    kept: OnceLock<Placement>,
}

/// How a matrix is kept, and where.
pub(super) struct Placement {
    pub(super) dtype: WeightDType,
    pub(super) packed: bool,
    pub(super) data: WeightData,
}

pub(super) enum WeightData {
    Mapped { file: TensorFile, tensor: TensorInfo, start: usize, len: usize },
    Owned { arena: Arc<Arena>, start: usize, len: usize },
}

impl Placement {
    fn bytes(&self) -> &[u8] {
        match &self.data {
            WeightData::Mapped { file, tensor, start, len } => &file.bytes(tensor)[*start..*start + *len],
            WeightData::Owned { arena, start, len } => arena.bytes(*start, *len),
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
    pub(super) fn new(rows: usize, cols: usize) -> Self {
        Self(Arc::new(WeightInner { rows, cols, kept: OnceLock::new() }))
    }

    /// Gives the matrix its place, once.
    pub(super) fn keep(&self, kept: Placement) -> Result<()> {
        kept.matrix(self.0.rows, self.0.cols)?;
        let _ = self.0.kept.set(kept);
        Ok(())
    }

    /// Whether both are the same matrix.
    pub(super) fn is(&self, other: &Weight) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn kept(&self) -> &Placement {
        self.0.kept.get().expect("a weight is used when loading is over")
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.rows
    }

    pub(crate) fn cols(&self) -> usize {
        self.0.cols
    }

    /// The kernels' view of it.
    pub(crate) fn matrix(&self) -> Matrix<'_> {
        self.kept().matrix(self.0.rows, self.0.cols).expect("the sizes were checked at load")
    }

    /// Bytes of a row, for splitting work.
    pub(crate) fn row_bytes(&self) -> usize {
        self.kept().bytes().len() / self.0.rows
    }
}
