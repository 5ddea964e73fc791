//! A sequence in the making: its inputs, its states, and going back.

use std::ops::Range;
use std::sync::Arc;

use super::forward::Inputs;
use super::inner::ModelInner;
use super::pass::EMBEDDED;
use super::state::{Blocks, SlotState, Slots};
use crate::Result;

/// A sequence in the making. It belongs to the model that made it.
pub struct Sequence {
    tokens: Vec<u32>,
    /// The rows of the positions whose token is `EMBEDDED`, one after another.
    embeddings: Vec<f32>,
    /// Of how many positions the states are held; the next pass computes the others.
    computed: usize,
    states: Vec<SlotState>,
    /// Which ropes rotated the cached keys by their long frequencies.
    long: u32,
    /// Whose sequence it is: another model refuses it.
    model: Arc<ModelInner>,
    /// Declared after `states`, which look into it.
    blocks: Blocks,
}

impl Sequence {
    pub(super) fn new(model: Arc<ModelInner>) -> Self {
        let states = model.program.slots.iter().map(|slot| slot.new_state(model.cache)).collect();
        let (tokens, embeddings) = (Vec::new(), Vec::new());
        Self { tokens, embeddings, computed: 0, states, long: 0, model, blocks: Blocks::default() }
    }

    /// The tokens that it holds; `u32::MAX` where embeddings were fed.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    pub(super) fn computed(&self) -> usize {
        self.computed
    }

    pub(super) fn long(&self) -> u32 {
        self.long
    }

    pub(super) fn belongs_to(&self, model: &Arc<ModelInner>) -> bool {
        Arc::ptr_eq(&self.model, model)
    }

    /// Appends inputs, whose states are not held yet. None hold of a length at which the ropes' frequencies
    /// change, or of a model that takes whole sequences.
    pub(super) fn append(&mut self, inputs: Inputs<'_>) {
        match inputs {
            Inputs::Tokens(ids) => self.tokens.extend_from_slice(ids),
            Inputs::Embeddings(rows) => {
                let count = rows.len() / self.model.sizes().embed_width;
                self.tokens.resize(self.tokens.len() + count, EMBEDDED);
                self.embeddings.extend_from_slice(rows);
            }
        }
        let long = self.model.ropes.long_mask(self.tokens.len());
        if long != self.long || self.model.program.takes_whole_sequences {
            (self.computed, self.long) = (0, long);
        }
    }

    /// The rows of the embeddings among some positions.
    pub(super) fn embeddings(&self, positions: Range<usize>) -> &[f32] {
        if self.embeddings.is_empty() {
            return &[];
        }
        let width = self.model.sizes().embed_width;
        let (start, end) = (self.embedded_before(positions.start), self.embedded_before(positions.end));
        &self.embeddings[start * width..end * width]
    }

    fn embedded_before(&self, position: usize) -> usize {
        self.tokens[..position].iter().filter(|&&token| token == EMBEDDED).count()
    }

    /// Makes room for the states of `positions`; after an error it is as it was.
    pub(super) fn reserve(&mut self, positions: usize) -> Result<()> {
        let caches = self.states.iter_mut().filter_map(SlotState::cache);
        self.blocks.reserve(caches, (positions, self.model.sizes().context))
    }

    /// The states, for the phases of a pass that computes the positions before `end`.
    pub(super) fn slots(&mut self, end: usize) -> Slots {
        self.states.iter_mut().for_each(|state| state.advance(self.computed, end));
        self.computed = end;
        Slots::new(&mut self.states)
    }

    /// Forgets what follows the first `to` tokens, and answers how many are left: fewer where a state cannot go back.
    pub(super) fn rewind(&mut self, to: usize) -> usize {
        let held = to.min(self.computed);
        let reached = self.restore(held);
        let len = if reached < held { reached } else { to };
        self.forget_tokens(len);
        len
    }

    /// Takes back what a failed pass appended: `len` tokens stay, those after the first `computed` to be computed anew.
    pub(super) fn undo(&mut self, len: usize, computed: usize) {
        self.restore(computed.min(self.computed));
        self.forget_tokens(len);
    }

    /// To how many positions all states can go back, where that shall be `to`.
    fn reachable(&self, to: usize) -> usize {
        self.states.iter().map(|state| state.reachable(to)).min().unwrap_or(to)
    }

    /// Takes the states back to at most so many positions, and says to how many.
    fn restore(&mut self, positions: usize) -> usize {
        self.computed = self.reachable(positions);
        let pages = self.blocks.truncate(self.computed);
        self.states.iter_mut().filter_map(SlotState::cache).for_each(|cache| cache.truncate(pages));
        self.computed
    }

    fn forget_tokens(&mut self, len: usize) {
        if !self.embeddings.is_empty() {
            self.embeddings.truncate(self.embedded_before(len) * self.model.sizes().embed_width);
        }
        self.tokens.truncate(len);
    }

    /// A sequence with the same first tokens and their states, and memory of its own.
    pub(super) fn fork(&self, len: usize) -> Result<Self> {
        let len = len.min(self.tokens.len());
        let mut fork = Self::new(Arc::clone(&self.model));
        let held = len.min(self.computed);
        let reached = self.reachable(held);
        let len = if reached < held { reached } else { len };
        fork.reserve(reached)?;
        for (from, to) in self.states.iter().zip(&mut fork.states) {
            to.copy_from(from, reached);
        }
        fork.tokens.extend_from_slice(&self.tokens[..len]);
        fork.embeddings.extend_from_slice(self.embeddings(0..len));
        (fork.computed, fork.long) = (reached, self.long);
        Ok(fork)
    }
}
