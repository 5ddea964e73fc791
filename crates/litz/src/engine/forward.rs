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

/// A text that is computed whole, by itself, whatever else is in the batch.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Its rows.
    pub inputs: Inputs<'a>,
    /// Where each row stands, ascending among keys and among the others; `None`: from 0 on.
    pub positions: Option<&'a [u32]>,
    /// The token type of each row; `None`: 0.
    pub types: Option<&'a [u32]>,
    /// The task of each row; `None`: 0.
    pub tasks: Option<&'a [u32]>,
    /// How many rows are seen, from the first on; the others only see. `None`: all.
    pub keys: Option<usize>,
    /// The row that stands for the text in heads that pool the first or last; `None`: row 0, or the last key.
    pub pooled: Option<usize>,
}

impl<'a> From<Inputs<'a>> for Text<'a> {
    fn from(inputs: Inputs<'a>) -> Self {
        Self { inputs, positions: None, types: None, tasks: None, keys: None, pooled: None }
    }
}

/// Which hidden states are left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hidden {
    /// None.
    #[default]
    None,
    /// Those after the final norm: (rows, width).
    Last,
    /// What enters the first layer and what each layer leaves, the last one after the final norm:
    /// (layers + 1, rows, width).
    Layers,
}

/// What encoding texts leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// What the head gives: (texts, outputs or width) where it pools, otherwise (rows, outputs).
    pub head: Vec<f32>,
    /// The hidden states that were asked for.
    pub hidden: Vec<f32>,
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
