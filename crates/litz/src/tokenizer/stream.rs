//! Text from ids that come one by one.

use std::sync::Arc;

use super::decoder::State;
use super::Tokenizer;
use crate::{Error, Result};

/// Decodes ids as they come. All that it returned, put together, is always what decoding all ids at once gives.
///
/// A character that is not complete yet is held back, and so is whatever a later token may still change:
/// a run of `<0x..>` tokens until it ends, for one.
pub struct DecodeStream {
    tokenizer: Arc<Tokenizer>,
    state: State,
    skip_special_tokens: bool,
}

impl DecodeStream {
    /// A stream at its beginning.
    pub fn new(tokenizer: Arc<Tokenizer>, skip_special_tokens: bool) -> Self {
        let state = tokenizer.decoder().start(false);
        Self { tokenizer, state, skip_special_tokens }
    }

    /// The text that is certain with this id; it may be empty.
    pub fn push(&mut self, id: u32) -> Result<String> {
        self.tokenizer.push(id, self.skip_special_tokens, &mut self.state)?;
        self.take()
    }

    /// What was held back. The stream is at its beginning again.
    pub fn finish(&mut self) -> Result<String> {
        self.tokenizer.decoder().finish(&mut self.state)?;
        let rest = self.take();
        self.state = self.tokenizer.decoder().start(false);
        rest
    }

    fn take(&mut self) -> Result<String> {
        text(std::mem::take(&mut self.state.out))
    }
}

/// Decoded bytes as text.
pub(super) fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| Error::Format("the tokenizer's decoder wrote bytes that are not UTF-8".into()))
}
