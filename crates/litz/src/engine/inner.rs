//! What all sequences of a model share, and nothing changes after load.

use super::options::ActivationDType;
use super::program::{Program, Sizes};
use super::rope::Ropes;
use super::state::CacheDType;
use crate::kernels::Kernels;

/// A loaded model without its threads.
pub(super) struct ModelInner {
    pub(super) program: Program,
    pub(super) kernels: &'static Kernels,
    pub(super) ropes: Ropes,
    pub(super) cache: CacheDType,
    pub(super) activations: ActivationDType,
}

impl ModelInner {
    /// What everybody needs to know of the model.
    pub(super) fn sizes(&self) -> Sizes {
        self.program.sizes
    }
}
