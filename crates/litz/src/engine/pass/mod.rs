//! What steps see of a forward pass: the chunk of tokens, the buffers between the steps, and each worker's own memory.

mod chunk;
mod plan;
mod workspace;

use std::any::Any;

use super::buffers::{BufferId, BufferSpec};
use super::options::ActivationDType;
use crate::kernels::{Input, Kernels, Matrix, SharedSlice};

pub(super) use chunk::{Chunk, Outset, Part, Span, Tile, Wanted, EMBEDDED};
pub(super) use plan::{Phase, Plan};
use workspace::Scratch;
pub(super) use workspace::{Prepared, RowBuffer, Rows, Worker};

/// What steps see of a chunk's forward pass.
pub(super) struct Pass {
    kernels: &'static Kernels,
    activations: ActivationDType,
    pub(super) chunk: Chunk,
    buffers: Vec<RowBuffer>,
    scratch: Scratch,
}

impl Pass {
    pub(super) fn new(
        kernels: &'static Kernels,
        activations: ActivationDType,
        buffers: &[BufferSpec],
    ) -> Self {
        let buffers = RowBuffer::all(buffers, activations.codes());
        Self { kernels, activations, chunk: Chunk::default(), buffers, scratch: Scratch::default() }
    }

    /// Makes room for the chunk.
    pub(super) fn reserve(&mut self, specs: &[BufferSpec]) {
        let counts = self.chunk.counts();
        for (buffer, spec) in self.buffers.iter_mut().zip(specs) {
            buffer.reserve(spec.shared_rows(counts), spec.forms);
        }
    }

    /// Lets the rows of a buffer lie in the caller's memory.
    pub(super) fn lend(&mut self, buffer: BufferId, rows: SharedSlice<'static, f32>) {
        self.buffers[buffer.0].lend(rows);
    }

    /// What a step's plan is made from.
    pub(super) fn chunk_and_scratch(&mut self) -> (&Chunk, &mut Scratch) {
        (&self.chunk, &mut self.scratch)
    }

    pub(super) fn kernels(&self) -> &'static Kernels {
        self.kernels
    }

    /// In which form a matrix takes its input.
    pub(super) fn input(&self, weight: &Matrix<'_>) -> Input {
        self.activations.input(self.kernels, weight)
    }

    /// The rows of a buffer that all workers share.
    pub(super) fn rows(&self, buffer: BufferId) -> Rows {
        self.buffers[buffer.0].rows()
    }

    /// The buffers that all workers share.
    pub(super) fn buffers(&self) -> &[RowBuffer] {
        &self.buffers
    }

    /// The memory of this type that all workers share, which the step's plan has made.
    pub(super) fn shared<T: Any>(&self) -> &T {
        self.scratch.get()
    }
}
