//! BPE training: the most frequent pair of symbols is merged, again and again.
//!
//! The words are one array, each with its count in front. A merge visits the words of its pair in the order of the
//! array, and changes are collected by neighbour before any pair is looked up.

use std::collections::HashMap as Map;

use super::alphabet::{Alphabet, TokenList};
use super::merge::{Changes, PairMerge, HEADER};
use super::pairs::{pair, PairCounts, Queue};
use super::{BpeSettings, Progress, TrainingStage, Words};
use crate::threads::parallel_map;
use crate::{Error, Result};

// Fewer words than this are merged on one thread, which is faster than starting another.
const PARALLEL: usize = 1 << 14;
const DENSE: usize = 1 << 10;

/// A trained vocabulary and its merges, in order.
pub(super) struct TrainedBpe {
    pub tokens: Vec<String>,
    pub merges: Vec<(u32, u32)>,
}

/// Trains on the words of a corpus.
pub(super) fn train(
    words: Words,
    settings: &BpeSettings,
    threads: usize,
    progress: &mut Progress<'_>,
) -> Result<TrainedBpe> {
    let mut tokens = TokenList::default();
    let alphabet = Alphabet::new(&words, settings, &mut tokens);
    let total = words.len() as u64;
    progress(TrainingStage::Pairs, 0, total)?;
    let mut corpus = Corpus::new(&words, &alphabet, settings)?;
    drop(words);
    let (mut counts, mut queue) = corpus.pairs(tokens.list.len());
    progress(TrainingStage::Pairs, total, total)?;
    let merges = merge_all(&mut corpus, &mut counts, &mut queue, &mut tokens, settings, threads, progress)?;
    Ok(TrainedBpe { tokens: tokens.list, merges })
}

fn merge_all(
    corpus: &mut Corpus,
    counts: &mut PairCounts,
    queue: &mut Queue,
    tokens: &mut TokenList,
    settings: &BpeSettings,
    threads: usize,
    progress: &mut Progress<'_>,
) -> Result<Vec<(u32, u32)>> {
    let prefix = settings.continuing_subword_prefix.as_deref().unwrap_or_default();
    let limit = settings.max_token_length.unwrap_or(usize::MAX);
    let mut changes: Vec<Changes> = (0..threads.max(1)).map(|_| Changes::default()).collect();
    let mut merges: Map<u64, usize> = Map::new();
    let total = settings.vocab_size as u64;
    let mut done = 0;
    while tokens.list.len() < settings.vocab_size {
        let Some(best) = queue.pop(counts) else { break };
        if best.count < settings.min_frequency.max(1) {
            break;
        }
        let (left, right) = ((best.pair >> 32) as u32, best.pair as u32);
        let (first, second) = (&tokens.list[left as usize], &tokens.list[right as usize]);
        let merged = format!("{first}{}", second.strip_prefix(prefix).unwrap_or(second));
        let step = PairMerge { left, right, merged: tokens.id(&merged), limit };
        // A pair may be merged again if its token has two ways to be made: the last merge counts.
        merges.insert(best.pair, done);
        done += 1;
        changes.iter_mut().for_each(|each| each.reserve(tokens.list.len(), limit < usize::MAX));
        corpus.merge(step, queue.of(&best), &mut changes)?;
        queue.release(&best);
        changes[0].each_change(step, |pair, change| *counts.entry(pair).or_default() += change);
        queue.add(|places, made| changes[0].take(step, places, made), counts);
        progress(TrainingStage::Merges, tokens.list.len() as u64, total)?;
    }
    let mut ordered: Vec<(usize, u64)> = merges.into_iter().map(|(pair, at)| (at, pair)).collect();
    ordered.sort_unstable();
    Ok(ordered.into_iter().map(|(_, pair)| ((pair >> 32) as u32, pair as u32)).collect())
}

/// The words as symbols, each with its header; merging shortens them in place.
struct Corpus {
    symbols: Vec<u32>,
    lengths: Vec<u32>, // in characters; empty where they are not limited
}

/// The initial count of a pair.
#[derive(Clone, Copy, Default)]
struct Seen {
    count: i64,
    hits: u32,
    last: u32, // 1 + the last word with it, or where the next place goes
}

impl Corpus {
    fn new(words: &Words, alphabet: &Alphabet, settings: &BpeSettings) -> Result<Self> {
        let mut symbols: Vec<u32> = Vec::new();
        for (word, count) in words.raw() {
            let start = symbols.len();
            symbols.extend([0, count as u32, (count >> 32) as u32]);
            alphabet.each_symbol(words, word, |symbol| symbols.push(symbol));
            let len = symbols.len() - start - HEADER;
            symbols[start] = len as u32;
            if len < 2 {
                symbols.truncate(start); // nothing to merge
            }
            if symbols.len() >= u32::MAX as usize {
                return Err(Error::Memory(
                    "over four thousand million characters in different words; use a smaller corpus, or a \
                     pre_tokenizer that makes shorter words"
                        .to_owned(),
                ));
            }
        }
        let lengths = if settings.max_token_length.is_some() { vec![1; symbols.len()] } else { Vec::new() };
        Ok(Self { symbols, lengths })
    }

    fn each_word(symbols: &[u32], mut found: impl FnMut(u32, i64, &[u32])) {
        let mut start = 0;
        while start < symbols.len() {
            let len = symbols[start] as usize;
            let count = u64::from(symbols[start + 1]) | u64::from(symbols[start + 2]) << 32;
            found(start as u32, count as i64, &symbols[start + HEADER..start + HEADER + len]);
            start += HEADER + len;
        }
    }

    /// The counts of all pairs, and the queue of them.
    fn pairs(&self, alphabet: usize) -> (PairCounts, Queue) {
        if alphabet <= DENSE {
            let mut seen = vec![Seen::default(); alphabet * alphabet];
            let index = |two: &[u32]| two[0] as usize * alphabet + two[1] as usize;
            self.first_pass(index, &mut seen);
            let pairs = (0..seen.len()).map(|i| pair((i / alphabet) as u32, (i % alphabet) as u32));
            return self.second_pass(index, &pairs.collect::<Vec<_>>(), &mut seen);
        }
        let mut numbers = PairNumbers::default();
        let mut pairs = Vec::new();
        let mut seen = Vec::new();
        Self::each_word(&self.symbols, |place, count, word| {
            for two in word.windows(2) {
                let key = pair(two[0], two[1]);
                let number = *numbers.entry(key).or_insert_with(|| {
                    pairs.push(key);
                    seen.push(Seen::default());
                    pairs.len() as u32 - 1
                });
                see(&mut seen[number as usize], place, count);
            }
        });
        self.second_pass(|two| numbers[&pair(two[0], two[1])] as usize, &pairs, &mut seen)
    }

    fn first_pass(&self, index: impl Fn(&[u32]) -> usize, seen: &mut [Seen]) {
        Self::each_word(&self.symbols, |place, count, word| {
            word.windows(2).for_each(|two| see(&mut seen[index(two)], place, count));
        });
    }

    fn second_pass(
        &self,
        index: impl Fn(&[u32]) -> usize,
        pairs: &[u64],
        seen: &mut [Seen],
    ) -> (PairCounts, Queue) {
        let (mut counts, mut queue) = (PairCounts::default(), Queue::default());
        let mut ends: Vec<usize> = Vec::with_capacity(seen.len());
        let mut total = 0;
        for each in seen.iter_mut() {
            each.last = 0;
            ends.push(total);
            total += each.hits as usize;
        }
        let places = queue.places();
        places.resize(total, 0);
        Self::each_word(&self.symbols, |place, _, word| {
            for two in word.windows(2) {
                let at = index(two);
                if seen[at].last != place + 1 {
                    seen[at].last = place + 1;
                    places[ends[at]] = place;
                    ends[at] += 1;
                }
            }
        });
        for ((each, &pair), &end) in seen.iter().zip(pairs).zip(&ends) {
            if each.count > 0 {
                counts.insert(pair, each.count);
                queue.push(pair, each.count as u64, end - each.hits as usize, each.hits);
            }
        }
        (counts, queue)
    }

    /// Merges in the words at these places. The changes are collected in the first of `changes`.
    fn merge(&mut self, step: PairMerge, places: &[u32], changes: &mut [Changes]) -> Result<()> {
        if places.len() < PARALLEL || changes.len() < 2 || !places.is_sorted() {
            changes[0].run(step, places, &mut self.symbols, &mut self.lengths, 0);
            return Ok(());
        }
        let share = places.len().div_ceil(changes.len());
        let (mut symbols, mut lengths) = (&mut self.symbols[..], &mut self.lengths[..]);
        let (mut base, mut jobs) = (0, Vec::with_capacity(changes.len()));
        let mut parts = places.chunks(share).zip(changes.iter_mut()).peekable();
        while let Some((part, own)) = parts.next() {
            let end = parts.peek().map_or(base + symbols.len(), |(next, _)| next[0] as usize);
            let (mine, rest) = symbols.split_at_mut(end - base);
            let (my_lengths, other_lengths) = lengths.split_at_mut((end - base).min(lengths.len()));
            jobs.push((part, own, mine, my_lengths, base));
            (symbols, lengths, base) = (rest, other_lengths, end);
        }
        let threads = jobs.len();
        parallel_map(jobs, threads, |(part, own, symbols, lengths, base)| {
            own.run(step, part, symbols, lengths, base);
            Ok(())
        })?;
        let (first, others) = changes.split_at_mut(1);
        others.iter_mut().for_each(|other| first[0].absorb(step, other));
        Ok(())
    }
}

type PairNumbers = hashbrown::HashMap<u64, u32, std::hash::BuildHasherDefault<super::pairs::PairHasher>>;

fn see(seen: &mut Seen, place: u32, count: i64) {
    seen.count += count;
    if seen.last != place + 1 {
        seen.last = place + 1;
        seen.hits += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::train::WordCounter;
    use serde_json::{json, Value};

    fn trained(text: &str, threads: usize, settings: &BpeSettings) -> (Vec<String>, Vec<String>) {
        let spaces = json!({"type": "WhitespaceSplit"});
        let mut counter = WordCounter::new(&Value::Null, &spaces, 1, 1 << 30).unwrap();
        counter.feed(&[text]).unwrap();
        let trained =
            train(counter.finish(false).unwrap(), settings, threads, &mut |_, _, _| Ok(())).unwrap();
        let name =
            |&(a, b): &(u32, u32)| format!("{} {}", trained.tokens[a as usize], trained.tokens[b as usize]);
        (trained.merges.iter().map(name).collect(), trained.tokens.clone())
    }

    #[test]
    fn the_most_frequent_pair_comes_first_and_of_equals_the_smaller() {
        let settings = BpeSettings { vocab_size: 7, ..BpeSettings::default() };
        let (merges, tokens) = trained("ab ab cd cd cd bc", 1, &settings);
        assert_eq!(merges, ["c d", "a b", "b c"]);
        assert_eq!(tokens, ["a", "b", "c", "d", "cd", "ab", "bc"]);
    }

    #[test]
    fn overlapping_pairs_merge_from_the_left() {
        let settings = BpeSettings { vocab_size: 4, ..BpeSettings::default() };
        assert_eq!(trained("aaaaa", 1, &settings).0, ["a a", "aa a", "aa aaa"]);
    }

    #[test]
    fn threads_change_nothing() {
        let word = |i: usize| format!("{:x}{:b} ", i * 2_654_435_761 % 1_000_003, i % 97);
        let text: String = (0..120_000).map(word).collect();
        for max_token_length in [None, Some(6)] {
            let settings = BpeSettings { vocab_size: 300, max_token_length, ..BpeSettings::default() };
            assert_eq!(trained(&text, 1, &settings), trained(&text, 3, &settings));
        }
    }
}
