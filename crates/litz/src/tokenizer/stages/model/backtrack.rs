//! BPE by backtracking: the longest token first, then shorter ones, until every two neighbours are compatible.
//!
//! Merging takes the pair of lowest rank, the leftmost among equals. So a stretch whose edges no merge crosses is
//! merged as if it stood alone, and the tokens of a text are the only sequence in which every two neighbours, merged
//! from their bytes, result in themselves. If each merge of a token has a higher rank than the merges of its parts,
//! the edges of both tokens' merge histories decide that without merging.

use super::byte_trie::Trie;
use super::merge::{merge_all, Merge};
use super::pairs::Pairs;
use super::sink::Symbol;
use crate::tokenizer::text::byte_level;
use crate::tokenizer::vocab::Vocab;

/// The time of a token that merging never results in.
const UNREACHABLE: u32 = u32::MAX;

/// The time of a token whose merges are not in ascending order. Its neighbours are checked by merging.
const OUT_OF_ORDER: u32 = u32::MAX - 1;
/// The longest token in bytes. A position costs at most its square.
const LONGEST: usize = 1024;

/// The last merge of a token.
#[derive(Clone, Copy)]
struct Origin {
    time: u32, // the rank plus one, 0 of a byte, or `UNREACHABLE`
    left: u32,
    right: u32,
}

/// The compiled vocabulary.
pub(super) struct Backtrack {
    trie: Trie,
    origins: Vec<Origin>,
    lengths: Vec<u32>,
    bytes: [u32; 256],
}

impl Backtrack {
    /// None where a token is too long, or where merges name ids that no token has.
    pub fn new(vocab: &Vocab, pairs: &Pairs, bytes: &[u32; 256]) -> Option<Self> {
        let count = vocab.iter().map(|(id, _)| id as usize + 1).max()?;
        let inside = |(left, right, merge): (u32, u32, Merge)| {
            left.max(right).max(merge.id) < count as u32 && (merge.rank as usize) < pairs.len() * 4 + 1024
        };
        if !pairs.iter().all(inside) {
            return None;
        }
        let mut origins = origins(pairs, count, bytes);
        let mut trie = Trie::new(count * 3);
        let mut lengths = vec![0; count];
        let mut text = Vec::new();
        for (id, token) in vocab.iter() {
            text.clear();
            let spelt = token.chars().all(|c| byte_level::to_byte(c).map(|byte| text.push(byte)).is_some());
            if !spelt {
                continue;
            }
            lengths[id as usize] = text.len() as u32;
            if origins[id as usize].time == UNREACHABLE && merged(&text, pairs, bytes).eq([id]) {
                origins[id as usize].time = OUT_OF_ORDER;
            }
            let known =
                text.len() <= LONGEST && trie.insert(&text, id, origins[id as usize].time != UNREACHABLE);
            if !known {
                return None;
            }
        }
        Some(Self { trie, origins, lengths, bytes: *bytes })
    }

    /// Appends the tokens of a piece. With `whole`, a piece that equals a token is that token, even an unreachable one.
    pub fn encode(&self, piece: &[u8], pairs: &Pairs, whole: bool, dead: &mut Vec<u64>, out: &mut Vec<u32>) {
        let mut next = self.trie.longest(piece, !whole);
        if whole {
            let (id, length) = next;
            if length == piece.len() {
                out.push(id);
                return;
            }
            // The longest token is also the longest reachable one, if it is reachable.
            if length > 1 && self.origins[id as usize].time == UNREACHABLE {
                next = self.trie.longest(piece, true);
            }
        }
        let (start, mut at) = (out.len(), 0);
        dead.clear();
        while at < piece.len() {
            let (token, length) = next;
            let end = at + length;
            let fits = !is_set(dead, end)
                && (out.len() == start
                    || self.are_neighbours(pairs, out[out.len() - 1], token, &piece[..end]));
            if fits {
                out.push(token);
                at = end;
                next = self.trie.longest(&piece[at..], true);
            } else if length > 1 {
                next = self.trie.longest(&piece[at..end - 1], true);
            } else {
                // No token fits here, and there is no other way to this position.
                set(dead, at);
                let Some(last) = out.pop() else { return };
                let length = self.lengths[last as usize] as usize;
                at -= length;
                next = (last, length);
            }
        }
    }

    /// Whether merging keeps these two tokens, which `text` ends with.
    fn are_neighbours(&self, pairs: &Pairs, left: u32, right: u32, text: &[u8]) -> bool {
        if pairs.get(left, right).is_some() {
            return false;
        }
        if [left, right].iter().any(|&id| self.origins[id as usize].time == OUT_OF_ORDER) {
            let length = (self.lengths[left as usize] + self.lengths[right as usize]) as usize;
            return merged(&text[text.len() - length..], pairs, &self.bytes).eq([left, right]);
        }
        are_compatible(&self.origins, pairs, left, right)
    }
}

/// The last merge of each token. A token whose own text merges into other tokens is unreachable.
fn origins(pairs: &Pairs, count: usize, bytes: &[u32; 256]) -> Vec<Origin> {
    let count_of_ranks = pairs.iter().map(|(_, _, merge)| merge.rank as usize + 1).max().unwrap_or(0);
    let mut merges = vec![None; count_of_ranks];
    pairs.iter().for_each(|found| merges[found.2.rank as usize] = Some(found));
    let mut origins = vec![Origin { time: UNREACHABLE, left: 0, right: 0 }; count];
    bytes.iter().for_each(|&byte| origins[byte as usize].time = 0);
    for (left, right, merge) in merges.into_iter().flatten() {
        let known = |id: u32| origins[id as usize].time != UNREACHABLE;
        if !known(merge.id) && known(left) && known(right) && are_compatible(&origins, pairs, left, right) {
            origins[merge.id as usize] = Origin { time: merge.rank + 1, left, right };
        }
    }
    origins
}

/// The result of merging.
fn merged(text: &[u8], pairs: &Pairs, bytes: &[u32; 256]) -> impl Iterator<Item = u32> {
    let symbol = |(i, &byte): (u32, &u8)| Symbol { id: bytes[usize::from(byte)], start: i, end: i + 1 };
    let mut symbols: Vec<Symbol> = (0..).zip(text).map(symbol).collect();
    merge_all(&mut symbols, |left, right| pairs.get(left.id, right.id));
    symbols.into_iter().map(|symbol| symbol.id)
}

/// Whether no merge crosses the edge between two tokens before both are made: back through both histories, always
/// undoing what was made last.
fn are_compatible(origins: &[Origin], pairs: &Pairs, mut left: u32, mut right: u32) -> bool {
    loop {
        let (a, b) = (origins[left as usize], origins[right as usize]);
        // The pair before the last merge would have merged first if its rank is lower; among equals, the leftmost.
        let limit = match (a.time, b.time) {
            (0, 0) => return true,
            (a_time, b_time) if a_time > b_time => {
                left = a.right;
                a_time - 1
            }
            (_, b_time) => {
                right = b.left;
                b_time
            }
        };
        if pairs.get(left, right).is_some_and(|merge| merge.rank < limit) {
            return false;
        }
    }
}

fn is_set(bits: &[u64], at: usize) -> bool {
    bits.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
}

fn set(bits: &mut Vec<u64>, at: usize) {
    if bits.len() <= at / 64 {
        bits.resize(at / 64 + 1, 0);
    }
    bits[at / 64] |= 1 << (at % 64);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::stages::model::bpe::{Bpe, BpeOptions};
    use crate::tokenizer::stages::model::pairs::PairsBuilder;
    use crate::tokenizer::stages::model::Scratch;
    use crate::tokenizer::vocab::VocabBuilder;

    fn random(state: &mut u64) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as usize
    }

    /// Random merges of tokens over three letters, some of which make the same token twice.
    fn model(seed: u64, merges: usize) -> Bpe {
        let mut state = seed;
        let mut vocab = VocabBuilder::default();
        let mut tokens: Vec<String> = (0..=255).map(|byte| byte_level::to_char(byte).to_string()).collect();
        let mut made: Vec<String> = ["a", "b", "c"].map(String::from).to_vec();
        let mut pairs: Vec<(String, String)> = Vec::new();
        while pairs.len() < merges {
            let pick = |state: &mut u64| made[random(state) % made.len()].clone();
            let (left, right) = (pick(&mut state), pick(&mut state));
            let whole = format!("{left}{right}");
            if whole.len() > 9 || pairs.contains(&(left.clone(), right.clone())) {
                continue;
            }
            pairs.push((left, right));
            if !made.contains(&whole) {
                made.push(whole.clone());
                tokens.push(whole);
            }
        }
        if seed % 2 == 1 {
            (1..pairs.len()).for_each(|i| pairs.swap(i, random(&mut state) % (i + 1)));
        }
        for (id, token) in (0..).zip(&tokens) {
            vocab.push(token, id).unwrap();
        }
        let vocab = vocab.build("vocab").unwrap();
        let mut table = PairsBuilder::with_capacity(pairs.len());
        for (rank, (left, right)) in (0..).zip(&pairs) {
            let [left, right, id] =
                [left, right, &format!("{left}{right}")].map(|token| vocab.id(token).unwrap());
            table.insert(left, right, Merge { rank, id });
        }
        Bpe::with_merges(vocab, table.build(), BpeOptions { byte_level: true, ..BpeOptions::default() })
    }

    #[test]
    fn backtracking_gives_what_merging_gives() {
        let mut compared = [0, 0];
        for seed in 0..300 {
            let bpe = model(seed, 2 + seed as usize % 40);
            let Some(tables) = bpe.tables() else { continue };
            let mut state = seed + 1000;
            for _ in 0..200 {
                let length = 1 + random(&mut state) % 40;
                let text: String = (0..length).map(|_| ["a", "b", "c"][random(&mut state) % 3]).collect();
                let (mut merged, mut found) = (Vec::new(), Vec::new());
                bpe.encode(&text, &mut Scratch::default(), &mut merged).unwrap();
                tables.encode(text.as_bytes(), bpe.pairs().unwrap(), false, &mut Vec::new(), &mut found);
                assert_eq!(found, merged, "seed {seed}: {text}");
                compared[seed as usize % 2] += 1;
            }
        }
        assert!(compared.iter().all(|&count| count > 10_000), "{compared:?} texts were compared");
    }
}
