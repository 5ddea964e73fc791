//! One chunk of a forward pass as a parallel region: which tokens, which phases, and the memory between the steps.

mod chunk;
mod plan;
mod workspace;

use std::any::Any;
use std::sync::Arc;

use super::inner::ModelInner;
use super::program::{BufferId, RowsPer};
use crate::kernels::{Kernels, SharedSlice};
use crate::shared::assume_static;
use crate::threads::Work;

pub(super) use chunk::{Chunk, Span, Tile};
use plan::Phase;
pub(super) use plan::Plan;
use workspace::Workspace;
pub(super) use workspace::{Prepared, RowBuffer, Rows, Worker};

/// Everything that a region's pieces reach.
pub(super) struct Pass {
    pub(super) model: Arc<ModelInner>,
    pub(super) chunk: Chunk,
    workspace: Workspace,
    phases: Vec<Phase>,
    workers: Vec<Worker>,
    worker_views: SharedSlice<'static, Worker>,
}

impl Pass {
    pub(super) fn new(model: Arc<ModelInner>, threads: usize) -> Self {
        Self {
            chunk: Chunk::default(),
            workspace: Workspace::new(&model),
            phases: Vec::new(),
            workers: (0..threads).map(|_| Worker::new(&model)).collect(),
            worker_views: assume_static(&mut []),
            model,
        }
    }

    /// Makes room and plans the phases; `values` is the memory for the outputs of the whole call.
    pub(super) fn plan(&mut self, values: &mut [f32]) {
        let model = Arc::clone(&self.model);
        let program = &model.program;
        let (tokens, outputs) = (self.chunk.tokens.len(), self.chunk.count(RowsPer::Output));
        self.workspace.begin(&model, tokens, outputs);
        self.workers.iter_mut().for_each(|worker| worker.begin(&model));
        self.lend(assume_static(values));
        self.chunk.cut(&program.tilings, self.workers.len());
        self.phases.clear();
        for (index, step) in program.steps.iter().enumerate() {
            let mut plan = Plan {
                step: index,
                phases: &mut self.phases,
                scratch: &mut self.workspace.scratch,
                workers: &mut self.workers,
            };
            step.plan(&self.chunk, &mut plan);
        }
        self.worker_views = assume_static(&mut self.workers);
    }

    /// Gives the caller's memory to the buffer whose rows are wanted.
    fn lend(&mut self, values: SharedSlice<'static, f32>) {
        let outputs = self.model.program.outputs;
        if self.chunk.wanted.are_logits() {
            let first = self.chunk.first * self.model.sizes().vocab;
            self.workspace.buffers[outputs.logits.0].lend(values.from(first));
        } else {
            self.workspace.buffers[outputs.hidden.0].lend(values);
        }
    }

    pub(super) fn kernels(&self) -> &'static Kernels {
        self.model.kernels
    }

    /// The rows of a buffer that all workers share.
    pub(super) fn rows(&self, buffer: BufferId) -> Rows {
        self.workspace.rows(buffer)
    }

    /// The buffers that all workers share.
    pub(super) fn buffers(&self) -> &[RowBuffer] {
        &self.workspace.buffers
    }

    /// The memory of this type that all workers share, which the step's plan has made.
    pub(super) fn shared<T: Any>(&self) -> &T {
        self.workspace.scratch.get()
    }
}

impl Work for Pass {
    fn phases(&self) -> usize {
        self.phases.len()
    }

    fn pieces(&self, phase: usize) -> usize {
        self.phases[phase].split.pieces()
    }

    fn run(&self, phase: usize, piece: usize, worker: usize) {
        let Phase { step, stage, split } = &self.phases[phase];
        // SAFETY: a worker runs one piece at a time, and only that piece has its memory.
        let own = unsafe { &mut self.worker_views.range_mut(worker..worker + 1)[0] };
        own.phase = phase + 1;
        self.model.program.steps[*step].run(self, *stage, split.range(piece), own);
    }
}
