//! The step that looks up embeddings.

use std::ops::Range;

use super::step::{by_tokens, Step};
use crate::engine::buffers::BufferId;
use crate::engine::pass::{Chunk, Pass, Plan, Worker};
use crate::weights::Weight;

/// `to = table[token] * scale`, or the embedding that was fed in the token's place.
pub(in crate::engine) struct Embed {
    pub(in crate::engine) table: Weight,
    pub(in crate::engine) scale: f32,
    pub(in crate::engine) to: BufferId,
}

impl Step for Embed {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        plan.stage(0, by_tokens(chunk, plan));
    }

    fn run(&self, pass: &Pass, _: u8, tokens: Range<usize>, _: &mut Worker) {
        let (rows, width, table) = (pass.rows(self.to), self.table.cols(), self.table.matrix());
        for token in tokens {
            // SAFETY: this piece alone writes this token's row.
            let x = unsafe { rows.get_mut(token, 0..width) };
            if let Some(embedding) = pass.chunk.embedding(token, width) {
                x.copy_from_slice(embedding);
                continue;
            }
            pass.kernels().dequantize_row(&table, pass.chunk.tokens[token] as usize, x);
            if self.scale != 1.0 {
                pass.kernels().scale(x, self.scale);
            }
        }
    }
}
