//! The merges of BPE as one flat hash table with open addressing: from a pair of ids to the rank and the new id.

use super::merge::Merge;
use crate::tokenizer::tables::flat::Flat;
use crate::tokenizer::tables::large_pages::table;

const EMPTY: u64 = u64::MAX;
/// Bits of the filter for each slot: most pairs that are looked up do not merge.
const FILTER_BITS: usize = 8;

/// The table. Slot i is `words[2 i]` = left id << 32 | right id, `words[2 i + 1]` = rank << 32 | new id.
pub(crate) struct Pairs {
    words: Flat<u64>,
    filter: Flat<u64>,
    shift: u32, // of the hash, so that it is below the number of slots
    len: usize,
}

/// The table while it is filled.
pub(crate) struct PairsBuilder {
    words: Vec<u64>,
    filter: Vec<u64>,
    shift: u32,
    len: usize,
}

impl PairsBuilder {
    /// An empty table with room for so many pairs.
    pub fn with_capacity(pairs: usize) -> Self {
        let slots = (pairs.max(8) * 3 / 2).next_power_of_two();
        Self {
            words: table(slots * 2, EMPTY),
            filter: table(filter_words(slots), 0),
            shift: 64 - slots.trailing_zeros(),
            len: 0,
        }
    }

    /// Sets the merge of a pair, in place of an earlier one.
    pub fn insert(&mut self, left: u32, right: u32, merge: Merge) {
        if self.len * 8 >= self.words.len() / 2 * 7 {
            self.grow();
        }
        let key = key(left, right);
        let slot = slot(&self.words, self.shift, key);
        self.len += usize::from(self.words[2 * slot] == EMPTY);
        self.words[2 * slot] = key;
        self.words[2 * slot + 1] = u64::from(merge.rank) << 32 | u64::from(merge.id);
        let bit = bit(self.shift, key);
        self.filter[bit / 64] |= 1 << (bit % 64);
    }

    /// The filled table.
    pub fn build(self) -> Pairs {
        Pairs { words: self.words.into(), filter: self.filter.into(), shift: self.shift, len: self.len }
    }

    fn grow(&mut self) {
        let mut larger = Self::with_capacity(self.words.len() / 2 * 4 / 3);
        each(&self.words).for_each(|(left, right, merge)| larger.insert(left, right, merge));
        *self = larger;
    }
}

impl Pairs {
    /// A table from the parts of [`Pairs::parts`]; None if they are inconsistent.
    pub fn from_parts(words: Flat<u64>, filter: Flat<u64>, len: u64) -> Option<Self> {
        let (slots, len) = (words.len() / 2, usize::try_from(len).ok()?);
        let fits = slots.is_power_of_two()
            && words.len() == 2 * slots
            && (2..1 << 40).contains(&slots)
            && len < slots
            && filter.len() == filter_words(slots);
        fits.then(|| Self { words, filter, shift: 64 - slots.trailing_zeros(), len })
    }

    /// The two tables, and how many pairs merge.
    pub fn parts(&self) -> (&[u64], &[u64], u64) {
        (&self.words, &self.filter, self.len as u64)
    }

    /// The merge of a pair.
    #[inline]
    pub fn get(&self, left: u32, right: u32) -> Option<Merge> {
        let key = key(left, right);
        let bit = bit(self.shift, key);
        if self.filter[bit / 64] >> (bit % 64) & 1 == 0 {
            return None;
        }
        let words: &[u64] = &self.words;
        let slot = slot(words, self.shift, key);
        let value = words[2 * slot + 1];
        (words[2 * slot] == key).then_some(Merge { rank: (value >> 32) as u32, id: value as u32 })
    }

    /// Every pair with its merge, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u32, Merge)> + '_ {
        each(&self.words)
    }

    /// How many pairs merge.
    pub fn len(&self) -> usize {
        self.len
    }
}

fn each(words: &[u64]) -> impl Iterator<Item = (u32, u32, Merge)> + '_ {
    words.chunks_exact(2).filter(|slot| slot[0] != EMPTY).map(|slot| {
        let merge = Merge { rank: (slot[1] >> 32) as u32, id: slot[1] as u32 };
        ((slot[0] >> 32) as u32, slot[0] as u32, merge)
    })
}

fn filter_words(slots: usize) -> usize {
    slots * FILTER_BITS / 64 + 1
}

/// The slot of the pair, or the free slot for it.
#[inline]
fn slot(words: &[u64], shift: u32, key: u64) -> usize {
    let mask = words.len() / 2 - 1;
    let mut slot = (hash(key) >> shift) as usize;
    while words[2 * slot] != key && words[2 * slot] != EMPTY {
        slot = (slot + 1) & mask;
    }
    slot
}

#[inline]
fn bit(shift: u32, key: u64) -> usize {
    (hash(key) >> (shift - FILTER_BITS.trailing_zeros())) as usize
}

fn key(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// Mixes both ids into the high bits.
#[inline]
fn hash(key: u64) -> u64 {
    let mixed = (key ^ key >> 29).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 32).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_again_and_no_others() {
        let mut pairs = PairsBuilder::with_capacity(0);
        for i in 0..5000u32 {
            pairs.insert(i, i * 7 % 1000, Merge { rank: i, id: i + 1 });
        }
        pairs.insert(3, 21, Merge { rank: 9, id: 9 });
        let pairs = pairs.build();
        assert_eq!(pairs.len(), 5000);
        assert_eq!(pairs.iter().count(), 5000);
        for i in 0..5000u32 {
            let expected = if i == 3 { Merge { rank: 9, id: 9 } } else { Merge { rank: i, id: i + 1 } };
            assert_eq!(pairs.get(i, i * 7 % 1000), Some(expected));
            assert_eq!(pairs.get(i, i * 7 % 1000 + 1000), None);
        }
    }
}
