//! Attention of a few queries over one page of keys and values, with a running softmax.
//!
//! A query's result depends on the absolute positions of the keys it sees and on nothing else: pages are taken in
//! order, a page's scores are reduced in one order, and keys that a query does not see are never touched for it.

use std::ops::Range;

use super::convert::{Float, F16, F32};
use super::exp::{exp, soft_cap};
use super::lanes::{Simd, LANES};
use half::f16;

/// Keys of a page.
pub const PAGE: usize = 64;

/// One kv head's keys and values at positions `64 p .. 64 p + 64`.
///
/// Keys are stored in panels of sixteen, `(PAGE / 16, head_dim, 16)`, values as `(PAGE, value_dim)`: neither decoding nor
/// prefill transposes anything. `Kernels::store_key` and `store_value` write them; slots not yet written are never used.
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
}

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
            let (keep, take) = ((self.greatest[query] - greatest).exp(), (later.greatest[query] - greatest).exp());
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
    // SAFETY: the caller's promise, passed on.
    unsafe {
        match page {
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
        let left = visible.len() - first;
        // SAFETY: the queries first..first + 4 (or fewer) exist.
        unsafe {
            match left {
                1 => attend_some::<S, E, 1>(s, spec, q, page, visible, first, state),
                2 => attend_some::<S, E, 2>(s, spec, q, page, visible, first, state),
                3 => attend_some::<S, E, 3>(s, spec, q, page, visible, first, state),
                _ => attend_some::<S, E, 4>(s, spec, q, page, visible, first, state),
            }
        }
        first += left.min(4);
    }
}

/// Queries `first..first + Q`.
///
/// # Safety
/// As `attend`.
#[inline(always)]
unsafe fn attend_some<S: Simd, E: Float, const Q: usize>(
    s: S,
    spec: &AttendSpec,
    q: &[f32],
    page: Page,
    visible: &[Range<usize>],
    first: usize,
    state: &mut AttendState,
) {
    let seen: [Range<usize>; Q] = std::array::from_fn(|i| visible[first + i].clone());
    let mut scores = [[f32::NEG_INFINITY; PAGE]; Q];
    let start = seen.iter().map(|r| r.start).min().unwrap_or(0);
    let end = seen.iter().map(|r| r.end).max().unwrap_or(0);
    // SAFETY: the caller's promise: Q query rows, a page of keys, Q rows of values.
    unsafe {
        for panel in start / LANES..end.div_ceil(LANES) {
            let keys = page.keys.add(panel * LANES * spec.head_dim * E::BYTES);
            let rows = std::array::from_fn(|i| q.as_ptr().add((first + i) * spec.head_dim));
            score_panel::<S, E, Q>(s, spec, keys, rows, panel, &mut scores);
        }
        for (i, scores) in scores.iter_mut().enumerate() {
            weigh(s, scores, &seen[i], spec.value_dim, first + i, state);
        }
        let sums = std::array::from_fn(|i| state.values.as_mut_ptr().add((first + i) * spec.value_dim));
        add_values::<S, E, Q>(s, &scores, sums, page.values, &seen, spec.value_dim);
    }
}

/// Scores of sixteen keys: each is one running sum over the head's dimensions.
///
/// # Safety
/// `keys` is a panel, `q` are rows of `head_dim`.
#[inline(always)]
unsafe fn score_panel<S: Simd, E: Float, const Q: usize>(
    s: S,
    spec: &AttendSpec,
    keys: *const u8,
    q: [*const f32; Q],
    panel: usize,
    scores: &mut [Scores; Q],
) {
    let mut sums = [s.splat(0.0); Q];
    // SAFETY: the caller's promise.
    unsafe {
        for d in 0..spec.head_dim {
            let key = E::load(s, keys.add(d * LANES * E::BYTES));
            for i in 0..Q {
                sums[i] = s.fma(s.splat(*q[i].add(d)), key, sums[i]);
            }
        }
        for i in 0..Q {
            let score = s.mul(sums[i], s.splat(spec.scale));
            let score = match spec.softcap {
                Some(cap) => soft_cap(s, score, cap),
                None => score,
            };
            s.store(scores[i].as_mut_ptr().add(panel * LANES), score);
        }
    }
}

/// Scores become weights relative to the greatest so far, and the state is brought to that greatest.
#[inline(always)]
fn weigh<S: Simd>(
    s: S,
    scores: &mut Scores,
    seen: &Range<usize>,
    value_dim: usize,
    query: usize,
    state: &mut AttendState,
) {
    if seen.is_empty() {
        return;
    }
    scores[..seen.start].fill(f32::NEG_INFINITY);
    scores[seen.end..].fill(f32::NEG_INFINITY);
    let old = state.greatest[query];
    let greatest = scores[seen.clone()].iter().fold(old, |a, &b| a.max(b));
    let mut sum = s.splat(0.0);
    for part in scores.chunks_exact_mut(LANES) {
        // SAFETY: a part has 16 lanes.
        unsafe {
            let weights = exp(s, s.sub(s.load(part.as_ptr()), s.splat(greatest)));
            sum = s.add(sum, weights);
            s.store(part.as_mut_ptr(), weights);
        }
    }
    let keep = (old - greatest).exp();
    state.sum[query] = state.sum[query] * keep + s.sum(sum);
    state.greatest[query] = greatest;
    if keep != 1.0 {
        super::arithmetic::scale(s, &mut state.values[query * value_dim..(query + 1) * value_dim], keep);
    }
}

/// Adds each query's weighted values, key after key: together where all see a key, else one by one.
///
/// # Safety
/// `sums` are rows of `value_dim`, `values` is a page's.
#[inline(always)]
unsafe fn add_values<S: Simd, E: Float, const Q: usize>(
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
                add_keys::<S, E, Q>(s, weights, sums, values, start..end, value_dim);
            }
            for i in 0..Q {
                let (from, to) = (seen[i].start, seen[i].end);
                let alone = if after { end.max(from)..to } else { from..start.min(to) };
                add_keys::<S, E, 1>(
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
unsafe fn add_keys<S: Simd, E: Float, const Q: usize>(
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
    let whole = value_dim - value_dim % LANES;
    let row = |key: usize, d: usize| (key * value_dim + d) * E::BYTES;
    // SAFETY: keys and dimensions are within the page and the sums.
    unsafe {
        for d in (0..whole).step_by(LANES) {
            let mut lanes = [s.splat(0.0); Q];
            for i in 0..Q {
                lanes[i] = s.load(sums[i].add(d));
            }
            for key in keys.clone() {
                let value = E::load(s, values.add(row(key, d)));
                for i in 0..Q {
                    lanes[i] = s.fma(s.splat(weights[i][key]), value, lanes[i]);
                }
            }
            for i in 0..Q {
                s.store(sums[i].add(d), lanes[i]);
            }
        }
        let n = value_dim - whole;
        if n > 0 {
            let mut lanes = [s.splat(0.0); Q];
            for i in 0..Q {
                lanes[i] = s.load_tail(sums[i].add(whole), n);
            }
            for key in keys {
                let value = E::load_tail(s, values.add(row(key, whole)), n);
                for i in 0..Q {
                    lanes[i] = s.fma(s.splat(weights[i][key]), value, lanes[i]);
                }
            }
            for i in 0..Q {
                s.store_tail(sums[i].add(whole), n, lanes[i]);
            }
        }
    }
}
