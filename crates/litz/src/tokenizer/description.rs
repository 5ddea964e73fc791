//! What a `tokenizer.json` says, wherever it came from: every source is read into this, and compiled from this.

use hashbrown::HashMap;
use serde_json::Value;
use std::ops::Range;

use super::added_tokens::AddedToken;
use super::model::bpe;
use super::model::pairs::Pairs;
use super::stored::Stored;
use super::vocab::{Vocab, VocabBuilder};
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
    /// BPE: vocabulary and merges as tables that are compiled already; with these there is neither of the two above.
    pub tables: Option<(Vocab, Pairs)>,
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
    /// Unigram: the ids that no text is cut into, such as those of bytes.
    pub unmatched: Vec<u32>,
    /// WordPiece: longer words are unknown.
    pub max_characters: Option<usize>,
}

/// A list of merges: one text, and where in it each has its two tokens.
#[derive(Default)]
pub(super) struct Merges {
    text: Vec<u8>,
    file: usize, // bytes of a file that come before `text`, once that is known
    spans: Vec<[u32; 4]>,
}

impl Description {
    /// Reads a `tokenizer.json`. Errors name the section.
    pub fn from_json(bytes: Vec<u8>) -> Result<Self> {
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

    /// The same without vocabulary and merges, which stand in tables beside it.
    pub(super) fn small_json(&self) -> Result<String> {
        let model = save::Model {
            settings: &self.model.settings,
            vocab: std::iter::empty(),
            merges: std::iter::empty(),
            scores: &[],
        };
        save::whole(&self.sections, &self.added_tokens, model)
    }

    /// What [`Description::small_json`] says, with the tables that were kept beside it; None if they do not fit.
    pub(super) fn from_stored(stored: Stored) -> Option<Self> {
        let Stored { scalars: [seed, count, len, _], json, text, tables: [spans, slots, words, filter] } =
            stored;
        let mut description = Self::from_json(json).ok()?;
        let vocab = Vocab::from_parts(text, spans, slots, seed, count)?;
        description.model.tables = Some((vocab, Pairs::from_parts(words, filter, len)?));
        Some(description)
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
    /// Merges that are found in a file of so many bytes, which [`Merges::adopt`] hands over.
    pub fn within(file: usize) -> Self {
        Self { text: Vec::new(), file, spans: Vec::with_capacity(file / 24) }
    }

    /// Appends a merge.
    pub fn push(&mut self, left: &str, right: &str) -> Result<()> {
        let start = self.file + self.text.len();
        self.text.extend_from_slice(left.as_bytes());
        self.text.extend_from_slice(right.as_bytes());
        let (middle, end) = (start + left.len(), start + left.len() + right.len());
        self.push_within(start..middle, middle..end)
            .ok_or_else(|| Error::Memory("over 4 GiB of merges".into()))
    }

    /// Appends a merge whose texts are in the file; None beyond 4 GiB.
    #[inline]
    pub fn push_within(&mut self, left: Range<usize>, right: Range<usize>) -> Option<()> {
        u32::try_from(left.end.max(right.end)).ok()?;
        self.spans.push([left.start as u32, left.end as u32, right.start as u32, right.end as u32]);
        Some(())
    }

    /// Takes the file that the merges lie in.
    pub fn adopt(&mut self, mut file: Vec<u8>) {
        file.truncate(self.file);
        file.append(&mut self.text);
        (self.text, self.file) = (file, 0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The two tokens of a merge, as they are written.
    #[inline]
    pub fn bytes(&self, place: usize) -> (&[u8], &[u8]) {
        let side = |start: u32, end: u32| self.text.get(start as usize..end as usize).unwrap_or_default();
        match self.spans.get(place) {
            Some(&[start, middle, next, end]) => (side(start, middle), side(next, end)),
            None => (&[], &[]),
        }
    }

    /// Each merge, as the texts of its two tokens.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        (0..self.len()).map(move |place| {
            let (left, right) = self.bytes(place);
            (text(left), text(right))
        })
    }
}
