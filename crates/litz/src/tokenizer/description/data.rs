//! The contents of a `tokenizer.json` as data. Every source is read into a [`Description`].

use serde_json::Value;

use super::merges::Merges;
use crate::tokenizer::added_tokens::AddedToken;
use crate::tokenizer::vocab::VocabBuilder;
use crate::{Error, Result};

/// The description of a tokenizer.
#[derive(Default)]
pub struct Description {
    pub(crate) sections: Sections,
    pub(crate) added_tokens: Vec<AddedToken>,
    pub(crate) model: ModelSection,
}

/// The other sections of the file as JSON; null for an absent one.
#[derive(Clone, Default)]
pub(crate) struct Sections {
    pub truncation: Value,
    pub padding: Value,
    pub normalizer: Value,
    pub pre_tokenizer: Value,
    pub post_processor: Value,
    pub decoder: Value,
}

/// The kinds of model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ModelKind {
    #[default]
    Bpe,
    WordPiece,
    WordLevel,
    Unigram,
}

/// The section `model`: its settings, its vocabulary, and merges or scores.
#[derive(Default)]
pub(crate) struct ModelSection {
    pub settings: ModelSettings,
    /// The vocabulary. Unigram's ids are the indices of its list.
    pub vocab: VocabBuilder,
    /// BPE's merges.
    pub merges: Merges,
    /// Unigram: the score of each token, by id.
    pub scores: Vec<f64>,
    /// SentencePiece's BPE: the score of each token, by id, `None` for those that never result from a merge.
    /// With these there are no `merges`.
    pub merge_scores: Option<Vec<Option<f32>>>,
}

/// The settings of a model of any kind. `None` stands for an absent key and for null.
#[derive(Clone, Default)]
pub(crate) struct ModelSettings {
    pub kind: ModelKind,
    /// BPE: merges are skipped with this probability.
    pub dropout: Option<f64>,
    /// BPE, WordPiece, WordLevel: the token for what the vocabulary lacks.
    pub unknown: Option<String>,
    /// Unigram: its id.
    pub unknown_id: Option<usize>,
    /// BPE, WordPiece: the prefix of every token that continues a word.
    pub prefix: Option<String>,
    /// BPE: the suffix of the last character of a word.
    pub suffix: Option<String>,
    /// BPE: several unknown characters in a row are one token.
    pub fuse_unknown: bool,
    /// BPE, Unigram: unknown characters become `<0x..>` tokens.
    pub byte_fallback: bool,
    /// BPE: a piece that is a token is that token.
    pub ignore_merges: bool,
    /// Unigram: the ids that no text is segmented into, such as those of bytes.
    pub unmatched: Vec<u32>,
    /// WordPiece: longer words are unknown.
    pub max_characters: Option<usize>,
}

impl Description {
    /// Appends added tokens.
    pub fn add_tokens(&mut self, tokens: impl IntoIterator<Item = AddedToken>) {
        self.added_tokens.extend(tokens);
    }
}

impl ModelKind {
    /// The kind of a name in a file.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "BPE" => Ok(Self::Bpe),
            "WordPiece" => Ok(Self::WordPiece),
            "WordLevel" => Ok(Self::WordLevel),
            "Unigram" => Ok(Self::Unigram),
            other => Err(Error::Unsupported(format!(
                "model.type: {other} is not implemented by litz; BPE, WordPiece, WordLevel and Unigram are"
            ))),
        }
    }

    /// The name of the kind in a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bpe => "BPE",
            Self::WordPiece => "WordPiece",
            Self::WordLevel => "WordLevel",
            Self::Unigram => "Unigram",
        }
    }
}
