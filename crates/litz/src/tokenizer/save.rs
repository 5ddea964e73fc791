//! A `tokenizer.json` from what it says, in the order of keys and the layout that others write.

use hashbrown::HashMap;
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};
use std::cell::RefCell;
use std::cmp::Reverse;

use super::added_tokens::AddedToken;
use super::description::{Kind, ModelSettings, Sections};
use crate::{Error, Result};

/// The section `model`, from wherever its tables are.
pub(super) struct Model<'a, V, M> {
    pub settings: &'a ModelSettings,
    /// Tokens by id.
    pub vocab: V,
    /// Merges by rank.
    pub merges: M,
    /// Unigram's scores by id.
    pub scores: &'a [f64],
}

/// The whole file.
pub(super) fn whole<'a>(
    sections: &Sections,
    added_tokens: &[AddedToken],
    model: Model<'_, impl Iterator<Item = (&'a str, u32)>, impl Iterator<Item = (&'a str, &'a str)>>,
) -> Result<String> {
    let file = File { sections, added_tokens, model: Written::new(model) };
    serde_json::to_string_pretty(&file)
        .map_err(|error| Error::Format(format!("the tokenizer cannot be written as JSON: {error}")))
}

/// The merges that ranks of tokens amount to: every way to make a token from two, the lowest rank first, then the
/// longest left half; the order of converters from SentencePiece.
pub(super) fn ranked_merges<'a>(
    tokens: impl Iterator<Item = (&'a str, u32)> + Clone,
    rank: impl Fn(u32) -> Option<u32>,
) -> Vec<(u32, u32)> {
    let ids: HashMap<&str, u32> = tokens.clone().filter(|&(_, id)| rank(id).is_some()).collect();
    let mut found = Vec::new();
    for (token, id) in tokens {
        let Some(rank) = rank(id) else { continue };
        for (characters, (cut, _)) in token.char_indices().enumerate().skip(1) {
            if let (Some(&left), Some(&right)) = (ids.get(&token[..cut]), ids.get(&token[cut..])) {
                found.push((rank, Reverse(characters), id, left, right));
            }
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(.., left, right)| (left, right)).collect()
}

struct File<'a, V, M> {
    sections: &'a Sections,
    added_tokens: &'a [AddedToken],
    model: Written<'a, V, M>,
}

/// A model whose iterators are used up as it is written.
struct Written<'a, V, M> {
    settings: &'a ModelSettings,
    vocab: RefCell<Option<V>>,
    merges: RefCell<Option<M>>,
    scores: &'a [f64],
}

impl<'a, V, M> Written<'a, V, M> {
    fn new(model: Model<'a, V, M>) -> Self {
        let Model { settings, vocab, merges, scores } = model;
        Self { settings, vocab: RefCell::new(Some(vocab)), merges: RefCell::new(Some(merges)), scores }
    }
}

impl<'t, V: Iterator<Item = (&'t str, u32)>, M: Iterator<Item = (&'t str, &'t str)>> Serialize
    for File<'_, V, M>
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
            Kind::Bpe => {
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
            Kind::WordPiece => {
                model.serialize_entry("unk_token", settings.unknown.as_deref().unwrap_or("[UNK]"))?;
                model.serialize_entry(
                    "continuing_subword_prefix",
                    settings.prefix.as_deref().unwrap_or("##"),
                )?;
                model.serialize_entry("max_input_chars_per_word", &settings.max_characters.unwrap_or(100))?;
                model.serialize_entry("vocab", &Object(self.vocab.take().into()))?;
            }
            Kind::WordLevel => {
                model.serialize_entry("vocab", &Object(self.vocab.take().into()))?;
                model.serialize_entry("unk_token", settings.unknown.as_deref().unwrap_or("<unk>"))?;
            }
            Kind::Unigram => {
                model.serialize_entry("unk_id", &settings.unknown_id)?;
                let score = |id: u32| self.scores.get(id as usize).copied().unwrap_or_default();
                let vocab = self.vocab.take().map(|vocab| vocab.map(|(token, id)| (token, score(id))));
                model.serialize_entry("vocab", &List(vocab.into()))?;
                model.serialize_entry("byte_fallback", &settings.byte_fallback)?;
                // Our own key: others read the rest and cut text into these tokens, too.
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
