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
    /// What texts may come with.
    pub(super) accepts: Accepts,
}

/// What rows may come with besides their ids: how many types and tasks there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Accepts {
    pub(super) types: usize,
    pub(super) tasks: usize,
}

/// What a model's head gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeadSize {
    /// Numbers for each row, or for each sequence.
    pub(super) width: usize,
    pub(super) pools: bool,
}

/// What everybody needs to know of a model.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// The longest sequence.
    pub(super) context: usize,
    /// Rows of the embedding.
    pub(super) vocab: usize,
    pub(super) head: Option<HeadSize>,
    /// Of the residual, and of the embedding's rows.
    pub(super) width: usize,
    pub(super) embed_width: usize,
    pub(super) layers: usize,
}

/// The buffers in the caller's memory.
#[derive(Clone, Copy)]
pub(super) struct OutputBuffers {
    /// What the head gives.
    pub(super) head: BufferId,
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

    /// Bytes of all buffers for a chunk of so many tokens, or where sequences are whole, for the longest.
    pub(super) fn bytes(&self, chunk: usize) -> usize {
        let tokens = if self.takes_whole_sequences { chunk.max(self.sizes.context) } else { chunk };
        let buffers: usize = self.buffers.iter().map(|buffer| buffer.bytes(tokens)).sum();
        let steps = self.steps.iter().map(|step| step.bytes(tokens)).max().unwrap_or(0);
        buffers + steps
    }
}
