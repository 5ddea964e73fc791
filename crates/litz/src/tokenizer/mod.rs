//! Text to token ids and back: a pipeline compiled from a file.
//!
//! Each stage is one enum in one file; a tokenizer is immutable, so threads share it without locks.
//! The reference for every result is the `tokenizers` library.

mod added_tokens;
mod byte_level;
mod decoder;
mod description;
mod encode;
mod encoding;
mod fields;
mod flat;
mod json;
mod model;
mod normalizer;
mod pattern;
mod post_processor;
mod pre_tokenizer;
mod save;
mod sources;
mod stream;
mod unicode;
mod vocab;

use crate::{Error, Result};
use added_tokens::AddedTokens;
use decoder::{Decoder, State};
use description::{Kind, ModelSection, ModelSettings, Sections};
use model::bpe::{self, Bpe};
use model::Model;
use normalizer::Normalizer;
use post_processor::PostProcessor;
use pre_tokenizer::PreTokenizer;

pub use added_tokens::AddedToken;
pub use description::Description;
pub use encoding::Encoding;
pub use stream::DecodeStream;

/// A tokenizer.
pub struct Tokenizer {
    added: AddedTokens,
    normalizer: Vec<Normalizer>,
    pre_tokenizer: PreTokenizer,
    model: Model,
    post_processor: PostProcessor,
    decoder: Decoder,
    sections: Sections,      // as the source has them, to be written again
    settings: ModelSettings, // the same of the model
}

impl Tokenizer {
    /// Compiles a `tokenizer.json`. Its `truncation` and `padding` are left to the caller.
    ///
    /// A setting that is not implemented is an [`Error::Unsupported`] that names it, never ignored.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        Self::compile(Description::from_json(bytes)?)
    }

    /// Compiles what a source says.
    pub fn compile(description: Description) -> Result<Self> {
        let Description { sections, added_tokens, model } = description;
        let settings = model.settings.clone();
        let pre_tokenizer = PreTokenizer::from_json(&sections.pre_tokenizer, "pre_tokenizer")?;
        let model = compile_model(model, pre_tokenizer.is_byte_level())?;
        Self {
            added: AddedTokens::new(Vec::new(), model.vocab(), &[], "added_tokens")?,
            normalizer: Normalizer::from_json(&sections.normalizer, "normalizer")?,
            pre_tokenizer,
            model,
            post_processor: PostProcessor::from_json(&sections.post_processor, "post_processor")?,
            decoder: Decoder::from_json(&sections.decoder, "decoder")?,
            sections,
            settings,
        }
        .with_added(added_tokens)
    }

    /// A whole `tokenizer.json` of this tokenizer, with every added token.
    pub fn to_json(&self) -> Result<String> {
        let vocab = self.model.vocab();
        let token = |id| vocab.token(id).unwrap_or_default();
        let model = save::Model {
            settings: &self.settings,
            vocab: vocab.iter().map(|(id, token)| (token, id)),
            merges: self.model.merges().into_iter().map(|(left, right)| (token(left), token(right))),
            scores: self.model.scores(),
        };
        save::whole(&self.sections, self.added.all(), model)
    }

    fn with_added(mut self, tokens: Vec<AddedToken>) -> Result<Self> {
        self.added = AddedTokens::new(tokens, self.model.vocab(), &self.normalizer, "added_tokens")?;
        let stranger = self.post_processor.ids().find(|&id| self.id_to_token(id).is_none());
        match stranger {
            Some(id) => Err(Error::Format(format!("post_processor: no token has the id {id}"))),
            None => Ok(self),
        }
    }

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

fn compile_model(model: ModelSection, byte_level: bool) -> Result<Model> {
    match model.settings.kind {
        Kind::Bpe => Ok(Model::Bpe(Box::new(compile_bpe(model, byte_level)?))),
        kind => {
            Err(Error::Unsupported(format!("model.type: {} is not implemented by litz; BPE is", kind.name())))
        }
    }
}

fn compile_bpe(model: ModelSection, byte_level: bool) -> Result<Bpe> {
    let ModelSection { settings, vocab, merges, merge_scores, .. } = model;
    let dropout = settings.dropout.unwrap_or_default();
    if !(0.0..=1.0).contains(&dropout) {
        return Err(Error::Format(format!("model.dropout: found {dropout}, expected 0 to 1")));
    }
    let options = bpe::Options {
        byte_level,
        unknown: settings.unknown,
        fuse_unknown: settings.fuse_unknown,
        byte_fallback: settings.byte_fallback,
        ignore_merges: settings.ignore_merges,
        prefix: settings.prefix.unwrap_or_default(),
        suffix: settings.suffix.unwrap_or_default(),
        dropout,
    };
    let vocab = vocab.build("model.vocab")?;
    match merge_scores {
        Some(scores) => Ok(Bpe::with_scores(vocab, scores.into_iter(), options)),
        None => Bpe::with_merges(vocab, merges.iter().map(Ok), options, "model.merges"),
    }
}
