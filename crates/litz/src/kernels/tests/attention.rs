//! Attention against its definition in f64, and against itself however it is cut.

use std::ops::Range;

use half::f16;

use super::super::*;
use super::{all, assert_close, Random};

/// The keys and values of one kv head, in pages; never written slots hold NaN.
struct Cache {
    spec: AttendSpec,
    half: bool,
    keys: Vec<f32>,
    values: Vec<f32>,
    pages: Vec<Memory>,
}

/// A page's keys and values, in halves and in singles.
type Memory = (Vec<u16>, Vec<u16>, Vec<f32>, Vec<f32>);

impl Cache {
    fn random(kernels: &Kernels, spec: AttendSpec, half: bool, time: usize) -> Self {
        let rounded = |v: f32| if half { f16::from_f32(v).to_f32() } else { v };
        let rows = |seed, dim| Random(seed).normals(time * dim).into_iter().map(rounded).collect();
        let (k, v) = (PAGE * spec.head_dim, PAGE * spec.value_dim);
        let empty = (vec![0x7fff; k], vec![0x7fff; v], vec![f32::NAN; k], vec![f32::NAN; v]);
        let pages = vec![empty; time.div_ceil(PAGE)];
        let mut cache =
            Cache { spec, half, keys: rows(21, spec.head_dim), values: rows(22, spec.value_dim), pages };
        for t in 0..time {
            cache.store(kernels, t);
        }
        cache
    }

    fn store(&mut self, kernels: &Kernels, t: usize) {
        let (keys16, values16, keys, values) = &mut self.pages[t / PAGE];
        let mut page = if self.half {
            KvPageMut::F16 { keys: keys16, values: values16 }
        } else {
            KvPageMut::F32 { keys, values }
        };
        let (d, v) = (self.spec.head_dim, self.spec.value_dim);
        kernels.store_key(&mut page, t % PAGE, &self.keys[t * d..(t + 1) * d]);
        kernels.store_value(&mut page, t % PAGE, &self.values[t * v..(t + 1) * v]);
    }

    fn page(&self, index: usize) -> KvPage<'_> {
        let (keys16, values16, keys, values) = &self.pages[index];
        if self.half {
            KvPage::F16 { keys: keys16, values: values16 }
        } else {
            KvPage::F32 { keys, values }
        }
    }

    /// All queries in one call a page; query `i` sees `seen[i]`.
    fn attend(&self, kernels: &Kernels, q: &[f32], seen: &[Range<usize>]) -> Vec<f32> {
        let mut state = AttendState::default();
        state.reset(seen.len(), self.spec.value_dim);
        for index in 0..self.pages.len() {
            let within = |t: usize| t.clamp(index * PAGE, (index + 1) * PAGE) - index * PAGE;
            let visible: Vec<_> = seen.iter().map(|seen| within(seen.start)..within(seen.end)).collect();
            kernels.attend(&self.spec, q, self.page(index), &visible, &mut state);
        }
        let mut out = vec![f32::NAN; seen.len() * self.spec.value_dim];
        for (i, out) in out.chunks_exact_mut(self.spec.value_dim).enumerate() {
            state.finish(i, out);
        }
        out
    }

    /// The definition.
    fn expected(&self, q: &[f32], seen: &Range<usize>) -> Vec<f64> {
        let (d, n) = (self.spec.head_dim, self.spec.value_dim);
        let scores: Vec<f64> = seen
            .clone()
            .map(|t| {
                let pairs = q.iter().zip(&self.keys[t * d..(t + 1) * d]);
                let score = pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>()
                    * f64::from(self.spec.scale);
                self.spec.softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh())
            })
            .collect();
        let greatest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = scores.iter().map(|score| (score - greatest).exp()).collect();
        let total: f64 = weights.iter().sum();
        let value = |t: usize, i: usize| f64::from(self.values[t * n + i]);
        (0..n)
            .map(|i| seen.clone().zip(&weights).map(|(t, w)| w * value(t, i)).sum::<f64>() / total)
            .collect()
    }
}

fn spec(head_dim: usize, value_dim: usize, softcap: Option<f32>) -> AttendSpec {
    AttendSpec { head_dim, value_dim, scale: 1.5 / (head_dim as f32).sqrt(), softcap }
}

/// Ranges of every kind: whole pages, parts, one key, windows across pages.
fn ranges(time: usize) -> Vec<Range<usize>> {
    let ends = [1, 2, 15, 16, 17, 63, 64, 65, 100, 128, 129, time];
    let causal = ends.into_iter().filter(|&end| end <= time).map(|end| 0..end);
    let windows = ends.into_iter().filter(|&end| end <= time).map(|end| end.saturating_sub(50)..end);
    causal.chain(windows).collect()
}

#[test]
fn attention_is_a_softmax_of_scores_over_values() {
    for kernels in all() {
        for half in [false, true] {
            for (d, v, cap) in
                [(64, 64, None), (80, 80, Some(20.0)), (5, 3, None), (96, 40, None), (256, 33, Some(5.0))]
            {
                let cache = Cache::random(kernels, spec(d, v, cap), half, 150);
                let seen = ranges(150);
                let q = Random(23).normals(seen.len() * d);
                let out = cache.attend(kernels, &q, &seen);
                for (i, seen) in seen.iter().enumerate() {
                    let expected = cache.expected(&q[i * d..(i + 1) * d], seen);
                    assert_close(&out[i * v..(i + 1) * v], &expected, 3e-6);
                }
            }
        }
    }
}

#[test]
fn a_query_alone_has_the_bits_that_it_has_among_others() {
    for kernels in all() {
        for half in [false, true] {
            for (d, v) in [(64, 64), (20, 35)] {
                let cache = Cache::random(kernels, spec(d, v, None), half, 200);
                let seen = ranges(200);
                let q = Random(24).normals(seen.len() * d);
                let all = cache.attend(kernels, &q, &seen);
                for first in 0..seen.len() {
                    for many in 1..=seen.len().min(first + 6) - first {
                        let some = first..first + many;
                        let out =
                            cache.attend(kernels, &q[first * d..(first + many) * d], &seen[some.clone()]);
                        let same = out.iter().zip(&all[first * v..]).all(|(a, b)| a.to_bits() == b.to_bits());
                        assert!(same, "{:?}: queries {some:?}", kernels.isa());
                    }
                }
            }
        }
    }
}

#[test]
fn keys_written_later_change_nothing_for_earlier_queries() {
    for kernels in all() {
        let long = Cache::random(kernels, spec(64, 64, None), true, 130);
        for time in [1, 20, 64, 65, 100] {
            let mut short = Cache::random(kernels, spec(64, 64, None), true, 130);
            short.pages.iter_mut().for_each(|page| page.0.fill(0x7fff));
            short.pages.iter_mut().for_each(|page| page.1.fill(0x7fff));
            (0..time).for_each(|t| short.store(kernels, t));
            let q = Random(25).normals(64);
            let (a, b) = (short.attend(kernels, &q, &[0..time]), long.attend(kernels, &q, &[0..time]));
            assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }
}

#[test]
fn pages_without_a_visible_key_may_be_left_out() {
    for kernels in all() {
        let cache = Cache::random(kernels, spec(32, 32, None), false, 192);
        let q = Random(26).normals(32);
        let whole = cache.attend(kernels, &q, &[140..170]);
        let mut state = AttendState::default();
        state.reset(1, 32);
        kernels.attend(&cache.spec, &q, cache.page(2), &[12..42], &mut state);
        let mut out = vec![0.0; 32];
        state.finish(0, &mut out);
        assert_eq!(out, whole);
    }
}

#[test]
fn a_query_that_sees_nothing_gives_zeros() {
    let mut state = AttendState::default();
    state.reset(2, 3);
    let mut out = [1.0; 3];
    state.finish(1, &mut out);
    assert_eq!(out, [0.0; 3]);
}

#[test]
fn very_large_scores_do_not_overflow() {
    for kernels in all() {
        let mut big = spec(16, 16, None);
        big.scale = 1000.0;
        let cache = Cache::random(kernels, big, false, 100);
        let q = Random(27).normals(16);
        assert_close(&cache.attend(kernels, &q, &[0..100]), &cache.expected(&q, &(0..100)), 1e-2);
    }
}
