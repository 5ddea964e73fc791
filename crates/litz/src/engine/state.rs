//! What a sequence carries from token to token: its ids, and one state per layer.

use std::sync::Arc;

use super::cache::{CacheDType, KvCache};
use super::core::Core;
use super::spec::Mixer;

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

    pub(super) fn reserve(&mut self, positions: usize) {
        match self {
            Self::Kv(cache) => cache.reserve(positions),
        }
    }

    fn truncate(&mut self, positions: usize) {
        match self {
            Self::Kv(cache) => cache.truncate(positions),
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
}

impl Sequence {
    pub(super) fn new(core: Arc<Core>) -> Self {
        let layers = core.spec.layers.iter().map(|layer| LayerState::new(&layer.mixer, core.cache)).collect();
        Self { tokens: Vec::new(), layers, long: 0, core }
    }

    /// The tokens whose states it holds.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Forgets all positions from `len` on.
    pub(super) fn truncate(&mut self, len: usize) {
        self.tokens.truncate(len);
        for layer in &mut self.layers {
            layer.truncate(len);
        }
    }
}
