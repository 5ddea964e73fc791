//! The merge loop of BPE: the pair of lowest rank first, the leftmost among equals.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::sink::Symbol;

/// Words up to this many symbols are scanned; longer ones use a heap, so that no text costs quadratic time.
pub(super) const SCANNED: usize = 64;
const DEAD: u32 = u32::MAX;

/// The merge of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Merge {
    /// Lower merges first.
    pub rank: u32,
    /// The new token.
    pub id: u32,
}

/// Merges symbols, which must touch, until no pair has a merge.
pub(super) fn merge_all(symbols: &mut Vec<Symbol>, find: impl Fn(Symbol, Symbol) -> Option<Merge>) {
    if symbols.len() <= SCANNED {
        scan(symbols, find);
    } else {
        queue(symbols, find, || false);
    }
}

/// Like [`merge_all`], but a candidate is skipped while `skip` is true, and tried again after the next merge.
pub(super) fn merge_some(
    symbols: &mut Vec<Symbol>,
    find: impl Fn(Symbol, Symbol) -> Option<Merge>,
    skip: impl FnMut() -> bool,
) {
    queue(symbols, find, skip);
}

/// Like [`merge_all`] for the ids of a short word without spans. Returns how many are left, at the front.
pub(super) fn merge_ids(ids: &mut [u32], find: impl Fn(u32, u32) -> Option<Merge>) -> usize {
    let none = Merge { rank: u32::MAX, id: 0 };
    let mut merges = [none; SCANNED];
    let mut pairs = ids.len().saturating_sub(1);
    for (merge, two) in merges.iter_mut().zip(ids.windows(2)) {
        *merge = find(two[0], two[1]).unwrap_or(none);
    }
    loop {
        let (mut best, mut at) = (none.rank, 0);
        for (i, merge) in merges[..pairs].iter().enumerate() {
            if merge.rank < best {
                (best, at) = (merge.rank, i);
            }
        }
        if best == none.rank {
            return (pairs + 1).min(ids.len());
        }
        ids[at] = merges[at].id;
        ids.copy_within(at + 2..pairs + 1, at + 1);
        merges.copy_within(at + 1..pairs, at);
        pairs -= 1;
        if at < pairs {
            merges[at] = find(ids[at], ids[at + 1]).unwrap_or(none);
        }
        if at > 0 {
            merges[at - 1] = find(ids[at - 1], ids[at]).unwrap_or(none);
        }
    }
}

fn scan(symbols: &mut Vec<Symbol>, find: impl Fn(Symbol, Symbol) -> Option<Merge>) {
    let none = Merge { rank: u32::MAX, id: 0 };
    let merge_at = |symbols: &[Symbol], i: usize| match symbols.get(i..i + 2) {
        Some(&[left, right]) => find(left, right).unwrap_or(none),
        _ => none,
    };
    let mut merges = [none; SCANNED];
    let mut pairs = symbols.len().saturating_sub(1);
    for (i, merge) in merges.iter_mut().enumerate().take(pairs) {
        *merge = merge_at(symbols, i);
    }
    while let Some((i, best)) =
        merges[..pairs].iter().copied().enumerate().min_by_key(|(_, merge)| merge.rank)
    {
        if best == none {
            return;
        }
        symbols[i] = symbols[i].joined(symbols[i + 1], best.id);
        symbols.remove(i + 1);
        merges.copy_within(i + 1..pairs, i);
        pairs -= 1;
        if i < pairs {
            merges[i] = merge_at(symbols, i);
        }
        if i > 0 {
            merges[i - 1] = merge_at(symbols, i - 1);
        }
    }
}

/// A merge that may be out of date: it is valid while its pair still ends at `end`.
type MergeCandidate = Reverse<(u32, u32, u32, u32)>; // (rank, index of the left symbol, end, id)

fn queue(
    symbols: &mut Vec<Symbol>,
    find: impl Fn(Symbol, Symbol) -> Option<Merge>,
    mut skip: impl FnMut() -> bool,
) {
    let mut skipped: Vec<MergeCandidate> = Vec::new();
    let count = symbols.len() as u32;
    let mut previous: Vec<u32> = (0..count).map(|i| i.wrapping_sub(1)).collect();
    let mut next: Vec<u32> = (1..=count).map(|i| if i == count { DEAD } else { i }).collect();
    let candidate = |symbols: &[Symbol], left: u32, right: u32| -> Option<MergeCandidate> {
        let (a, b) = (symbols[left as usize], symbols[right as usize]);
        find(a, b).map(|merge| Reverse((merge.rank, left, b.end, merge.id)))
    };
    let mut heap: BinaryHeap<MergeCandidate> =
        (1..count).filter_map(|right| candidate(symbols, right - 1, right)).collect::<Vec<_>>().into();
    while let Some(top) = heap.pop() {
        if skip() {
            skipped.push(top);
            continue;
        }
        heap.extend(skipped.drain(..));
        let Reverse((_, left, end, id)) = top;
        let right = next[left as usize];
        if right == DEAD || symbols[right as usize].end != end || is_dead(symbols[left as usize]) {
            continue;
        }
        symbols[left as usize] = symbols[left as usize].joined(symbols[right as usize], id);
        symbols[right as usize].start = DEAD;
        let after = next[right as usize];
        (next[left as usize], next[right as usize]) = (after, DEAD);
        if after != DEAD {
            previous[after as usize] = left;
            heap.extend(candidate(symbols, left, after));
        }
        let before = previous[left as usize];
        if before != DEAD {
            heap.extend(candidate(symbols, before, left));
        }
    }
    symbols.retain(|&symbol| !is_dead(symbol));
}

fn is_dead(symbol: Symbol) -> bool {
    symbol.start == DEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ids are span lengths; some lengths merge, in an order that is far from monotone.
    fn find(left: Symbol, right: Symbol) -> Option<Merge> {
        let id = left.id * 7 + right.id * 13 + (left.id ^ right.id);
        (!id.is_multiple_of(5)).then_some(Merge { rank: id % 11, id: id % 97 })
    }

    fn word(seed: u32, length: u32) -> Vec<Symbol> {
        let id = |i: u32| (i.wrapping_mul(seed).wrapping_mul(2_654_435_761) >> 20) % 97;
        (0..length).map(|i| Symbol { id: id(i), start: i, end: i + 1 }).collect()
    }

    #[test]
    fn the_heap_merges_in_the_order_of_the_scan() {
        for seed in 1..2000 {
            let mut scanned = word(seed, seed % (SCANNED as u32 + 1));
            let mut queued = scanned.clone();
            scan(&mut scanned, find);
            queue(&mut queued, find, || false);
            assert_eq!(scanned, queued, "seed {seed}");
            let mut ids: Vec<u32> =
                word(seed, seed % (SCANNED as u32 + 1)).iter().map(|symbol| symbol.id).collect();
            let symbol = |id| Symbol { id, start: 0, end: 0 };
            let left = merge_ids(&mut ids, |left, right| find(symbol(left), symbol(right)));
            assert!(ids[..left].iter().eq(scanned.iter().map(|symbol| &symbol.id)), "seed {seed}");
        }
    }

    #[test]
    fn a_long_word_costs_near_linear_time() {
        let mut symbols: Vec<Symbol> = (0..200_000).map(|i| Symbol { id: 1, start: i, end: i + 1 }).collect();
        merge_all(&mut symbols, |left, right| {
            (left.id == right.id && left.id < 64).then_some(Merge { rank: left.id, id: left.id * 2 })
        });
        assert_eq!(symbols.len(), 200_000 / 64);
    }
}
