//! Attention against its definition in f64, and against itself however it is cut.

use std::ops::Range;

use half::f16;

use super::super::*;
use super::{all, assert_close, Random};

const DTYPES: [KvDType; 3] = [KvDType::F32, KvDType::F16, KvDType::Q8_0];

/// The keys and values of one kv head, in pages; never written slots hold NaN where there is one.
struct Cache {
    spec: AttendSpec,
    layout: KvLayout,
    keys: Vec<f32>,
    values: Vec<f32>,
    pages: Vec<Vec<u8>>,
}

impl Cache {
    /// Keys and values are such that their storage loses nothing.
    fn random(kernels: &Kernels, spec: AttendSpec, dtype: KvDType, time: usize) -> Self {
        let rows = |seed, dim| {
            let mut rows = Random(seed).normals(time * dim);
            rows.chunks_mut(dim).for_each(|row| row.chunks_mut(32).for_each(|block| storable(dtype, block)));
            rows
        };
        let layout = KvLayout { dtype, head_dim: spec.head_dim, value_dim: spec.value_dim };
        let pages = vec![vec![0x7f; layout.bytes()]; time.div_ceil(PAGE)];
        let mut cache =
            Cache { spec, layout, keys: rows(21, spec.head_dim), values: rows(22, spec.value_dim), pages };
        (0..time).for_each(|t| cache.store(kernels, t));
        cache
    }

    fn store(&mut self, kernels: &Kernels, t: usize) {
        let (d, v) = (self.spec.head_dim, self.spec.value_dim);
        let (key, value) = (&self.keys[t * d..(t + 1) * d], &self.values[t * v..(t + 1) * v]);
        kernels.store_kv(self.layout, &mut self.pages[t / PAGE], t % PAGE, key, value);
    }

    /// All pages in one call, or each in its own.
    fn attend(&self, kernels: &Kernels, queries: &Queries<'_>, at_once: bool) -> Vec<f32> {
        let (rows, v) = (queries.values.len() / self.spec.head_dim, self.spec.value_dim);
        let mut state = AttendState::default();
        state.reset(rows, v);
        let pages: Vec<&[u8]> = self.pages.iter().map(Vec::as_slice).collect();
        let layout = self.layout;
        for (number, some) in pages.chunks(if at_once { pages.len() } else { 1 }).enumerate() {
            let pages =
                Pages { layout, start: number * PAGE, pages: some, ahead: pages.get(number + 1).copied() };
            kernels.attend(&self.spec, queries, &pages, &mut state);
        }
        let mut out = vec![f32::NAN; rows * v];
        out.chunks_exact_mut(v).enumerate().for_each(|(i, out)| state.finish(i, None, out));
        out
    }

    /// The definition.
    fn expected(&self, q: &[f32], position: usize, slope: f32) -> Vec<f64> {
        let (d, n) = (self.spec.head_dim, self.spec.value_dim);
        let seen = self.spec.window.map_or(0, |window| (position + 1).saturating_sub(window))..position + 1;
        let score = |t: usize| {
            let pairs = q.iter().zip(&self.keys[t * d..(t + 1) * d]);
            let score: f64 = pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum();
            let score = score * f64::from(self.spec.scale);
            let capped = |cap: f32| f64::from(cap) * (score / f64::from(cap)).tanh();
            self.spec.softcap.map_or(score, capped) + f64::from(slope) * (t as f64 - position as f64)
        };
        let scores: Vec<f64> = seen.clone().map(score).collect();
        let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|score| (score - greatest).exp()).collect();
        let total: f64 = weights.iter().sum();
        let value = |t: usize, i: usize| f64::from(self.values[t * n + i]);
        (0..n)
            .map(|i| seen.clone().zip(&weights).map(|(t, w)| w * value(t, i)).sum::<f64>() / total)
            .collect()
    }
}

/// Rounds a block to numbers that a storage holds exactly.
fn storable(dtype: KvDType, block: &mut [f32]) {
    match dtype {
        KvDType::F32 => {}
        KvDType::F16 => block.iter_mut().for_each(|v| *v = f16::from_f32(*v).to_f32()),
        KvDType::Q8_0 => {
            block.iter_mut().for_each(|v| *v = (*v * 40.0).round().clamp(-126.0, 126.0) / 64.0);
            block[0] = 127.0 / 64.0;
        }
    }
}

fn spec(head_dim: usize, value_dim: usize, softcap: Option<f32>, window: Option<usize>) -> AttendSpec {
    AttendSpec { head_dim, value_dim, scale: 1.5 / (head_dim as f32).sqrt(), softcap, window, ahead: 0 }
}

fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Widths that fill registers and pages, and widths that fit nothing; with and without caps and windows.
const SHAPES: [(usize, usize, Option<f32>, Option<usize>); 7] = [
    (64, 64, None, None),
    (80, 80, Some(20.0), None),
    (5, 3, None, Some(50)),
    (96, 40, None, Some(1)),
    (128, 128, None, Some(70)),
    (256, 33, Some(5.0), None),
    (20, 150, None, None),
];

#[test]
fn attention_is_a_softmax_of_scores_over_values() {
    let slopes = [0.5, 0.0625, 0.0];
    for kernels in all() {
        for dtype in DTYPES {
            for (index, (d, v, cap, window)) in SHAPES.into_iter().enumerate() {
                let cache = Cache::random(kernels, spec(d, v, cap, window), dtype, 150);
                for (position, tokens, group) in [(0, 20, 1), (62, 5, 3), (100, 50, 2), (149, 1, 3)] {
                    let values = Random(23).normals(tokens * group * d);
                    let slopes = (index % 2 == 0).then_some(&slopes[..group]);
                    let queries = Queries { values: &values, group, position, keys: usize::MAX, slopes };
                    let out = cache.attend(kernels, &queries, true);
                    for row in 0..tokens * group {
                        let slope = slopes.map_or(0.0, |slopes| slopes[row % group]);
                        let q = &values[row * d..(row + 1) * d];
                        let expected = cache.expected(q, position + row / group, slope);
                        assert_close(&out[row * v..(row + 1) * v], &expected, 4e-6);
                    }
                }
            }
        }
    }
}

#[test]
fn a_query_alone_has_the_bits_that_it_has_among_others() {
    for kernels in all() {
        for dtype in DTYPES {
            for (d, v, window) in [(64, 64, None), (20, 35, Some(30))] {
                let cache = Cache::random(kernels, spec(d, v, None, window), dtype, 200);
                let (first, tokens, group, slopes) = (120, 80, 3, [0.25, 0.5, 0.125]);
                let values = Random(24).normals(tokens * group * d);
                let run = |tokens: Range<usize>, at_once: bool| {
                    let values = &values[tokens.start * group * d..tokens.end * group * d];
                    let position = first + tokens.start;
                    cache.attend(
                        kernels,
                        &Queries { values, group, position, keys: usize::MAX, slopes: Some(&slopes) },
                        at_once,
                    )
                };
                let whole = run(0..tokens, true);
                for (start, count) in [(0, 1), (0, 8), (3, 5), (7, 2), (8, 72), (40, 33), (79, 1)] {
                    let expected = &whole[start * group * v..(start + count) * group * v];
                    let some = run(start..start + count, start % 2 == 0);
                    assert!(same(&some, expected), "{:?} {dtype:?}: {count} tokens", kernels.isa());
                }
                let head = &values[5 * d..6 * d]; // the third head of the second token
                let alone = Queries {
                    values: head,
                    group: 1,
                    position: first + 1,
                    keys: usize::MAX,
                    slopes: Some(&slopes[2..]),
                };
                assert!(same(&cache.attend(kernels, &alone, false), &whole[5 * v..6 * v]));
            }
        }
    }
}

#[test]
fn keys_written_later_change_nothing_for_earlier_queries() {
    for kernels in all() {
        for dtype in DTYPES {
            let long = Cache::random(kernels, spec(64, 64, None, None), dtype, 130);
            for time in [1, 20, 64, 65, 100] {
                let mut short = Cache::random(kernels, spec(64, 64, None, None), dtype, 130);
                short.pages.iter_mut().for_each(|page| page.fill(0xff));
                (0..time).for_each(|t| short.store(kernels, t));
                let values = Random(25).normals(64);
                let queries =
                    Queries { values: &values, group: 1, position: time - 1, keys: usize::MAX, slopes: None };
                let (a, b) = (short.attend(kernels, &queries, true), long.attend(kernels, &queries, true));
                assert!(same(&a, &b), "{:?} {dtype:?}: {time} keys", kernels.isa());
            }
        }
    }
}

#[test]
fn pages_without_a_visible_key_may_be_left_out() {
    for kernels in all() {
        let cache = Cache::random(kernels, spec(32, 32, None, Some(30)), KvDType::F32, 192);
        let values = Random(26).normals(32);
        let queries = Queries { values: &values, group: 1, position: 169, keys: usize::MAX, slopes: None };
        let whole = cache.attend(kernels, &queries, true);
        let mut state = AttendState::default();
        state.reset(1, 32);
        let pages = Pages { layout: cache.layout, start: 128, pages: &[&cache.pages[2]], ahead: None };
        kernels.attend(&cache.spec, &queries, &pages, &mut state);
        let mut out = vec![0.0; 32];
        state.finish(0, None, &mut out);
        assert_eq!(out, whole);
    }
}

#[test]
fn segments_merge_to_what_they_are_together() {
    for kernels in all() {
        let cache = Cache::random(kernels, spec(48, 40, None, None), KvDType::F16, 256);
        let values = Random(28).normals(48 * 3);
        let queries = Queries { values: &values, group: 3, position: 250, keys: usize::MAX, slopes: None };
        let pages: Vec<&[u8]> = cache.pages.iter().map(Vec::as_slice).collect();
        let [mut total, mut later] = [0, 2].map(|first| {
            let mut state = AttendState::default();
            state.reset(3, 40);
            let some = &pages[first..first + 2];
            let pages = Pages { layout: cache.layout, start: first * PAGE, pages: some, ahead: None };
            kernels.attend(&cache.spec, &queries, &pages, &mut state);
            state
        });
        kernels.merge(&mut total, &later);
        later.reset(3, 40);
        kernels.merge(&mut total, &later);
        let mut out = [0.0; 40];
        for row in 0..3 {
            total.finish(row, None, &mut out);
            assert_close(&out, &cache.expected(&values[row * 48..(row + 1) * 48], 250, 0.0), 4e-6);
        }
    }
}

#[test]
fn a_query_that_sees_nothing_gives_zeros() {
    let mut state = AttendState::default();
    state.reset(2, 3);
    let mut out = [1.0; 3];
    state.finish(1, None, &mut out);
    assert_eq!(out, [0.0; 3]);
}

#[test]
fn very_large_scores_do_not_overflow() {
    for kernels in all() {
        let big = AttendSpec { scale: 1000.0, ..spec(16, 16, None, None) };
        let cache = Cache::random(kernels, big, KvDType::F32, 100);
        let values = Random(27).normals(16);
        let queries = Queries { values: &values, group: 1, position: 99, keys: usize::MAX, slopes: None };
        assert_close(&cache.attend(kernels, &queries, true), &cache.expected(&values, 99, 0.0), 1e-2);
    }
}

/// Numbers that 8 bits do not hold: each element is off by at most half a step of its block, all forms agree, and what
/// is not a number stays none.
#[test]
fn eight_bits_are_off_by_half_a_step() {
    for kernels in all() {
        let spec = spec(40, 40, None, None);
        let mut cache = Cache::random(kernels, spec, KvDType::Q8_0, 1);
        cache.values = Random(29).normals(40);
        cache.store(kernels, 0);
        let values = Random(30).normals(40);
        let queries = Queries { values: &values, group: 1, position: 0, keys: usize::MAX, slopes: None };
        let out = cache.attend(kernels, &queries, true); // of one key: its value
        for (block, out) in cache.values.chunks(32).zip(out.chunks(32)) {
            let step = block.iter().fold(0.0f32, |most, v| most.max(v.abs())) / 127.0;
            let worst = block.iter().zip(out).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst > 0.2 * step && worst < 0.57 * step, "{worst} of steps of {step}");
        }
        cache.values[3] = f32::NAN;
        cache.store(kernels, 0);
        assert!(cache.attend(kernels, &queries, true)[3].is_nan());
    }
}
