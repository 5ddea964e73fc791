//! Pieces to ids.

mod backtrack;
pub(super) mod bpe;
mod merge;
mod pairs;
mod byte_trie;

use super::vocab::Vocab;
use crate::Result;
use bpe::Bpe;

/// The model of a tokenizer.
pub(super) enum Model {
    /// Byte-pair encoding.
    Bpe(Box<Bpe>),
}

/// Where a model writes the tokens of a piece. `start` and `end` are bytes of the piece.
pub(super) trait Sink {
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

/// Buffers that the words of one call share.
#[derive(Default)]
pub(super) struct Scratch {
    symbols: Vec<merge::Symbol>,
    text: String,
    dead: Vec<u64>,
}

impl Model {
    /// The model's own tokens, without the added ones.
    pub fn vocab(&self) -> &Vocab {
        match self {
            Self::Bpe(bpe) => bpe.vocab(),
        }
    }

    /// Writes the tokens of one piece.
    pub fn encode(&self, piece: &str, scratch: &mut Scratch, out: &mut impl Sink) -> Result<()> {
        match self {
            Self::Bpe(bpe) => bpe.encode(piece, scratch, out),
        }
    }
}
