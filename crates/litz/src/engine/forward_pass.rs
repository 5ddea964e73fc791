//! One chunk's forward pass as a parallel region: the program's steps, cut into phases.

use std::sync::Arc;

use super::forward::Hidden;
use super::inner::ModelInner;
use super::pass::{Pass, Phase, Plan, Worker};
use crate::kernels::SharedSlice;
use crate::shared::assume_static;
use crate::threads::Region;

/// The caller's memory for the outputs of a whole call.
pub(super) struct Lent<'a> {
    pub(super) head: &'a mut [f32],
    pub(super) hidden: &'a mut [f32],
}

/// Everything that a region's pieces reach.
pub(super) struct ForwardPass {
    model: Arc<ModelInner>,
    pub(super) pass: Pass,
    phases: Vec<Phase>,
    workers: Vec<Worker>,
    worker_views: SharedSlice<'static, Worker>,
}

impl ForwardPass {
    pub(super) fn new(model: Arc<ModelInner>, threads: usize) -> Self {
        let (buffers, activations) = (&model.program.buffers, model.activations);
        let pass = Pass::new(model.kernels, activations, buffers);
        let workers = (0..threads).map(|_| Worker::new(buffers, activations.codes())).collect();
        Self { pass, phases: Vec::new(), workers, worker_views: assume_static(&mut []), model }
    }

    /// Makes room and plans the phases.
    pub(super) fn plan(&mut self, lent: &mut Lent<'_>) {
        let model = Arc::clone(&self.model);
        let program = &model.program;
        self.pass.reserve(&program.buffers);
        self.workers.iter_mut().for_each(Worker::begin);
        self.lend(lent);
        self.pass.chunk.cut(&program.tilings, self.workers.len());
        self.phases.clear();
        for (index, step) in program.steps.iter().enumerate() {
            let (chunk, scratch) = self.pass.chunk_and_scratch();
            step.plan(chunk, &mut Plan::new(index, &mut self.phases, scratch, &mut self.workers));
        }
        self.worker_views = assume_static(&mut self.workers);
    }

    /// Gives the caller's memory to the buffers whose rows are wanted.
    fn lend(&mut self, lent: &mut Lent<'_>) {
        let (program, chunk) = (&self.model.program, &self.pass.chunk);
        let (wanted, outset) = (chunk.wanted, chunk.outset);
        if let Some(head) = program.sizes.head.filter(|_| wanted.head) {
            let before = if head.pools { outset.sequences } else { outset.outputs };
            self.pass.lend(program.outputs.head, assume_static(lent.head).from(before * head.width));
        }
        if wanted.hidden != Hidden::None {
            self.pass.lend(program.outputs.hidden, assume_static(lent.hidden));
        }
    }
}

impl Region for ForwardPass {
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
        own.enter(phase);
        self.model.program.steps[*step].run(&self.pass, *stage, split.range(piece), own);
    }
}
