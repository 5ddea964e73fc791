//! The compiled tables of a large BPE model, and how they get into a cache file and out of it.

pub(crate) mod cache_file;
pub(crate) mod flat;
pub(crate) mod large_pages;

use std::path::Path;

use super::stages::model::pairs::Pairs;
use super::stages::model::Model;
use super::vocab::Vocab;
use super::{Description, Tokenizer};
use cache_file::{CacheFile, CachedTables, Section};

// Fewer merges are read as fast as tables are mapped.
const WORTH_KEEPING: usize = 10_000;

/// Vocabulary and merges of a BPE model, compiled.
pub(crate) struct BpeTables {
    pub vocab: Vocab,
    pub pairs: Pairs,
}

impl BpeTables {
    /// The tables of a cache file, and the description without vocabulary and merges; None if they are inconsistent.
    pub fn from_stored(stored: CachedTables) -> Option<(Description, Self)> {
        let CachedTables {
            scalars: [seed, count, len, _],
            json,
            text,
            tables: [spans, slots, words, filter],
        } = stored;
        let description = Description::from_json(json).ok()?;
        let vocab = Vocab::from_parts(text, spans, slots, seed, count)?;
        Some((description, Self { vocab, pairs: Pairs::from_parts(words, filter, len)? }))
    }
}

impl Tokenizer {
    /// Writes the tables of a large BPE model and the rest of its description to a cache file.
    pub(crate) fn keep(&self, place: &CacheFile, source: &Path, json: &str) -> std::io::Result<()> {
        let Model::Bpe(bpe) = &*self.model else { return Ok(()) };
        let Some(pairs) = bpe.pairs().filter(|pairs| pairs.len() >= WORTH_KEEPING) else { return Ok(()) };
        let (text, spans, slots, seed, count) = bpe.vocab().parts();
        let (words, filter, len) = pairs.parts();
        let parts = [
            Section::Bytes(json.as_bytes()),
            Section::Bytes(text),
            Section::Words(spans),
            Section::Words(slots),
            Section::Words(words),
            Section::Words(filter),
        ];
        place.store(source, [seed, count, len, 0], parts)
    }
}
