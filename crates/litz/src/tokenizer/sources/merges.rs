//! The reader of `vocab.json` and `merges.txt`, the two files of GPT-2 and many byte-level tokenizers.

use serde_json::{json, Value};

use super::ranks::special;
use super::{patterns, stages, SourceOptions};
use crate::tokenizer::added_tokens::AddedToken;
use crate::tokenizer::description::json;
use crate::tokenizer::description::merges::Merges;
use crate::tokenizer::description::{Description, ModelSection, ModelSettings, Sections};
use crate::{Error, Result};

impl Description {
    /// Reads a `vocab.json` and its `merges.txt`. The class in the options determines the other stages.
    pub fn from_vocab_and_merges(vocab: &[u8], merges: &[u8], options: &SourceOptions) -> Result<Self> {
        let (vocab, ids) = (json::vocabulary(vocab)?, json::vocabulary(vocab)?);
        let ids: hashbrown::HashMap<&str, u32> = ids.by_id().into_iter().collect();
        let id = |token: &str| {
            let added =
                options.added_tokens.iter().find(|added| added.content == token).map(|added| added.id);
            added.or_else(|| ids.get(token).copied())
        };
        let family = Family::of(options)?;
        let settings = ModelSettings {
            unknown: family.unknown(options),
            prefix: (family == Family::Clip).then(String::new),
            suffix: (family == Family::Clip).then(|| "</w>".into()),
            ..ModelSettings::default()
        };
        let model = ModelSection { settings, vocab, merges: read_merges(merges)?, ..ModelSection::default() };
        let sections = family.sections(options, &id)?;
        let mut description = Self { sections, added_tokens: Family::specials(options, &id), model };
        options.finish(&mut description)?;
        Ok(description)
    }
}

fn read_merges(bytes: &[u8]) -> Result<Merges> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Error::Format(format!("merges.txt is not UTF-8: {error}")))?;
    let mut merges = Merges::default();
    for (number, line) in (1..).zip(text.split('\n')) {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() || line.starts_with("#version") {
            continue;
        }
        match line.split_once(' ') {
            Some((left, right)) if !right.contains(' ') => merges.push(left, right)?,
            _ => {
                return Err(Error::Format(format!(
                    "merges.txt: line {number}: found {line:?}, expected two tokens"
                )))
            }
        }
    }
    Ok(merges)
}

/// The other stages of the classes that write these files.
#[derive(Clone, Copy, PartialEq)]
enum Family {
    Gpt2,
    Roberta,
    Qwen2,
    Clip,
}

impl Family {
    fn of(options: &SourceOptions) -> Result<Self> {
        match options.class() {
            "" | "GPT2Tokenizer" | "CodeGenTokenizer" | "WhisperTokenizer" | "GPTNeoXTokenizer" => Ok(Self::Gpt2),
            "RobertaTokenizer" | "BartTokenizer" | "LongformerTokenizer" | "LEDTokenizer" => Ok(Self::Roberta),
            "Qwen2Tokenizer" => Ok(Self::Qwen2),
            "CLIPTokenizer" => Ok(Self::Clip),
            other => Err(Error::Unsupported(format!(
                "vocab.json and merges.txt of {other}: the splits of that class are not implemented; save the \
                 tokenizer as tokenizer.json"
            ))),
        }
    }

    fn unknown(self, options: &SourceOptions) -> Option<String> {
        match self {
            Self::Clip => Some(options.unk_token.clone().unwrap_or_else(|| "<|endoftext|>".into())),
            _ => None,
        }
    }

    fn sections(self, options: &SourceOptions, id: &impl Fn(&str) -> Option<u32>) -> Result<Sections> {
        let prefix = options.add_prefix_space.unwrap_or(false);
        let bytes = |regex: bool| json!({"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": true, "use_regex": regex});
        let words = json!({
            "type": "Split", "pattern": {"Regex": patterns::CLIP}, "behavior": "Removed", "invert": true
        });
        let (normalizer, pre_tokenizer) = match self {
            Self::Gpt2 | Self::Roberta => (Value::Null, bytes(true)),
            Self::Qwen2 => (json!({"type": "NFC"}), stages::splits(&[patterns::QWEN2], true)),
            Self::Clip => (
                json!({"type": "Sequence", "normalizers": [
                    {"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
                    {"type": "Lowercase"},
                ]}),
                json!({"type": "Sequence", "pretokenizers": [words, bytes(true)]}),
            ),
        };
        let post_processor = match self {
            Self::Gpt2 | Self::Qwen2 => match options.around(id)? {
                Value::Null => json!({
                    "type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": false, "use_regex": true
                }),
                template => template,
            },
            Self::Roberta => {
                roberta(("<s>", "</s>"), (&options.cls_token, &options.sep_token), true, prefix, id)?
            }
            Self::Clip => {
                let usual = ("<|startoftext|>", "<|endoftext|>");
                roberta(usual, (&options.bos_token, &options.eos_token), false, false, id)?
            }
        };
        Ok(Sections {
            normalizer,
            pre_tokenizer,
            post_processor,
            decoder: bytes(true),
            ..Sections::default()
        })
    }

    /// The named tokens, found in the text.
    fn specials(options: &SourceOptions, id: &impl Fn(&str) -> Option<u32>) -> Vec<AddedToken> {
        let named = [
            &options.bos_token,
            &options.eos_token,
            &options.unk_token,
            &options.sep_token,
            &options.pad_token,
            &options.cls_token,
            &options.mask_token,
        ];
        let token = |token: &String| id(token).map(|id| special(token.clone(), id));
        let mut found: Vec<AddedToken> = named.into_iter().flatten().filter_map(token).collect();
        found.sort_by_key(|token| token.id);
        found.dedup();
        found
    }
}

fn roberta(
    usual: (&str, &str),
    named: (&Option<String>, &Option<String>),
    trim: bool,
    prefix: bool,
    id: &impl Fn(&str) -> Option<u32>,
) -> Result<Value> {
    let token = |named: &Option<String>, usual: &str| {
        let text = named.clone().unwrap_or_else(|| usual.to_owned());
        match id(&text) {
            Some(id) => Ok(json!([text, id])),
            None => {
                Err(Error::Format(format!("vocab.json: the special token {text:?} is not in the vocabulary")))
            }
        }
    };
    let (cls, sep) = (token(named.0, usual.0)?, token(named.1, usual.1)?);
    Ok(
        json!({"type": "RobertaProcessing", "sep": sep, "cls": cls, "trim_offsets": trim, "add_prefix_space": prefix}),
    )
}
