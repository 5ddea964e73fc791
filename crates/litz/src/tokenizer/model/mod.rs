//! Pieces to ids.

mod backtrack;
pub(super) mod bpe;
mod byte_trie;
mod double_array;
mod merge;
pub(super) mod pairs;
pub(super) mod resolve;
pub(super) mod unigram;
pub(super) mod word_level;
pub(super) mod word_piece;

use super::vocab::Vocab;
use crate::{Error, Result};
use bpe::Bpe;
use merge::Symbol;
use unigram::Unigram;
use word_level::WordLevel;
use word_piece::WordPiece;

/// The model of a tokenizer.
pub(super) enum Model {
    /// Byte-pair encoding.
    Bpe(Box<Bpe>),
    /// The longest token first.
    WordPiece(Box<WordPiece>),
    /// The most probable tokens.
    Unigram(Box<Unigram>),
    /// A token a piece.
    WordLevel(Box<WordLevel>),
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
    symbols: Vec<Symbol>,
    text: String,
    dead: Vec<u64>,
    best: Vec<unigram::Best>,
}

/// The token for what the vocabulary lacks; the vocabulary may lack it too, as long as no text needs it.
struct UnknownToken {
    text: String,
    id: Option<u32>,
}

impl UnknownToken {
    fn new(text: String, vocab: &Vocab) -> Self {
        Self { id: vocab.id(&text), text }
    }

    fn id(&self) -> Result<u32> {
        self.id.ok_or_else(|| {
            Error::Format(format!(
                "model.unk_token: {:?} is needed for this text but not in the vocabulary",
                self.text
            ))
        })
    }
}

impl Model {
    /// The model's own tokens, without the added ones.
    pub fn vocab(&self) -> &Vocab {
        match self {
            Self::Bpe(bpe) => bpe.vocab(),
            Self::WordPiece(model) => model.vocab(),
            Self::Unigram(model) => model.vocab(),
            Self::WordLevel(model) => model.vocab(),
        }
    }

    /// The merges of BPE as pairs of ids, by rank.
    pub fn merges(&self) -> Vec<(u32, u32)> {
        match self {
            Self::Bpe(bpe) => bpe.merges(),
            _ => Vec::new(),
        }
    }

    /// The scores of Unigram's tokens, by id.
    pub fn scores(&self) -> &[f64] {
        match self {
            Self::Unigram(model) => model.scores(),
            _ => &[],
        }
    }

    /// What dropout draws from here on.
    pub fn seed(&self, seed: u64) {
        if let Self::Bpe(bpe) = self {
            bpe.seed(seed);
        }
    }

    /// Writes the tokens of one piece.
    pub fn encode(&self, piece: &str, scratch: &mut Scratch, out: &mut impl Sink) -> Result<()> {
        match self {
            Self::Bpe(bpe) => bpe.encode(piece, scratch, out),
            Self::WordPiece(model) => model.encode(piece, scratch, out),
            Self::Unigram(model) => model.encode(piece, scratch, out),
            Self::WordLevel(model) => model.encode(piece, out),
        }
    }
}
