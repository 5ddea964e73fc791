//! What all sequences of a model share, and nothing changes after load.

use super::cache::CacheDType;
use super::program::Program;
use super::rope::Ropes;
use super::spec::Spec;
use crate::kernels::{Input, Kernels, Matrix};

/// A loaded model without its threads.
pub(super) struct Core {
    pub(super) spec: Spec,
    pub(super) program: Program,
    pub(super) kernels: &'static Kernels,
    pub(super) ropes: Ropes,
    pub(super) cache: CacheDType,
    /// Whether activations stay f32 for all weights.
    pub(super) exact: bool,
}

impl Core {
    /// What activations a matrix is given.
    pub(super) fn input(&self, weight: &Matrix<'_>) -> Input {
        input(self.kernels, self.exact, weight)
    }
}

/// What activations a matrix is given: those that it is made for, or where they must stay exact, those that are.
pub(super) fn input(kernels: &Kernels, exact: bool, weight: &Matrix<'_>) -> Input {
    match exact {
        true => weight.input(),
        false => kernels.input(weight),
    }
}
