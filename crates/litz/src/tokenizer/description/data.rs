//! What a `tokenizer.json` says, wherever it came from: every source is read into this, and compiled from this.

use serde_json::Value;

use super::merges::Merges;
use crate::tokenizer::added_tokens::AddedToken;
use crate::tokenizer::vocab::VocabBuilder;
use crate::{Error, Result};

/// A tokenizer, described and not yet compiled.
#[derive(Default)]
pub struct Description {
    pub(crate) sections: Sections,
    pub(crate) added_tokens: Vec<AddedToken>,
    pub(crate) model: ModelSection,
}

/// The small sections of the file, as they stand there; null where there is none.
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
pub(crate) enum Kind {
    #[default]
    Bpe,
    WordPiece,
    WordLevel,
    Unigram,
}

/// The section `model`: its settings, its vocabulary and what ranks its tokens.
#[derive(Default)]
pub(crate) struct ModelSection {
    pub settings: ModelSettings,
    /// The vocabulary; Unigram's ids are the places in its list.
    pub vocab: VocabBuilder,
    /// BPE's merges.
    pub merges: Merges,
    /// Unigram: the score of each token, by id.
    pub scores: Vec<f64>,
    /// BPE as SentencePiece runs it: the score of each token, by id, `None` for those that never result from a merge.
    /// With these there are no `merges`.
    pub merge_scores: Option<Vec<Option<f32>>>,
}

/// The settings of a model, of whichever kind. `None` where the file is silent or says null.
#[derive(Clone, Default)]
pub(crate) struct ModelSettings {
    pub kind: Kind,
    /// BPE: merges are skipped with this probability.
    pub dropout: Option<f64>,
    /// BPE, WordPiece, WordLevel: the token for what the vocabulary lacks.
    pub unknown: Option<String>,
    /// Unigram: its id.
    pub unknown_id: Option<usize>,
    /// BPE, WordPiece: stands before every token that continues a word.
    pub prefix: Option<String>,
    /// BPE: stands after the last character of a word.
    pub suffix: Option<String>,
    /// BPE: several unknown characters in a row are one token.
    pub fuse_unknown: bool,
    /// BPE, Unigram: unknown characters become `<0x..>` tokens.
    pub byte_fallback: bool,
    /// BPE: a piece that is a token is that token.
    pub ignore_merges: bool,
    /// Unigram: the ids that no text is cut into, such as those of bytes.
    pub unmatched: Vec<u32>,
    /// WordPiece: longer words are unknown.
    pub max_characters: Option<usize>,
}

impl Description {
    /// Adds tokens that the text itself may hold, after those that are there.
    pub fn add_tokens(&mut self, tokens: impl IntoIterator<Item = AddedToken>) {
        self.added_tokens.extend(tokens);
    }
}

impl Kind {
    /// The kind that a file means by a name.
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
