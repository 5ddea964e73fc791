//! Text to token ids and back: a pipeline compiled from a description.
//!
//! `description` is the data of a `tokenizer.json`, `sources` read other files into it, and `compile` makes a
//! [`Tokenizer`] of it. Its `stages` run in `encode` and `decode`; `tables` are what a large model keeps on disk. A
//! tokenizer is immutable, so threads share it without locks. The reference for every result is the `tokenizers`
//! library.

mod added_tokens;
mod compile;
mod decode;
mod description;
mod encode;
mod encoding;
mod sources;
mod stages;
mod tables;
mod text;
pub mod train;
mod vocab;
mod with_stages;
mod with_tokens;

use std::sync::{Arc, Mutex, OnceLock};

use added_tokens::AddedTokens;
use description::{ModelSettings, Sections};
use encode::segment::Segmenter;
use encode::word_cache::WordCache;
use stages::decoder::Decoder;
use stages::model::Model;
use stages::normalizer::Normalizer;
use stages::post_processor::PostProcessor;
use stages::pre_tokenizer::PreTokenizer;

pub use added_tokens::AddedToken;
pub use decode::DecodeStream;
pub use description::Description;
pub use encode::aligned::SequenceInput;
pub use encode::batch::{Batch, Padding, RowTruncation};
pub use encode::full::{EncodeOptions, Sample};
pub use encode::truncation::{Strategy, Truncation};
pub use encoding::{Encoding, Filler, Side};
pub use sources::{Source, SourceOptions};
pub use stages::post_processor::Slot;
pub use text::character_class::character_class;

/// A tokenizer.
pub struct Tokenizer {
    added: AddedTokens,
    // Shared with the tokenizers that differ in added tokens only.
    normalizer: Arc<Vec<Normalizer>>,
    pre_tokenizer: Arc<PreTokenizer>,
    model: Arc<Model>,
    post_processor: Arc<PostProcessor>,
    decoder: Arc<Decoder>,
    sections: Arc<Sections>,      // as in the source, for writing
    settings: Arc<ModelSettings>, // of the model, for writing
    segmenter: OnceLock<Segmenter>,
    word_caches: Mutex<Vec<WordCache>>, // of concurrent calls
}

impl Tokenizer {
    /// The id of a token, added or not.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.added.id(token).or_else(|| self.model.vocab().id(token))
    }

    /// The token of an id, as in the vocabulary.
    pub fn id_to_token(&self, id: u32) -> Option<&str> {
        self.added.get(id).map(|token| token.content.as_str()).or_else(|| self.model.vocab().token(id))
    }

    /// The number of tokens, with or without the added ones outside the model's vocabulary.
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
}
