//! What attention reads, and the state that it leaves.

use std::ops::Range;

use super::page::{KvLayout, Line, PAGE};
use crate::kernels::simd::LANES;

/// What all queries of a layer have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AttendSpec {
    /// Width of a query and of a key.
    pub head_dim: usize,
    /// Width of a value.
    pub value_dim: usize,
    /// What scores are multiplied by.
    pub scale: f32,
    /// `cap * tanh(score / cap)` after the scale, where there is a cap.
    pub softcap: Option<f32>,
    /// How many keys a query sees at most up to its own: that one and those just before it.
    pub window: Option<usize>,
    /// How many keys after its own a query sees at most: none where attention is causal.
    pub ahead: usize,
}

/// The queries of one kv head: those of a group's heads, for consecutive tokens of a sequence.
#[derive(Clone, Copy, Debug)]
pub struct Queries<'a> {
    /// `(tokens, group, head_dim)`.
    pub values: &'a [f32],
    /// How many heads each token has here.
    pub group: usize,
    /// The first token's position.
    pub position: usize,
    /// How many keys there are.
    pub keys: usize,
    /// For each head of the group: `slope * (key's position - query's position)` joins the scaled and capped score.
    pub slopes: Option<&'a [f32]>,
}

impl Queries<'_> {
    pub(super) fn rows(&self, spec: &AttendSpec) -> usize {
        self.values.len() / spec.head_dim
    }

    pub(super) fn position_of(&self, row: usize) -> usize {
        self.position + row / self.group
    }

    /// The slots of the page that begins at `start` that a row sees.
    pub(super) fn seen(&self, spec: &AttendSpec, row: usize, start: usize) -> Range<usize> {
        let own = self.position_of(row) + 1;
        let first = spec.window.map_or(0, |window| own.saturating_sub(window));
        let end = own.saturating_add(spec.ahead).min(self.keys);
        let slot = |position: usize| position.saturating_sub(start).min(PAGE);
        slot(first).min(slot(end))..slot(end)
    }
}

/// Consecutive pages of one kv head, each as long as `KvLayout::bytes` says.
#[derive(Clone, Copy, Debug)]
pub struct Pages<'a> {
    /// What is in a page.
    pub layout: KvLayout,
    /// The position of the first page's first slot.
    pub start: usize,
    /// The pages.
    pub pages: &'a [&'a [u8]],
    /// A page that will be read next; it is fetched early, and nothing else.
    pub ahead: Option<&'a [u8]>,
}

/// The running softmax of several queries: greatest score, sum of weights, weighted sum of values.
#[derive(Clone, Debug, Default)]
pub struct AttendState {
    pub(super) greatest: Vec<f32>, // times log2(e)
    pub(super) sums: Vec<Line>,    // lane by lane
    pub(super) values: Vec<Line>,  // query * lines of a value
    pub(super) page: Vec<Line>,
}

impl AttendState {
    /// Resets to no keys seen, with room for `queries` queries. Never shrinks the memory.
    pub fn reset(&mut self, queries: usize, value_dim: usize) {
        self.greatest.clear();
        self.greatest.resize(queries, f32::NEG_INFINITY);
        self.sums.clear();
        self.sums.resize(queries, Line::default());
        self.values.clear();
        self.values.resize(queries * value_dim.div_ceil(LANES), Line::default());
    }

    /// How many queries there is room for.
    pub fn queries(&self) -> usize {
        self.sums.len()
    }

    pub(in crate::kernels) fn check(&self, pages: &Pages<'_>, queries: &Queries<'_>, spec: &AttendSpec) {
        let rows = queries.rows(spec);
        assert_eq!(queries.values.len(), rows * spec.head_dim);
        assert!(queries.group > 0 && queries.slopes.is_none_or(|slopes| slopes.len() == queries.group));
        assert!((pages.layout.head_dim, pages.layout.value_dim) == (spec.head_dim, spec.value_dim));
        assert!(pages.pages.iter().all(|page| page.len() == pages.layout.bytes()), "pages of {spec:?}");
        let fits = self.sums.len() == rows && self.values.len() == rows * spec.value_dim.div_ceil(LANES);
        assert!(fits, "a state of {} queries for {rows}", self.sums.len());
    }

    pub(in crate::kernels) fn check_same(&self, other: &AttendState) {
        assert!(self.sums.len() == other.sums.len() && self.values.len() == other.values.len());
    }

    /// The attention of `query` over all pages so far; zeros if it saw no key. A `sink` is one more score, without a value.
    pub fn finish(&self, query: usize, sink: Option<f32>, out: &mut [f32]) {
        let sum: f32 = self.sums[query].0.iter().sum();
        let inverse = match sink {
            _ if sum == 0.0 => 0.0,
            None => 1.0 / sum,
            Some(sink) => share(sum, self.greatest[query], sink),
        };
        let lines = out.len().div_ceil(LANES);
        for (out, line) in out.chunks_mut(LANES).zip(&self.values[query * lines..(query + 1) * lines]) {
            out.iter_mut().zip(&line.0).for_each(|(out, value)| *out = value * inverse);
        }
    }
}

/// What values are multiplied by, whose weights are relative to the greatest score, where a sink joins their sum.
fn share(sum: f32, greatest: f32, sink: f32) -> f32 {
    // `greatest` counts in powers of two.
    let above = f64::from(sink) * std::f64::consts::LOG2_E - f64::from(greatest);
    (1.0 / (f64::from(sum) + above.exp2())) as f32
}
