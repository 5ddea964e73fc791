//! The models: pieces to ids.

mod backtrack;
pub(crate) mod bpe;
mod byte_trie;
mod double_array;
mod merge;
pub(crate) mod pairs;
pub(crate) mod resolve;
mod sink;
pub(crate) mod unigram;
mod unknown_token;
pub(crate) mod word_level;
pub(crate) mod word_piece;

use crate::tokenizer::vocab::Vocab;
use crate::Result;
use bpe::Bpe;
use unigram::Unigram;
use word_level::WordLevel;
use word_piece::WordPiece;

pub(crate) use sink::{Scratch, Sink};

/// The model of a tokenizer.
pub(crate) enum Model {
    /// Byte-pair encoding.
    Bpe(Box<Bpe>),
    /// The longest token first.
    WordPiece(Box<WordPiece>),
    /// The most probable tokens.
    Unigram(Box<Unigram>),
    /// One token for each piece.
    WordLevel(Box<WordLevel>),
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

    /// Seeds the dropout.
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
