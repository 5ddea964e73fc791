//! The settings beside a vocabulary file: `tokenizer_config.json` and the files of added tokens.

use serde::Deserialize;
use serde_json::Value;

use super::stages;
use crate::tokenizer::added_tokens::AddedToken;
use crate::tokenizer::description::Description;
use crate::{Error, Result};

/// The settings of a source that is a bare vocabulary. Other keys are ignored.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct SourceOptions {
    /// The class that wrote the files, such as `LlamaTokenizer`; without `Fast`.
    pub tokenizer_class: Option<String>,
    /// The token before a text.
    pub bos_token: Option<String>,
    /// The token after a text.
    pub eos_token: Option<String>,
    /// The unknown token.
    pub unk_token: Option<String>,
    /// BERT's token before a text.
    pub cls_token: Option<String>,
    /// BERT's token after a text.
    pub sep_token: Option<String>,
    /// The padding token.
    pub pad_token: Option<String>,
    /// The mask token.
    pub mask_token: Option<String>,
    /// Whether `bos_token` stands before a text.
    pub add_bos_token: Option<bool>,
    /// Whether `eos_token` stands after a text.
    pub add_eos_token: Option<bool>,
    /// Whether a space goes before the first word.
    pub add_prefix_space: Option<bool>,
    /// Llama: whether a mark is put after special tokens, too, as the first versions of its class did.
    pub legacy: Option<bool>,
    /// BERT: whether text is lowercased.
    pub do_lower_case: Option<bool>,
    /// BERT: whether each Chinese character is a word.
    pub tokenize_chinese_chars: Option<bool>,
    /// BERT: whether accents are removed; as `do_lower_case` if absent.
    pub strip_accents: Option<bool>,
    /// tiktoken: the pattern that splits text.
    pub pat_str: Option<String>,
    /// Tokens that the files add to the vocabulary.
    pub added_tokens: Vec<AddedToken>,
}

impl SourceOptions {
    /// Reads them from an object.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::Format(format!("tokenizer_config.json: {error}")))
    }

    /// The class without the suffix of its fast form.
    pub(super) fn class(&self) -> &str {
        let class = self.tokenizer_class.as_deref().unwrap_or_default();
        class.strip_suffix("Fast").unwrap_or(class)
    }

    /// The template of a text's special tokens: the settings, or the default of the class.
    pub(super) fn around(&self, id: &impl Fn(&str) -> Option<u32>) -> Result<Value> {
        let (bos, eos) = match self.class() {
            "LlamaTokenizer" | "CodeLlamaTokenizer" | "GemmaTokenizer" => (true, false),
            "T5Tokenizer" => (false, true),
            _ => (false, false),
        };
        let special = |wanted: bool, token: &Option<String>, key: &str| match (wanted, token) {
            (false, _) => Ok(None),
            (true, Some(token)) => match id(token) {
                Some(id) => Ok(Some((token.clone(), id))),
                None => Err(Error::Config(format!("{key} is {token:?}, which is not in the vocabulary"))),
            },
            (true, None) => {
                Err(Error::Config(format!("{key} is needed for add_{key}, and no file names it")))
            }
        };
        let before = special(self.add_bos_token.unwrap_or(bos), &self.bos_token, "bos_token")?;
        let after = special(self.add_eos_token.unwrap_or(eos), &self.eos_token, "eos_token")?;
        Ok(stages::around(view(&before), view(&after)))
    }

    /// Adds the tokens of the side files: their flags win over those that the vocabulary gave.
    pub(super) fn finish(&self, description: &mut Description) -> Result<()> {
        for token in &self.added_tokens {
            description.added_tokens.retain(|other| other.content != token.content);
            description.added_tokens.push(token.clone());
        }
        Ok(())
    }
}

fn view(token: &Option<(String, u32)>) -> Option<(&str, u32)> {
    token.as_ref().map(|(text, id)| (text.as_str(), *id))
}
