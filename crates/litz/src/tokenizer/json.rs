//! `tokenizer.json`: its schema, read without a copy of what is large.

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::cell::Cell;
use std::fmt;

use super::added_tokens::AddedToken;
use super::vocab::VocabBuilder;
use crate::{Error, Result};

/// What the file says, before anything is compiled.
#[derive(Default)]
pub(super) struct File {
    pub added_tokens: Vec<AddedToken>,
    pub normalizer: Value,
    pub pre_tokenizer: Value,
    pub post_processor: Value,
    pub decoder: Value,
    pub model: Model,
}

/// The section `model`, as far as BPE has use for it.
#[derive(Default)]
pub(super) struct Model {
    pub kind: Option<String>,
    pub dropout: Option<f64>,
    pub unknown: Option<String>,
    pub unknown_id: Option<usize>,
    pub max_characters: Option<usize>,
    pub prefix: Option<String>,
    pub suffix: Option<String>,
    pub fuse_unknown: Option<bool>,
    pub byte_fallback: Option<bool>,
    pub ignore_merges: Option<bool>,
    pub vocab: Option<VocabBuilder>,
    pub scores: Option<Vec<f64>>,
    pub merges: Option<Merges>,
    unread: Option<String>,
}

/// The list of merges, as one text and where each is cut.
#[derive(Default)]
pub(super) struct Merges {
    text: String,
    cuts: Vec<(u32, u32)>, // (end of the left token, end of the right)
}

impl File {
    /// Reads the file; errors name the section.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let section = Cell::new("the top level");
        let mut input = serde_json::Deserializer::from_slice(bytes);
        let read = FileVisitor { section: &section }.deserialize(&mut input);
        let file = read.and_then(|file| input.end().map(|()| file));
        let file =
            file.map_err(|error| Error::Format(format!("tokenizer.json: {}: {error}", section.get())))?;
        let (file, unread) = file;
        match unread.map(|key| ("", key)).or(file.model.unread.clone().map(|key| ("model.", key))) {
            Some((path, key)) if file.model.is_bpe() => Err(Error::Unsupported(format!(
                "tokenizer.json: {path}{key}: litz does not know this setting"
            ))),
            _ => Ok(file),
        }
    }
}

impl Model {
    /// Files from before 2020 do not name the kind; merges tell it.
    pub fn is_bpe(&self) -> bool {
        self.kind.as_deref().map_or(self.merges.is_some(), |kind| kind == "BPE")
    }
}

impl Merges {
    fn push(&mut self, part: &str) -> usize {
        self.text.push_str(part);
        self.text.len()
    }

    fn end<E: serde::de::Error>(&mut self, left: usize) -> std::result::Result<(), E> {
        match (u32::try_from(left), u32::try_from(self.text.len())) {
            (Ok(left), Ok(right)) => self.cuts.push((left, right)),
            _ => return Err(E::custom("over 4 GiB of merges")),
        }
        Ok(())
    }

    /// Each merge, as the texts of its two tokens.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let mut start = 0;
        self.cuts.iter().map(move |&(left, right)| {
            let from = std::mem::replace(&mut start, right as usize);
            (&self.text[from..left as usize], &self.text[left as usize..right as usize])
        })
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

seed! { FileVisitor<'_>, (File, Option<String>), "a tokenizer (an object)",
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut file = File::default();
        let (mut unread, mut has_model) = (None, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "version" => {
                    self.section.set("version");
                    let version = map.next_value::<Option<String>>()?;
                    if version.as_deref().is_some_and(|version| version != "1.0") {
                        return Err(A::Error::custom(format!("found {version:?}, expected \"1.0\"")));
                    }
                }
                // Both are arguments of each call here.
                "truncation" | "padding" => drop(map.next_value::<IgnoredAny>()?),
                "added_tokens" => file.added_tokens = self.section("added_tokens", &mut map)?,
                "normalizer" => file.normalizer = self.section("normalizer", &mut map)?,
                "pre_tokenizer" => file.pre_tokenizer = self.section("pre_tokenizer", &mut map)?,
                "post_processor" => file.post_processor = self.section("post_processor", &mut map)?,
                "decoder" => file.decoder = self.section("decoder", &mut map)?,
                "model" => {
                    has_model = true;
                    self.section.set("model");
                    file.model = map.next_value_seed(ModelVisitor { section: self.section })?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    unread = Some(key);
                }
            }
            self.section.set("the top level");
        }
        if has_model {
            Ok((file, unread))
        } else {
            Err(A::Error::custom("there is no \"model\""))
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

seed! { ModelVisitor<'_>, Model, "a model (an object)",
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Model, A::Error> {
        let mut model = Model::default();
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
                "vocab" => {
                    self.section.set("model.vocab");
                    (model.vocab, model.scores) = map.next_value_seed(VocabVisitor)?;
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

seed! { VocabVisitor, (Option<VocabBuilder>, Option<Vec<f64>>), "an object of token ids",
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
        let mut vocab = VocabBuilder::default();
        while let Some(token) = map.next_key_seed(Text)? {
            let id = map.next_value::<u32>().map_err(|error| A::Error::custom(format!("{:?}: {error}", &*token)))?;
            vocab.push(&token, id).map_err(A::Error::custom)?;
        }
        Ok((Some(vocab), None))
    }
    // Unigram's vocabulary is a list.
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Self::Value, A::Error> {
        let (mut vocab, mut scores) = (VocabBuilder::default(), Vec::new());
        while let Some((token, score)) = seq.next_element::<(String, f64)>()? {
            vocab.push(&token, scores.len() as u32).map_err(A::Error::custom)?;
            scores.push(score);
        }
        Ok((Some(vocab), Some(scores)))
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
        // The header line of a merges.txt that went in with the rest.
        if merge.starts_with("#version") {
            return Ok(());
        }
        match merge.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => {
                let middle = self.merges.push(left);
                self.merges.push(right);
                self.merges.end(middle)
            }
            _ => Err(E::custom(format!("[{}]: found {merge:?}, expected two tokens", self.merges.cuts.len()))),
        }
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<(), A::Error> {
        let at = self.merges.cuts.len();
        let short = || A::Error::custom(format!("[{at}]: expected two tokens"));
        let left = seq.next_element_seed(Text)?.ok_or_else(short)?;
        let middle = self.merges.push(&left);
        let right = seq.next_element_seed(Text)?.ok_or_else(short)?;
        self.merges.push(&right);
        if seq.next_element::<IgnoredAny>()?.is_some() {
            return Err(short());
        }
        self.merges.end(middle)
    }
}
