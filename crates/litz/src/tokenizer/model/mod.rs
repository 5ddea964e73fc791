//! Pieces to ids.

pub(super) mod bpe;
mod merge;

use super::vocab::Vocab;
use crate::Result;
use bpe::Bpe;

/// The model of a tokenizer.
pub(super) enum Model {
    /// Byte-pair encoding.
    Bpe(Box<Bpe>),
}

/// Buffers that the words of one call share.
#[derive(Default)]
pub(super) struct Scratch {
    symbols: Vec<merge::Symbol>,
    text: String,
}

impl Model {
    /// The model's own tokens, without the added ones.
    pub fn vocab(&self) -> &Vocab {
        match self {
            Self::Bpe(bpe) => bpe.vocab(),
        }
    }

    /// Appends the ids of one piece.
    pub fn encode(&self, piece: &str, scratch: &mut Scratch, out: &mut Vec<u32>) -> Result<()> {
        match self {
            Self::Bpe(bpe) => bpe.encode(piece, scratch, out),
        }
    }
}
