//! The engine: what generation asks of a model.

use crate::Result;

/// A causal language model that keeps what it has read: tokens go in, logits of the next token come out.
pub trait Forward: Send + Sync {
    /// What was read of one text: its keys and values.
    type Sequence: Send;
    /// How many tokens there are; the length of one row of logits.
    fn vocab(&self) -> usize;
    /// How many tokens a sequence may hold.
    fn context(&self) -> usize;
    /// An empty sequence.
    fn sequence(&self) -> Self::Sequence;
    /// How many tokens the sequence holds.
    fn len(&self, sequence: &Self::Sequence) -> usize;
    /// Forgets all tokens from `len` on.
    fn truncate(&self, sequence: &mut Self::Sequence, len: usize) -> Result<()>;
    /// Reads each item's tokens (any number from 1) and writes its last token's logits: (batch, vocab).
    fn forward(&self, batch: &mut [(&mut Self::Sequence, &[u32])], logits: &mut Vec<f32>) -> Result<()>;
}
