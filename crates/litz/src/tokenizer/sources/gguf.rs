//! The reader of the tokenizer in a GGUF file's metadata.

use serde_json::{json, Value as Json};

use super::gguf_splits::{splits, Splits};
use super::stages;
use super::vocab_txt::BertSettings;
use crate::formats::{Metadata, MetadataValue, TensorFile};
use crate::tokenizer::added_tokens::AddedToken;
use crate::tokenizer::description::merges::Merges;
use crate::tokenizer::description::{Description, ModelKind, ModelSection, ModelSettings, Sections};
use crate::tokenizer::vocab::VocabBuilder;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";
const MERGES: &str = "tokenizer.ggml.merges";

// tokenizer.ggml.token_type
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;
const BYTE: i32 = 6;

const BOS: &str = "tokenizer.ggml.bos_token_id";
const EOS: &str = "tokenizer.ggml.eos_token_id";

/// The default ids of BOS and EOS for each kind of vocabulary, for files without a valid id.
/// Every reader of the format agrees on these, and files rely on them.
const SENTENCE_PIECE_IDS: [u32; 2] = [1, 2];
const BYTE_LEVEL_IDS: [u32; 2] = [11, 11];
const BERT_IDS: [u32; 2] = [101, 102];
const BERT_UNKNOWN: u32 = 100;
const T5_END: u32 = 1;
const T5_UNKNOWN: u32 = 2;

/// The vocabulary and the kind of each token.
struct GgufVocabulary {
    texts: Vec<String>,
    kinds: Vec<i32>, // by id
    unknown: Option<u32>,
}

impl Tokenizer {
    /// Compiles the tokenizer of a GGUF file.
    ///
    /// A kind of tokenizer or a pre-tokenizer that is not implemented is an [`Error::Unsupported`] that names it.
    pub fn from_gguf(file: &TensorFile) -> Result<Self> {
        Self::compile(Description::from_gguf(file)?)
    }
}

impl Description {
    /// Reads the tokenizer of a GGUF file.
    pub fn from_gguf(file: &TensorFile) -> Result<Self> {
        let metadata = file.metadata();
        match metadata.text(MODEL)? {
            Some("gpt2") => byte_level(metadata),
            Some("llama") => sentence_piece(metadata),
            Some("gemma4") => marked_merges(metadata),
            Some("bert") => words(metadata),
            Some("t5") => unigram(metadata),
            Some(other) => Err(Error::Unsupported(format!(
                "{MODEL}: the kind {other:?} is not implemented by litz; gpt2, llama, gemma4, bert and t5 are"
            ))),
            None => {
                Err(Error::Format(format!("no {MODEL} in this file, expected the kind of its tokenizer")))
            }
        }
    }
}

/// GPT-2's kind: bytes, split by a pattern that the file names.
fn byte_level(metadata: &Metadata) -> Result<Description> {
    let name = metadata.text(PRE)?.ok_or_else(|| {
        Error::Unsupported(format!(
            "no {PRE} in this file: an old conversion does not say how to split text; convert the model again"
        ))
    })?;
    let Splits { patterns, ignore_merges, adds_bos, nfc } = splits(name)
        .ok_or_else(|| Error::Unsupported(format!("{PRE}: {name:?} is not implemented by litz")))?;
    let tokens = GgufVocabulary::read(metadata)?;
    let sections = Sections {
        normalizer: if nfc { json!({"type": "NFC"}) } else { Json::Null },
        pre_tokenizer: stages::splits(patterns, true),
        post_processor: tokens.around(metadata, adds_bos, BYTE_LEVEL_IDS)?,
        decoder: stages::byte_level(),
        ..Sections::default()
    };
    let settings = ModelSettings { ignore_merges, ..ModelSettings::default() };
    let model = ModelSection {
        settings,
        merges: merges(metadata)?,
        vocab: tokens.vocab()?,
        ..ModelSection::default()
    };
    Ok(Description { sections, added_tokens: tokens.added(metadata)?, model })
}

/// SentencePiece's kind: merges follow the scores.
fn sentence_piece(metadata: &Metadata) -> Result<Description> {
    let tokens = GgufVocabulary::read(metadata)?;
    let scores = scores(metadata, tokens.kinds.len())?;
    // Control, byte and unknown tokens never result from a merge.
    let mergeable = |&(kind, _): &(i32, f32)| kind == NORMAL || kind == USER_DEFINED;
    let scores = tokens.kinds.iter().copied().zip(scores);
    let scores: Vec<Option<f32>> =
        scores.map(|token| Some(token).filter(mergeable).map(|(_, score)| score)).collect();
    let prefix = metadata.boolean("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let model = ModelSection {
        settings: tokens.settings(),
        vocab: tokens.vocab()?,
        merge_scores: Some(scores),
        ..ModelSection::default()
    };
    let sections = tokens.marked(metadata, prefix, Json::Null)?;
    Ok(Description { sections, added_tokens: tokens.added(metadata)?, model })
}

/// Gemma 4's kind: SentencePiece's marks and byte tokens, with a list of merges.
fn marked_merges(metadata: &Metadata) -> Result<Description> {
    let tokens = GgufVocabulary::read(metadata)?;
    let prefix = metadata.boolean("tokenizer.ggml.add_space_prefix")?.unwrap_or(false);
    let lines = stages::splits(&[r"[^\n]+|\n+"], false);
    let model = ModelSection {
        settings: tokens.settings(),
        vocab: tokens.vocab()?,
        merges: merges(metadata)?,
        ..ModelSection::default()
    };
    let sections = tokens.marked(metadata, prefix, lines)?;
    Ok(Description { sections, added_tokens: tokens.added(metadata)?, model })
}

/// BERT's kind. The file marks tokens that begin a word; a `vocab.txt` marks those that continue one.
fn words(metadata: &Metadata) -> Result<Description> {
    let mut tokens = GgufVocabulary::read(metadata)?;
    for text in &mut tokens.texts {
        *text = match text.strip_prefix(stages::MARK) {
            Some(word) => word.to_owned(),
            None if text.starts_with('[') && text.ends_with(']') => continue,
            None => format!("##{text}"),
        };
    }
    let special = |keys: [&str; 2], absent: u32| {
        for key in keys {
            if let Some(id) = tokens.id_of(metadata, key)? {
                return Ok((tokens.text(id), id));
            }
        }
        let id = tokens.existing(absent).ok_or_else(|| missing(keys[0], "a token id"))?;
        Ok::<_, Error>((tokens.text(id), id))
    };
    let before = special(["tokenizer.ggml.cls_token_id", BOS], BERT_IDS[0])?;
    // The format misspells the separator's key.
    let after = special(["tokenizer.ggml.seperator_token_id", EOS], BERT_IDS[1])?;
    let unknown = tokens.unknown.or_else(|| tokens.existing(BERT_UNKNOWN));
    let unknown = unknown.ok_or_else(|| missing("tokenizer.ggml.unknown_token_id", "a token id"))?;
    let lowercase = metadata.boolean("tokenizer.ggml.normalizer.lowercase")?.unwrap_or(true);
    let accents = metadata.boolean("tokenizer.ggml.normalizer.strip_accents")?;
    let bert =
        BertSettings { unknown: tokens.text(unknown), before, after, lowercase, chinese: true, accents };
    let mut description = bert.describe(tokens.vocab()?);
    description.added_tokens = tokens.added(metadata)?;
    Ok(description)
}

/// T5's kind: Unigram.
fn unigram(metadata: &Metadata) -> Result<Description> {
    let tokens = GgufVocabulary::read(metadata)?;
    let scores = scores(metadata, tokens.kinds.len())?.into_iter().map(f64::from).collect();
    let charsmap = charsmap(metadata)?;
    let flag = |key, absent| Ok::<_, Error>(metadata.boolean(key)?.unwrap_or(absent));
    let stages = stages::SentencePiece {
        charsmap: &charsmap,
        squeeze: flag("tokenizer.ggml.remove_extra_whitespaces", false)?,
        prefix: flag("tokenizer.ggml.add_space_prefix", false)?,
        first_only: None,
        words: Some(tokens.marks_begin_tokens()),
    };
    let special = |flag: &str, id: &str, absent: bool| match metadata.boolean(flag)?.unwrap_or(absent) {
        false => Ok(None),
        true => tokens.id_of(metadata, id),
    };
    let before = special("tokenizer.ggml.add_bos_token", BOS, false)?;
    let ends = metadata.boolean("tokenizer.ggml.add_eos_token")?.unwrap_or(true);
    let after = special("tokenizer.ggml.add_eos_token", EOS, true)?;
    let after = after.or_else(|| tokens.existing(T5_END).filter(|_| ends));
    let named = |id: Option<u32>| id.map(|id| (tokens.text(id), id));
    let mut sections = stages.sections();
    sections.post_processor = stages::around(named(before), named(after));
    let settings = ModelSettings {
        kind: ModelKind::Unigram,
        unknown_id: tokens.unknown.or_else(|| tokens.existing(T5_UNKNOWN)).map(|id| id as usize),
        unmatched: tokens.unmatched(),
        ..ModelSettings::default()
    };
    let mut vocab = VocabBuilder::repeating();
    (0u32..).zip(&tokens.texts).try_for_each(|(id, text)| vocab.push(text, id))?;
    let model = ModelSection { settings, vocab, scores, ..ModelSection::default() };
    Ok(Description { sections, added_tokens: tokens.added(metadata)?, model })
}

fn charsmap(metadata: &Metadata) -> Result<Vec<u8>> {
    let Some(array) = metadata.array("tokenizer.ggml.precompiled_charsmap")? else { return Ok(Vec::new()) };
    let byte = |value: MetadataValue<'_>| match value {
        MetadataValue::Unsigned(byte) => u8::try_from(byte).ok(),
        MetadataValue::Signed(byte) => i8::try_from(byte).ok().map(i8::cast_unsigned),
        _ => None,
    };
    array.iter().map(byte).collect::<Option<_>>().ok_or_else(|| {
        Error::Format("tokenizer.ggml.precompiled_charsmap: expected an array of bytes".into())
    })
}

impl GgufVocabulary {
    fn read(metadata: &Metadata) -> Result<Self> {
        let texts = metadata.strings(TOKENS)?.ok_or_else(|| missing(TOKENS, "the vocabulary"))?;
        let texts = (0u32..).zip(texts).map(|(id, text)| {
            let text = std::str::from_utf8(text).map(str::to_owned);
            text.map_err(|_| Error::Format(format!("{TOKENS}[{id}]: the token is not UTF-8")))
        });
        let texts = texts.collect::<Result<Vec<String>>>()?;
        let kinds = match metadata.i32s(TYPES)? {
            Some(kinds) => kinds.collect(),
            None => vec![NORMAL; texts.len()],
        };
        same_length(TYPES, kinds.len(), texts.len())?;
        let mut tokens = Self { texts, kinds, unknown: None };
        tokens.unknown = match tokens.id_of(metadata, "tokenizer.ggml.unknown_token_id")? {
            None => {
                tokens.kinds.iter().position(|&kind| kind == UNKNOWN).and_then(|id| u32::try_from(id).ok())
            }
            named => named,
        };
        Ok(tokens)
    }

    fn vocab(&self) -> Result<VocabBuilder> {
        let mut vocab = VocabBuilder::default();
        for (text, id) in self.texts.iter().zip(0u32..) {
            vocab.push(text, id)?;
        }
        Ok(vocab)
    }

    /// Whether no token crosses the mark of a word, so that words can be tokenized independently.
    fn marks_begin_tokens(&self) -> bool {
        let mut normal = self.texts.iter().zip(&self.kinds).filter(|&(_, &kind)| kind == NORMAL);
        normal.all(|(text, _)| text.rfind(stages::MARK).is_none_or(|at| at == 0))
    }

    /// The tokens of bytes and controls, which no text is segmented into.
    fn unmatched(&self) -> Vec<u32> {
        let kinds = (0u32..).zip(&self.kinds);
        kinds.filter(|&(_, kind)| matches!(*kind, UNKNOWN | CONTROL | BYTE)).map(|(id, _)| id).collect()
    }

    fn text(&self, id: u32) -> &str {
        self.texts.get(id as usize).map_or("", String::as_str)
    }

    /// The added tokens.
    fn added(&self, metadata: &Metadata) -> Result<Vec<AddedToken>> {
        let name = metadata.text("general.name")?.unwrap_or_default().to_lowercase();
        let strips = name.contains("phi-3") || name.contains("phi3");
        let tokens = (0u32..).zip(&self.texts).zip(&self.kinds).filter_map(|((id, text), &kind)| {
            // Fillers of a padded vocabulary are of the kind "unknown" as well.
            let unknown = kind == UNKNOWN && Some(id) == self.unknown;
            (unknown || kind == CONTROL || kind == USER_DEFINED).then(|| AddedToken {
                id,
                content: text.clone(),
                special: kind != USER_DEFINED,
                lstrip: false,
                // GGUF has no field for this; Phi-3's chat format depends on it.
                rstrip: strips && !matches!(text.as_str(), "<unk>" | "<s>" | "<|endoftext|>"),
                single_word: false,
                normalized: false,
            })
        });
        Ok(tokens.collect())
    }

    /// The special tokens around a text. `bos` and `ids` are the defaults of the kind.
    fn around(&self, metadata: &Metadata, bos: bool, ids: [u32; 2]) -> Result<Json> {
        let special =
            |flag: &str, key: &str, adds: bool, absent: u32| match metadata.boolean(flag)?.unwrap_or(adds) {
                false => Ok(None),
                true => match self.id_of(metadata, key)?.or_else(|| self.existing(absent)) {
                    Some(id) => Ok(Some((self.text(id), id))),
                    None => Err(missing(key, "a token id")),
                },
            };
        let before = special("tokenizer.ggml.add_bos_token", BOS, bos, ids[0])?;
        let after = special("tokenizer.ggml.add_eos_token", EOS, false, ids[1])?;
        Ok(stages::around(before, after))
    }

    /// The sections of SentencePiece's kinds.
    fn marked(&self, metadata: &Metadata, prefix: bool, pre_tokenizer: Json) -> Result<Sections> {
        Ok(Sections {
            normalizer: stages::spaces_to_marks(prefix),
            pre_tokenizer,
            post_processor: self.around(metadata, true, SENTENCE_PIECE_IDS)?,
            decoder: stages::marks_to_spaces(prefix),
            ..Sections::default()
        })
    }

    fn settings(&self) -> ModelSettings {
        ModelSettings {
            unknown: self.unknown.map(|id| self.text(id).to_owned()),
            fuse_unknown: true,
            byte_fallback: true,
            ..ModelSettings::default()
        }
    }

    /// The token of the key; none for an id outside the vocabulary, which some files use for "none".
    fn id_of(&self, metadata: &Metadata, key: &str) -> Result<Option<u32>> {
        if let Some(MetadataValue::Signed(..0)) = metadata.get(key) {
            return Ok(None);
        }
        let id = metadata.unsigned(key)?.and_then(|id| u32::try_from(id).ok());
        Ok(id.and_then(|id| self.existing(id)))
    }

    fn existing(&self, id: u32) -> Option<u32> {
        Some(id).filter(|&id| (id as usize) < self.texts.len())
    }
}

fn merges(metadata: &Metadata) -> Result<Merges> {
    let mut out = Merges::default();
    let merges = metadata.strings(MERGES)?.ok_or_else(|| missing(MERGES, "the list of merges"))?;
    for (i, merge) in merges.enumerate() {
        let text = std::str::from_utf8(merge).ok();
        // A token may begin with a space, but none is empty.
        let cut = text
            .and_then(|text| text.char_indices().skip(1).find(|&(_, c)| c == ' ').map(|(at, _)| (text, at)));
        match cut {
            Some((text, at)) => out.push(&text[..at], &text[at + 1..])?,
            None => {
                return Err(Error::Format(format!(
                    "{MERGES}[{i}]: found {:?}, expected two tokens",
                    String::from_utf8_lossy(merge)
                )))
            }
        }
    }
    Ok(out)
}

fn scores(metadata: &Metadata, count: usize) -> Result<Vec<f32>> {
    let scores: Vec<f32> =
        metadata.f32s(SCORES)?.ok_or_else(|| missing(SCORES, "a score of each token"))?.collect();
    same_length(SCORES, scores.len(), count)?;
    Ok(scores)
}

fn same_length(key: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Format(format!("{key}: found {found} items, expected {expected}, one for each of {TOKENS}")))
}

fn missing(key: &str, expected: &str) -> Error {
    Error::Format(format!("no {key} in this file, expected {expected}"))
}
