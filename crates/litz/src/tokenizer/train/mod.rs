//! Training: a [`WordCounter`] counts the words of a corpus, and a trainer makes a model of them.
//!
//! Vocabularies, merges, pieces and scores equal those of the `tokenizers` library for the same settings. Where its
//! result depends on the order of a randomly seeded map, the order here is fixed: results depend on the counts and
//! the settings only.

mod alphabet;
mod bpe;
mod lattice;
mod merge;
mod pairs;
mod piece_trie;
mod runs;
mod seeds;
mod table;
mod unigram;
mod word_level;
mod words;

use serde::Deserialize;
use serde_json::{json, Value};

use crate::{Error, Result};
pub use words::{WordCounter, Words, LONGEST_WORD};

/// The stages of a training, for its progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrainingStage {
    /// Counting the words of a file: bytes.
    Count,
    /// Counting the pairs of symbols: words.
    Pairs,
    /// Merging: tokens of the vocabulary.
    Merges,
    /// Finding the pieces to begin with.
    Seeds,
    /// Expectation maximisation: passes.
    Passes,
}

impl TrainingStage {
    /// The label of a progress bar.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "counting words",
            Self::Pairs => "counting pairs",
            Self::Merges => "merging",
            Self::Seeds => "finding pieces",
            Self::Passes => "estimating pieces",
        }
    }
}

/// A progress function: it gets the stage, the amount done and the total. An error ends the training.
pub type Progress<'p> = dyn FnMut(TrainingStage, u64, u64) -> Result<()> + 'p;

/// Settings by the names of the `tokenizers` trainers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "type")]
pub enum Trainer {
    /// Byte-pair encoding.
    #[serde(rename = "BPE")]
    Bpe(BpeSettings),
    /// Byte-pair encoding whose vocabulary is read by longest match.
    WordPiece(BpeSettings),
    /// Pieces with scores.
    Unigram(UnigramSettings),
    /// The most frequent words.
    WordLevel(WordLevelSettings),
}

/// Settings of BPE and WordPiece.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BpeSettings {
    /// The most tokens, special ones included. The alphabet is kept even if it is larger.
    pub vocab_size: usize,
    /// A pair that is rarer is not merged.
    #[serde(default)]
    pub min_frequency: u64,
    /// The special tokens, which come first.
    #[serde(default)]
    pub special_tokens: Vec<String>,
    /// How many different characters are kept; the others are removed from the words.
    #[serde(default)]
    pub limit_alphabet: Option<usize>,
    /// Characters that are kept whether they occur or not.
    #[serde(default)]
    pub initial_alphabet: Vec<char>,
    /// Written before every token that does not begin a word.
    #[serde(default)]
    pub continuing_subword_prefix: Option<String>,
    /// Written after every token that ends a word.
    #[serde(default)]
    pub end_of_word_suffix: Option<String>,
    /// Pairs that make a longer token, in characters, are not merged.
    #[serde(default)]
    pub max_token_length: Option<usize>,
}

/// Settings of Unigram.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnigramSettings {
    /// How many pieces to have, special ones included.
    pub vocab_size: usize,
    /// The special pieces, which come first.
    #[serde(default)]
    pub special_tokens: Vec<String>,
    /// Characters that are kept whether they occur or not.
    #[serde(default)]
    pub initial_alphabet: Vec<char>,
    /// The fraction of the pieces that each pruning keeps.
    pub shrinking_factor: f64,
    /// The piece for unknown characters; it becomes the first, unless it is special.
    #[serde(default)]
    pub unk_token: Option<String>,
    /// The longest piece, in characters.
    pub max_piece_length: usize,
    /// Passes of expectation maximisation between two prunings.
    pub n_sub_iterations: u32,
    /// How many pieces to begin with.
    pub seed_size: usize,
}

/// Settings of WordLevel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WordLevelSettings {
    /// How many tokens to have at most.
    pub vocab_size: usize,
    /// Words that are rarer are left out.
    #[serde(default)]
    pub min_frequency: u64,
    /// The special tokens, which come first.
    #[serde(default)]
    pub special_tokens: Vec<String>,
}

impl Trainer {
    /// Settings from JSON.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .map_err(|error| Error::Value(format!("the settings of the trainer: {error}")))
    }

    /// Trains on a counted corpus. Returns the `model` section of a `tokenizer.json`.
    pub fn train(&self, corpus: WordCounter, threads: usize, progress: &mut Progress<'_>) -> Result<Value> {
        let sorted = matches!(self, Self::Unigram(_));
        let words = corpus.finish(sorted)?;
        Ok(match self {
            Self::Bpe(settings) => {
                let trained = bpe::train(words, settings, threads, progress)?;
                let tokens = &trained.tokens;
                let token = |id: u32| tokens[id as usize].as_str();
                let merges: Vec<Value> =
                    trained.merges.iter().map(|&(a, b)| json!([token(a), token(b)])).collect();
                json!({"type": "BPE", "vocab": vocabulary(tokens), "merges": merges})
            }
            Self::WordPiece(settings) => {
                let trained = bpe::train(words, settings, threads, progress)?;
                json!({"type": "WordPiece", "vocab": vocabulary(&trained.tokens)})
            }
            Self::Unigram(settings) => {
                let trained = unigram::train(&words, settings, threads, progress)?;
                json!({"type": "Unigram", "unk_id": trained.unknown, "vocab": trained.pieces})
            }
            Self::WordLevel(settings) => {
                let vocab = word_level::train(&words, settings);
                let vocab: serde_json::Map<_, _> =
                    vocab.into_iter().map(|(token, id)| (token, id.into())).collect();
                json!({"type": "WordLevel", "vocab": vocab})
            }
        })
    }
}

fn vocabulary(tokens: &[String]) -> Value {
    tokens.iter().enumerate().map(|(id, token)| (token.clone(), Value::from(id))).collect()
}
