//! A few queries over one page: scores, weights, weighted values, each in register tiles of queries by keys or columns.

use std::ops::Range;

use super::super::exp::soft_cap;
use super::super::lanes::{at, Simd, LANES};
use super::page::{Line, Wide, PAGE};
use super::{AttendSpec, AttendState, Queries};

type Scores = [f32; PAGE];

/// The slots of a page, as numbers.
const SLOTS: Scores = {
    let mut slots = [0.0; PAGE];
    let mut i = 0;
    while i < PAGE {
        slots[i] = i as f32;
        i += 1;
    }
    slots
};

/// A minimax fit of 2^f on [-1/2, 1/2], highest power first.
#[allow(clippy::approx_constant)] // near ln 2, but fitted
const POWER: [f32; 6] = [0.001_326_472_6, 0.009_671_513, 0.055_507_336, 0.240_222_42, 0.693_147, 1.0];

/// `2^x` for x <= 0, within 2 ulp; 0 below 2^-127.
#[inline(always)]
pub(super) fn exp2<S: Simd>(s: S, x: S::F) -> S::F {
    let x = s.max(s.splat(-127.0), x); // a NaN passes
    let n = s.round(x);
    let f = s.sub(x, n);
    let mut p = s.splat(POWER[0]);
    for &c in &POWER[1..] {
        p = s.fma(p, f, s.splat(c));
    }
    s.scale_down(p, n)
}

/// Takes the page that begins at a position into the first of `rows`; gives how many rows it took.
///
/// # Safety
/// As `attend`, of which this is one step.
#[inline(always)]
pub(super) unsafe fn attend_rows<S: Simd>(
    s: S,
    spec: &AttendSpec,
    queries: &Queries<'_>,
    page: (&Wide, usize),
    rows: Range<usize>,
    state: &mut AttendState,
) -> usize {
    let first = rows.start;
    let count = rows.len().div_ceil(rows.len().div_ceil(6)); // tiles of about one size
                                                             // SAFETY: that many rows exist from `first` on.
    unsafe {
        if !S::VECTOR {
            return tile::<S, 1, 1>(s, spec, queries, page, first, state);
        }
        match count {
            6 if S::WIDE => tile::<S, 6, 4>(s, spec, queries, page, first, state),
            5 if S::WIDE => tile::<S, 5, 4>(s, spec, queries, page, first, state),
            4 if S::WIDE => tile::<S, 4, 4>(s, spec, queries, page, first, state),
            3 if S::WIDE => tile::<S, 3, 4>(s, spec, queries, page, first, state),
            2 if S::WIDE => tile::<S, 2, 4>(s, spec, queries, page, first, state),
            6 => tile::<S, 6, 1>(s, spec, queries, page, first, state),
            5 => tile::<S, 5, 1>(s, spec, queries, page, first, state),
            4 => tile::<S, 4, 1>(s, spec, queries, page, first, state),
            3 => tile::<S, 3, 1>(s, spec, queries, page, first, state),
            2 => tile::<S, 2, 2>(s, spec, queries, page, first, state),
            _ => tile::<S, 1, 4>(s, spec, queries, page, first, state),
        }
    }
}

/// Queries `first..first + Q`, with `P` registers of keys or values at a time; gives `Q`.
///
/// # Safety
/// As `attend`.
#[inline(always)]
unsafe fn tile<S: Simd, const Q: usize, const P: usize>(
    s: S,
    spec: &AttendSpec,
    queries: &Queries<'_>,
    (page, start): (&Wide, usize),
    first: usize,
    state: &mut AttendState,
) -> usize {
    let seen: [Range<usize>; Q] = std::array::from_fn(|i| queries.seen(spec, first + i, start));
    if seen.iter().all(|seen| seen.is_empty()) {
        return Q;
    }
    let from = seen.iter().map(|r| r.start).min().unwrap_or(0);
    let to = seen.iter().map(|r| r.end).max().unwrap_or(0);
    let mut scores = [[0.0; PAGE]; Q];
    // SAFETY: the caller's promise: Q query rows, a page of keys, Q rows of values.
    unsafe {
        let rows = std::array::from_fn(|i| queries.values.as_ptr().add((first + i) * spec.head_dim));
        for panel in (from / LANES / P * P..to.div_ceil(LANES)).step_by(P) {
            score_panels::<S, Q, P>(s, spec.head_dim, page.keys, rows, panel, &mut scores);
        }
        for (i, scores) in scores.iter_mut().enumerate() {
            let slope = queries.slopes.map(|slopes| slopes[(first + i) % queries.group]);
            let distance = start as f32 - queries.position_of(first + i) as f32; // of the page's first key
            weigh(s, spec, slope.map(|slope| (slope, distance)), scores, &seen[i], first + i, state);
        }
        let lines = spec.value_dim.div_ceil(LANES);
        let sums = std::array::from_fn(|i| state.values.as_mut_ptr().add((first + i) * lines));
        add_values::<S, Q, P>(s, &scores, sums, page, &seen, lines);
    }
    Q
}

/// Dot products with `P` panels of sixteen keys: each is one running sum over the head's dimensions.
///
/// # Safety
/// `keys` are a page's and have the panels, `q` are rows of `head_dim`.
#[inline(always)]
unsafe fn score_panels<S: Simd, const Q: usize, const P: usize>(
    s: S,
    head_dim: usize,
    keys: *const f32,
    q: [*const f32; Q],
    panel: usize,
    scores: &mut [Scores; Q],
) {
    let mut sums = [[s.splat(0.0); P]; Q];
    // SAFETY: the caller's promise.
    unsafe {
        let keys = keys.add(panel * LANES * head_dim);
        for d in 0..head_dim {
            let mut lanes = [s.splat(0.0); P];
            for p in 0..P {
                lanes[p] = s.load(keys.add((p * head_dim + d) * LANES));
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
    alibi: Option<(f32, f32)>,
    scores: &mut Scores,
    seen: &Range<usize>,
    query: usize,
    state: &mut AttendState,
) {
    if seen.is_empty() {
        return;
    }
    let factor = scale_scores(s, spec, alibi, scores);
    if *seen != (0..PAGE) {
        mask(s, seen, scores);
    }
    let pairs = [0, 2].map(|i| s.max(at(s, scores, i * LANES), at(s, scores, (i + 1) * LANES)));
    let page = s.max_lane(s.max(pairs[0], pairs[1])) * factor;
    let old = state.greatest[query];
    let greatest = if page > old { page } else { old };
    let (multiply, subtract) = (s.splat(factor), s.splat(-greatest));
    let mut sum = s.splat(0.0);
    for part in scores.chunks_exact_mut(LANES) {
        // SAFETY: a part has 16 lanes.
        unsafe {
            let weights = exp2(s, s.fma(s.load(part.as_ptr()), multiply, subtract));
            sum = s.add(sum, weights);
            s.store(part.as_mut_ptr(), weights);
        }
    }
    let own = &mut state.sums[query];
    if greatest > old {
        let keep = exp2(s, s.splat(old - greatest));
        let lines = spec.value_dim.div_ceil(LANES);
        state.greatest[query] = greatest;
        for line in state.values[query * lines..(query + 1) * lines].iter_mut().chain([&mut *own]) {
            // SAFETY: a line has 16 lanes.
            unsafe { s.store(line.0.as_mut_ptr(), s.mul(s.load(line.0.as_ptr()), keep)) };
        }
    }
    // SAFETY: as above.
    unsafe { s.store(own.0.as_mut_ptr(), s.add(s.load(own.0.as_ptr()), sum)) };
}

/// Brings dot products to scores but for the positive factor that is returned, which ends in powers of two.
#[inline(always)]
fn scale_scores<S: Simd>(s: S, spec: &AttendSpec, alibi: Option<(f32, f32)>, scores: &mut Scores) -> f32 {
    if spec.softcap.is_none() && alibi.is_none() && spec.scale > 0.0 {
        return spec.scale * std::f32::consts::LOG2_E;
    }
    for i in (0..PAGE).step_by(LANES) {
        let mut score = s.mul(at(s, scores, i), s.splat(spec.scale));
        if let Some(cap) = spec.softcap {
            score = soft_cap(s, score, cap);
        }
        if let Some((slope, distance)) = alibi {
            score = s.fma(s.splat(slope), s.add(at(s, &SLOTS, i), s.splat(distance)), score);
        }
        // SAFETY: i + 16 <= PAGE.
        unsafe { s.store(scores.as_mut_ptr().add(i), score) };
    }
    std::f32::consts::LOG2_E
}

/// Slots outside of `seen` weigh nothing.
#[inline(always)]
fn mask<S: Simd>(s: S, seen: &Range<usize>, scores: &mut Scores) {
    let (start, end) = (s.splat(seen.start as f32), s.splat(seen.end as f32));
    let nothing = s.splat(f32::NEG_INFINITY);
    for i in (0..PAGE).step_by(LANES) {
        let slots = at(s, &SLOTS, i);
        let score = s.select_lt(slots, end, at(s, scores, i), nothing);
        // SAFETY: i + 16 <= PAGE.
        unsafe { s.store(scores.as_mut_ptr().add(i), s.select_lt(slots, start, nothing, score)) };
    }
}

/// Adds each query's weighted values, key after key: together where all see a key, else one by one.
///
/// # Safety
/// `sums` are rows of `lines`, the page has the values of all keys seen.
#[inline(always)]
unsafe fn add_values<S: Simd, const Q: usize, const P: usize>(
    s: S,
    weights: &[Scores; Q],
    sums: [*mut Line; Q],
    page: &Wide,
    seen: &[Range<usize>; Q],
    lines: usize,
) {
    let start = seen.iter().map(|r| r.start).max().unwrap_or(0);
    let end = seen.iter().map(|r| r.end).min().unwrap_or(0);
    let (start, end) = if start < end { (start, end) } else { (PAGE, PAGE) };
    // SAFETY: the caller's promise, passed on.
    unsafe {
        for i in 0..Q {
            let alone = seen[i].start..seen[i].end.min(start);
            add_keys::<S, 1, P>(s, std::array::from_ref(&weights[i]), [sums[i]], page, alone, lines);
        }
        add_keys::<S, Q, P>(s, weights, sums, page, start..end, lines);
        for i in 0..Q {
            let alone = seen[i].start.max(end)..seen[i].end;
            add_keys::<S, 1, P>(s, std::array::from_ref(&weights[i]), [sums[i]], page, alone, lines);
        }
    }
}

/// # Safety
/// As `add_values`.
#[inline(always)]
unsafe fn add_keys<S: Simd, const Q: usize, const P: usize>(
    s: S,
    weights: &[Scores; Q],
    sums: [*mut Line; Q],
    page: &Wide,
    keys: Range<usize>,
    lines: usize,
) {
    if keys.is_empty() {
        return;
    }
    let whole = lines - lines % P;
    // SAFETY: keys and columns are within the page and the sums.
    unsafe {
        for line in (0..whole).step_by(P) {
            add_columns::<S, Q, P>(s, weights, sums, page, &keys, line);
        }
        for line in whole..lines {
            add_columns::<S, Q, 1>(s, weights, sums, page, &keys, line);
        }
    }
}

/// `P` registers of columns from `line` on.
///
/// # Safety
/// As `add_values`.
#[inline(always)]
unsafe fn add_columns<S: Simd, const Q: usize, const P: usize>(
    s: S,
    weights: &[Scores; Q],
    sums: [*mut Line; Q],
    page: &Wide,
    keys: &Range<usize>,
    line: usize,
) {
    let mut lanes = [[s.splat(0.0); P]; Q];
    // SAFETY: the caller's promise.
    unsafe {
        for i in 0..Q {
            for p in 0..P {
                lanes[i][p] = s.load(sums[i].add(line + p).cast());
            }
        }
        for key in keys.clone() {
            let mut value = [s.splat(0.0); P];
            for p in 0..P {
                value[p] = s.load(page.values.add(key * page.stride + (line + p) * LANES));
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
                s.store(sums[i].add(line + p).cast(), lanes[i][p]);
            }
        }
    }
}
