//! The writer of `tokenizer.json`, with the key order and the layout of the `tokenizers` library.

use hashbrown::HashMap;
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use std::cell::RefCell;

use super::data::{Description, ModelKind, ModelSettings, Sections};
use super::merges::{rank, ranked_merges};
use crate::tokenizer::added_tokens::AddedToken;
use crate::{Error, Result};

impl Description {
    /// The description as a `tokenizer.json`.
    pub fn to_json(&self) -> Result<String> {
        let vocab = self.model.vocab.by_id();
        let merges: Vec<(&str, &str)> = match &self.model.merge_scores {
            None => self.model.merges.iter().collect(),
            Some(scores) => {
                let score = |id: u32| scores.get(id as usize).copied().flatten();
                let texts: HashMap<u32, &str> = vocab.iter().map(|&(token, id)| (id, token)).collect();
                let merges = ranked_merges(vocab.iter().copied(), |id| score(id).map(rank));
                merges.iter().map(|(left, right)| (texts[left], texts[right])).collect()
            }
        };
        self.json_with(vocab.into_iter(), merges.into_iter(), &self.model.scores)
    }

    /// The description as a `tokenizer.json` with neither vocabulary nor merges.
    pub(crate) fn small_json(&self) -> Result<String> {
        self.json_with(std::iter::empty(), std::iter::empty(), &[])
    }

    fn json_with<'a>(
        &self,
        vocab: impl Iterator<Item = (&'a str, u32)>,
        merges: impl Iterator<Item = (&'a str, &'a str)>,
        scores: &[f64],
    ) -> Result<String> {
        let model = WrittenModel { settings: &self.model.settings, vocab, merges, scores };
        whole(&self.sections, &self.added_tokens, model)
    }
}

/// The section `model`, with iterators over its tables.
pub(crate) struct WrittenModel<'a, V, M> {
    pub settings: &'a ModelSettings,
    /// Tokens by id.
    pub vocab: V,
    /// Merges by rank.
    pub merges: M,
    /// Unigram's scores by id.
    pub scores: &'a [f64],
}

/// The whole file.
pub(crate) fn whole<'a>(
    sections: &Sections,
    added_tokens: &[AddedToken],
    model: WrittenModel<'_, impl Iterator<Item = (&'a str, u32)>, impl Iterator<Item = (&'a str, &'a str)>>,
) -> Result<String> {
    let file = TokenizerJson { sections, added_tokens, model: Written::new(model) };
    serde_json::to_string_pretty(&file)
        .map_err(|error| Error::Format(format!("the tokenizer cannot be written as JSON: {error}")))
}

struct TokenizerJson<'a, V, M> {
    sections: &'a Sections,
    added_tokens: &'a [AddedToken],
    model: Written<'a, V, M>,
}

/// A model whose iterators are consumed when it is written.
struct Written<'a, V, M> {
    settings: &'a ModelSettings,
    vocab: RefCell<Option<V>>,
    merges: RefCell<Option<M>>,
    scores: &'a [f64],
}

impl<'a, V, M> Written<'a, V, M> {
    fn new(model: WrittenModel<'a, V, M>) -> Self {
        let WrittenModel { settings, vocab, merges, scores } = model;
        Self { settings, vocab: RefCell::new(Some(vocab)), merges: RefCell::new(Some(merges)), scores }
    }
}

impl<'t, V: Iterator<Item = (&'t str, u32)>, M: Iterator<Item = (&'t str, &'t str)>> Serialize
    for TokenizerJson<'_, V, M>
{
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut file = serializer.serialize_struct("Tokenizer", 9)?;
        file.serialize_field("version", "1.0")?;
        file.serialize_field("truncation", &self.sections.truncation)?;
        file.serialize_field("padding", &self.sections.padding)?;
        file.serialize_field("added_tokens", self.added_tokens)?;
        file.serialize_field("normalizer", &self.sections.normalizer)?;
        file.serialize_field("pre_tokenizer", &self.sections.pre_tokenizer)?;
        file.serialize_field("post_processor", &self.sections.post_processor)?;
        file.serialize_field("decoder", &self.sections.decoder)?;
        file.serialize_field("model", &self.model)?;
        file.end()
    }
}

impl<'t, V: Iterator<Item = (&'t str, u32)>, M: Iterator<Item = (&'t str, &'t str)>> Serialize
    for Written<'_, V, M>
{
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut model = serializer.serialize_map(None)?;
        let settings = self.settings;
        model.serialize_entry("type", settings.kind.name())?;
        match settings.kind {
            ModelKind::Bpe => {
                model.serialize_entry("dropout", &settings.dropout)?;
                model.serialize_entry("unk_token", &settings.unknown)?;
                model.serialize_entry("continuing_subword_prefix", &settings.prefix)?;
                model.serialize_entry("end_of_word_suffix", &settings.suffix)?;
                model.serialize_entry("fuse_unk", &settings.fuse_unknown)?;
                model.serialize_entry("byte_fallback", &settings.byte_fallback)?;
                model.serialize_entry("ignore_merges", &settings.ignore_merges)?;
                model.serialize_entry("vocab", &Object(self.vocab.take().into()))?;
                model.serialize_entry("merges", &List(self.merges.take().into()))?;
            }
            ModelKind::WordPiece => {
                model.serialize_entry("unk_token", settings.unknown.as_deref().unwrap_or("[UNK]"))?;
                model.serialize_entry(
                    "continuing_subword_prefix",
                    settings.prefix.as_deref().unwrap_or("##"),
                )?;
                model.serialize_entry("max_input_chars_per_word", &settings.max_characters.unwrap_or(100))?;
                model.serialize_entry("vocab", &Object(self.vocab.take().into()))?;
            }
            ModelKind::WordLevel => {
                model.serialize_entry("vocab", &Object(self.vocab.take().into()))?;
                model.serialize_entry("unk_token", settings.unknown.as_deref().unwrap_or("<unk>"))?;
            }
            ModelKind::Unigram => {
                model.serialize_entry("unk_id", &settings.unknown_id)?;
                let score = |id: u32| self.scores.get(id as usize).copied().unwrap_or_default();
                let vocab = self.vocab.take().map(|vocab| vocab.map(|(token, id)| (token, score(id))));
                model.serialize_entry("vocab", &List(vocab.into()))?;
                model.serialize_entry("byte_fallback", &settings.byte_fallback)?;
                // A key of litz: other libraries ignore it and segment text into these tokens, too.
                if !settings.unmatched.is_empty() {
                    model.serialize_entry("unmatched", &settings.unmatched)?;
                }
            }
        }
        model.end()
    }
}

/// An object of ids, from an iterator.
struct Object<V>(RefCell<Option<V>>);

impl<'t, V: Iterator<Item = (&'t str, u32)>> Serialize for Object<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.take().into_iter().flatten())
    }
}

/// A list, from an iterator.
struct List<M>(RefCell<Option<M>>);

impl<T: Serialize, M: Iterator<Item = T>> Serialize for List<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.take().into_iter().flatten())
    }
}
