//! The step that makes one vector of each sequence.

use std::ops::Range;
use std::sync::Arc;

use super::norm::Norm;
use super::step::Step;
use crate::engine::buffers::{BufferId, RowsPer};
use crate::engine::pass::{Chunk, Pass, Plan, Rows, Span, Worker};
use crate::threads::Split;

/// `to = norm(x)` of one token of each sequence, or the mean over its keys.
pub(in crate::engine) struct Pool {
    pub(in crate::engine) x: BufferId,
    pub(in crate::engine) to: BufferId,
    pub(in crate::engine) norm: Option<Arc<Norm>>,
    pub(in crate::engine) which: Which,
    pub(in crate::engine) width: usize,
}

/// Which vector stands for a sequence.
#[derive(Clone, Copy)]
pub(in crate::engine) enum Which {
    /// That of the first row, or of the one that was named.
    First,
    /// That of the last key, or of the row that was named.
    Last,
    /// The mean over the keys.
    Mean,
}

/// A row on its way into a mean.
#[derive(Default)]
struct Normed(Vec<f32>);

impl Step for Pool {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        plan.stage(0, Split::new(chunk.count(RowsPer::Sequence), 1, 1, plan.threads()));
    }

    fn run(&self, pass: &Pass, _: u8, sequences: Range<usize>, worker: &mut Worker) {
        let (x, to) = (pass.rows(self.x), pass.rows(self.to));
        let Normed(normed) = worker.scratch.get_mut();
        normed.resize(self.width, 0.0);
        for index in sequences {
            let span = &pass.chunk.spans[index];
            // SAFETY: this piece alone writes this sequence's row.
            let out = unsafe { to.get_mut(index, 0..self.width) };
            match self.which {
                Which::First => self.take(pass, x, span.row + span.pooled.unwrap_or(0), out),
                Which::Last => self.take(pass, x, span.row + span.pooled.unwrap_or(span.keys - 1), out),
                Which::Mean => self.mean(pass, x, span, (out, normed)),
            }
        }
    }
}

impl Pool {
    fn take(&self, pass: &Pass, x: Rows, row: usize, out: &mut [f32]) {
        // SAFETY: nobody writes the source in this phase.
        let x = unsafe { x.get(row, 0..self.width) };
        match &self.norm {
            Some(norm) => norm.apply(pass.kernels(), x, out),
            None => out.copy_from_slice(x),
        }
    }

    fn mean(&self, pass: &Pass, x: Rows, span: &Span, (out, normed): (&mut [f32], &mut [f32])) {
        out.fill(0.0);
        for row in span.row..span.row + span.keys {
            if self.norm.is_some() {
                self.take(pass, x, row, normed);
                pass.kernels().add(out, normed);
            } else {
                // SAFETY: nobody writes the source in this phase.
                pass.kernels().add(out, unsafe { x.get(row, 0..self.width) });
            }
        }
        pass.kernels().scale(out, 1.0 / span.keys as f32);
    }
}
