//! A model as numbered buffers, slots of state and a list of steps; `build` makes it once, at load.

use super::buffers::{BufferId, BufferSpec, Tiling};
use super::rope::Rope;
use super::state::SlotKind;
use super::steps::Step;
use crate::kernels::Input;
use crate::weights::Weight;

/// The steps in their order, and what they work on.
pub(super) struct Program {
    pub(super) sizes: Sizes,
    pub(super) steps: Vec<Box<dyn Step>>,
    pub(super) buffers: Vec<BufferSpec>,
    /// What every sequence keeps.
    pub(super) slots: Vec<SlotKind>,
    /// The ways in which attention cuts sequences into tiles.
    pub(super) tilings: Vec<Tiling>,
    /// The rotations, to which steps refer by index.
    pub(super) ropes: Vec<Rope>,
    pub(super) outputs: OutputBuffers,
    /// Every pass computes its sequences from their beginnings, and a chunk holds none in parts.
    pub(super) takes_whole_sequences: bool,
}

/// What everybody needs to know of a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// The longest sequence.
    pub(super) context: usize,
    /// Rows of the logits' matrix.
    pub(super) vocab: usize,
    /// Of the residual, and of the embedding's rows.
    pub(super) width: usize,
    pub(super) embed_width: usize,
    pub(super) layers: usize,
}

/// The buffers in the caller's memory.
#[derive(Clone, Copy)]
pub(super) struct OutputBuffers {
    pub(super) logits: BufferId,
    /// Hidden states: of the embedding, of each layer.
    pub(super) hidden: BufferId,
}

impl Program {
    /// Notes in which forms the matrices take their inputs, which is known when loading is over.
    pub(super) fn resolve_input_dtypes(&mut self, input: &dyn Fn(&Weight) -> Input) {
        for step in &mut self.steps {
            step.resolve_input_dtypes(input, &mut self.buffers);
        }
    }

    /// Bytes of all buffers for a chunk of so many tokens.
    pub(super) fn bytes(&self, tokens: usize) -> usize {
        let buffers: usize = self.buffers.iter().map(|buffer| buffer.bytes(tokens)).sum();
        let steps = self.steps.iter().map(|step| step.bytes(tokens)).max().unwrap_or(0);
        buffers + steps
    }
}
