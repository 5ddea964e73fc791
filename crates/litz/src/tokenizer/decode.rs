//! Ids to text, all at once or as a stream.

use std::sync::Arc;

use super::stages::decoder::{State, TokenTexts};
use super::Tokenizer;
use crate::{Error, Result};

impl Tokenizer {
    /// The text of ids. Ids without a token are skipped: models have spare rows.
    ///
    /// Bytes that are not UTF-8 become U+FFFD; [`Tokenizer::decode_bytes`] keeps them.
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String> {
        text(self.decode_as(ids, skip_special_tokens, false)?)
    }

    /// The text of ids as bytes, UTF-8 or not.
    pub fn decode_bytes(&self, ids: &[u32], skip_special_tokens: bool) -> Result<Vec<u8>> {
        self.decode_as(ids, skip_special_tokens, true)
    }

    /// The text of tokens, which need not be in the vocabulary.
    pub fn decode_tokens(&self, tokens: &[&str]) -> Result<String> {
        let mut state = self.decoder.start(false);
        tokens.iter().try_for_each(|token| self.decoder.push(token, &mut state))?;
        self.decoder.finish(&mut state)?;
        text(state.out)
    }

    fn decode_as(&self, ids: &[u32], skip_special_tokens: bool, raw: bool) -> Result<Vec<u8>> {
        if let Some(text) = self.decoder.quick(self, ids, skip_special_tokens, raw)? {
            return Ok(text);
        }
        let mut state = self.decoder.start(raw);
        for &id in ids {
            self.push(id, skip_special_tokens, &mut state)?;
        }
        self.decoder.finish(&mut state)?;
        Ok(state.out)
    }

    fn push(&self, id: u32, skip_special_tokens: bool, state: &mut State) -> Result<()> {
        match self.token(id) {
            Some((token, special)) if !(special && skip_special_tokens) => self.decoder.push(token, state),
            _ => Ok(()),
        }
    }
}

impl TokenTexts for Tokenizer {
    fn token(&self, id: u32) -> Option<(&str, bool)> {
        self.added.decoded(id).or_else(|| self.model.vocab().token(id).map(|token| (token, false)))
    }

    fn top(&self) -> usize {
        let added = self.added.all().iter().map(|token| token.id as usize + 1).max();
        self.model.vocab().top().max(added.unwrap_or_default())
    }

    fn count(&self) -> usize {
        self.vocab_size(true)
    }
}

/// Decodes ids one by one. The concatenation of its results equals the decoding of all ids at once.
///
/// An incomplete character is held back, and so is text that a later token may change. One difference remains: of a run
/// of `<0x..>` tokens that is not UTF-8, and so unreadable as a whole, the complete characters have been
/// returned already.
pub struct DecodeStream {
    tokenizer: Arc<Tokenizer>,
    state: State,
    skip_special_tokens: bool,
}

impl DecodeStream {
    /// A new stream.
    pub fn new(tokenizer: Arc<Tokenizer>, skip_special_tokens: bool) -> Self {
        let state = tokenizer.decoder.start_live();
        Self { tokenizer, state, skip_special_tokens }
    }

    /// The text that is final with this id; it may be empty.
    pub fn push(&mut self, id: u32) -> Result<String> {
        self.tokenizer.push(id, self.skip_special_tokens, &mut self.state)?;
        self.take()
    }

    /// The text that was held back. The stream starts anew.
    pub fn finish(&mut self) -> Result<String> {
        self.tokenizer.decoder.finish(&mut self.state)?;
        let rest = self.take();
        self.state = self.tokenizer.decoder.start_live();
        rest
    }

    fn take(&mut self) -> Result<String> {
        text(std::mem::take(&mut self.state.out))
    }
}

/// Decoded bytes as text.
fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| Error::Format("the tokenizer's decoder wrote bytes that are not UTF-8".into()))
}
