//! Top-k routing: the experts of each token, and its tokens grouped by expert.

use crate::kernels::{Kernels, TILE};
use crate::shared::Buffer;

/// How experts are chosen: the `top_k` with the greatest softmax of the scores.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Router {
    pub(in crate::engine) experts: usize,
    pub(in crate::engine) top_k: usize,
    /// The chosen probabilities are divided by their sum.
    pub(in crate::engine) normalize: bool,
}

/// The choices of all tokens of a chunk. A pair is `token * top_k + slot`; a token's slots are in the order of its experts.
#[derive(Default)]
pub(super) struct Routing {
    experts: Buffer<u32>, // pair
    shares: Buffer<f32>,  // pair
    starts: Buffer<u32>,  // expert: where its pairs begin in `pairs`; and their end
    firsts: Buffer<u32>,  // expert: the row of its first pair
    pairs: Buffer<u32>,   // by expert, then by token
    rows: Buffer<u32>,    // pair: its row
}

/// A `Routing` to be read.
#[derive(Clone, Copy)]
pub(super) struct Routed<'a> {
    top_k: usize,
    shares: &'a [f32],
    starts: &'a [u32],
    firsts: &'a [u32],
    pairs: &'a [u32],
    rows: &'a [u32],
    experts: &'a [u32],
}

impl Routing {
    /// Makes room for pairs and experts.
    pub(super) fn reserve(&mut self, pairs: usize, experts: usize) {
        self.experts.reserve(pairs);
        self.shares.reserve(pairs);
        self.pairs.reserve(pairs);
        self.rows.reserve(pairs);
        self.starts.reserve(experts + 1);
        self.firsts.reserve(experts);
    }

    /// Chooses a token's experts by the router's scores, which are overwritten.
    ///
    /// # Safety
    /// Nobody else touches this token's pairs meanwhile.
    pub(super) unsafe fn choose(&self, kernels: &Kernels, router: &Router, token: usize, scores: &mut [f32]) {
        let pairs = token * router.top_k..(token + 1) * router.top_k;
        // SAFETY: the caller's promise.
        let (experts, shares) =
            unsafe { (self.experts.view().range_mut(pairs.clone()), self.shares.view().range_mut(pairs)) };
        choose(kernels, router, scores, experts, shares);
    }

    /// Sorts the pairs by expert, once all tokens have chosen. Where the tokens are few, row `slot * tokens + token` is a
    /// pair's; else the rows of an expert lie side by side.
    ///
    /// # Safety
    /// Nobody else touches the routing meanwhile.
    pub(super) unsafe fn group(&self, router: &Router, tokens: usize, few: bool) {
        let pairs = tokens * router.top_k;
        // SAFETY: the caller's promise.
        let (experts, starts, firsts, sorted, rows) = unsafe {
            (
                self.experts.view().range(0..pairs),
                self.starts.view().range_mut(0..router.experts + 1),
                self.firsts.view().range_mut(0..router.experts),
                self.pairs.view().range_mut(0..pairs),
                self.rows.view().range_mut(0..pairs),
            )
        };
        starts.fill(0);
        experts.iter().for_each(|&expert| starts[expert as usize + 1] += 1);
        let mut row = 0;
        for expert in 0..router.experts {
            firsts[expert] = row;
            row += starts[expert + 1].next_multiple_of(TILE as u32);
            starts[expert + 1] += starts[expert];
        }
        // Each start moves to its end as the pairs come in, which is the next one's start.
        for (pair, &expert) in experts.iter().enumerate() {
            let place = &mut starts[expert as usize];
            sorted[*place as usize] = pair as u32;
            *place += 1;
        }
        starts.copy_within(0..router.experts, 1);
        starts[0] = 0;
        for (pair, &expert) in experts.iter().enumerate() {
            let (token, slot) = (pair / router.top_k, pair % router.top_k);
            rows[pair] = if few { (slot * tokens + token) as u32 } else { firsts[expert as usize] };
        }
        if !few {
            for expert in 0..router.experts {
                let own = starts[expert] as usize..starts[expert + 1] as usize;
                sorted[own].iter().zip(0..).for_each(|(&pair, index)| rows[pair as usize] += index);
            }
        }
    }

    /// What was chosen and grouped.
    ///
    /// # Safety
    /// Nobody writes the routing for as long as the result lives.
    pub(super) unsafe fn read(&self, router: &Router, tokens: usize) -> Routed<'static> {
        let pairs = tokens * router.top_k;
        // SAFETY: the caller's promise.
        unsafe {
            Routed {
                top_k: router.top_k,
                shares: self.shares.view().range(0..pairs),
                starts: self.starts.view().range(0..router.experts + 1),
                firsts: self.firsts.view().range(0..router.experts),
                pairs: self.pairs.view().range(0..pairs),
                rows: self.rows.view().range(0..pairs),
                experts: self.experts.view().range(0..pairs),
            }
        }
    }
}

/// Some rows of one expert that lie side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// Places in the sorted pairs.
    pub(super) pairs: std::ops::Range<usize>,
    pub(super) row: usize,
}

/// A pair's row, and the rows of its expert where these lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) row: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Routed<'_> {
    /// The experts that any token chose, in order.
    pub(super) fn chosen(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.firsts.len()).filter(|&expert| self.starts[expert] < self.starts[expert + 1])
    }

    /// The rows of an expert, at most `most` at a time; one by one where the tokens are few.
    pub(super) fn blocks(&self, expert: usize, few: bool, most: usize) -> impl Iterator<Item = Block> + '_ {
        let all = self.starts[expert] as usize..self.starts[expert + 1] as usize;
        let most = if few { 1 } else { most };
        let block = move |start: usize| {
            let row = self.rows[self.pairs[start] as usize] as usize;
            Block { pairs: start..all.end.min(start + most), row }
        };
        all.clone().step_by(most).map(block)
    }

    /// The token of a place in the sorted pairs, and what its expert's output is multiplied by.
    pub(super) fn token(&self, place: usize) -> (usize, f32) {
        let pair = self.pairs[place] as usize;
        (pair / self.top_k, self.shares[pair])
    }

    /// The rows of a token, slot by slot.
    pub(super) fn places(&self, token: usize) -> impl Iterator<Item = Place> + '_ {
        let place = |pair: usize| {
            let expert = self.experts[pair] as usize;
            let count = self.starts[expert + 1] - self.starts[expert];
            Place {
                row: self.rows[pair] as usize,
                first: self.firsts[expert] as usize,
                count: count as usize,
            }
        };
        (token * self.top_k..(token + 1) * self.top_k).map(place)
    }
}

/// A softmax, its greatest, in the order of the experts. Scores that are no numbers choose the first experts.
fn choose(kernels: &Kernels, router: &Router, scores: &mut [f32], experts: &mut [u32], shares: &mut [f32]) {
    let greatest = scores.iter().fold(f32::NEG_INFINITY, |most, &score| most.max(score));
    scores.iter_mut().for_each(|score| *score -= greatest);
    kernels.exp(scores);
    let total: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= total);
    for slot in 0..experts.len() {
        let (known, rest) = experts.split_at_mut(slot);
        let open = |expert: &u32| !known.contains(expert);
        let best = (0..scores.len() as u32).filter(open).reduce(|best, expert| {
            if scores[expert as usize] > scores[best as usize] {
                expert
            } else {
                best
            }
        });
        rest[0] = best.unwrap_or(0);
    }
    experts.sort_unstable();
    experts.iter().zip(shares.iter_mut()).for_each(|(&expert, share)| *share = scores[expert as usize]);
    if router.normalize {
        let total: f32 = shares.iter().sum();
        shares.iter_mut().for_each(|share| *share /= total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(experts: usize, top_k: usize, normalize: bool) -> Router {
        Router { experts, top_k, normalize }
    }

    fn chosen(scores: &[f32], top_k: usize, normalize: bool) -> (Vec<u32>, Vec<f32>) {
        let (mut experts, mut shares) = (vec![0; top_k], vec![0.0; top_k]);
        let kernels = Kernels::detect().unwrap();
        let router = router(scores.len(), top_k, normalize);
        choose(kernels, &router, &mut scores.to_vec(), &mut experts, &mut shares);
        (experts, shares)
    }

    #[test]
    fn the_most_probable_experts_are_chosen_and_a_tie_goes_to_the_lower_index() {
        assert_eq!(chosen(&[0.0, 2.0, 1.0, 2.0], 2, true), (vec![1, 3], vec![0.5, 0.5]));
        assert_eq!(chosen(&[7.0; 5], 3, false), (vec![0, 1, 2], vec![0.2; 3]));
        assert_eq!(
            chosen(&[f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY], 2, false),
            (vec![0, 1], vec![0.0, 1.0])
        );
        let (experts, shares) = chosen(&[0.0, 1000.0, 999.0], 3, false);
        assert!(experts == [0, 1, 2] && shares[0] == 0.0 && (shares[1] - 0.731_058_6).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let (experts, shares) = chosen(&[0.0, f32::NAN, 1.0], 2, true);
        assert_eq!(experts, [0, 1]);
        assert!(shares.iter().all(|share| share.is_nan()));
    }

    #[test]
    fn the_tokens_of_an_expert_lie_side_by_side() {
        let router = router(3, 2, true);
        let mut routing = Routing::default();
        routing.reserve(6, 3);
        let kernels = Kernels::detect().unwrap();
        // SAFETY: one thread.
        let (many, few) = unsafe {
            for (token, scores) in [[3.0, 0.0, 2.0], [2.0, 0.0, 1.0], [0.0, 1.0, 2.0]].iter_mut().enumerate()
            {
                routing.choose(kernels, &router, token, scores);
            }
            routing.group(&router, 3, false);
            let many = routing.read(&router, 3);
            let rows: Vec<Block> =
                many.chosen().flat_map(|e| many.blocks(e, false, 2).collect::<Vec<_>>()).collect();
            let places: Vec<_> = (0..3)
                .flat_map(|token| many.places(token).map(|p| (p.row, p.first, p.count)).collect::<Vec<_>>())
                .collect();
            routing.group(&router, 3, true);
            let few = routing.read(&router, 3);
            (
                (rows, places),
                few.chosen().flat_map(|e| few.blocks(e, true, 2).collect::<Vec<_>>()).collect::<Vec<_>>(),
            )
        };
        let block = |pairs, row| Block { pairs, row };
        assert_eq!(many.0, [block(0..2, 0), block(2..3, 8), block(3..5, 16), block(5..6, 18)]);
        assert_eq!(many.1, [(0, 0, 2), (16, 16, 3), (1, 0, 2), (17, 16, 3), (8, 8, 1), (18, 16, 3)]);
        assert_eq!(
            few,
            [block(0..1, 0), block(1..2, 1), block(2..3, 2), block(3..4, 3), block(4..5, 4), block(5..6, 5)]
        );
    }
}
