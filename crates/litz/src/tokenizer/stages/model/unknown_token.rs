//! The token for text that the vocabulary lacks.

use crate::tokenizer::vocab::Vocab;
use crate::{Error, Result};

/// The unknown token. The vocabulary may lack it, too, as long as no text needs it.
pub(super) struct UnknownToken {
    text: String,
    id: Option<u32>,
}

impl UnknownToken {
    /// The token of this text.
    pub fn new(text: String, vocab: &Vocab) -> Self {
        Self { id: vocab.id(&text), text }
    }

    /// Its id; an error where the vocabulary lacks it.
    pub fn id(&self) -> Result<u32> {
        self.id.ok_or_else(|| {
            Error::Format(format!(
                "model.unk_token: {:?} is needed for this text but not in the vocabulary",
                self.text
            ))
        })
    }
}
