//! A few queries over one page: scores, weights, weighted values, each in register tiles of queries by keys or columns.

use std::ops::Range;

use super::page::{Line, Wide, PAGE};
use super::types::{AttendSpec, AttendState, Queries};
use crate::kernels::convert::Float;
use crate::kernels::pointwise::exp::soft_cap;
use crate::kernels::simd::{Simd, LANES};

/// A row's scores or weights in one page.
pub(super) type TileScores = [f32; PAGE];

/// Rows of a tile at most.
pub(super) const TILE_ROWS: usize = 12;

/// Rows of a tile at most where registers are few, and rows for which a page of halves is not widened first.
pub(super) const NARROW_TILE_ROWS: usize = 6;

/// The slots of a page, as numbers.
const SLOTS: TileScores = {
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
    // In pairs, which wait less for each other than one after another.
    let square = s.mul(f, f);
    let (low, middle, high) = (pair(s, f, 4), pair(s, f, 2), pair(s, f, 0));
    let p = s.fma(s.fma(high, square, middle), square, low);
    s.scale_down(p, n)
}

/// `POWER[i] * f + POWER[i + 1]`
#[inline(always)]
fn pair<S: Simd>(s: S, f: S::F, i: usize) -> S::F {
    s.fma(s.splat(POWER[i]), f, s.splat(POWER[i + 1]))
}

/// Adds the page that begins at a position to the first of `rows`; returns how many rows that was.
///
/// # Safety
/// As `attend`, of which this is one step.
#[inline(always)]
pub(super) unsafe fn attend_rows<S: Simd, E: Float>(
    s: S,
    spec: &AttendSpec,
    queries: &Queries<'_>,
    page: (&Wide, usize),
    rows: Range<usize>,
    scores: &mut [TileScores; TILE_ROWS],
    state: &mut AttendState,
) -> usize {
    let first = rows.start;
    let count = match rows.len() {
        TILE_ROWS.. if S::WIDE => TILE_ROWS,
        left => left.div_ceil(left.div_ceil(NARROW_TILE_ROWS)), // tiles of about one size
    };
    // SAFETY: that many rows exist from `first` on.
    unsafe {
        if !S::VECTOR {
            return tile::<S, E, 1, 1>(s, spec, queries, page, first, scores, state);
        }
        match count {
            TILE_ROWS if S::WIDE => tile::<S, E, TILE_ROWS, 2>(s, spec, queries, page, first, scores, state),
            6 if S::WIDE => tile::<S, E, 6, 4>(s, spec, queries, page, first, scores, state),
            5 if S::WIDE => tile::<S, E, 5, 4>(s, spec, queries, page, first, scores, state),
            4 if S::WIDE => tile::<S, E, 4, 4>(s, spec, queries, page, first, scores, state),
            3 if S::WIDE => tile::<S, E, 3, 4>(s, spec, queries, page, first, scores, state),
            2 if S::WIDE => tile::<S, E, 2, 4>(s, spec, queries, page, first, scores, state),
            6 => tile::<S, E, 6, 1>(s, spec, queries, page, first, scores, state),
            5 => tile::<S, E, 5, 1>(s, spec, queries, page, first, scores, state),
            4 => tile::<S, E, 4, 1>(s, spec, queries, page, first, scores, state),
            3 => tile::<S, E, 3, 1>(s, spec, queries, page, first, scores, state),
            2 => tile::<S, E, 2, 2>(s, spec, queries, page, first, scores, state),
            _ => tile::<S, E, 1, 4>(s, spec, queries, page, first, scores, state),
        }
    }
}

/// Queries `first..first + Q`, with `P` registers of keys or values at a time; gives `Q`.
///
/// # Safety
/// As `attend`.
#[inline(always)]
unsafe fn tile<S: Simd, E: Float, const Q: usize, const P: usize>(
    s: S,
    spec: &AttendSpec,
    queries: &Queries<'_>,
    (page, start): (&Wide, usize),
    first: usize,
    scores: &mut [TileScores; TILE_ROWS],
    state: &mut AttendState,
) -> usize {
    let mut seen = [(0, 0); Q];
    for i in 0..Q {
        let own = queries.seen(spec, first + i, start);
        seen[i] = (own.start, own.end);
    }
    let (from, to) = (seen[0].0, seen[Q - 1].1); // both ends grow with the position
    if from >= to {
        return Q;
    }
    // SAFETY: the caller's promise: Q query rows, a page of keys, Q rows of values.
    unsafe {
        let q = queries.values.as_ptr().add(first * spec.head_dim);
        for panel in (from / LANES / P * P..to.div_ceil(LANES)).step_by(P) {
            score_panels::<S, E, Q, P>(s, spec.head_dim, page.keys, q, panel, scores);
        }
        let factor = scale_scores::<S, Q>(s, spec, queries, (first, start), scores);
        if seen != [(0, PAGE); Q] {
            mask::<S, Q>(s, &seen, scores);
        }
        let mut keep = weigh::<S, Q>(s, factor, first, scores, state);
        let lines = spec.value_dim.div_ceil(LANES);
        let sums = state.values.as_mut_ptr().add(first * lines);
        add_values::<S, E, Q, P>(s, scores, &mut keep, (sums, lines), page, &seen);
    }
    Q
}

/// Dot products with `P` panels of sixteen keys: each is one running sum over the head's dimensions.
///
/// # Safety
/// `keys` are a page's and have the panels, `q` are Q rows of `head_dim`.
#[inline(always)]
unsafe fn score_panels<S: Simd, E: Float, const Q: usize, const P: usize>(
    s: S,
    head_dim: usize,
    keys: *const u8,
    q: *const f32,
    panel: usize,
    scores: &mut [TileScores; TILE_ROWS],
) {
    let mut sums = [[s.splat(0.0); P]; Q];
    // SAFETY: the caller's promise.
    unsafe {
        let keys = keys.add(panel * LANES * head_dim * E::BYTES);
        for d in 0..head_dim {
            let mut lanes = [s.splat(0.0); P];
            for p in 0..P {
                lanes[p] = E::load(s, keys.add((p * head_dim + d) * LANES * E::BYTES));
            }
            for i in 0..Q {
                let q = s.splat(*q.add(i * head_dim + d));
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

/// Turns dot products into scores, except for the positive factor that is returned for the exponent of 2.
#[inline(always)]
fn scale_scores<S: Simd, const Q: usize>(
    s: S,
    spec: &AttendSpec,
    queries: &Queries<'_>,
    (first, start): (usize, usize),
    scores: &mut [TileScores; TILE_ROWS],
) -> f32 {
    if spec.softcap.is_none() && queries.slopes.is_none() && spec.scale > 0.0 {
        return spec.scale * std::f32::consts::LOG2_E;
    }
    for (i, scores) in scores[..Q].iter_mut().enumerate() {
        let slope = queries.slopes.map_or(0.0, |slopes| slopes[(first + i) % queries.group]);
        let distance = start as f32 - queries.position_of(first + i) as f32; // of the page's first key
        for at in (0..PAGE).step_by(LANES) {
            // SAFETY: at + 16 <= PAGE.
            unsafe {
                let place = scores.as_mut_ptr().add(at);
                let mut score = s.mul(s.load(place), s.splat(spec.scale));
                if let Some(cap) = spec.softcap {
                    score = soft_cap(s, score, cap);
                }
                if queries.slopes.is_some() {
                    let distance = s.add(s.load(SLOTS.as_ptr().add(at)), s.splat(distance));
                    score = s.fma(s.splat(slope), distance, score);
                }
                s.store(place, score);
            }
        }
    }
    std::f32::consts::LOG2_E
}

/// Slots that a row does not see have the weight zero.
#[inline(always)]
fn mask<S: Simd, const Q: usize>(s: S, seen: &[(usize, usize); Q], scores: &mut [TileScores; TILE_ROWS]) {
    let nothing = s.splat(f32::NEG_INFINITY);
    for i in 0..Q {
        let (start, end) = (s.splat(seen[i].0 as f32), s.splat(seen[i].1 as f32));
        for at in (0..PAGE).step_by(LANES) {
            // SAFETY: at + 16 <= PAGE.
            unsafe {
                let (slots, place) = (s.load(SLOTS.as_ptr().add(at)), scores[i].as_mut_ptr().add(at));
                let score = s.select_lt(slots, end, s.load(place), nothing);
                s.store(place, s.select_lt(slots, start, nothing, score));
            }
        }
    }
}

/// Scores become weights relative to each row's greatest so far; gives what older weights are to be multiplied by.
#[inline(always)]
fn weigh<S: Simd, const Q: usize>(
    s: S,
    factor: f32,
    first: usize,
    scores: &mut [TileScores; TILE_ROWS],
    state: &mut AttendState,
) -> [f32; LANES] {
    let [mut old, mut page, mut new, mut shift, mut keep] = [[0.0; LANES]; 5];
    // SAFETY: a row of scores, a line of sums and each array have their lanes; the state has the rows.
    unsafe {
        for i in 0..Q {
            let row = scores[i].as_ptr();
            let low = s.max(s.load(row), s.load(row.add(LANES)));
            let high = s.max(s.load(row.add(2 * LANES)), s.load(row.add(3 * LANES)));
            page[i] = s.max_lane(s.max(low, high));
            old[i] = state.greatest[first + i];
        }
        let before = s.load(old.as_ptr());
        let after = s.max(s.mul(s.load(page.as_ptr()), s.splat(factor)), before);
        s.store(new.as_mut_ptr(), after);
        // Where nothing was seen yet, there is nothing to subtract: -inf minus -inf would be no number.
        let (none, zero) = (s.splat(f32::NEG_INFINITY), s.splat(0.0));
        s.store(shift.as_mut_ptr(), s.select_lt(none, after, after, zero));
        s.store(keep.as_mut_ptr(), exp2(s, s.select_lt(none, after, s.sub(before, after), zero)));
        for i in 0..Q {
            let (row, greatest) = (scores[i].as_mut_ptr(), s.splat(-shift[i]));
            let mut sum = s.splat(0.0);
            for at in (0..PAGE).step_by(LANES) {
                let weights = exp2(s, s.fma(s.load(row.add(at)), s.splat(factor), greatest));
                sum = s.add(sum, weights);
                s.store(row.add(at), weights);
            }
            let own = state.sums[first + i].0.as_mut_ptr();
            s.store(own, s.fma(s.load(own), s.splat(keep[i]), sum));
            state.greatest[first + i] = new[i];
        }
    }
    keep
}

/// Adds each row's weighted values, key after key: together where all see a key, else one by one. `keep` is used up.
///
/// # Safety
/// `sums` are Q rows of so many lines, the page has the values of all keys seen.
#[inline(always)]
unsafe fn add_values<S: Simd, E: Float, const Q: usize, const P: usize>(
    s: S,
    weights: &[TileScores; TILE_ROWS],
    keep: &mut [f32; LANES],
    (sums, lines): (*mut Line, usize),
    page: &Wide,
    seen: &[(usize, usize); Q],
) {
    let (mut start, mut end) = (seen[Q - 1].0, seen[0].1); // of the keys that all see
    if start >= end {
        (start, end) = (PAGE, PAGE);
    }
    // SAFETY: the caller's promise, passed on.
    unsafe {
        for i in 0..Q {
            let alone = seen[i].0..seen[i].1.min(start);
            if !alone.is_empty() || start == PAGE {
                let row = (&weights[i..], &keep[i..]);
                add_keys::<S, E, 1, P>(s, row, (sums.add(i * lines), lines), page, alone);
                keep[i] = 1.0;
            }
        }
        add_keys::<S, E, Q, P>(s, (weights, keep), (sums, lines), page, start..end);
        for i in 0..Q {
            let alone = seen[i].0.max(end)..seen[i].1;
            if !alone.is_empty() {
                let row = (&weights[i..], &[1.0][..]);
                add_keys::<S, E, 1, P>(s, row, (sums.add(i * lines), lines), page, alone);
            }
        }
    }
}

/// `sums = sums * keep + weights * values`, key after key.
///
/// # Safety
/// As `add_values`.
#[inline(always)]
unsafe fn add_keys<S: Simd, E: Float, const Q: usize, const P: usize>(
    s: S,
    rows: (&[TileScores], &[f32]),
    (sums, lines): (*mut Line, usize),
    page: &Wide,
    keys: Range<usize>,
) {
    let whole = lines - lines % P;
    // SAFETY: keys and columns are within the page and the sums.
    unsafe {
        for line in (0..whole).step_by(P) {
            add_columns::<S, E, Q, P>(s, rows, (sums.add(line), lines), page, &keys, line);
        }
        for line in whole..lines {
            add_columns::<S, E, Q, 1>(s, rows, (sums.add(line), lines), page, &keys, line);
        }
    }
}

/// `P` registers of columns from `line` on.
///
/// # Safety
/// As `add_values`.
#[inline(always)]
unsafe fn add_columns<S: Simd, E: Float, const Q: usize, const P: usize>(
    s: S,
    (weights, keep): (&[TileScores], &[f32]),
    (sums, lines): (*mut Line, usize),
    page: &Wide,
    keys: &Range<usize>,
    line: usize,
) {
    let mut lanes = [[s.splat(0.0); P]; Q];
    // SAFETY: the caller's promise.
    unsafe {
        for i in 0..Q {
            for p in 0..P {
                lanes[i][p] = s.mul(s.load(sums.add(i * lines + p).cast()), s.splat(keep[i]));
            }
        }
        for key in keys.clone() {
            let mut value = [s.splat(0.0); P];
            for p in 0..P {
                let at = key * page.stride + (line + p) * LANES;
                value[p] = E::load(s, page.values.add(at * E::BYTES));
            }
            for i in 0..Q {
                let weight = s.splat(*weights.get_unchecked(i).get_unchecked(key));
                for p in 0..P {
                    lanes[i][p] = s.fma(weight, value[p], lanes[i][p]);
                }
            }
        }
        for i in 0..Q {
            for p in 0..P {
                s.store(sums.add(i * lines + p).cast(), lanes[i][p]);
            }
        }
    }
}
