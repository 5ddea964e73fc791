//! The step that adds learned positions to the embeddings.

use std::ops::Range;

use super::norm::Norm;
use super::step::{by_tokens, Step};
use crate::engine::buffers::BufferId;
use crate::engine::pass::{Chunk, Pass, Plan, Worker};
use crate::weights::Weight;

/// `x = norm(x + table[position + offset])`, each part where there is one.
pub(in crate::engine) struct AddPositions {
    pub(in crate::engine) x: BufferId,
    /// Rows that nobody else uses meanwhile.
    pub(in crate::engine) spare: BufferId,
    pub(in crate::engine) table: Option<Weight>,
    pub(in crate::engine) offset: usize,
    pub(in crate::engine) norm: Option<Norm>,
    pub(in crate::engine) width: usize,
}

impl Step for AddPositions {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        plan.stage(0, by_tokens(chunk, plan));
    }

    fn run(&self, pass: &Pass, _: u8, tokens: Range<usize>, _: &mut Worker) {
        let (x, spare, kernels) = (pass.rows(self.x), pass.rows(self.spare), pass.kernels());
        for token in tokens {
            // SAFETY: this piece alone touches this token's rows.
            let (x, y) = unsafe { (x.get_mut(token, 0..self.width), spare.get_mut(token, 0..self.width)) };
            if let Some(table) = &self.table {
                kernels.dequantize_row(&table.matrix(), pass.chunk.position_of(token) + self.offset, y);
                kernels.add(x, y);
            }
            if let Some(norm) = &self.norm {
                norm.apply_in_place(kernels, x);
            }
        }
    }
}
