//! Attention of consecutive tokens' queries over pages of keys and values, with a running softmax.
//!
//! A query's result depends on the absolute positions of the keys it sees and on nothing else: pages are taken in
//! order, a page's scores are reduced in one order, and values that a query does not see are never touched for it.
//! A page is widened to f32 once for many queries; tiles of up to twelve queries share every load.

mod page;
mod tile;

use std::ops::Range;

use super::convert::{Float, F16, F32};
use super::lanes::{Simd, LANES};
pub(super) use page::store;
use page::{Ahead, Line, Wide};
pub use page::{KvDType, KvLayout, PAGE};
use tile::{attend_rows, exp2, Scores, FEW, ROWS};

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
    fn rows(&self, spec: &AttendSpec) -> usize {
        self.values.len() / spec.head_dim
    }

    fn position_of(&self, row: usize) -> usize {
        self.position + row / self.group
    }

    /// The slots of the page that begins at `start` that a row sees.
    fn seen(&self, spec: &AttendSpec, row: usize, start: usize) -> Range<usize> {
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
    greatest: Vec<f32>, // times log2(e)
    sums: Vec<Line>,    // lane by lane
    values: Vec<Line>,  // query * lines of a value
    page: Vec<Line>,
}

impl AttendState {
    /// Forgets everything and makes room for `queries` queries. Never shrinks the memory.
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

    pub(super) fn check(&self, pages: &Pages<'_>, queries: &Queries<'_>, spec: &AttendSpec) {
        let rows = queries.rows(spec);
        assert_eq!(queries.values.len(), rows * spec.head_dim);
        assert!(queries.group > 0 && queries.slopes.is_none_or(|slopes| slopes.len() == queries.group));
        assert!((pages.layout.head_dim, pages.layout.value_dim) == (spec.head_dim, spec.value_dim));
        assert!(pages.pages.iter().all(|page| page.len() == pages.layout.bytes()), "pages of {spec:?}");
        let fits = self.sums.len() == rows && self.values.len() == rows * spec.value_dim.div_ceil(LANES);
        assert!(fits, "a state of {} queries for {rows}", self.sums.len());
    }

    pub(super) fn check_same(&self, other: &AttendState) {
        assert!(self.sums.len() == other.sums.len() && self.values.len() == other.values.len());
    }

    /// The attention of `query` over all pages so far; zeros if it saw no key.
    pub fn finish(&self, query: usize, out: &mut [f32]) {
        let sum: f32 = self.sums[query].0.iter().sum();
        let inverse = if sum == 0.0 { 0.0 } else { 1.0 / sum };
        let lines = out.len().div_ceil(LANES);
        for (out, line) in out.chunks_mut(LANES).zip(&self.values[query * lines..(query + 1) * lines]) {
            out.iter_mut().zip(&line.0).for_each(|(out, value)| *out = value * inverse);
        }
    }
}

/// Takes pages into the state of every query.
///
/// # Safety
/// Queries, pages and state have the sizes that `AttendState::check` asks for.
#[inline(always)]
pub(super) unsafe fn attend<S: Simd>(
    s: S,
    spec: &AttendSpec,
    queries: &Queries<'_>,
    pages: &Pages<'_>,
    state: &mut AttendState,
) {
    let rows = queries.rows(spec);
    let mut lines = std::mem::take(&mut state.page);
    let mut scores = [[0.0; PAGE]; ROWS];
    for (index, page) in pages.pages.iter().enumerate() {
        let start = pages.start + index * PAGE;
        // Both ends of what a query sees grow with its position.
        let seen = queries.seen(spec, 0, start).start..queries.seen(spec, rows - 1, start).end;
        if seen.is_empty() {
            continue;
        }
        let (layout, ahead) = (pages.layout, Ahead::new(pages.pages.get(index + 1).copied().or(pages.ahead)));
        // SAFETY: the page is as long as its layout says; rows exist in queries and state.
        unsafe {
            match layout.dtype {
                KvDType::F32 => {
                    let page = Wide::stored(s, layout, page, ahead);
                    attend_all::<S, F32>(s, spec, queries, (&page, start), &mut scores, state);
                }
                KvDType::F16 if rows <= FEW => {
                    let page = Wide::stored(s, layout, page, ahead);
                    attend_all::<S, F16>(s, spec, queries, (&page, start), &mut scores, state);
                }
                _ => {
                    let page = Wide::new(s, layout, page, seen, &mut lines, ahead);
                    attend_all::<S, F32>(s, spec, queries, (&page, start), &mut scores, state);
                }
            }
        }
    }
    state.page = lines;
}

/// Takes a page into all rows, tile after tile.
///
/// # Safety
/// As `attend`; the page holds elements of `E`.
#[inline(always)]
unsafe fn attend_all<S: Simd, E: Float>(
    s: S,
    spec: &AttendSpec,
    queries: &Queries<'_>,
    page: (&Wide, usize),
    scores: &mut [Scores; ROWS],
    state: &mut AttendState,
) {
    let (mut row, rows) = (0, queries.rows(spec));
    while row < rows {
        // SAFETY: the caller's promise.
        row += unsafe { attend_rows::<S, E>(s, spec, queries, page, row..rows, scores, state) };
    }
}

/// Takes what the same queries saw of later pages, by a state of their own.
#[inline(always)]
pub(super) fn merge<S: Simd>(s: S, state: &mut AttendState, later: &AttendState) {
    let lines = state.values.len() / state.sums.len().max(1);
    for query in 0..state.sums.len() {
        if later.sums[query].0.iter().all(|&sum| sum == 0.0) {
            continue;
        }
        let (old, new) = (state.greatest[query], later.greatest[query]);
        let greatest = if new > old { new } else { old };
        let keep = exp2(s, s.splat(old - greatest));
        let take = exp2(s, s.splat(new - greatest));
        state.greatest[query] = greatest;
        join(s, &mut state.sums[query], &later.sums[query], (keep, take));
        for line in query * lines..(query + 1) * lines {
            join(s, &mut state.values[line], &later.values[line], (keep, take));
        }
    }
}

/// `line = line * keep + later * take`.
#[inline(always)]
fn join<S: Simd>(s: S, line: &mut Line, later: &Line, (keep, take): (S::F, S::F)) {
    // SAFETY: lines have sixteen lanes.
    unsafe {
        let own = s.mul(s.load(line.0.as_ptr()), keep);
        s.store(line.0.as_mut_ptr(), s.fma(s.load(later.0.as_ptr()), take, own));
    }
}
