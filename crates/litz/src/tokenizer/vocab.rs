//! Token text <-> id: one string that holds every token, and a table of ids hashed by their text.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use crate::{Error, Result};

const HOLE: u32 = u32::MAX;

/// Collects tokens; [`VocabBuilder::build`] checks them and indexes them.
#[derive(Default)]
pub(super) struct VocabBuilder {
    text: String,
    tokens: Vec<(u32, u32, u32)>, // (start, end, id)
}

impl VocabBuilder {
    /// Appends one token. The text is stored as it is; ids may come in any order.
    pub fn push(&mut self, token: &str, id: u32) -> Result<()> {
        let start = self.text.len();
        self.text.push_str(token);
        match (u32::try_from(start), u32::try_from(self.text.len())) {
            (Ok(start), Ok(end)) => self.tokens.push((start, end, id)),
            _ => return Err(Error::Memory("the vocabulary holds over 4 GiB of text".into())),
        }
        Ok(())
    }

    /// Checks that ids and texts are unique and that ids are dense enough to be indexed.
    /// `path` names the vocabulary in errors.
    pub fn build(mut self, path: &str) -> Result<Vocab> {
        self.text.shrink_to_fit();
        let limit = self.tokens.len().saturating_mul(8).saturating_add(1 << 16);
        let top = self.tokens.iter().map(|token| token.2).max().map_or(0, |id| id as usize + 1);
        if top > limit {
            return Err(Error::Format(format!(
                "{path}: the id {} is out of proportion to {} tokens; ids must be nearly contiguous from 0",
                top - 1,
                self.tokens.len()
            )));
        }
        let mut vocab = Vocab {
            text: self.text,
            spans: vec![(HOLE, HOLE); top],
            table: HashTable::with_capacity(self.tokens.len()),
            hasher: DefaultHashBuilder::default(),
        };
        for (start, end, id) in self.tokens {
            vocab.insert(start, end, id, path)?;
        }
        Ok(vocab)
    }
}

/// An immutable vocabulary.
pub(super) struct Vocab {
    text: String,
    spans: Vec<(u32, u32)>, // by id; HOLE where no token has that id
    table: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Vocab {
    fn insert(&mut self, start: u32, end: u32, id: u32, path: &str) -> Result<()> {
        let token = &self.text[start as usize..end as usize];
        let span = &mut self.spans[id as usize];
        if span.0 != HOLE {
            let other = &self.text[span.0 as usize..span.1 as usize];
            return Err(Error::Format(format!("{path}: both {other:?} and {token:?} have the id {id}")));
        }
        *span = (start, end);
        let (text, spans, hasher) = (&self.text, &self.spans, &self.hasher);
        let same = |&other: &u32| slice(text, spans[other as usize]) == token;
        let rehash = |&other: &u32| hasher.hash_one(slice(text, spans[other as usize]));
        let hash = hasher.hash_one(token);
        match self.table.entry(hash, same, rehash) {
            hashbrown::hash_table::Entry::Vacant(place) => {
                place.insert(id);
                Ok(())
            }
            hashbrown::hash_table::Entry::Occupied(place) => {
                Err(Error::Format(format!("{path}: {token:?} has two ids, {} and {id}", place.get())))
            }
        }
    }

    /// The id of this text.
    pub fn id(&self, token: &str) -> Option<u32> {
        let same = |&id: &u32| slice(&self.text, self.spans[id as usize]) == token;
        self.table.find(self.hasher.hash_one(token), same).copied()
    }

    /// The text of this id.
    pub fn token(&self, id: u32) -> Option<&str> {
        match self.spans.get(id as usize) {
            Some(&span) if span.0 != HOLE => Some(slice(&self.text, span)),
            _ => None,
        }
    }

    /// One more than the highest id.
    pub fn top(&self) -> usize {
        self.spans.len()
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Every token with its id, by id.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        let tokens = self.spans.iter().zip(0u32..).filter(|(span, _)| span.0 != HOLE);
        tokens.map(|(&span, id)| (id, slice(&self.text, span)))
    }
}

fn slice(text: &str, (start, end): (u32, u32)) -> &str {
    &text[start as usize..end as usize]
}
