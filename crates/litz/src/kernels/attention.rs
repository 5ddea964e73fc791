//! Attention of a few queries over one page of keys and values, with a running softmax.
//!
//! A query's result depends on the absolute positions of the keys it sees and on nothing else: pages are taken in
//! order, a page's scores are reduced in one order, and keys that a query does not see are never touched for it.

use std::ops::Range;

use super::arithmetic::scale;
use super::convert::{Float, F16, F32};
use super::exp::{exp, soft_cap};
use super::lanes::{at, Simd, LANES};
use half::f16;

/// Keys of a page.
pub const PAGE: usize = 64;

/// One kv head's keys and values at positions `64 p .. 64 p + 64`.
///
/// Keys are stored in panels of sixteen, `(PAGE / 16, head_dim, 16)`, values as `(PAGE, value_dim)`: neither decoding nor
/// prefill transposes anything. `Kernels::store_key` and `store_value` write them; slots not yet written are never used.
/// Any alignment will do; 64 bytes is fastest.
#[derive(Clone, Copy, Debug)]
pub enum KvPage<'a> {
    /// IEEE halves.
    F16 {
        /// `PAGE * head_dim` elements.
        keys: &'a [u16],
        /// `PAGE * value_dim` elements.
        values: &'a [u16],
    },
    /// IEEE singles.
    F32 {
        /// `PAGE * head_dim` elements.
        keys: &'a [f32],
        /// `PAGE * value_dim` elements.
        values: &'a [f32],
    },
}

/// A `KvPage` to be written.
#[derive(Debug)]
pub enum KvPageMut<'a> {
    /// IEEE halves.
    F16 {
        /// `PAGE * head_dim` elements.
        keys: &'a mut [u16],
        /// `PAGE * value_dim` elements.
        values: &'a mut [u16],
    },
    /// IEEE singles.
    F32 {
        /// `PAGE * head_dim` elements.
        keys: &'a mut [f32],
        /// `PAGE * value_dim` elements.
        values: &'a mut [f32],
    },
}

impl KvPage<'_> {
    pub(super) fn check(&self, spec: &AttendSpec) {
        let (keys, values) = match self {
            KvPage::F16 { keys, values } => (keys.len(), values.len()),
            KvPage::F32 { keys, values } => (keys.len(), values.len()),
        };
        assert!(keys == PAGE * spec.head_dim && values == PAGE * spec.value_dim, "a page of {spec:?}");
    }
}

impl KvPageMut<'_> {
    pub(super) fn store_key(&mut self, slot: usize, key: &[f32]) {
        let panel = slot / LANES * LANES * key.len();
        let column = |d: usize| panel + d * LANES + slot % LANES;
        match self {
            KvPageMut::F16 { keys, .. } => {
                assert_eq!(keys.len(), PAGE * key.len());
                key.iter().enumerate().for_each(|(d, &v)| keys[column(d)] = f16::from_f32(v).to_bits());
            }
            KvPageMut::F32 { keys, .. } => {
                assert_eq!(keys.len(), PAGE * key.len());
                key.iter().enumerate().for_each(|(d, &v)| keys[column(d)] = v);
            }
        }
    }

    pub(super) fn store_value(&mut self, slot: usize, value: &[f32], kernels: &super::Kernels) {
        let row = slot * value.len()..(slot + 1) * value.len();
        match self {
            KvPageMut::F16 { values, .. } => kernels.f32_to_f16(value, &mut values[row]),
            KvPageMut::F32 { values, .. } => values[row].copy_from_slice(value),
        }
    }
}

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
}

/// The running softmax of several queries: greatest score, sum of weights, weighted sum of values.
#[derive(Clone, Debug, Default)]
pub struct AttendState {
    greatest: Vec<f32>,
    sum: Vec<f32>,
    values: Vec<f32>,
    page: Vec<Line>,
}

/// Sixteen elements of a converted page, aligned to a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; LANES]);

/// Queries from which on a page of halves is converted once for all.
const MANY: usize = 16;

impl AttendState {
    /// Forgets everything and makes room for `queries` queries. Never shrinks the memory.
    pub fn reset(&mut self, queries: usize, value_dim: usize) {
        self.greatest.clear();
        self.greatest.resize(queries, f32::NEG_INFINITY);
        self.sum.clear();
        self.sum.resize(queries, 0.0);
        self.values.clear();
        self.values.resize(queries * value_dim, 0.0);
    }

    pub(super) fn check(&self, queries: usize, spec: &AttendSpec) {
        let fits = self.sum.len() == queries && self.values.len() == queries * spec.value_dim;
        assert!(fits, "a state of {} queries for {queries}", self.sum.len());
    }

    /// How many queries there is room for.
    pub fn queries(&self) -> usize {
        self.sum.len()
    }

    /// Takes what the same queries saw of later pages, by a state of their own.
    pub fn merge(&mut self, later: &AttendState) {
        assert!(self.sum.len() == later.sum.len() && self.values.len() == later.values.len());
        let value_dim = self.values.len() / self.sum.len().max(1);
        for query in 0..self.sum.len() {
            if later.sum[query] == 0.0 {
                continue;
            }
            let greatest = self.greatest[query].max(later.greatest[query]);
            let (keep, take) =
                ((self.greatest[query] - greatest).exp(), (later.greatest[query] - greatest).exp());
            self.greatest[query] = greatest;
            self.sum[query] = self.sum[query] * keep + later.sum[query] * take;
            let range = query * value_dim..(query + 1) * value_dim;
            for (value, later) in self.values[range.clone()].iter_mut().zip(&later.values[range]) {
                *value = *value * keep + later * take;
            }
        }
    }

    /// The attention of `query` over all pages so far; zeros if it saw no key.
    pub fn finish(&self, query: usize, out: &mut [f32]) {
        let sum = self.sum[query];
        let inverse = if sum == 0.0 { 0.0 } else { 1.0 / sum };
        let values = &self.values[query * out.len()..(query + 1) * out.len()];
        for (out, value) in out.iter_mut().zip(values) {
            *out = value * inverse;
        }
    }
}

/// A page's two sides as bytes.
#[derive(Clone, Copy)]
struct Page {
    keys: *const u8,
    values: *const u8,
}

type Scores = [f32; PAGE];

/// Takes one page into the state of every query; query `i` sees its keys `visible[i]`.
///
/// # Safety
/// `q` holds a row of `head_dim` for each range of `visible`, ranges end at `PAGE`, the page and the state have the
/// sizes that their documentation says.
#[inline(always)]
pub(super) unsafe fn attend<S: Simd>(
    s: S,
    spec: &AttendSpec,
    q: &[f32],
    page: KvPage<'_>,
    visible: &[Range<usize>],
    state: &mut AttendState,
) {
    // SAFETY: the caller's promise, passed on; a widened page has the same layout.
    unsafe {
        match page {
            KvPage::F16 { keys, values } if visible.len() >= MANY => {
                let mut lines = std::mem::take(&mut state.page);
                let page = widen(s, keys, values, &mut lines);
                attend_page::<S, F32>(s, spec, q, page, visible, state);
                state.page = lines;
            }
            KvPage::F16 { keys, values } => {
                let page = Page { keys: keys.as_ptr().cast(), values: values.as_ptr().cast() };
                attend_page::<S, F16>(s, spec, q, page, visible, state);
            }
            KvPage::F32 { keys, values } => {
                let page = Page { keys: keys.as_ptr().cast(), values: values.as_ptr().cast() };
                attend_page::<S, F32>(s, spec, q, page, visible, state);
            }
        }
    }
}

/// Both sides of a page of halves as singles; a page has whole lines, because `PAGE` does.
#[inline(always)]
fn widen<S: Simd>(s: S, keys: &[u16], values: &[u16], lines: &mut Vec<Line>) -> Page {
    lines.resize((keys.len() + values.len()) / LANES, Line([0.0; LANES]));
    for (line, halves) in lines.iter_mut().zip(keys.chunks_exact(LANES).chain(values.chunks_exact(LANES))) {
        // SAFETY: sixteen halves to a line of sixteen.
        unsafe { s.store(line.0.as_mut_ptr(), s.load_f16(halves.as_ptr().cast())) };
    }
    Page { keys: lines.as_ptr().cast(), values: lines[keys.len() / LANES..].as_ptr().cast() }
}

/// # Safety
/// As `attend`.
#[inline(always)]
unsafe fn attend_page<S: Simd, E: Float>(
    s: S,
    spec: &AttendSpec,
    q: &[f32],
    page: Page,
    visible: &[Range<usize>],
    state: &mut AttendState,
) {
    let mut first = 0;
    while first < visible.len() {
        // SAFETY: that many queries exist from `first` on.
        first += unsafe {
            match visible.len() - first {
                8.. if S::WIDE => attend_some::<S, E, 8, 2>(s, spec, q, page, visible, first, state),
                4.. if S::VECTOR => attend_some::<S, E, 4, 1>(s, spec, q, page, visible, first, state),
                3 if S::VECTOR => attend_some::<S, E, 3, 1>(s, spec, q, page, visible, first, state),
                2 if S::VECTOR => attend_some::<S, E, 2, 1>(s, spec, q, page, visible, first, state),
                _ => attend_some::<S, E, 1, 1>(s, spec, q, page, visible, first, state),
            }
        };
    }
}

/// Queries `first..first + Q`, with `P` registers of keys or values at a time; gives `Q`.
///
/// # Safety
/// As `attend`.
#[inline(always)]
unsafe fn attend_some<S: Simd, E: Float, const Q: usize, const P: usize>(
    s: S,
    spec: &AttendSpec,
    q: &[f32],
    page: Page,
    visible: &[Range<usize>],
    first: usize,
    state: &mut AttendState,
) -> usize {
    let seen: [Range<usize>; Q] = std::array::from_fn(|i| visible[first + i].clone());
    let mut scores = [[f32::NEG_INFINITY; PAGE]; Q];
    let start = seen.iter().map(|r| r.start).min().unwrap_or(0);
    let end = seen.iter().map(|r| r.end).max().unwrap_or(0);
    // SAFETY: the caller's promise: Q query rows, a page of keys, Q rows of values.
    unsafe {
        let rows = std::array::from_fn(|i| q.as_ptr().add((first + i) * spec.head_dim));
        for panel in (start / LANES / P * P..end.div_ceil(LANES)).step_by(P) {
            score_panels::<S, E, Q, P>(s, spec, page.keys, rows, panel, &mut scores);
        }
        for (i, scores) in scores.iter_mut().enumerate() {
            weigh(s, spec, scores, &seen[i], first + i, state);
        }
        let sums = std::array::from_fn(|i| state.values.as_mut_ptr().add((first + i) * spec.value_dim));
        add_values::<S, E, Q, P>(s, &scores, sums, page.values, &seen, spec.value_dim);
    }
    Q
}

/// Dot products with `P` panels of sixteen keys: each is one running sum over the head's dimensions.
///
/// # Safety
/// `keys` is a page's and has the panels, `q` are rows of `head_dim`.
#[inline(always)]
unsafe fn score_panels<S: Simd, E: Float, const Q: usize, const P: usize>(
    s: S,
    spec: &AttendSpec,
    keys: *const u8,
    q: [*const f32; Q],
    panel: usize,
    scores: &mut [Scores; Q],
) {
    let mut sums = [[s.splat(0.0); P]; Q];
    // SAFETY: the caller's promise.
    unsafe {
        let keys = keys.add(panel * LANES * spec.head_dim * E::BYTES);
        for d in 0..spec.head_dim {
            let mut lanes = [s.splat(0.0); P];
            for p in 0..P {
                lanes[p] = E::load(s, keys.add((p * spec.head_dim + d) * LANES * E::BYTES));
            }
            for i in 0..Q {
                let q = s.splat(*q[i].add(d));
                for p in 0..P {
                    sums[i][p] = s.fma(q, lanes[p], sums[i][p]);
                }
            }
        }
        for i in 0..Q {
            for p in 0..P {
                s.store(scores[i].as_mut_ptr().add((panel + p) * LANES), sums[i][p]);
            }
        }
    }
}

/// Dot products become weights relative to the greatest score so far, to which the state is brought too.
#[inline(always)]
fn weigh<S: Simd>(
    s: S,
    spec: &AttendSpec,
    scores: &mut Scores,
    seen: &Range<usize>,
    query: usize,
    state: &mut AttendState,
) {
    if seen.is_empty() {
        return;
    }
    let mut greatest = s.splat(f32::NEG_INFINITY);
    scale_scores(s, spec, scores);
    scores[..seen.start].fill(f32::NEG_INFINITY);
    scores[seen.end..].fill(f32::NEG_INFINITY);
    for i in (0..PAGE).step_by(LANES) {
        greatest = s.max(at(s, scores, i), greatest);
    }
    let (old, greatest) = (state.greatest[query], s.max_lane(greatest).max(state.greatest[query]));
    let mut sum = s.splat(0.0);
    for part in scores.chunks_exact_mut(LANES) {
        // SAFETY: a part has 16 lanes.
        unsafe {
            let weights = exp(s, s.sub(s.load(part.as_ptr()), s.splat(greatest)));
            sum = s.add(sum, weights);
            s.store(part.as_mut_ptr(), weights);
        }
    }
    if greatest > old {
        let keep = s.max_lane(exp(s, s.splat(old - greatest)));
        state.sum[query] *= keep;
        state.greatest[query] = greatest;
        scale(s, &mut state.values[query * spec.value_dim..(query + 1) * spec.value_dim], keep);
    }
    state.sum[query] += s.sum(sum);
}

#[inline(always)]
fn scale_scores<S: Simd>(s: S, spec: &AttendSpec, scores: &mut Scores) {
    for part in scores.chunks_exact_mut(LANES) {
        // SAFETY: a part has 16 lanes.
        unsafe {
            let score = s.mul(s.load(part.as_ptr()), s.splat(spec.scale));
            let score = match spec.softcap {
                Some(cap) => soft_cap(s, score, cap),
                None => score,
            };
            s.store(part.as_mut_ptr(), score);
        }
    }
}

/// Adds each query's weighted values, key after key: together where all see a key, else one by one.
///
/// # Safety
/// `sums` are rows of `value_dim`, `values` is a page's.
#[inline(always)]
unsafe fn add_values<S: Simd, E: Float, const Q: usize, const P: usize>(
    s: S,
    weights: &[Scores; Q],
    sums: [*mut f32; Q],
    values: *const u8,
    seen: &[Range<usize>; Q],
    value_dim: usize,
) {
    let start = seen.iter().map(|r| r.start).max().unwrap_or(0);
    let end = seen.iter().map(|r| r.end).min().unwrap_or(0);
    let (start, end) = if start < end { (start, end) } else { (PAGE, PAGE) };
    for after in [false, true] {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            if after {
                add_keys::<S, E, Q, P>(s, weights, sums, values, start..end, value_dim);
            }
            for i in 0..Q {
                let (from, to) = (seen[i].start, seen[i].end);
                let alone = if after { end.max(from)..to } else { from..start.min(to) };
                add_keys::<S, E, 1, P>(
                    s,
                    std::array::from_ref(&weights[i]),
                    [sums[i]],
                    values,
                    alone,
                    value_dim,
                );
            }
        }
    }
}

/// # Safety
/// As `add_values`.
#[inline(always)]
unsafe fn add_keys<S: Simd, E: Float, const Q: usize, const P: usize>(
    s: S,
    weights: &[Scores; Q],
    sums: [*mut f32; Q],
    values: *const u8,
    keys: Range<usize>,
    value_dim: usize,
) {
    if keys.is_empty() {
        return;
    }
    let wide = value_dim - value_dim % (P * LANES);
    // SAFETY: keys and dimensions are within the page and the sums.
    unsafe {
        for d in (0..wide).step_by(P * LANES) {
            add_columns::<S, E, Q, P>(s, weights, sums, values, &keys, (d, P * LANES, value_dim));
        }
        for d in (wide..value_dim).step_by(LANES) {
            add_columns::<S, E, Q, 1>(s, weights, sums, values, &keys, (d, value_dim - d, value_dim));
        }
    }
}

/// Columns `d..d + left` (at most `P` registers) of rows of `value_dim`.
///
/// # Safety
/// As `add_values`.
#[inline(always)]
unsafe fn add_columns<S: Simd, E: Float, const Q: usize, const P: usize>(
    s: S,
    weights: &[Scores; Q],
    sums: [*mut f32; Q],
    values: *const u8,
    keys: &Range<usize>,
    (d, left, value_dim): (usize, usize, usize),
) {
    let mut lanes = [[s.splat(0.0); P]; Q];
    // SAFETY: a register is read and written whole where `left` allows, else its part.
    unsafe {
        for i in 0..Q {
            for p in 0..P {
                let from = sums[i].add(d + p * LANES);
                lanes[i][p] = if left >= LANES { s.load(from) } else { s.load_tail(from, left) };
            }
        }
        for key in keys.clone() {
            let mut value = [s.splat(0.0); P];
            for p in 0..P {
                let from = values.add((key * value_dim + d + p * LANES) * E::BYTES);
                value[p] = if left >= LANES { E::load(s, from) } else { E::load_tail(s, from, left) };
            }
            for i in 0..Q {
                let weight = s.splat(weights[i][key]);
                for p in 0..P {
                    lanes[i][p] = s.fma(weight, value[p], lanes[i][p]);
                }
            }
        }
        for i in 0..Q {
            for p in 0..P {
                let to = sums[i].add(d + p * LANES);
                if left >= LANES {
                    s.store(to, lanes[i][p]);
                } else {
                    s.store_tail(to, left, lanes[i][p]);
                }
            }
        }
    }
}
