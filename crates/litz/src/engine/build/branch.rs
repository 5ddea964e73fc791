//! What mixers and feed-forwards are built as.

use crate::engine::buffers::BufferId;
use crate::engine::steps::{ExpertsDown, Output, Step, Term};

/// What a branch of a residual sum does between reading the residual and being added to it.
pub(super) struct Branch {
    /// The matrices that read the residual; those of all branches run at once.
    pub(super) first: Vec<Output>,
    /// The steps that follow them; all branches' run before any is added.
    pub(super) middle: Vec<Box<dyn Step>>,
    pub(super) last: Last,
}

/// What makes the output that is added.
pub(super) enum Last {
    /// A matrix that reads the rows of a buffer. Those that are added without a norm are one output of several terms.
    Matrix { source: BufferId, term: Term },
    /// Chosen experts; they are added after all matrices.
    Experts(ExpertsDown),
}
