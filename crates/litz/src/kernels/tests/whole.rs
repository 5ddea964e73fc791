//! Attention over whole sequences against its definition in f64, and against itself however it is cut.

use super::super::*;
use super::{all, Random};

/// One head of some rows among those of others.
struct Rows {
    values: Vec<f32>,
    stride: usize,
}

impl Rows {
    fn random(seed: u64, count: usize, stride: usize) -> Self {
        Self { values: Random(seed).normals(count * stride), stride }
    }

    fn head(&self, first: usize, count: usize) -> HeadRows<'_> {
        HeadRows { values: &self.values[first * self.stride..], stride: self.stride, count }
    }

    fn row(&self, index: usize, dim: usize) -> &[f32] {
        &self.values[index * self.stride..index * self.stride + dim]
    }
}

/// A case: sizes, and what joins or hides scores.
struct Case {
    spec: WholeSpec,
    count: usize,
    window: Option<usize>,
    bias: bool,
}

struct Made {
    queries: Rows,
    keys: Rows,
    values: Rows,
    positions: Vec<u32>,
    table: Vec<f32>,
    seen: Vec<(u32, u32)>,
}

const REACH: usize = 400;

impl Case {
    fn make(&self) -> Made {
        let WholeSpec { head_dim, value_dim, .. } = self.spec;
        let count = self.count;
        let step = if self.bias && count > 20 { 2 } else { 1 }; // with and without holes
        let seen = |row: usize| match self.window {
            Some(width) => (row.saturating_sub(width) as u32, count.min(row + width + 1) as u32),
            None => (0, count as u32),
        };
        Made {
            queries: Rows::random(1, count, head_dim + 3),
            keys: Rows::random(2, count, head_dim + 16),
            values: Rows::random(3, count, value_dim.next_multiple_of(16) + 16),
            positions: (0..count as u32).map(|row| row * step).collect(),
            table: Random(4).normals(2 * REACH + 1),
            seen: (0..count).map(seen).collect(),
        }
    }

    fn attend(&self, kernels: &Kernels, made: &Made, rows: std::ops::Range<usize>) -> Vec<f32> {
        let mut panels = vec![f32::NAN; KeyPanels::len_of(self.count, self.spec.head_dim)];
        kernels.pack_keys(self.spec.head_dim, &made.keys.head(0, self.count), &mut panels);
        let mut out = vec![f32::NAN; rows.len() * (self.spec.value_dim + 2)];
        let bias = DistanceBias {
            table: &made.table,
            zero: REACH,
            queries: &made.positions[rows.clone()],
            keys: &made.positions,
        };
        let whole = WholeQueries {
            queries: made.queries.head(rows.start, rows.len()),
            keys: KeyPanels::new(&panels, self.count),
            values: made.values.head(0, self.count),
            seen: self.window.map(|_| &made.seen[rows.clone()]),
            bias: self.bias.then_some(bias),
        };
        let mut y = OutView::new(&mut out, self.spec.value_dim + 2);
        kernels.attend_whole(&self.spec, &whole, &mut WholeScratch::default(), &mut y);
        out.chunks_exact(self.spec.value_dim + 2)
            .flat_map(|row| row[..self.spec.value_dim].to_vec())
            .collect()
    }

    fn expected(&self, made: &Made, row: usize) -> Vec<f64> {
        let WholeSpec { head_dim, value_dim, scale, softcap } = self.spec;
        let seen = made.seen[row].0 as usize..made.seen[row].1 as usize;
        let weight = |key: usize| {
            let pairs = made.queries.row(row, head_dim).iter().zip(made.keys.row(key, head_dim));
            let score = pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>() * f64::from(scale);
            let score = softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh());
            let place = REACH + made.positions[key] as usize - made.positions[row] as usize;
            (score + if self.bias { f64::from(made.table[place]) } else { 0.0 }).exp()
        };
        let weights: Vec<f64> = seen.clone().map(weight).collect();
        let total: f64 = weights.iter().sum();
        let value = |key: usize, i: usize| f64::from(made.values.row(key, value_dim)[i]);
        (0..value_dim)
            .map(|i| seen.clone().zip(&weights).map(|(key, w)| w * value(key, i)).sum::<f64>() / total)
            .collect()
    }
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (head_dim, value_dim, softcap) in [(32, 32, None), (64, 64, Some(10.0)), (5, 3, None), (40, 33, None)]
    {
        for count in [1, 2, 5, 16, 17, 31, 33, 100] {
            for (window, bias) in [(None, false), (Some(6), false), (None, true), (Some(20), true)] {
                let scale = 1.0 / (head_dim as f32).sqrt();
                let spec = WholeSpec { head_dim, value_dim, scale, softcap };
                cases.push(Case { spec, count, window, bias });
            }
        }
    }
    cases
}

#[test]
fn attention_over_a_sequence_is_a_softmax_of_scores_over_values() {
    for kernels in all() {
        for case in cases() {
            let made = case.make();
            let found = case.attend(kernels, &made, 0..case.count);
            for (row, found) in found.chunks_exact(case.spec.value_dim).enumerate() {
                let expected = case.expected(&made, row);
                let worst =
                    found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
                assert!(worst < 2e-5, "{:?}: row {row} of {}: {worst}", kernels.isa(), case.count);
            }
        }
    }
}

#[test]
fn a_querys_bits_do_not_depend_on_the_others_nor_on_the_vector_form() {
    for case in cases() {
        let made = case.make();
        let all_at_once: Vec<Vec<f32>> =
            all().into_iter().map(|kernels| case.attend(kernels, &made, 0..case.count)).collect();
        for (kernels, whole) in all().into_iter().zip(&all_at_once) {
            let alone: Vec<f32> =
                (0..case.count).flat_map(|row| case.attend(kernels, &made, row..row + 1)).collect();
            let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert!(bits(&alone) == bits(whole), "{:?}, {} rows", kernels.isa(), case.count);
        }
        let fused: Vec<&Vec<f32>> = all()
            .into_iter()
            .zip(&all_at_once)
            .filter(|(kernels, _)| kernels.isa() != Isa::Portable)
            .map(|pair| pair.1)
            .collect();
        assert!(fused.windows(2).all(|pair| pair[0] == pair[1]), "forms differ at {} rows", case.count);
    }
}

#[test]
fn a_query_that_sees_no_key_gets_zeros() {
    for kernels in all() {
        let case = Case { spec: cases()[0].spec, count: 20, window: Some(3), bias: false };
        let mut made = case.make();
        made.seen[7] = (4, 4);
        let found = case.attend(kernels, &made, 0..20);
        assert!(found[7 * 32..8 * 32].iter().all(|&value| value == 0.0));
    }
}
