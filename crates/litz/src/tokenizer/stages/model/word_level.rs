//! WordLevel: a piece is one token or unknown.

use super::sink::Sink;
use super::unknown_token::UnknownToken;
use crate::tokenizer::vocab::Vocab;
use crate::Result;

/// The compiled model.
pub(crate) struct WordLevel {
    vocab: Vocab,
    unknown: UnknownToken,
}

impl WordLevel {
    /// `unknown` is the text of the unknown token, which may be missing until a text needs it.
    pub fn new(vocab: Vocab, unknown: String) -> Self {
        Self { unknown: UnknownToken::new(unknown, &vocab), vocab }
    }

    /// The vocabulary.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// Writes the one token of a piece.
    pub fn encode(&self, piece: &str, out: &mut impl Sink) -> Result<()> {
        let id = self.vocab.id(piece).map_or_else(|| self.unknown.id(), Ok)?;
        out.push(id, 0, piece.len());
        Ok(())
    }
}
