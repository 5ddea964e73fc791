//! The reader of `tokenizer.json`. The vocabulary and the merges are not copied into intermediate values.

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

use super::data::{Description, ModelKind, ModelSection, ModelSettings};
use super::fast_json::{self, Large};
use super::merges::Merges;
use crate::tokenizer::vocab::VocabBuilder;
use crate::{Error, Result};

impl Description {
    /// Reads a `tokenizer.json`. Errors name the section.
    pub fn from_json(bytes: Vec<u8>) -> Result<Self> {
        match scanned(bytes) {
            Ok(description) => Ok(description),
            Err(bytes) => general(&bytes),
        }
    }
}

/// Reads the large values first and then the file without them. Returns the file's bytes if that fails.
fn scanned(bytes: Vec<u8>) -> std::result::Result<Description, Vec<u8>> {
    let Some(Large { vocab, vocab_at, merges }) = fast_json::large(&bytes) else { return Err(bytes) };
    let (merges, merges_at) = merges.map_or((None, None), |(merges, at)| (Some(merges), Some(at)));
    let mut cuts = [(Some(vocab_at), &b"{}"[..]), (merges_at, &b"[]"[..])];
    cuts.sort_by_key(|(at, _)| at.as_ref().map(|at| at.start));
    let (mut rest, mut last) = (Vec::new(), 0);
    for (at, instead) in cuts {
        let Some(at) = at else { continue };
        rest.extend_from_slice(&bytes[last..at.start]);
        rest.extend_from_slice(instead);
        last = at.end;
    }
    rest.extend_from_slice(&bytes[last..]);
    match general(&rest) {
        // A second vocabulary or list would replace the first, which the general reader handles.
        Ok(mut description) if description.model.vocab.len() == 0 && description.model.merges.len() == 0 => {
            description.model.vocab = vocab;
            if let Some(mut merges) = merges {
                merges.adopt(bytes);
                description.model.merges = merges;
            }
            Ok(description)
        }
        _ => Err(bytes),
    }
}

fn general(bytes: &[u8]) -> Result<Description> {
    let section = Cell::new("the top level");
    let mut input = serde_json::Deserializer::from_slice(bytes);
    let read = FileVisitor { section: &section }.deserialize(&mut input);
    let read = read.and_then(|file| input.end().map(|()| file));
    let (description, model, unread) =
        read.map_err(|error| Error::Format(format!("tokenizer.json: {}: {error}", section.get())))?;
    let model = model.section()?;
    match unread {
        Some(key) => Err(unknown(&key)),
        None => Ok(Description { model, ..description }),
    }
}

/// Reads a `vocab.json`: an object of ids and nothing else.
pub(crate) fn vocabulary(bytes: &[u8]) -> Result<VocabBuilder> {
    let mut input = serde_json::Deserializer::from_slice(bytes);
    let read = VocabVisitor.deserialize(&mut input).and_then(|vocab| input.end().map(|()| vocab));
    match read.map_err(|error| Error::Format(format!("vocab.json: {error}")))? {
        Vocabulary { tokens, scores: None } => Ok(tokens),
        _ => Err(Error::Format("vocab.json: found a list, expected an object of ids".into())),
    }
}

fn unknown(key: &str) -> Error {
    Error::Unsupported(format!("tokenizer.json: {key}: unknown setting"))
}

/// The keys of the section `model`, which come in any order.
#[derive(Default)]
struct ModelFields {
    kind: Option<String>,
    dropout: Option<f64>,
    unknown: Option<String>,
    unknown_id: Option<usize>,
    prefix: Option<String>,
    suffix: Option<String>,
    fuse_unknown: Option<bool>,
    byte_fallback: Option<bool>,
    ignore_merges: Option<bool>,
    max_characters: Option<usize>,
    unmatched: Option<Vec<u32>>,
    vocab: Option<Vocabulary>,
    merges: Option<Merges>,
    unread: Option<String>,
}

/// A vocabulary, as an object of ids or as Unigram's list of tokens and scores.
struct Vocabulary {
    tokens: VocabBuilder,
    scores: Option<Vec<f64>>,
}

impl ModelFields {
    /// Files from before 2020 have no `type`: other keys determine the kind.
    fn kind(&self) -> Result<ModelKind> {
        let listed = self.vocab.as_ref().is_some_and(|vocab| vocab.scores.is_some());
        match &self.kind {
            Some(name) => ModelKind::named(name),
            None if self.merges.is_some() => Ok(ModelKind::Bpe),
            None if listed => Ok(ModelKind::Unigram),
            None if self.max_characters.is_some() => Ok(ModelKind::WordPiece),
            None if self.vocab.is_some() => Ok(ModelKind::WordLevel),
            None => Err(Error::Format("tokenizer.json: model: its kind is unclear; expected a type".into())),
        }
    }

    fn section(self) -> Result<ModelSection> {
        let kind = self.kind()?;
        if let Some(key) = &self.unread {
            return Err(unknown(&format!("model.{key}")));
        }
        if self.unmatched.is_some() && kind != ModelKind::Unigram {
            return Err(unknown("model.unmatched"));
        }
        let missing =
            |key| Error::Format(format!("model.{key}: found nothing of use, expected the model's {key}"));
        let Vocabulary { tokens, scores } = self.vocab.ok_or_else(|| missing("vocab"))?;
        if scores.is_some() != (kind == ModelKind::Unigram) {
            let expected =
                if kind == ModelKind::Unigram { "a list of tokens and scores" } else { "an object of ids" };
            return Err(Error::Format(format!(
                "model.vocab: expected {expected}, as the model is {}",
                kind.name()
            )));
        }
        if kind == ModelKind::Bpe && self.merges.is_none() {
            return Err(missing("merges"));
        }
        let settings = ModelSettings {
            kind,
            dropout: self.dropout,
            unknown: self.unknown,
            unknown_id: self.unknown_id,
            prefix: self.prefix,
            suffix: self.suffix,
            fuse_unknown: self.fuse_unknown.unwrap_or_default(),
            byte_fallback: self.byte_fallback.unwrap_or_default(),
            ignore_merges: self.ignore_merges.unwrap_or_default(),
            max_characters: self.max_characters,
            unmatched: self.unmatched.unwrap_or_default(),
        };
        let (merges, scores) = (self.merges.unwrap_or_default(), scores.unwrap_or_default());
        Ok(ModelSection { settings, vocab: tokens, merges, scores, merge_scores: None })
    }
}

/// A visitor that is its own seed, for one kind of JSON value.
macro_rules! seed {
    ($name:ty, $value:ty, $expected:literal, $($method:tt)*) => {
        impl<'de> DeserializeSeed<'de> for $name {
            type Value = $value;
            fn deserialize<D: Deserializer<'de>>(self, input: D) -> std::result::Result<$value, D::Error> {
                input.deserialize_any(self)
            }
        }
        impl<'de> Visitor<'de> for $name {
            type Value = $value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($expected)
            }
            $($method)*
        }
    };
}

struct FileVisitor<'a> {
    section: &'a Cell<&'static str>,
}

seed! { FileVisitor<'_>, (Description, ModelFields, Option<String>), "a tokenizer (an object)",
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut file = Description::default();
        let (mut unread, mut model) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "version" => {
                    self.section.set("version");
                    let version = map.next_value::<Option<String>>()?;
                    if version.as_deref().is_some_and(|version| version != "1.0") {
                        return Err(A::Error::custom(format!("found {version:?}, expected \"1.0\"")));
                    }
                }
                "truncation" => file.sections.truncation = self.section("truncation", &mut map)?,
                "padding" => file.sections.padding = self.section("padding", &mut map)?,
                "added_tokens" => file.added_tokens = self.section("added_tokens", &mut map)?,
                "normalizer" => file.sections.normalizer = self.section("normalizer", &mut map)?,
                "pre_tokenizer" => file.sections.pre_tokenizer = self.section("pre_tokenizer", &mut map)?,
                "post_processor" => file.sections.post_processor = self.section("post_processor", &mut map)?,
                "decoder" => file.sections.decoder = self.section("decoder", &mut map)?,
                "model" => {
                    self.section.set("model");
                    model = Some(map.next_value_seed(ModelVisitor { section: self.section })?);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    unread = Some(key);
                }
            }
            self.section.set("the top level");
        }
        match model {
            Some(model) => Ok((file, model, unread)),
            None => Err(A::Error::custom("there is no \"model\"")),
        }
    }
}

impl FileVisitor<'_> {
    fn section<'de, A: MapAccess<'de>, T: serde::Deserialize<'de> + Default>(
        &self,
        name: &'static str,
        map: &mut A,
    ) -> std::result::Result<T, A::Error> {
        self.section.set(name);
        Ok(map.next_value::<Option<T>>()?.unwrap_or_default())
    }
}

struct ModelVisitor<'a> {
    section: &'a Cell<&'static str>,
}

seed! { ModelVisitor<'_>, ModelFields, "a model (an object)",
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<ModelFields, A::Error> {
        let mut model = ModelFields::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "type" => model.kind = map.next_value()?,
                "dropout" => model.dropout = map.next_value()?,
                "unk_token" => model.unknown = map.next_value()?,
                "unk_id" => model.unknown_id = map.next_value()?,
                "max_input_chars_per_word" => model.max_characters = map.next_value()?,
                "continuing_subword_prefix" => model.prefix = map.next_value()?,
                "end_of_word_suffix" => model.suffix = map.next_value()?,
                "fuse_unk" => model.fuse_unknown = map.next_value()?,
                "byte_fallback" => model.byte_fallback = map.next_value()?,
                "ignore_merges" => model.ignore_merges = map.next_value()?,
                "unmatched" => model.unmatched = map.next_value()?,
                "vocab" => {
                    self.section.set("model.vocab");
                    model.vocab = Some(map.next_value_seed(VocabVisitor)?);
                }
                "merges" => {
                    self.section.set("model.merges");
                    model.merges = Some(map.next_value_seed(MergesVisitor)?);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    model.unread = Some(key);
                }
            }
            self.section.set("model");
        }
        Ok(model)
    }
}

struct VocabVisitor;

seed! { VocabVisitor, Vocabulary, "an object of token ids or a list of tokens and scores",
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut vocab = VocabBuilder::default();
        while let Some(token) = map.next_key_seed(Text)? {
            let id = map.next_value::<u32>().map_err(|error| A::Error::custom(format!("{:?}: {error}", &*token)))?;
            vocab.push(&token, id).map_err(A::Error::custom)?;
        }
        Ok(Vocabulary { tokens: vocab, scores: None })
    }
    // Unigram. A repeated token has the later id, as in the `tokenizers` library.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
        let (mut tokens, mut scores) = (VocabBuilder::repeating(), Vec::new());
        while let Some((token, score)) = seq.next_element_seed(ScoredVisitor)? {
            let id = u32::try_from(scores.len()).map_err(A::Error::custom)?;
            tokens.push(&token, id).map_err(A::Error::custom)?;
            scores.push(score);
        }
        Ok(Vocabulary { tokens, scores: Some(scores) })
    }
}

struct ScoredVisitor;

seed! { ScoredVisitor, (std::borrow::Cow<'de, str>, f64), "a token and its score",
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
        let short = || A::Error::custom("expected a token and its score");
        let token = seq.next_element_seed(Text)?.ok_or_else(short)?;
        let score = seq.next_element()?.ok_or_else(short)?;
        match seq.next_element::<IgnoredAny>()? {
            Some(_) => Err(short()),
            None => Ok((token, score)),
        }
    }
}

/// A string, borrowed from the file unless it holds escapes.
struct Text;

seed! { Text, std::borrow::Cow<'de, str>, "text",
    fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Self::Value, E> {
        Ok(text.into())
    }
    fn visit_str<E>(self, text: &str) -> std::result::Result<Self::Value, E> {
        Ok(text.to_owned().into())
    }
}

struct MergesVisitor;

seed! { MergesVisitor, Merges, "a list of merges",
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Merges, A::Error> {
        let mut merges = Merges::default();
        while seq.next_element_seed(MergeVisitor { merges: &mut merges })?.is_some() {}
        Ok(merges)
    }
}

struct MergeVisitor<'a> {
    merges: &'a mut Merges,
}

seed! { MergeVisitor<'_>, (), "a merge: \"left right\" or [\"left\", \"right\"]",
    fn visit_str<E: serde::de::Error>(self, merge: &str) -> std::result::Result<(), E> {
        // The header line of a merges.txt among the merges.
        if merge.starts_with("#version") {
            return Ok(());
        }
        match merge.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => self.merges.push(left, right).map_err(E::custom),
            _ => Err(E::custom(format!("[{}]: found {merge:?}, expected two tokens", self.merges.len()))),
        }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<(), A::Error> {
        let at = self.merges.len();
        let short = || A::Error::custom(format!("[{at}]: expected two tokens"));
        let left = seq.next_element_seed(Text)?.ok_or_else(short)?;
        let right = seq.next_element_seed(Text)?.ok_or_else(short)?;
        if seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(short());
        }
        self.merges.push(&left, &right).map_err(A::Error::custom)
    }
}
