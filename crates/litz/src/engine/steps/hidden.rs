//! The step that hands out hidden states, where they are wanted.

use std::ops::Range;
use std::sync::Arc;

use super::norm::Norm;
use super::step::Step;
use crate::engine::buffers::{BufferId, DECODE_TOKENS};
use crate::engine::forward::Hidden;
use crate::engine::pass::{Chunk, Pass, Plan, Worker};
use crate::threads::Split;

/// `to = norm(x)`, as the rows of one layer in the caller's memory.
pub(in crate::engine) struct HiddenStates {
    pub(in crate::engine) x: BufferId,
    pub(in crate::engine) to: BufferId,
    pub(in crate::engine) norm: Option<Arc<Norm>>,
    pub(in crate::engine) width: usize,
    /// How many layers came before, and whether none follows.
    pub(in crate::engine) layer: usize,
    pub(in crate::engine) is_last: bool,
}

impl Step for HiddenStates {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        let wanted = chunk.wanted.hidden;
        if wanted == Hidden::Layers || wanted == Hidden::Last && self.is_last {
            plan.stage(0, Split::new(chunk.outputs.len(), 1, DECODE_TOKENS, plan.threads()));
        }
    }

    fn run(&self, pass: &Pass, _: u8, outputs: Range<usize>, _: &mut Worker) {
        let (x, to) = (pass.rows(self.x), pass.rows(self.to));
        let layer = if pass.chunk.wanted.hidden == Hidden::Last { 0 } else { self.layer };
        let first = layer * pass.chunk.outset.total + pass.chunk.outset.outputs;
        for index in outputs {
            let token = pass.chunk.outputs[index];
            // SAFETY: nobody writes the hidden states in this phase; this piece alone writes this output.
            let (x, y) = unsafe { (x.get(token, 0..self.width), to.get_mut(first + index, 0..self.width)) };
            match &self.norm {
                Some(norm) => norm.apply(pass.kernels(), x, y),
                None => y.copy_from_slice(x),
            }
        }
    }
}
