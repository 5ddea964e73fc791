//! Text to token ids and back: a pipeline compiled from a file.
//!
//! Each stage is one enum in one file; a tokenizer is immutable, so threads share it without locks.
//! The reference for every result is the `tokenizers` library.

mod added_tokens;
mod adding;
mod align;
mod bulk;
mod byte_level;
mod character_class;
mod compile;
mod cut;
mod decoder;
mod description;
mod encode;
mod encoding;
mod flat;
mod full;
mod guard;
mod model;
mod normalizer;
mod oniguruma;
mod pages;
mod parallelism;
mod pattern;
mod post_processor;
mod pre_tokenizer;
mod scan;
mod sources;
mod staging;
mod stored;
mod stream;
mod tables;
mod text;
pub mod train;
mod truncation;
mod unicode;
mod vocab;
mod words;

use std::sync::{Arc, Mutex, OnceLock};

use added_tokens::AddedTokens;
use cut::Cutter;
use decoder::Decoder;
use description::{ModelSettings, Sections};
use model::Model;
use normalizer::Normalizer;
use post_processor::PostProcessor;
use pre_tokenizer::PreTokenizer;
use words::Words;

pub use added_tokens::AddedToken;
pub use align::Input;
pub use bulk::{Batch, Cut, Padding};
pub use character_class::character_class;
pub use description::Description;
pub use encoding::{Encoding, Filler, Side};
pub use full::{Options, Sample};
pub use post_processor::Slot;
pub use sources::{Source, SourceOptions};
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
    cutter: OnceLock<Cutter>,
    memory: Mutex<Vec<Words>>, // of concurrent calls
}

impl Tokenizer {
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
}
