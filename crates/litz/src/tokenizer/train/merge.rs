//! One merge, applied to all the words that contain its pair.

use super::pairs::pair;

/// The header of a word: the number of its symbols and its count, low half first.
pub(super) const HEADER: usize = 3;

/// The merge to do: two symbols become one.
#[derive(Clone, Copy)]
pub(super) struct PairMerge {
    pub left: u32,
    pub right: u32,
    pub merged: u32,
    /// Pairs whose characters are as many or more are not counted.
    pub limit: usize,
}

/// The neighbours of the merged pairs, by id.
#[derive(Clone, Copy, Default)]
struct Neighbour {
    lost: u64,
    hits: u32,
    cursor: u32,
}

/// The changes that one thread collects while it merges.
#[derive(Default)]
struct NeighbourChanges {
    neighbours: Vec<Neighbour>,
    gained: Vec<u64>, // only where the length of tokens is limited
    touched: Vec<u32>,
    hits: Vec<(u32, u32)>, // neighbour, place of the word
}

impl NeighbourChanges {
    fn reserve(&mut self, symbols: usize, limited: bool) {
        self.neighbours.resize(symbols, Neighbour::default());
        if limited {
            self.gained.resize(symbols, 0);
        }
    }

    #[inline]
    fn see<const LIMITED: bool>(&mut self, id: u32, count: u64, gains: bool) {
        let neighbour = &mut self.neighbours[id as usize];
        if neighbour.lost == 0 {
            self.touched.push(id);
        }
        neighbour.lost += count;
        if LIMITED && gains {
            self.gained[id as usize] += count;
        }
    }

    #[inline]
    fn hit(&mut self, id: u32, place: u32) {
        let neighbour = &mut self.neighbours[id as usize];
        // A word is listed once; otherwise a long word of few symbols would be searched again and again.
        if neighbour.hits == 0 || neighbour.cursor != place {
            neighbour.hits += 1;
            neighbour.cursor = place;
            self.hits.push((id, place));
        }
    }
}

/// The changes of one merge, gathered by neighbour so that each pair is looked up once.
#[derive(Default)]
pub(super) struct Changes {
    before: NeighbourChanges,
    after: NeighbourChanges,
}

impl Changes {
    /// Makes room for so many symbols.
    pub fn reserve(&mut self, symbols: usize, limited: bool) {
        self.before.reserve(symbols, limited);
        self.after.reserve(symbols, limited);
    }

    /// Merges in the words at these places. `base` is the place of the first symbol that is given.
    pub fn run(
        &mut self,
        step: PairMerge,
        places: &[u32],
        symbols: &mut [u32],
        lengths: &mut [u32],
        base: usize,
    ) {
        if lengths.is_empty() {
            self.merge::<false>(step, places, symbols, lengths, base);
        } else {
            self.merge::<true>(step, places, symbols, lengths, base);
        }
    }

    fn merge<const LIMITED: bool>(
        &mut self,
        step: PairMerge,
        places: &[u32],
        symbols: &mut [u32],
        lengths: &mut [u32],
        base: usize,
    ) {
        for &place in places {
            let start = place as usize - base;
            let len = symbols[start] as usize;
            let count = u64::from(symbols[start + 1]) | u64::from(symbols[start + 2]) << 32;
            let word = &mut symbols[start + HEADER..start + HEADER + len];
            let lengths =
                if LIMITED { &mut lengths[start + HEADER..start + HEADER + len] } else { &mut [][..] };
            symbols[start] = self.merge_word::<LIMITED>(step, place, count, word, lengths) as u32;
        }
    }

    #[inline]
    fn merge_word<const LIMITED: bool>(
        &mut self,
        step: PairMerge,
        place: u32,
        count: u64,
        word: &mut [u32],
        lengths: &mut [u32],
    ) -> usize {
        let PairMerge { left, right, merged, limit } = step;
        let found = |two: &[u32]| two[0] == left && two[1] == right;
        let Some(first) = word.windows(2).position(found) else { return word.len() };
        let (mut read, mut write) = (first, first);
        while read < word.len() {
            if word[read] != left || read + 1 == word.len() || word[read + 1] != right {
                word[write] = word[read];
                if LIMITED {
                    lengths[write] = lengths[read];
                }
                read += 1;
                write += 1;
                continue;
            }
            let length = if LIMITED { lengths[read] + lengths[read + 1] } else { 0 };
            let fits = |other: u32| !LIMITED || ((other + length) as usize) < limit;
            if write > 0 {
                let gains = fits(if LIMITED { lengths[write - 1] } else { 0 });
                self.before.see::<LIMITED>(word[write - 1], count, gains);
                if gains {
                    self.before.hit(word[write - 1], place);
                }
            }
            if let Some(&next) = word.get(read + 2) {
                let gains = fits(if LIMITED { lengths[read + 2] } else { 0 });
                self.after.see::<LIMITED>(next, count, gains);
                if gains && next == merged {
                    // The pair of the last merge: its places are kept together.
                    self.before.hit(merged, place);
                } else if gains {
                    self.after.hit(next, place);
                }
            }
            word[write] = merged;
            if LIMITED {
                lengths[write] = length;
            }
            read += 2;
            write += 1;
        }
        write
    }

    /// Adds the changes of another thread in later words.
    pub fn absorb(&mut self, step: PairMerge, other: &mut Self) {
        // Hits of the merged symbol may lie where nothing was lost.
        let hits = std::mem::take(&mut other.before.neighbours[step.merged as usize].hits);
        self.before.neighbours[step.merged as usize].hits += hits;
        for (mine, theirs) in [(&mut self.before, &mut other.before), (&mut self.after, &mut other.after)] {
            for id in theirs.touched.drain(..) {
                let at = id as usize;
                let found = std::mem::take(&mut theirs.neighbours[at]);
                if mine.neighbours[at].lost == 0 {
                    mine.touched.push(id);
                }
                mine.neighbours[at].lost += found.lost;
                mine.neighbours[at].hits += found.hits;
                if let Some(gained) = theirs.gained.get_mut(at) {
                    mine.gained[at] += std::mem::take(gained);
                }
            }
            mine.hits.append(&mut theirs.hits);
        }
    }

    /// Calls `change` with every pair whose count changes, and by how much.
    pub fn each_change(&self, step: PairMerge, mut change: impl FnMut(u64, i64)) {
        let PairMerge { left, right, merged, .. } = step;
        let gained = |side: &NeighbourChanges, id: u32| {
            let lost = side.neighbours[id as usize].lost;
            (lost, side.gained.get(id as usize).copied().unwrap_or(lost))
        };
        for &id in &self.before.touched {
            let (lost, gained) = gained(&self.before, id);
            change(pair(id, left), -(lost as i64));
            if gained > 0 {
                change(pair(id, merged), gained as i64);
            }
        }
        for &id in &self.after.touched {
            let (lost, gained) = gained(&self.after, id);
            change(pair(right, id), -(lost as i64));
            if gained > 0 {
                change(pair(merged, id), gained as i64);
            }
        }
    }

    /// Writes the places of every new pair to `places` and calls `made` with the pair, where they start and how many
    /// they are; then everything is cleared.
    pub fn take(&mut self, step: PairMerge, places: &mut Vec<u32>, mut made: impl FnMut(u64, usize, u32)) {
        let merged = step.merged;
        self.before.take(places, |id, start, len| made(pair(id, merged), start, len));
        self.after.take(places, |id, start, len| made(pair(merged, id), start, len));
    }
}

impl NeighbourChanges {
    fn take(&mut self, places: &mut Vec<u32>, mut made: impl FnMut(u32, usize, u32)) {
        let base = places.len();
        let mut end = 0;
        let mut order = Vec::new();
        for &(id, _) in &self.hits {
            let neighbour = &mut self.neighbours[id as usize];
            if neighbour.hits > 0 {
                neighbour.cursor = end;
                order.push((id, end));
                end += std::mem::take(&mut neighbour.hits);
            }
        }
        places.resize(base + end as usize, 0);
        for &(id, place) in &self.hits {
            let cursor = &mut self.neighbours[id as usize].cursor;
            places[base + *cursor as usize] = place;
            *cursor += 1;
        }
        self.hits.clear();
        for (id, start) in order {
            let len = std::mem::take(&mut self.neighbours[id as usize].cursor) - start;
            made(id, base + start as usize, len);
        }
        for id in self.touched.drain(..) {
            self.neighbours[id as usize] = Neighbour::default();
            if let Some(gained) = self.gained.get_mut(id as usize) {
                *gained = 0;
            }
        }
    }
}
