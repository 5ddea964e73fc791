//! Text to token ids and back: a pipeline compiled from a file.
//!
//! Each stage is one enum in one file; a tokenizer is immutable, so threads share it without locks.
//! The reference for every result is the `tokenizers` library.

mod added_tokens;
mod adding;
mod align;
mod bulk;
mod byte_level;
mod compile;
mod decoder;
mod description;
mod encode;
mod encoding;
mod fields;
mod flat;
mod full;
mod guard;
mod json;
mod model;
mod normalizer;
mod pattern;
mod post_processor;
mod pre_tokenizer;
mod save;
mod slots;
mod sources;
mod stream;
mod text;
mod trim;
mod truncation;
mod unicode;
mod vocab;

use std::sync::Arc;

use crate::Result;
use added_tokens::AddedTokens;
use decoder::{Decoder, State};
use description::{ModelSettings, Sections};
use model::Model;
use normalizer::Normalizer;
use post_processor::PostProcessor;
use pre_tokenizer::PreTokenizer;

pub use added_tokens::AddedToken;
pub use align::Input;
pub use bulk::{Batch, Cut, Padding};
pub use description::Description;
pub use encoding::{Encoding, Filler, Side};
pub use full::{Options, Sample};
pub use slots::Slot;
pub use stream::DecodeStream;
pub use truncation::{Strategy, Truncation};

/// A tokenizer.
pub struct Tokenizer {
    added: AddedTokens,
    // Shared with the tokenizers that differ in added tokens only.
    normalizer: Arc<Vec<Normalizer>>,
    pre_tokenizer: Arc<PreTokenizer>,
    model: Arc<Model>,
    post_processor: Arc<PostProcessor>,
    decoder: Arc<Decoder>,
    sections: Arc<Sections>,      // as the source has them, to be written again
    settings: Arc<ModelSettings>, // the same of the model
}

impl Tokenizer {
    /// The text of ids. Ids without a token are left out, as upstream does: models have spare rows.
    ///
    /// Bytes that are not UTF-8 become U+FFFD; [`Tokenizer::decode_bytes`] keeps them.
    pub fn decode(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String> {
        stream::text(self.decode_as(ids, skip_special_tokens, false)?)
    }

    /// What the ids stand for, byte by byte.
    pub fn decode_bytes(&self, ids: &[u32], skip_special_tokens: bool) -> Result<Vec<u8>> {
        self.decode_as(ids, skip_special_tokens, true)
    }

    /// The id of a token, added or not.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.added.id(token).or_else(|| self.model.vocab().id(token))
    }

    /// The token of an id, as the vocabulary writes it.
    pub fn id_to_token(&self, id: u32) -> Option<&str> {
        self.added.get(id).map(|token| token.content.as_str()).or_else(|| self.model.vocab().token(id))
    }

    /// The number of tokens, with or without the added ones that the model does not know.
    pub fn vocab_size(&self, with_added: bool) -> usize {
        self.model.vocab().len() + if with_added { self.added.outside() } else { 0 }
    }

    /// Every token with its id, added ones included.
    pub fn vocab(&self) -> impl Iterator<Item = (&str, u32)> {
        let own = self.model.vocab().iter().map(|(id, token)| (token, id));
        let outside = self.added.all().iter().filter(|token| self.model.vocab().token(token.id).is_none());
        own.chain(outside.map(|token| (token.content.as_str(), token.id)))
    }

    /// The added tokens, by id.
    pub fn added_tokens(&self) -> &[AddedToken] {
        self.added.all()
    }

    fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    fn decode_as(&self, ids: &[u32], skip_special_tokens: bool, raw: bool) -> Result<Vec<u8>> {
        let mut state = self.decoder.start(raw);
        for &id in ids {
            self.push(id, skip_special_tokens, &mut state)?;
        }
        self.decoder.finish(&mut state)?;
        Ok(state.out)
    }

    fn push(&self, id: u32, skip_special_tokens: bool, state: &mut State) -> Result<()> {
        let token = match self.added.decoded(id) {
            Some((_, true)) if skip_special_tokens => None,
            Some((token, _)) => Some(token),
            None => self.model.vocab().token(id),
        };
        token.map_or(Ok(()), |token| self.decoder.push(token, state))
    }
}
