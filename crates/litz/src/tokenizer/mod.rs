//! Text to token ids and back: a pipeline compiled from a file.
//!
//! Each stage is one enum in one file; a tokenizer is immutable, so threads share it without locks.
//! The reference for every result is the `tokenizers` library.

mod added_tokens;
mod byte_level;
mod character_class;
mod decoder;
mod fields;
mod gguf;
mod gguf_splits;
mod json;
mod model;
mod normalizer;
mod pattern;
mod post_processor;
mod pre_tokenizer;
mod stream;
mod unicode;
mod vocab;

use hashbrown::HashMap;

use crate::{Error, Result};
use added_tokens::AddedTokens;
use decoder::{Decoder, State};
use model::bpe::{self, Bpe};
use model::{Model, Scratch};
use normalizer::{normalize, Normalizer};
use post_processor::PostProcessor;
use pre_tokenizer::PreTokenizer;
use vocab::VocabBuilder;

pub use added_tokens::AddedToken;
pub use character_class::character_class;
pub use stream::DecodeStream;

// Words are short and repeat; longer pieces are not worth remembering.
const CACHED_WORD: usize = 48;
const CACHED_WORDS: usize = 1 << 14;

/// A tokenizer.
pub struct Tokenizer {
    added: AddedTokens,
    normalizer: Vec<Normalizer>,
    pre_tokenizer: PreTokenizer,
    model: Model,
    post_processor: PostProcessor,
    decoder: Decoder,
}

impl Tokenizer {
    /// Compiles a `tokenizer.json`. Its `truncation` and `padding` are left to the caller.
    ///
    /// A setting that is not implemented is an [`Error::Unsupported`] that names it, never ignored.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        let mut file = json::File::read(bytes)?;
        if !file.model.is_bpe() {
            let kind = file.model.kind.as_deref().unwrap_or("(unnamed)");
            return Err(Error::Unsupported(format!("model.type: {kind} is not implemented by litz; BPE is")));
        }
        let pre_tokenizer = PreTokenizer::from_json(&file.pre_tokenizer, "pre_tokenizer")?;
        let model = Model::Bpe(Box::new(bpe_from_json(&mut file.model, pre_tokenizer.is_byte_level())?));
        Self {
            added: AddedTokens::new(Vec::new(), model.vocab(), &[], "added_tokens")?,
            normalizer: Normalizer::from_json(&file.normalizer, "normalizer")?,
            pre_tokenizer,
            model,
            post_processor: PostProcessor::from_json(&file.post_processor, "post_processor")?,
            decoder: Decoder::from_json(&file.decoder, "decoder")?,
        }
        .with_added(file.added_tokens)
    }

    fn with_added(mut self, tokens: Vec<AddedToken>) -> Result<Self> {
        self.added = AddedTokens::new(tokens, self.model.vocab(), &self.normalizer, "added_tokens")?;
        let stranger = self.post_processor.ids().find(|&id| self.id_to_token(id).is_none());
        match stranger {
            Some(id) => Err(Error::Format(format!("post_processor: no token has the id {id}"))),
            None => Ok(self),
        }
    }

    /// The ids of a text. Added tokens are recognised in it, special ones too.
    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>> {
        Ok(self.post_processor.apply(self.encode_text(text)?, None, add_special_tokens))
    }

    /// The ids of two texts that belong together, as the file's template for pairs joins them.
    pub fn encode_pair(&self, first: &str, second: &str, add_special_tokens: bool) -> Result<Vec<u32>> {
        let second = self.encode_text(second)?;
        Ok(self.post_processor.apply(self.encode_text(first)?, Some(second), add_special_tokens))
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

    fn encode_text(&self, text: &str) -> Result<Vec<u32>> {
        if u32::try_from(text.len()).is_err() {
            return Err(Error::Value(format!(
                "a text of {} bytes: split it, 4 GiB is the limit",
                text.len()
            )));
        }
        let mut out = Vec::with_capacity(text.len() / 3 + 2);
        let mut scratch = Scratch::default();
        for part in self.added.split_raw(text) {
            if let Some(id) = part.token {
                out.push(id);
                continue;
            }
            let first = part.range.start == 0;
            let text = normalize(&self.normalizer, &text[part.range])?;
            for part in self.added.split_normalized(&text) {
                match part.token {
                    Some(id) => out.push(id),
                    None => {
                        let first = first && part.range.start == 0;
                        self.encode_words(&text[part.range], first, &mut scratch, &mut out)?;
                    }
                }
            }
        }
        Ok(out)
    }

    /// A stretch without added tokens. Words that come again are copied from where they came first.
    fn encode_words(&self, text: &str, first: bool, scratch: &mut Scratch, out: &mut Vec<u32>) -> Result<()> {
        let pieces = self.pre_tokenizer.cut(text, first)?;
        let mut seen: HashMap<&str, (usize, usize)> = HashMap::new();
        for range in &pieces.ranges {
            let word = &pieces.text[range.clone()];
            if word.len() > CACHED_WORD || pieces.ranges.len() == 1 {
                self.model.encode(word, scratch, out)?;
            } else if let Some(&(start, end)) = seen.get(word) {
                out.extend_from_within(start..end);
            } else {
                let start = out.len();
                self.model.encode(word, scratch, out)?;
                if seen.len() < CACHED_WORDS {
                    seen.insert(word, (start, out.len()));
                }
            }
        }
        Ok(())
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

fn bpe_from_json(model: &mut json::Model, byte_level: bool) -> Result<Bpe> {
    let missing =
        |key| Error::Format(format!("model.{key}: found nothing of use, expected the model's {key}"));
    let vocab: VocabBuilder = model.vocab.take().ok_or_else(|| missing("vocab"))?;
    let merges = model.merges.take().ok_or_else(|| missing("merges"))?;
    let dropout = model.dropout.unwrap_or_default();
    if !(0.0..=1.0).contains(&dropout) {
        return Err(Error::Format(format!("model.dropout: found {dropout}, expected 0 to 1")));
    }
    let options = bpe::Options {
        byte_level,
        unknown: model.unknown.take(),
        fuse_unknown: model.fuse_unknown.unwrap_or_default(),
        byte_fallback: model.byte_fallback.unwrap_or_default(),
        ignore_merges: model.ignore_merges.unwrap_or_default(),
        prefix: model.prefix.take().unwrap_or_default(),
        suffix: model.suffix.take().unwrap_or_default(),
        dropout,
    };
    Bpe::with_merges(vocab.build("model.vocab")?, merges.iter().map(Ok), options, "model.merges")
}
