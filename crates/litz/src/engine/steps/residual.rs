//! The step that adds a branch to the residual through a norm.

use std::ops::Range;

use super::norm::Norm;
use super::step::{by_tokens, Step};
use crate::engine::buffers::BufferId;
use crate::engine::pass::{Chunk, Pass, Plan, Worker};

/// `x += scale * norm(branch)`; the branch holds its norm afterwards.
pub(in crate::engine) struct AddNormed {
    pub(in crate::engine) x: BufferId,
    pub(in crate::engine) branch: BufferId,
    pub(in crate::engine) norm: Norm,
    pub(in crate::engine) scale: f32,
}

impl Step for AddNormed {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        plan.stage(0, by_tokens(chunk, plan));
    }

    fn run(&self, pass: &Pass, _: u8, tokens: Range<usize>, _: &mut Worker) {
        let (x, branch) = (pass.rows(self.x), pass.rows(self.branch));
        let cols = 0..self.norm.weight.len();
        for token in tokens {
            // SAFETY: this piece alone touches this token's rows.
            let (x, y) = unsafe { (x.get_mut(token, cols.clone()), branch.get_mut(token, cols.clone())) };
            self.norm.apply_in_place(pass.kernels(), y);
            pass.kernels().axpy(x, self.scale, y);
        }
    }
}
