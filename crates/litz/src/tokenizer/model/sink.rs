//! What models write tokens to, and the buffers that they work in.

/// Where a model writes the tokens of a piece. `start` and `end` are bytes of the piece.
pub(crate) trait Sink {
    /// A token of the vocabulary.
    fn push(&mut self, id: u32, start: usize, end: usize);

    /// The unknown token, where upstream names it by the text that it stands for (Unigram).
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

/// A token, or a piece of text that is no token yet, between two positions of its word.
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
    /// The tokens so far.
    pub symbols: Vec<Symbol>,
    /// The piece with what BPE puts around its characters.
    pub text: String,
    /// Places that backtracking has given up, one bit each.
    pub dead: Vec<u64>,
    /// Unigram: the best way to each byte.
    pub best: Vec<Best>,
}
