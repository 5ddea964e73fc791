//! The initial pieces of Unigram training: every character, and every substring that repeats inside words.
//!
//! Suffixes are sorted up to the longest piece. A run of neighbours with a common prefix is a piece if the characters
//! after the prefix differ; its count is the length of the run.

use std::cmp::Reverse;

use hashbrown::HashMap;

/// A piece with its weight: how often it occurs, times its length.
pub(super) type Weighted = (String, f64);

/// The characters by count, then substrings by weight, until there are `size` pieces.
pub(super) fn seeds(words: &[(String, u64)], longest: usize, size: usize) -> Vec<Weighted> {
    let mut counts: HashMap<char, u64> = HashMap::new();
    for (word, count) in words {
        for c in word.chars().filter(|&c| c != '\0') {
            *counts.entry(c).or_default() += count;
        }
    }
    let text = SuffixText::new(words, counts.keys().copied());
    let mut chars: Vec<(u64, char)> = counts.into_iter().map(|(c, count)| (count, c)).collect();
    chars.sort_unstable_by_key(|&each| Reverse(each));
    let mut pieces: Vec<Weighted> =
        chars.into_iter().map(|(count, c)| (c.to_string(), count as f64)).collect();
    for repeat in text.repeats(longest) {
        pieces.push((text.string(&repeat), repeat.weight as f64));
        if pieces.len() >= size {
            break;
        }
    }
    pieces
}

struct Repeat {
    weight: u64,
    start: u32,
    len: u32,
}

/// All words after one another, each with a 0 behind it; the characters numbered from 1 in their order.
struct SuffixText {
    symbols: Vec<u32>,
    chars: Vec<char>,
    bits: u32,
}

impl SuffixText {
    fn new(words: &[(String, u64)], seen: impl Iterator<Item = char>) -> Self {
        let mut chars: Vec<char> = seen.collect();
        chars.sort_unstable();
        let numbers: HashMap<char, u32> = chars.iter().zip(1..).map(|(&c, number)| (c, number)).collect();
        let number = |c: char| numbers.get(&c).copied().unwrap_or_default();
        let symbols = words.iter().filter(|(word, _)| !word.is_empty());
        let symbols = symbols.flat_map(|(word, _)| word.chars().map(number).chain([0])).collect();
        Self { symbols, bits: usize::BITS - chars.len().leading_zeros(), chars }
    }

    fn string(&self, repeat: &Repeat) -> String {
        let (start, len) = (repeat.start as usize, repeat.len as usize);
        self.symbols[start..start + len].iter().map(|&symbol| self.chars[symbol as usize - 1]).collect()
    }

    /// Every repeated substring of 2 to `longest` characters that can be continued in more ways than one, heaviest
    /// first; of equally heavy ones the later in the order of characters.
    fn repeats(&self, longest: usize) -> Vec<Repeat> {
        let mut suffixes: Vec<(u64, u32)> = (0u32..)
            .zip(&self.symbols)
            .filter(|&(_, &symbol)| symbol != 0)
            .map(|(start, _)| (0, start))
            .collect();
        self.sort(&mut suffixes, 0, longest.saturating_add(1));
        let mut found = Vec::new();
        let mut open: Vec<(usize, usize)> = Vec::new(); // where a stretch begins, how much it shares
        for i in 0..=suffixes.len() {
            let common = match i {
                0 => 0,
                i if i == suffixes.len() => 0,
                i => self.common(suffixes[i - 1].1, suffixes[i].1, longest.saturating_add(1)),
            };
            let mut first = i.saturating_sub(1);
            while let Some(&(start, shared)) = open.last().filter(|stretch| stretch.1 > common) {
                open.pop();
                let at = suffixes[start].1 as usize;
                if (2..=longest).contains(&shared) && self.symbols[at + shared - 1] != 0 {
                    let weight = (i - start) as u64 * shared as u64;
                    found.push(Repeat { weight, start: at as u32, len: shared as u32 });
                }
                first = start;
            }
            if common > 0 && open.last().is_none_or(|stretch| stretch.1 < common) {
                open.push((first, common));
            }
        }
        let text =
            |repeat: &Repeat| &self.symbols[repeat.start as usize..(repeat.start + repeat.len) as usize];
        found.sort_unstable_by(|a, b| (b.weight, text(b)).cmp(&(a.weight, text(a))));
        found
    }

    /// Sorts suffixes that agree in their first `depth` symbols by the next ones, up to `limit`.
    fn sort(&self, suffixes: &mut [(u64, u32)], depth: usize, limit: usize) {
        let width = (64 / self.bits.max(1)) as usize;
        for (key, start) in suffixes.iter_mut() {
            *key = self.key(*start as usize + depth, width);
        }
        suffixes.sort_unstable();
        if depth + width >= limit {
            return;
        }
        let last = (1u64 << self.bits) - 1;
        for group in suffixes.chunk_by_mut(|a, b| a.0 == b.0) {
            // A group whose key has the end of a word is in order.
            if group.len() > 1 && group[0].0 & last != 0 {
                self.sort(group, depth + width, limit);
            }
        }
    }

    /// So many symbols in one number; after the end of a word, zeros.
    fn key(&self, start: usize, width: usize) -> u64 {
        let mut ended = false;
        (start..start + width).fold(0, |key, at| {
            let symbol = self.symbols.get(at).copied().unwrap_or_default();
            ended |= symbol == 0;
            key << self.bits | if ended { 0 } else { u64::from(symbol) }
        })
    }

    /// How many symbols two suffixes share, the end of a word included, at most `limit`.
    fn common(&self, a: u32, b: u32, limit: usize) -> usize {
        let (a, b) = (&self.symbols[a as usize..], &self.symbols[b as usize..]);
        let mut shared = 0;
        for (x, y) in a.iter().zip(b).take(limit) {
            if x != y {
                break;
            }
            shared += 1;
            if *x == 0 {
                break;
            }
        }
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_those_that_branch() {
        let words = [("banana".to_owned(), 1), ("bandana".to_owned(), 1)];
        let found = seeds(&words, 16, 1000);
        let names: Vec<&str> = found.iter().map(|piece| piece.0.as_str()).collect();
        assert_eq!(names[..4], ["a", "n", "b", "d"]);
        assert_eq!(found[4], ("ana".to_owned(), 9.0));
        assert!(names.contains(&"ban") && names.contains(&"an"));
        assert!(!names.contains(&"ba"), "ba is always followed by n");
    }
}
