//! The steps of a program: one file each, with its plan, its arithmetic and the memory that it keeps between its stages.
//!
//! A new mixer or head is a file here and a row in `build`.

mod attention;
mod embed;
mod experts;
mod hidden;
mod input;
mod linear;
mod norm;
mod positions;
mod residual;

use std::ops::Range;

use super::pass::{Chunk, Pass, Plan, Worker};
use super::program::BufferSpec;
use crate::kernels::Input;
use crate::threads::Split;
use crate::weights::Weight;

pub(super) use attention::{Attention, HeadNorms, KeyValues, Rotation};
pub(super) use embed::Embed;
pub(super) use experts::{rows_of_choices, Expert, ExpertsDown, ExpertsUp, Mixture, Router, SharedExpert};
pub(super) use hidden::HiddenStates;
pub(super) use input::Read;
pub(super) use linear::{Epilogue, Linear, Output, Term};
pub(super) use norm::{Norm, NormInPlace, NormKind};
pub(super) use positions::AddPositions;
pub(super) use residual::AddNormed;

/// A step of a program. It owns its plan, its arithmetic and which buffers it uses.
pub(super) trait Step: Send + Sync {
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
fn by_tokens(chunk: &Chunk, plan: &Plan<'_>) -> Split {
    Split::new(chunk.tokens.len(), 1, super::program::DECODE_TOKENS, plan.threads())
}
