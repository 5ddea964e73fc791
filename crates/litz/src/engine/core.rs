//! What all sequences of a model share, and nothing changes after load.

use super::cache::CacheDType;
use super::model::ActivationDType;
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
    pub(super) activations: ActivationDType,
}

impl Core {
    /// What activations a matrix is given.
    pub(super) fn input(&self, weight: &Matrix<'_>) -> Input {
        input(self.kernels, self.activations, weight)
    }
}

/// What activations a matrix is given: the same on every CPU, unless speed was asked for.
pub(super) fn input(kernels: &Kernels, activations: ActivationDType, weight: &Matrix<'_>) -> Input {
    match activations {
        ActivationDType::Fast => kernels.fast_input(weight),
        ActivationDType::Auto | ActivationDType::F32 => weight.input(),
    }
}
