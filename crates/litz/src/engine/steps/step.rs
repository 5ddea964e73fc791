//! What a step of a program is.

use std::ops::Range;

use crate::engine::buffers::{BufferSpec, DECODE_TOKENS};
use crate::engine::pass::{Chunk, Pass, Plan, Worker};
use crate::kernels::Input;
use crate::threads::Split;
use crate::weights::Weight;

/// A step of a program. It owns its plan, its arithmetic and which buffers it uses.
pub(in crate::engine) trait Step: Send + Sync {
    /// Says in which stages this chunk is computed, and how many units of work each has.
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>);

    /// Does some units of a stage. Within a stage, no element may be written by two units, nor read by one and written
    /// by another: the rule of `shared`.
    fn run(&self, pass: &Pass, stage: u8, units: Range<usize>, worker: &mut Worker);

    /// Notes in which forms its matrices take their inputs, which is known when loading is over.
    fn resolve_input_dtypes(&mut self, _input: &dyn Fn(&Weight) -> Input, _buffers: &mut [BufferSpec]) {}

    /// Bytes of memory of its own that it needs for a chunk of so many tokens.
    fn bytes(&self, _tokens: usize) -> usize {
        0
    }
}

/// Splits rows of tokens that are worked on one by one.
pub(super) fn by_tokens(chunk: &Chunk, plan: &Plan<'_>) -> Split {
    Split::new(chunk.tokens.len(), 1, DECODE_TOKENS, plan.threads())
}
