//! What all sequences of a model share, and nothing changes after load.

use super::options::ActivationDType;
use super::program::Program;
use super::rope::Ropes;
use super::state::CacheDType;
use crate::kernels::{Input, Kernels, Matrix};

/// A loaded model without its threads.
pub(super) struct ModelInner {
    pub(super) program: Program,
    pub(super) kernels: &'static Kernels,
    pub(super) ropes: Ropes,
    /// The longest sequence.
    pub(super) context: usize,
    /// Rows of the logits' matrix, and the widths of the residual and of the embedding.
    pub(super) vocab: usize,
    pub(super) width: usize,
    pub(super) embed_width: usize,
    pub(super) cache: CacheDType,
    pub(super) activations: ActivationDType,
}

impl ModelInner {
    /// In which form a matrix takes its input.
    pub(super) fn input(&self, weight: &Matrix<'_>) -> Input {
        self.activations.input(self.kernels, weight)
    }
}
