//! How steps are cut into phases, and phases into pieces.

use std::any::Any;

use super::workspace::{Scratch, Worker};
use crate::threads::Split;

/// A phase: a stage of a step, cut into pieces.
pub(in crate::engine) struct Phase {
    pub(in crate::engine) step: usize,
    pub(in crate::engine) stage: u8,
    pub(in crate::engine) split: Split,
}

/// What a step says of its work in a chunk. Each stage is a phase: it begins when the one before is done.
pub(in crate::engine) struct Plan<'a> {
    step: usize,
    phases: &'a mut Vec<Phase>,
    scratch: &'a mut Scratch,
    workers: &'a mut [Worker],
}

impl<'a> Plan<'a> {
    pub(in crate::engine) fn new(
        step: usize,
        phases: &'a mut Vec<Phase>,
        scratch: &'a mut Scratch,
        workers: &'a mut [Worker],
    ) -> Self {
        Self { step, phases, scratch, workers }
    }

    /// How many workers there are.
    pub(in crate::engine) fn threads(&self) -> usize {
        self.workers.len()
    }

    /// Adds a stage, whose units are cut into pieces.
    pub(in crate::engine) fn stage(&mut self, stage: u8, split: Split) {
        self.phases.push(Phase { step: self.step, stage, split });
    }

    /// The memory of this type that all workers share.
    pub(in crate::engine) fn shared<T: Any + Default + Send + Sync>(&mut self) -> &mut T {
        self.scratch.get_mut()
    }

    /// The memory of this type that each worker has.
    pub(in crate::engine) fn own<T: Any + Default + Send + Sync>(&mut self, prepare: impl Fn(&mut T)) {
        self.workers.iter_mut().for_each(|worker| prepare(worker.scratch.get_mut()));
    }
}
