//! What a sequence carries from token to token: its ids, and one state per layer.

use std::sync::Arc;

use super::cache::{Blocks, CacheDType, KvCache};
use super::core::Core;
use super::shared::copy;
use super::spec::Mixer;
use crate::Result;

/// What one layer keeps of a sequence; other mixers bring other variants.
pub(super) enum LayerState {
    /// Keys and values of all positions.
    Kv(KvCache),
}

impl LayerState {
    fn new(mixer: &Mixer, dtype: CacheDType) -> Self {
        match mixer {
            Mixer::Attention(attention) => Self::Kv(KvCache::new(attention, dtype)),
        }
    }

    fn cache(&mut self) -> Option<&mut KvCache> {
        match self {
            Self::Kv(cache) => Some(cache),
        }
    }
}

/// A sequence in the making. It belongs to the model that made it.
pub struct Sequence {
    /// All tokens; their states are in `layers` once `forward` returned.
    pub(super) tokens: Vec<u32>,
    pub(super) layers: Vec<LayerState>,
    /// Which ropes turned the cached keys by their long frequencies.
    pub(super) long: u32,
    /// Whose sequence it is: another model refuses it.
    pub(super) core: Arc<Core>,
    /// Declared after `layers`, which look into it.
    blocks: Blocks,
}

impl Sequence {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let layers = core.spec.layers.iter().map(|layer| LayerState::new(&layer.mixer, core.cache)).collect();
        Self { tokens: Vec::new(), layers, long: 0, core, blocks: Blocks::default() }
    }

    /// The tokens whose states it holds.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Makes room for the states of `positions`; after an error it is as it was.
    pub(super) fn reserve(&mut self, positions: usize) -> Result<()> {
        let caches = self.layers.iter_mut().filter_map(LayerState::cache);
        self.blocks.reserve(caches, (positions, self.core.spec.context))
    }

    /// Forgets all positions from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.tokens.truncate(len);
        let pages = self.blocks.truncate(len);
        self.layers.iter_mut().filter_map(LayerState::cache).for_each(|cache| cache.truncate(pages));
    }

    /// A sequence with the same tokens and states, and memory of its own.
    pub(super) fn fork(&self) -> Result<Self> {
        let mut fork = Self::new(Arc::clone(&self.core));
        fork.reserve(self.tokens.len())?;
        for (LayerState::Kv(from), LayerState::Kv(to)) in self.layers.iter().zip(&mut fork.layers) {
            copy(from, to, self.tokens.len());
        }
        fork.tokens.clone_from(&self.tokens);
        fork.long = self.long;
        Ok(fork)
    }
}
