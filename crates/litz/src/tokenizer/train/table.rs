//! A hash table of words and their counts: one block of bytes, with open addressing.

use std::hash::{BuildHasher, Hasher, RandomState};

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
const FIRST_SLOTS: usize = 1 << 10;

/// The position of a word and its count.
#[derive(Clone, Copy)]
struct WordEntry {
    start: u64,
    len: u32,
    hash: u32,
    count: u64,
}

/// Distinct words with 64-bit counts.
pub(super) struct WordTable {
    bytes: Vec<u8>,
    entries: Vec<WordEntry>,
    slots: Vec<u64>, // the hash above, the entry's number + 1 below; 0 is free
    seed: u64,
}

impl WordTable {
    pub fn new() -> Self {
        // A random seed, so that no corpus can be prepared to collide.
        let seed = RandomState::new().build_hasher().finish() | 1;
        Self { bytes: Vec::new(), entries: Vec::new(), slots: vec![0; FIRST_SLOTS], seed }
    }

    /// Bytes of memory that the words take.
    pub fn memory(&self) -> usize {
        self.bytes.len() + self.entries.len() * size_of::<WordEntry>() + self.slots.len() * size_of::<u64>()
    }

    /// How many different words there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The words with their counts, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> + Clone {
        self.entries.iter().map(|entry| (self.word(entry), entry.count))
    }

    /// Adds `count` occurrences of a word; true if it is new.
    #[inline]
    pub fn add(&mut self, word: &[u8], count: u64) -> bool {
        let hash = self.hash(word);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                self.insert(word, count, hash, at);
                return true;
            }
            if (slot >> 32) as u32 == hash {
                let entry = &mut self.entries[slot as u32 as usize - 1];
                let (start, len) = (entry.start as usize, entry.len as usize);
                if len == word.len() && &self.bytes[start..start + len] == word {
                    entry.count += count;
                    return false;
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Appends a new word without a slot in the table, for words that come sorted.
    pub fn append(&mut self, word: &[u8], count: u64) {
        let start = self.bytes.len() as u64;
        self.bytes.extend_from_slice(word);
        self.entries.push(WordEntry { start, len: word.len() as u32, hash: 0, count });
    }

    /// Sorts the words by their bytes. Afterwards words can be read, but not added.
    pub fn sort(&mut self) {
        self.slots = Vec::new();
        let bytes = &self.bytes;
        let word =
            |entry: &WordEntry| &bytes[entry.start as usize..entry.start as usize + entry.len as usize];
        self.entries.sort_unstable_by(|a, b| word(a).cmp(word(b)));
    }

    /// Drops the slots and keeps the words.
    pub fn drop_slots(&mut self) {
        self.slots = Vec::new();
        self.bytes.shrink_to_fit();
        self.entries.shrink_to_fit();
    }

    /// Removes all words.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.slots.clear();
        self.slots.resize(FIRST_SLOTS, 0);
    }

    fn word(&self, entry: &WordEntry) -> &[u8] {
        &self.bytes[entry.start as usize..entry.start as usize + entry.len as usize]
    }

    fn insert(&mut self, word: &[u8], count: u64, hash: u32, at: usize) {
        let start = self.bytes.len() as u64;
        self.bytes.extend_from_slice(word);
        self.entries.push(WordEntry { start, len: word.len() as u32, hash, count });
        self.slots[at] = u64::from(hash) << 32 | self.entries.len() as u64;
        if self.entries.len() * 2 > self.slots.len() {
            self.grow();
        }
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        self.slots.clear();
        self.slots.resize(size, 0);
        for (i, entry) in self.entries.iter().enumerate() {
            let mut at = entry.hash as usize & (size - 1);
            while self.slots[at] != 0 {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = u64::from(entry.hash) << 32 | (i as u64 + 1);
        }
    }

    #[inline]
    fn hash(&self, word: &[u8]) -> u32 {
        let mut state = self.seed ^ word.len() as u64;
        let mut chunks = word.chunks_exact(8);
        for chunk in &mut chunks {
            state = fold(
                state
                    ^ u64::from_le_bytes([
                        chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7],
                    ]),
            );
        }
        let rest = chunks.remainder().iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        (fold(state ^ rest) >> 7) as u32
    }
}

#[inline]
fn fold(value: u64) -> u64 {
    let wide = u128::from(value) * u128::from(MULTIPLIER);
    (wide as u64) ^ (wide >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_an_ordinary_map() {
        let mut table = WordTable::new();
        let mut map = std::collections::BTreeMap::new();
        for i in 0u64..20_000 {
            let word = format!("word{}", i * i % 3001).into_bytes();
            table.add(&word, i);
            *map.entry(word).or_insert(0) += i;
        }
        table.sort();
        let found: Vec<_> = table.iter().map(|(word, count)| (word.to_vec(), count)).collect();
        assert_eq!(found, map.into_iter().collect::<Vec<_>>());
    }
}
