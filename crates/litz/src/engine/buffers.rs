//! The numbered buffers of a program: what each has rows of, where it lies, and in which forms its rows are kept.

use crate::kernels::{Input, TILE};

/// Up to this many rows, every worker prepares a matrix's input for itself: that is cheaper than another barrier.
pub(super) const DECODE_TOKENS: usize = 4;

/// A buffer of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BufferId(pub(super) usize);

/// A slot of every sequence's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotId(pub(super) usize);

/// Query heads of a key head, and key heads: from them follows how large a tile of tokens is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiling {
    pub(super) group: usize,
    pub(super) heads: usize,
}

/// Rows of floats, or rows in the forms in which matrices take them.
#[derive(Clone, Copy)]
pub(super) struct BufferSpec {
    /// Elements of a row of floats, and from one row to the next.
    pub(super) cols: usize,
    pub(super) rows: RowsPer,
    pub(super) place: Place,
    pub(super) forms: Forms,
}

/// Of what a buffer has one row each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum RowsPer {
    /// A token of the chunk.
    Token,
    /// A token whose outputs are wanted.
    Output,
    /// A sequence of which a head makes one vector.
    Sequence,
    /// An expert that a token chose: of so many, `top_k` a token.
    Choice { top_k: usize, experts: usize },
}

/// How many of each there are in a chunk.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) tokens: usize,
    pub(super) outputs: usize,
    pub(super) sequences: usize,
}

/// Where a buffer lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// One for all workers.
    Shared,
    /// One for all workers, or, of up to `DECODE_TOKENS` rows, one for each.
    Input,
    /// In the memory of who asked for the pass.
    Caller,
}

impl RowsPer {
    /// Rows for either.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Choice { top_k, experts }, Self::Choice { top_k: k, experts: e }) => {
                Self::Choice { top_k: top_k.max(k), experts: experts.max(e) }
            }
            _ => self,
        }
    }
}

impl BufferSpec {
    /// Rows of the workspace's buffer in a chunk.
    pub(super) fn shared_rows(&self, counts: Counts) -> usize {
        let rows = match self.rows {
            RowsPer::Output => counts.outputs,
            RowsPer::Sequence => counts.sequences,
            RowsPer::Token | RowsPer::Choice { .. } => counts.tokens,
        };
        match (self.place, self.rows) {
            (Place::Caller, _) => 0,
            (Place::Input, _) if rows <= DECODE_TOKENS => 0,
            (_, RowsPer::Choice { top_k, experts }) => rows_of_choices(rows, top_k, experts),
            _ => rows,
        }
    }

    /// Rows of each worker's own buffer; where they are chosen experts', each has a tile of its own.
    pub(super) fn worker_rows(&self) -> usize {
        match (self.place, self.rows) {
            (Place::Input, RowsPer::Choice { top_k, .. }) => DECODE_TOKENS * top_k * TILE,
            (Place::Input, _) => DECODE_TOKENS,
            _ => 0,
        }
    }

    /// Bytes for a chunk of so many tokens, at most: an input may be kept as floats and as codes, 22 words for 32 of them.
    pub(super) fn bytes(&self, tokens: usize) -> usize {
        let codes = if self.place == Place::Input || !self.forms.floats { self.cols * 22 / 8 } else { 0 };
        let counts = Counts { tokens, outputs: tokens, sequences: tokens };
        self.shared_rows(counts) * (4 * self.cols + codes)
    }
}

/// In which forms the rows of a buffer are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Forms {
    pub(super) floats: bool,
    pub(super) codes: bool,
    pub(super) bfloats: bool,
}

impl Forms {
    pub(super) const FLOATS: Self = Self { floats: true, codes: false, bfloats: false };

    /// What any of some matrices takes.
    pub(super) fn of(wanted: impl IntoIterator<Item = Input>) -> Self {
        wanted.into_iter().fold(Self::default(), |forms, input| match input {
            Input::Codes => Self { codes: true, ..forms },
            Input::F32 => Self { floats: true, ..forms },
            Input::Bf16 => Self { bfloats: true, ..forms },
        })
    }

    pub(super) fn add(&mut self, more: Self) {
        self.floats |= more.floats;
        self.codes |= more.codes;
        self.bfloats |= more.bfloats;
    }
}

/// How many rows the pairs of `tokens` take, where those of each expert begin a tile.
fn rows_of_choices(tokens: usize, top_k: usize, experts: usize) -> usize {
    let pairs = tokens * top_k;
    pairs + (TILE - 1) * experts.min(pairs)
}
