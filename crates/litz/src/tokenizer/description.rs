//! What a `tokenizer.json` says, wherever it came from: every source is read into this, and compiled from this.

use hashbrown::HashMap;
use serde_json::Value;

use super::added_tokens::AddedToken;
use super::model::bpe;
use super::vocab::VocabBuilder;
use super::{json, save};
use crate::{Error, Result};

/// A tokenizer, described and not yet compiled.
#[derive(Default)]
pub struct Description {
    pub(super) sections: Sections,
    pub(super) added_tokens: Vec<AddedToken>,
    pub(super) model: ModelSection,
}

/// The small sections of the file, as they stand there; null where there is none.
#[derive(Clone, Default)]
pub(super) struct Sections {
    pub truncation: Value,
    pub padding: Value,
    pub normalizer: Value,
    pub pre_tokenizer: Value,
    pub post_processor: Value,
    pub decoder: Value,
}

/// The kinds of model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    #[default]
    Bpe,
    WordPiece,
    WordLevel,
    Unigram,
}

/// The section `model`: its settings, its vocabulary and what ranks its tokens.
#[derive(Default)]
pub(super) struct ModelSection {
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
pub(super) struct ModelSettings {
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
    /// WordPiece: longer words are unknown.
    pub max_characters: Option<usize>,
}

/// A list of merges, as one text and where each is cut.
#[derive(Default)]
pub(super) struct Merges {
    text: String,
    cuts: Vec<(u32, u32)>, // (end of the left token, end of the right)
}

impl Description {
    /// Reads a `tokenizer.json`. Errors name the section.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        json::read(bytes)
    }

    /// A `tokenizer.json` that says the same.
    pub fn to_json(&self) -> Result<String> {
        let vocab = self.model.vocab.by_id();
        let merges: Vec<(&str, &str)> = match &self.model.merge_scores {
            None => self.model.merges.iter().collect(),
            Some(scores) => {
                let score = |id: u32| scores.get(id as usize).copied().flatten();
                let texts: HashMap<u32, &str> = vocab.iter().map(|&(token, id)| (id, token)).collect();
                let merges = save::ranked_merges(vocab.iter().copied(), |id| score(id).map(bpe::rank));
                merges.iter().map(|(left, right)| (texts[left], texts[right])).collect()
            }
        };
        let model = save::Model {
            settings: &self.model.settings,
            vocab: vocab.into_iter(),
            merges: merges.into_iter(),
            scores: &self.model.scores,
        };
        save::whole(&self.sections, &self.added_tokens, model)
    }

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

impl Merges {
    /// Appends a merge.
    pub fn push(&mut self, left: &str, right: &str) -> Result<()> {
        self.text.push_str(left);
        let middle = self.text.len();
        self.text.push_str(right);
        match (u32::try_from(middle), u32::try_from(self.text.len())) {
            (Ok(middle), Ok(end)) => self.cuts.push((middle, end)),
            _ => return Err(Error::Memory("over 4 GiB of merges".into())),
        }
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.cuts.len()
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
