//! Attention over the keys and values of a whole sequence, which are all there: scores, softmax, weighted values.
//!
//! Queries and values are read where they lie, keys in panels of sixteen. A query's result depends on the keys that it
//! sees and their order, not on what other queries share the call.

use std::ops::Range;

use super::page::Line;
use super::tile::exp2;
use crate::kernels::pointwise::exp::soft_cap;
use crate::kernels::shared_slice::SharedSlice;
use crate::kernels::simd::{Simd, LANES};

/// What all queries of a layer have in common.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WholeSpec {
    /// Width of a query and of a key.
    pub head_dim: usize,
    /// Width of a value.
    pub value_dim: usize,
    /// What scores are multiplied by.
    pub scale: f32,
    /// `cap * tanh(score / cap)` after the scale, where there is a cap.
    pub softcap: Option<f32>,
}

/// Rows of one head: row `i` begins at element `i * stride`.
#[derive(Clone, Copy, Debug)]
pub struct HeadRows<'a> {
    /// From the first row's first element on.
    pub values: &'a [f32],
    /// Elements from one row to the next.
    pub stride: usize,
    /// How many rows there are.
    pub count: usize,
}

/// What is added to a scaled and capped score: `table[zero + key's position - query's position]`.
#[derive(Clone, Copy, Debug)]
pub struct DistanceBias<'a> {
    /// One number for each distance.
    pub table: &'a [f32],
    /// Where the distance 0 is.
    pub zero: usize,
    /// The positions of the queries.
    pub queries: &'a [u32],
    /// The positions of the keys.
    pub keys: &'a [u32],
}

/// The keys of one head in panels of sixteen, `(panels, head_dim, 16)`; a last panel is filled up with zeros.
#[derive(Clone, Copy, Debug)]
pub struct KeyPanels<'a> {
    pub(in crate::kernels) panels: &'a [f32],
    pub(in crate::kernels) count: usize,
}

impl<'a> KeyPanels<'a> {
    /// Elements of so many keys.
    pub fn len_of(count: usize, head_dim: usize) -> usize {
        count.next_multiple_of(LANES) * head_dim
    }

    /// The panels of `count` keys, which `pack_keys` left.
    pub fn new(panels: &'a [f32], count: usize) -> Self {
        Self { panels, count }
    }
}

/// The queries of one head against its keys and values.
#[derive(Clone, Copy, Debug)]
pub struct WholeQueries<'a> {
    /// The queries.
    pub queries: HeadRows<'a>,
    /// The keys.
    pub keys: KeyPanels<'a>,
    /// The values, as many as there are keys.
    pub values: HeadRows<'a>,
    /// The keys that each query sees; `None`: all.
    pub seen: Option<&'a [(u32, u32)]>,
    /// What joins the scores.
    pub bias: Option<DistanceBias<'a>>,
}

/// Memory for scores and values, kept from call to call.
#[derive(Clone, Debug, Default)]
pub struct WholeScratch {
    scores: Vec<Line>,
    values: Vec<Line>,
}

/// Rows of a tile at most.
const ROWS: usize = 12;

impl HeadRows<'_> {
    /// Whether every row has so many elements.
    pub(in crate::kernels) fn hold(&self, dim: usize) -> bool {
        let end =
            self.count.checked_sub(1).map_or(Some(0), |last| last.checked_mul(self.stride)?.checked_add(dim));
        end.is_some_and(|end| end <= self.values.len())
    }
}

impl WholeQueries<'_> {
    pub(in crate::kernels) fn check(&self, spec: &WholeSpec) {
        let (queries, keys) = (self.queries.count, self.keys.count);
        assert!(self.queries.hold(spec.head_dim) && self.values.hold(spec.value_dim), "rows of {spec:?}");
        assert!(
            self.values.count == keys && self.keys.panels.len() >= KeyPanels::len_of(keys, spec.head_dim)
        );
        let within =
            |seen: &[(u32, u32)]| seen.iter().all(|&(start, end)| start <= end && end as usize <= keys);
        assert!(self.seen.is_none_or(|seen| seen.len() == queries && within(seen)), "keys seen of {keys}");
        assert!(self.bias.is_none_or(|bias| bias.queries.len() == queries && bias.keys.len() == keys));
    }

    fn seen(&self, query: usize) -> Range<usize> {
        self.seen.map_or(0..self.keys.count, |seen| seen[query].0 as usize..seen[query].1 as usize)
    }
}

/// Packs the keys of one head.
#[inline(always)]
pub(in crate::kernels) fn pack_keys<S: Simd>(s: S, head_dim: usize, keys: &HeadRows<'_>, panels: &mut [f32]) {
    let _ = s;
    for (panel, out) in panels.chunks_exact_mut(LANES * head_dim).enumerate().take(keys.count.div_ceil(LANES))
    {
        let (first, count) = (panel * LANES, (keys.count - panel * LANES).min(LANES));
        if count < LANES {
            out.fill(0.0);
        }
        for lane in 0..count {
            let start = (first + lane) * keys.stride;
            let key = &keys.values[start..start + head_dim];
            for (d, &value) in key.iter().enumerate() {
                out[d * LANES + lane] = value;
            }
        }
    }
}

/// Writes the attention of query `i` to `out[i * stride..]`.
///
/// # Safety
/// `WholeQueries::check` holds, and `out` has a row of `value_dim` for every query.
#[inline(always)]
pub(in crate::kernels) unsafe fn attend<S: Simd>(
    s: S,
    spec: &WholeSpec,
    whole: &WholeQueries<'_>,
    scratch: &mut WholeScratch,
    out: (SharedSlice<'_, f32>, usize),
) {
    let width = whole.keys.count.div_ceil(LANES) + 1; // panels are taken in twos
    scratch.scores.resize((ROWS * width).max(scratch.scores.len()), Line::default());
    let values = padded_values(spec, whole, &mut scratch.values);
    let mut row = 0;
    // SAFETY: the caller's promise; the tiles' rows exist.
    unsafe {
        let mut task = Task { spec, whole, values, scores: scratch.scores.as_mut_ptr().cast(), width, out };
        while row < whole.queries.count {
            let left = whole.queries.count - row;
            row += match left {
                ROWS.. if S::WIDE => task.tile::<S, ROWS, 2>(s, row),
                6.. if S::WIDE => task.tile::<S, 6, 2>(s, row),
                3.. if S::WIDE => task.tile::<S, 3, 2>(s, row),
                _ if S::WIDE => task.tile::<S, 1, 2>(s, row),
                6.. if S::VECTOR => task.tile::<S, 6, 1>(s, row),
                3.. if S::VECTOR => task.tile::<S, 3, 1>(s, row),
                _ => task.tile::<S, 1, 1>(s, row),
            };
        }
    }
}

/// The values with rows of whole lanes: where they lie, if they have, or copied.
#[inline(always)]
fn padded_values(spec: &WholeSpec, whole: &WholeQueries<'_>, lines: &mut Vec<Line>) -> (*const f32, usize) {
    let dim = spec.value_dim;
    if dim.is_multiple_of(LANES) {
        return (whole.values.values.as_ptr(), whole.values.stride);
    }
    let count = dim.div_ceil(LANES);
    lines.clear();
    lines.resize(whole.values.count * count, Line::default());
    for (row, lines) in lines.chunks_exact_mut(count).enumerate() {
        let start = row * whole.values.stride;
        let value = &whole.values.values[start..start + dim];
        lines
            .iter_mut()
            .zip(value.chunks(LANES))
            .for_each(|(line, part)| line.0[..part.len()].copy_from_slice(part));
    }
    (lines.as_ptr().cast(), count * LANES)
}

/// One call of `attend`.
struct Task<'a> {
    spec: &'a WholeSpec,
    whole: &'a WholeQueries<'a>,
    /// Rows of whole lanes, and elements from one to the next.
    values: (*const f32, usize),
    /// `ROWS` rows of `width` lines.
    scores: *mut f32,
    width: usize,
    out: (SharedSlice<'a, f32>, usize),
}

impl Task<'_> {
    /// Queries `first..first + Q`; gives `Q`.
    ///
    /// # Safety
    /// As `attend`; the queries exist.
    #[inline(always)]
    unsafe fn tile<S: Simd, const Q: usize, const P: usize>(&mut self, s: S, first: usize) -> usize {
        let seen: [Range<usize>; Q] = std::array::from_fn(|i| self.whole.seen(first + i));
        let from = seen.iter().map(|seen| seen.start).min().unwrap_or(0) / LANES;
        let to = seen.iter().map(|seen| seen.end).max().unwrap_or(0).div_ceil(LANES);
        let mut sums = [0.0; Q];
        // SAFETY: panels `from..to` exist, and scores have room for one more.
        unsafe {
            let mut panel = from;
            while panel + P <= to {
                self.score::<S, Q, P>(s, first, panel);
                panel += P;
            }
            if panel < to {
                self.score::<S, Q, 1>(s, first, panel);
            }
            for i in 0..Q {
                sums[i] = self.weigh(s, first + i, i, from..to, &seen[i]);
            }
            let keys = from * LANES..(to * LANES).min(self.whole.keys.count);
            let lines = self.spec.value_dim.div_ceil(LANES);
            let mut line = 0;
            while line + P <= lines {
                self.mix::<S, Q, P>(s, first, line, &keys, &sums);
                line += P;
            }
            if line < lines {
                self.mix::<S, Q, 1>(s, first, line, &keys, &sums);
            }
        }
        Q
    }

    /// Dot products with `P` panels of sixteen keys: each is one running sum over the head's dimensions.
    ///
    /// # Safety
    /// As `tile`; the panels exist.
    #[inline(always)]
    unsafe fn score<S: Simd, const Q: usize, const P: usize>(&mut self, s: S, first: usize, panel: usize) {
        let (dim, stride) = (self.spec.head_dim, self.whole.queries.stride);
        let mut sums = [[s.splat(0.0); P]; Q];
        // SAFETY: the caller's promise.
        unsafe {
            let q = self.whole.queries.values.as_ptr().add(first * stride);
            let keys = self.whole.keys.panels.as_ptr().add(panel * LANES * dim);
            for d in 0..dim {
                let mut lanes = [s.splat(0.0); P];
                for p in 0..P {
                    lanes[p] = s.load(keys.add((p * dim + d) * LANES));
                }
                for i in 0..Q {
                    let q = s.splat(*q.add(i * stride + d));
                    for p in 0..P {
                        sums[i][p] = s.fma(q, lanes[p], sums[i][p]);
                    }
                }
            }
            for i in 0..Q {
                for p in 0..P {
                    s.store(self.scores.add((i * self.width + panel + p) * LANES), sums[i][p]);
                }
            }
        }
    }

    /// Dot products of row `i` become weights relative to its greatest score; gives their sum.
    ///
    /// # Safety
    /// As `tile`; row `i` has its dot products of `panels`.
    #[inline(always)]
    unsafe fn weigh<S: Simd>(
        &mut self,
        s: S,
        query: usize,
        i: usize,
        panels: Range<usize>,
        seen: &Range<usize>,
    ) -> f32 {
        let nothing = s.splat(f32::NEG_INFINITY);
        let log2e = std::f32::consts::LOG2_E;
        let plain = self.spec.softcap.is_none() && self.whole.bias.is_none();
        let factor = if plain { self.spec.scale * log2e } else { log2e };
        // SAFETY: the row has a line for every panel.
        unsafe {
            let row = self.scores.add(i * self.width * LANES);
            let mut greatest = nothing;
            for panel in panels.clone() {
                let place = row.add(panel * LANES);
                let mut score = s.load(place);
                if !plain {
                    score = self.bring(s, score, query, panel);
                }
                score = s.mul(score, s.splat(factor));
                if panel * LANES < seen.start || (panel + 1) * LANES > seen.end {
                    let slots = s.add(s.load(SLOTS.as_ptr()), s.splat((panel * LANES) as f32));
                    score = s.select_lt(slots, s.splat(seen.end as f32), score, nothing);
                    score = s.select_lt(slots, s.splat(seen.start as f32), nothing, score);
                }
                greatest = s.max(score, greatest);
                s.store(place, score);
            }
            let greatest = s.max_lane(greatest);
            let greatest = s.splat(if greatest == f32::NEG_INFINITY { 0.0 } else { greatest });
            let mut sum = s.splat(0.0);
            for panel in panels {
                let place = row.add(panel * LANES);
                let relative = s.sub(s.load(place), greatest);
                // What is hidden counts exactly nothing, whatever shares the tile.
                let weights = s.select_lt(relative, s.splat(-126.0), s.splat(0.0), exp2(s, relative));
                sum = s.add(sum, weights);
                s.store(place, weights);
            }
            s.sum(sum)
        }
    }

    /// Scales and caps dot products, and adds what belongs to their distances.
    #[inline(always)]
    fn bring<S: Simd>(&self, s: S, score: S::F, query: usize, panel: usize) -> S::F {
        let mut score = s.mul(score, s.splat(self.spec.scale));
        if let Some(cap) = self.spec.softcap {
            score = soft_cap(s, score, cap);
        }
        let Some(bias) = self.whole.bias else { return score };
        let mut own = [0.0; LANES];
        let keys = panel * LANES..(panel * LANES + LANES).min(bias.keys.len());
        let zero = bias.zero.wrapping_sub(bias.queries[query] as usize);
        let (first, last) = (bias.keys[keys.start], bias.keys[keys.end - 1]);
        if (last - first) as usize == keys.len() - 1 {
            let start = zero.wrapping_add(first as usize);
            own[..keys.len()].copy_from_slice(&bias.table[start..start + keys.len()]);
        } else {
            for (own, &key) in own.iter_mut().zip(&bias.keys[keys]) {
                *own = bias.table[zero.wrapping_add(key as usize)];
            }
        }
        // SAFETY: sixteen elements.
        s.add(score, unsafe { s.load(own.as_ptr()) })
    }

    /// `P` registers of columns from `line` on: weighted values, key after key, divided by the weights' sum.
    ///
    /// # Safety
    /// As `tile`; rows `0..Q` hold the weights of `keys`.
    #[inline(always)]
    unsafe fn mix<S: Simd, const Q: usize, const P: usize>(
        &mut self,
        s: S,
        first: usize,
        line: usize,
        keys: &Range<usize>,
        sums: &[f32; Q],
    ) {
        let mut lanes = [[s.splat(0.0); P]; Q];
        // SAFETY: the caller's promise.
        unsafe {
            let (values, stride) = (self.values.0.add(line * LANES), self.values.1);
            let row_length = self.width * LANES;
            for key in keys.clone() {
                let mut value = [s.splat(0.0); P];
                for p in 0..P {
                    value[p] = s.load(values.add(key * stride + p * LANES));
                }
                for i in 0..Q {
                    let weight = s.splat(*self.scores.add(i * row_length + key));
                    for p in 0..P {
                        lanes[i][p] = s.fma(weight, value[p], lanes[i][p]);
                    }
                }
            }
            for i in 0..Q {
                let inverse = s.splat(if sums[i] == 0.0 { 0.0 } else { 1.0 / sums[i] });
                for p in 0..P {
                    let start = (line + p) * LANES;
                    let place = self.out.0.as_ptr().add((first + i) * self.out.1 + start);
                    let result = s.mul(lanes[i][p], inverse);
                    match self.spec.value_dim - start {
                        LANES.. => s.store(place, result),
                        left => s.store_tail(place, left, result),
                    }
                }
            }
        }
    }
}

/// The slots of a panel, as numbers.
const SLOTS: [f32; LANES] =
    [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0];
