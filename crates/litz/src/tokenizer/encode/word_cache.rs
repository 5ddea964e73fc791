//! A bounded cache of words and their ids. Only ids from the model are inserted, so it never changes a result.

use crate::tokenizer::tables::large_pages::table;

/// The most ids that are stored beside their word; more are stored separately.
pub(crate) const INLINE: usize = 4;
/// The longest word that is its own key.
pub(crate) const SHORT: usize = 15;
/// Longer words are not cached.
const LONG: usize = 128;
const FIRST_BUCKETS: usize = 1 << 8;
const MOST_BUCKETS: usize = 1 << 16;
/// Bytes and ids of long words, after which all of them are evicted.
const MOST_LONG: usize = 1 << 22;
const FIRST_LONG: usize = 1 << 8;
const MOST_LONG_BUCKETS: usize = 1 << 15;

/// Up to 15 bytes and their number, and up to 4 ids whose number is in the top bits of the first.
#[derive(Clone, Copy, Default)]
#[repr(C, align(32))]
struct CacheEntry {
    key: u128, // 0 = nothing
    ids: [u32; INLINE],
}

/// Two words with the same hash: one cache line.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
struct Bucket([CacheEntry; 2]);

const COUNT_SHIFT: u32 = 28;
const ID: u32 = (1 << COUNT_SHIFT) - 1;

/// A word longer than its key may be, or with many ids.
#[derive(Clone, Copy, Default)]
struct Long {
    tag: u32,
    text: u32,
    ids: u32,
    length: u16, // 0 = nothing
    count: u16,
}

/// The cache.
pub(crate) struct WordCache {
    buckets: Vec<Bucket>,
    filled: usize,
    long: Vec<[Long; 4]>,
    longs: usize,
    text: Vec<u8>,
    ids: Vec<u32>,
}

impl Default for WordCache {
    fn default() -> Self {
        Self {
            buckets: vec![Bucket::default(); FIRST_BUCKETS],
            filled: 0,
            long: Vec::new(),
            longs: 0,
            text: Vec::new(),
            ids: Vec::new(),
        }
    }
}

/// A cache miss, with the key for the insertion.
pub(crate) enum Miss {
    Short(u128),
    Long(u64),
    Never,
}

impl WordCache {
    /// Appends the ids of the word `text[start..end]`, or returns the miss.
    #[inline]
    pub fn find(&self, text: &[u8], start: usize, end: usize, out: &mut Vec<u32>) -> Option<Miss> {
        let length = end - start;
        if length > SHORT {
            return self.find_long(&text[start..end], out);
        }
        let key = key(text, start, length);
        match self.find_short(key) {
            Some((ids, count)) => {
                // Copying all of them takes one instruction.
                let length = out.len() + count;
                out.extend_from_slice(&ids);
                out.truncate(length);
                None
            }
            // A short word with many ids is stored among the long ones.
            None => self.find_long(&text[start..end], out).map(|_| Miss::Short(key)),
        }
    }

    /// Prefetches the bucket of a word.
    #[inline]
    pub fn fetch(&self, key: u128) {
        let bucket = &self.buckets[hash(key) as usize & (self.buckets.len() - 1)];
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
            // SAFETY: it is only a hint, and every CPU of this family has it.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(bucket).cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = bucket;
    }

    /// The ids of a word by its key.
    #[inline]
    pub fn find_short(&self, key: u128) -> Option<([u32; INLINE], usize)> {
        let bucket = &self.buckets[hash(key) as usize & (self.buckets.len() - 1)].0;
        let entry = if bucket[0].key == key { &bucket[0] } else { &bucket[1] };
        if entry.key != key {
            return None;
        }
        let mut ids = entry.ids;
        let count = (ids[0] >> COUNT_SHIFT) as usize;
        ids[0] &= ID;
        Some((ids, count))
    }

    #[cold]
    fn find_long(&self, word: &[u8], out: &mut Vec<u32>) -> Option<Miss> {
        if word.len() > LONG {
            return Some(Miss::Never);
        }
        let hash = hash_bytes(word);
        if self.long.is_empty() {
            return Some(Miss::Long(hash));
        }
        let bucket = &self.long[hash as usize & (self.long.len() - 1)];
        for entry in bucket.iter().filter(|entry| entry.tag == (hash >> 32) as u32) {
            let text = entry.text as usize..entry.text as usize + usize::from(entry.length);
            if self.text[text] == *word {
                out.extend_from_slice(&self.ids[entry.ids as usize..][..usize::from(entry.count)]);
                return None;
            }
        }
        Some(Miss::Long(hash))
    }

    /// Inserts the ids from the model for a missed word.
    pub fn insert(&mut self, miss: &Miss, word: &[u8], ids: &[u32]) {
        match *miss {
            Miss::Short(key) => {
                if ids.len() <= INLINE && ids.iter().all(|&id| id <= ID) {
                    self.insert_short(key, ids);
                } else {
                    self.insert_long(hash_bytes(word), word, ids);
                }
            }
            Miss::Long(hash) => self.insert_long(hash, word, ids),
            Miss::Never => {}
        }
    }

    fn insert_short(&mut self, key: u128, ids: &[u32]) {
        let mut entry = CacheEntry { key, ids: [0; INLINE] };
        entry.ids[..ids.len()].copy_from_slice(ids);
        entry.ids[0] |= (ids.len() as u32) << COUNT_SHIFT;
        self.place(entry);
        if self.filled > self.buckets.len() && self.buckets.len() < MOST_BUCKETS {
            let larger = table(self.buckets.len() * 4, Bucket::default());
            let old = std::mem::replace(&mut self.buckets, larger);
            self.filled = 0;
            let entries = old.into_iter().flat_map(|bucket| bucket.0);
            entries.filter(|entry| entry.key != 0).for_each(|entry| self.place(entry));
        }
    }

    /// The newest comes first; the oldest is evicted.
    fn place(&mut self, entry: CacheEntry) {
        let mask = self.buckets.len() - 1;
        let bucket = &mut self.buckets[hash(entry.key) as usize & mask].0;
        self.filled += usize::from(bucket[1].key == 0);
        bucket[1] = bucket[0];
        bucket[0] = entry;
    }

    fn place_long(&mut self, hash: u64, entry: Long) {
        let mask = self.long.len() - 1;
        let bucket = &mut self.long[hash as usize & mask];
        bucket.copy_within(0..3, 1);
        bucket[0] = entry;
    }

    fn insert_long(&mut self, hash: u64, word: &[u8], ids: &[u32]) {
        let Ok(count) = u16::try_from(ids.len()) else { return };
        if self.long.is_empty() || self.text.len() + self.ids.len() * 4 > MOST_LONG {
            self.text.clear();
            self.ids.clear();
            self.long = vec![Default::default(); self.long.len().max(FIRST_LONG)];
            self.longs = 0;
        }
        if self.longs > self.long.len() * 2 && self.long.len() < MOST_LONG_BUCKETS {
            let larger = table(self.long.len() * 4, [Long::default(); 4]);
            for entry in std::mem::replace(&mut self.long, larger).into_iter().flatten().rev() {
                if entry.length > 0 {
                    let hash = hash_bytes(&self.text[entry.text as usize..][..usize::from(entry.length)]);
                    self.place_long(hash, entry);
                }
            }
        }
        self.longs += 1;
        let entry = Long {
            tag: (hash >> 32) as u32,
            text: self.text.len() as u32,
            ids: self.ids.len() as u32,
            length: word.len() as u16,
            count,
        };
        self.place_long(hash, entry);
        self.text.extend_from_slice(word);
        self.ids.extend_from_slice(ids);
    }
}

/// A short word and its length, as a number.
#[inline]
pub(crate) fn key(text: &[u8], start: usize, length: usize) -> u128 {
    let bytes = match text.get(start..start + 16) {
        Some(bytes) => bytes.try_into().unwrap_or([0; 16]),
        None => {
            let mut bytes = [0; 16];
            bytes[..length].copy_from_slice(&text[start..start + length]);
            bytes
        }
    };
    let mask = (1u128 << (8 * length)) - 1;
    u128::from_le_bytes(bytes) & mask | (length as u128) << 120
}

#[inline]
fn hash(key: u128) -> u64 {
    let (low, high) = (key as u64, (key >> 64) as u64);
    let product = u128::from(low ^ 0x9E37_79B9_7F4A_7C15) * u128::from(high ^ 0xD6E8_FEB8_6659_FD93);
    (product >> 64) as u64 ^ product as u64
}

fn hash_bytes(word: &[u8]) -> u64 {
    let (mut chunks, mut state) = (word.chunks_exact(16), word.len() as u64);
    for chunk in chunks.by_ref() {
        state = state.rotate_left(23) ^ hash(u128::from_le_bytes(chunk.try_into().unwrap_or([0; 16])));
        state = state.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    }
    let rest = chunks.remainder();
    state = state.rotate_left(23) ^ hash(key(rest, 0, rest.len()));
    state.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_found_and_nothing_else() {
        let mut words = WordCache::default();
        let mut out = Vec::new();
        let word = |i: u32| format!("{:x<1$}", i, 1 + i as usize % 40).into_bytes();
        for i in 0..200_000u32 {
            let text = word(i);
            out.clear();
            match words.find(&text, 0, text.len(), &mut out) {
                Some(miss) => words.insert(&miss, &text, &[i, i + 1, i + 2][..1 + i as usize % 3]),
                None => panic!("{i} was found before it was inserted"),
            }
        }
        let mut found = 0;
        for i in 0..200_000u32 {
            let text = word(i);
            out.clear();
            if words.find(&text, 0, text.len(), &mut out).is_none() {
                assert_eq!(out, &[i, i + 1, i + 2][..1 + i as usize % 3]);
                found += 1;
            }
        }
        assert!(found > 50_000, "{found}");
    }

    #[test]
    fn a_word_at_the_end_of_its_text_has_the_key_of_one_inside() {
        let text = b"the words of a text that is longer than sixteen bytes, word";
        assert_eq!(key(text, text.len() - 4, 4), key(text, 4, 4));
    }
}
