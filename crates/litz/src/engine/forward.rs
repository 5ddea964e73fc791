//! The trait through which generation drives a model: any executor can implement it.

use crate::Result;

/// What a sequence is fed with.
#[derive(Clone, Copy, Debug)]
pub enum Inputs<'a> {
    /// Ids, at least one.
    Tokens(&'a [u32]),
    /// Rows that stand for the embeddings of tokens, at least one: (positions, width).
    Embeddings(&'a [f32]),
}

/// What a pass leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outputs {
    /// The logits of each item's last position: (batch, vocab).
    Last,
    /// The logits of every position, item after item: (positions, vocab).
    All,
    /// The hidden states after the final norm: (positions, width).
    Hidden,
    /// What enters the first layer and what each layer leaves, the last one after the final norm:
    /// (layers + 1, positions, width).
    HiddenOfLayers,
}

impl Outputs {
    /// Whether the model's head runs.
    pub(super) fn are_logits(self) -> bool {
        matches!(self, Self::Last | Self::All)
    }
}

/// Something that turns tokens into logits, and keeps sequences between calls.
pub trait Forward: Send + Sync {
    /// What a sequence carries.
    type Sequence: Send;

    /// How many logits a token has.
    fn vocab(&self) -> usize;

    /// The longest sequence.
    fn context(&self) -> usize;

    /// A sequence without tokens.
    fn sequence(&self) -> Self::Sequence;

    /// How many tokens a sequence has.
    fn len(&self, sequence: &Self::Sequence) -> usize;

    /// Forgets what follows the first `to` tokens; what comes next is as if it had never been.
    ///
    /// Answers how many tokens are left. A state that cannot go back that far leaves fewer, which the caller feeds again.
    fn rewind(&self, sequence: &mut Self::Sequence, to: usize) -> Result<usize>;

    /// A sequence of the first `len` tokens that shares nothing with this one; what comes next is the same for both.
    ///
    /// Where `rewind` would leave fewer tokens, so does this: `len` says how many.
    fn fork(&self, sequence: &Self::Sequence, len: usize) -> Result<Self::Sequence>;

    /// Appends each item's inputs and leaves the outputs in `values`.
    ///
    /// After an error the sequences are as long as before it, or empty where that could not be kept.
    fn forward(
        &self,
        batch: &mut [(&mut Self::Sequence, Inputs<'_>)],
        outputs: Outputs,
        values: &mut Vec<f32>,
    ) -> Result<()>;
}
