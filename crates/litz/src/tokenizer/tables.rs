//! The compiled tables of a large BPE model, kept in a file for the next time.

use std::path::Path;

use super::model::pairs::Pairs;
use super::model::Model;
use super::stored::{Part, Place, Stored};
use super::vocab::Vocab;
use super::{Description, Tokenizer};

// Fewer merges are read as fast as tables are mapped.
const WORTH_KEEPING: usize = 10_000;

/// Vocabulary and merges of a BPE model, compiled.
pub(super) struct Tables {
    pub vocab: Vocab,
    pub pairs: Pairs,
}

impl Tables {
    /// What [`Tokenizer::keep`] stored, and the description without its vocabulary and merges; None if they do not fit.
    pub fn from_stored(stored: Stored) -> Option<(Description, Self)> {
        let Stored { scalars: [seed, count, len, _], json, text, tables: [spans, slots, words, filter] } =
            stored;
        let description = Description::from_json(json).ok()?;
        let vocab = Vocab::from_parts(text, spans, slots, seed, count)?;
        Some((description, Self { vocab, pairs: Pairs::from_parts(words, filter, len)? }))
    }
}

impl Tokenizer {
    /// Keeps the tables of a large BPE model, and the rest of its file, for the next time.
    pub(super) fn keep(&self, place: &Place, source: &Path, json: &str) -> std::io::Result<()> {
        let Model::Bpe(bpe) = &*self.model else { return Ok(()) };
        let Some(pairs) = bpe.pairs().filter(|pairs| pairs.len() >= WORTH_KEEPING) else { return Ok(()) };
        let (text, spans, slots, seed, count) = bpe.vocab().parts();
        let (words, filter, len) = pairs.parts();
        let parts = [
            Part::Bytes(json.as_bytes()),
            Part::Bytes(text),
            Part::Words(spans),
            Part::Words(slots),
            Part::Words(words),
            Part::Words(filter),
        ];
        place.store(source, [seed, count, len, 0], parts)
    }
}
