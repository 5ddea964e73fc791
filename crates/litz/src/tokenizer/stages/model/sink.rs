//! The outputs of models and their working buffers.

/// Where a model writes the tokens of a piece. `start` and `end` are bytes of the piece.
pub(crate) trait Sink {
    /// A token of the vocabulary.
    fn push(&mut self, id: u32, start: usize, end: usize);

    /// The unknown token, which Unigram names by the text that it replaces.
    fn push_unknown(&mut self, id: u32, start: usize, end: usize) {
        self.push(id, start, end);
    }
}

impl Sink for Vec<u32> {
    #[inline]
    fn push(&mut self, id: u32, _: usize, _: usize) {
        Vec::push(self, id);
    }
}

/// A token, or a piece of text without a token, between two positions of its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// The token, or [`Symbol::UNKNOWN`].
    pub id: u32,
    /// Where it begins.
    pub start: u32,
    /// Where it ends.
    pub end: u32,
}

impl Symbol {
    /// The id of text that is not in the vocabulary.
    pub const UNKNOWN: u32 = u32::MAX;

    /// Writes the token with its span.
    pub fn write(&self, out: &mut impl Sink) {
        out.push(self.id, self.start as usize, self.end as usize);
    }

    /// This symbol and the next as one token.
    pub fn joined(self, right: Self, id: u32) -> Self {
        Self { id, start: self.start, end: right.end }
    }
}

/// The best way to reach a byte of the piece.
#[derive(Clone, Copy)]
pub(crate) struct Best {
    /// The sum of its tokens' scores.
    pub score: f64,
    /// Where its last token begins.
    pub start: u32,
    /// The last token.
    pub id: u32,
}

/// Buffers that the words of one call share.
#[derive(Default)]
pub(crate) struct Scratch {
    /// The tokens of the piece.
    pub symbols: Vec<Symbol>,
    /// The characters of BPE with their affixes.
    pub text: String,
    /// Positions that backtracking has excluded, one bit each.
    pub dead: Vec<u64>,
    /// Unigram: the best way to each byte.
    pub best: Vec<Best>,
}
