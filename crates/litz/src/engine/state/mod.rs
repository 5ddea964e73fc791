//! What a sequence carries from call to call besides its inputs: a state in every slot that the program's steps asked for.
//!
//! A new kind of state is a file here, a variant of `SlotKind` and of `SlotState`, and their arms in this file. Steps
//! that share a state share its slot.

mod conv;
mod kv;

use super::buffers::SlotId;
use crate::kernels::SharedSlice;
use crate::shared::assume_static;

pub(super) use conv::ConvShape;
use conv::{ConvWindow, Ring};
pub use kv::CacheDType;
pub(super) use kv::{Blocks, KvCache, KvShape, PAGE};

/// What a slot keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotKind {
    /// Keys and values of all positions.
    Kv(KvShape),
    /// What a short convolution read last.
    Conv(ConvShape),
}

impl SlotKind {
    pub(super) fn new_state(self, dtype: CacheDType) -> SlotState {
        match self {
            Self::Kv(shape) => SlotState::Kv(KvCache::new(shape, dtype)),
            Self::Conv(shape) => SlotState::Conv(ConvWindow::new(shape)),
        }
    }

    /// Bytes that a sequence keeps whatever its length.
    pub(super) fn fixed_bytes(self) -> usize {
        match self {
            Self::Kv(_) => 0,
            Self::Conv(shape) => shape.bytes(),
        }
    }

    /// Bytes that a sequence keeps for every token.
    pub(super) fn bytes_per_token(self, dtype: CacheDType) -> usize {
        match self {
            Self::Kv(shape) => shape.bytes_per_token(dtype),
            Self::Conv(_) => 0,
        }
    }
}

/// A state. Steps reach it in the phases of a pass, under the rule of `shared`.
pub(super) enum SlotState {
    Kv(KvCache),
    Conv(ConvWindow),
}

impl SlotState {
    pub(super) fn cache(&mut self) -> Option<&mut KvCache> {
        match self {
            Self::Kv(cache) => Some(cache),
            Self::Conv(_) => None,
        }
    }

    /// Notes that a pass computes the positions `from..to`.
    pub(super) fn advance(&mut self, from: usize, to: usize) {
        match self {
            Self::Kv(_) => {}
            Self::Conv(window) => window.advance(from, to),
        }
    }

    /// Takes over what another state of this kind holds of its first `positions`.
    pub(super) fn copy_from(&mut self, other: &Self, positions: usize) {
        match (self, other) {
            (Self::Kv(own), Self::Kv(other)) => own.copy_from(other, positions),
            (Self::Conv(own), Self::Conv(other)) => own.copy_from(other),
            _ => unreachable!("both are states of one slot"),
        }
    }

    /// To how many positions a state can go back, where that shall be `to`.
    pub(super) fn reachable(&self, to: usize) -> usize {
        match self {
            Self::Kv(_) => to,
            Self::Conv(window) => window.reachable(to),
        }
    }
}

/// The slots of a sequence, while a pass runs.
#[derive(Clone, Copy)]
pub(super) struct Slots(SharedSlice<'static, SlotState>);

impl Slots {
    /// Of states that stay where they are and are changed only between regions.
    pub(super) fn new(states: &mut [SlotState]) -> Self {
        Self(assume_static(states))
    }

    /// The keys and values of a slot.
    pub(super) fn kv(&self, slot: SlotId) -> &KvCache {
        match self.state(slot) {
            SlotState::Kv(cache) => cache,
            SlotState::Conv(_) => unreachable!("the program made the slot for keys and values"),
        }
    }

    /// The last inputs of a convolution.
    pub(super) fn conv(&self, slot: SlotId) -> Ring {
        match self.state(slot) {
            SlotState::Conv(window) => window.ring(),
            SlotState::Kv(_) => unreachable!("the program made the slot for a convolution"),
        }
    }

    fn state(&self, slot: SlotId) -> &SlotState {
        // SAFETY: the caller borrows the sequence for the whole region and changes its slots only between regions.
        let states = unsafe { self.0.range(0..self.0.len()) };
        &states[slot.0]
    }
}
