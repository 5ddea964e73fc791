//! The counts of symbol pairs, and a priority queue of pairs with the places of their words.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::hash::{BuildHasherDefault, Hasher};

use hashbrown::HashMap;

/// Two symbols as one key; keys are ordered as the pairs are.
#[inline]
pub(super) fn pair(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// A hash by multiplication. Keys are made of ids, which no text can choose.
#[derive(Default)]
pub(super) struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(self.0 ^ u64::from(byte)));
    }

    fn write_u64(&mut self, key: u64) {
        let wide = u128::from(key ^ 0x51_7C_C1_B7_27_22_0A_95) * 0x9E37_79B9_7F4A_7C15_u128;
        self.0 = (wide as u64) ^ (wide >> 64) as u64;
    }
}

/// The count of each pair. It may be negative for a pair whose gains were not counted because it is too long.
pub(super) type PairCounts = HashMap<u64, i64, BuildHasherDefault<PairHasher>>;

/// A pair to merge, with its count at the time of insertion and the words that contain it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct PairCandidate {
    pub count: u64,
    pub pair: u64,
    start: usize,
    len: u32,
}

impl Ord for PairCandidate {
    /// By count, then the smaller pair first, then the older.
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |this: &Self| (this.count, Reverse(this.pair), Reverse(this.start));
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for PairCandidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

// Less garbage than this is not worth a collection.
const SPARED: usize = 1 << 20;

/// The queue. Its counts may be out of date; they are corrected when a pair is popped.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<PairCandidate>,
    places: Vec<u32>,
    garbage: usize,
}

impl Queue {
    /// Room for places, to be filled and then given to candidates by [`Queue::push`] one after another.
    pub fn places(&mut self) -> &mut Vec<u32> {
        &mut self.places
    }

    /// The places of a candidate.
    pub fn of(&self, candidate: &PairCandidate) -> &[u32] {
        &self.places[candidate.start..candidate.start + candidate.len as usize]
    }

    /// A candidate whose places were written at `start`.
    pub fn push(&mut self, pair: u64, count: u64, start: usize, len: u32) {
        self.heap.push(PairCandidate { count, pair, start, len });
    }

    /// Adds the pairs that `write` yields with the range of their places. Pairs without a count are dropped.
    pub fn add(
        &mut self,
        write: impl FnOnce(&mut Vec<u32>, &mut dyn FnMut(u64, usize, u32)),
        counts: &PairCounts,
    ) {
        let heap = &mut self.heap;
        let mut garbage = 0;
        write(&mut self.places, &mut |pair, start, len| match counts.get(&pair) {
            Some(&count) if count > 0 => heap.push(PairCandidate { count: count as u64, pair, start, len }),
            _ => garbage += len as usize,
        });
        self.garbage += garbage;
    }

    /// The best candidate with a current count. Its places are valid until the next call of `release`.
    pub fn pop(&mut self, counts: &PairCounts) -> Option<PairCandidate> {
        loop {
            let mut top = self.heap.peek_mut()?;
            // A negative count reads as a huge one, as in the `tokenizers` library.
            let current = counts.get(&top.pair).copied().unwrap_or_default() as u64;
            if top.count == current {
                return Some(std::collections::binary_heap::PeekMut::pop(top));
            }
            top.count = current;
        }
    }

    /// Releases the places of a candidate that was popped.
    pub fn release(&mut self, candidate: &PairCandidate) {
        self.garbage += candidate.len as usize;
        if self.garbage > SPARED && self.garbage > self.places.len() / 2 {
            self.collect();
        }
    }

    fn collect(&mut self) {
        let mut candidates = std::mem::take(&mut self.heap).into_vec();
        // In the order of their positions, so that they can be moved down in place.
        candidates.sort_unstable_by_key(|candidate| candidate.start);
        let mut end = 0;
        for candidate in &mut candidates {
            let len = candidate.len as usize;
            self.places.copy_within(candidate.start..candidate.start + len, end);
            candidate.start = end;
            end += len;
        }
        self.places.truncate(end);
        self.garbage = 0;
        self.heap = candidates.into();
    }
}
