//! The Spec's mathematics in f64, one token after another, as plainly as it can be written.

use std::collections::HashMap;

use super::*;
use crate::formats::dequantize;

pub(super) type Rows = Vec<Vec<f64>>;

pub(super) struct Reference {
    spec: Spec,
    weights: HashMap<String, Vec<f64>>,
}

impl Reference {
    pub(super) fn new(spec: &Spec, file: &TensorFile) -> Self {
        let read = |tensor: &crate::formats::TensorInfo| {
            let mut values = vec![0_f32; tensor.elements()];
            dequantize(tensor.dtype, file.bytes(tensor), &mut values).unwrap();
            (tensor.name.clone(), values.into_iter().map(f64::from).collect())
        };
        Self { spec: spec.clone(), weights: file.tensors().iter().map(read).collect() }
    }

    fn norm(&self, name: &str, x: &[f64]) -> Vec<f64> {
        self.norm_at(name, 0, x)
    }

    /// A norm by the weights from `start` on; the identity if the file has none.
    fn norm_at(&self, name: &str, start: usize, x: &[f64]) -> Vec<f64> {
        let Some(weight) = self.weights.get(&format!("{name}.weight")) else { return x.to_vec() };
        let (weight, norm) = (&weight[start..], &self.spec.norm);
        let count = x.len() as f64;
        let mean = if norm.kind == NormKind::Rms { 0.0 } else { x.iter().sum::<f64>() / count };
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let scale = 1.0 / (variance + f64::from(norm.eps)).sqrt();
        let bias = self.weights.get(&format!("{name}.bias"));
        let one = |i: usize| {
            (x[i] - mean) * scale * (weight[i] + f64::from(norm.offset))
                + bias.map_or(0.0, |bias| bias[start + i])
        };
        (0..x.len()).map(one).collect()
    }

    fn linear(&self, name: &str, x: &[f64]) -> Vec<f64> {
        let weight = &self.weights[&format!("{name}.weight")];
        let mut y: Vec<f64> =
            weight.chunks(x.len()).map(|row| row.iter().zip(x).map(|(w, x)| w * x).sum()).collect();
        if let Some(bias) = self.weights.get(&format!("{name}.bias")) {
            y.iter_mut().zip(bias).for_each(|(y, bias)| *y += bias);
        }
        y
    }

    fn rotate(&self, rope: Option<usize>, length: usize, position: usize, head: &mut [f64]) {
        let Some(rope) = rope.map(|rope| &self.spec.ropes[rope]) else { return };
        let long = rope.long.as_ref().filter(|long| length > long.above);
        let (frequencies, gain) =
            long.map_or((&rope.frequencies, rope.gain), |long| (&long.frequencies, long.gain));
        for (pair, frequency) in frequencies.iter().enumerate() {
            let (cos, sin) =
                ((position as f64 * frequency).cos() * gain, (position as f64 * frequency).sin() * gain);
            let (i, j) =
                if rope.interleaved { (2 * pair, 2 * pair + 1) } else { (pair, pair + rope.dim / 2) };
            (head[i], head[j]) = (head[i] * cos - head[j] * sin, head[j] * cos + head[i] * sin);
        }
    }

    /// One side of the heads of all positions, normed and rotated.
    fn side(&self, name: &str, a: &Attention, side: &str, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (dim, norm) = (if side == "v" { a.value_dim } else { a.head_dim }, format!("{name}_norm"));
        let rope = a.rope.filter(|_| side != "v");
        let one = |(position, x): (usize, &Vec<f64>)| {
            let mut heads = self.linear(name, x);
            if a.qk_norm == Some(QkNorm::Whole) {
                heads = self.norm(&norm, &heads);
            }
            for (index, head) in heads.chunks_mut(dim).enumerate() {
                match a.qk_norm {
                    Some(QkNorm::Head) => head.copy_from_slice(&self.norm(&norm, head)),
                    Some(QkNorm::Each) => head.copy_from_slice(&self.norm_at(&norm, index * dim, head)),
                    _ => {}
                }
                self.rotate(rope, rows.len(), position, head);
            }
            heads
        };
        rows.iter().enumerate().map(one).collect()
    }

    fn attention(&self, name: &str, a: &Attention, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let [q, k, v] = ["q", "k", "v"].map(|side| self.side(&format!("{name}.attn.{side}"), a, side, rows));
        let mixed = |position: usize| {
            let mut out = Vec::new();
            let first = a.window.map_or(0, |window| (position + 1).saturating_sub(window));
            let ahead = if a.causal { 0 } else { a.window.map_or(rows.len(), |window| window - 1) };
            let seen = first..(position + 1 + ahead).min(rows.len());
            for head in 0..a.heads {
                let own = head / a.group();
                let query = &q[position][head * a.head_dim..][..a.head_dim];
                let score = |j: usize| {
                    let key = &k[j][own * a.head_dim..][..a.head_dim];
                    let slope = a.alibi.as_ref().map_or(0.0, |slopes| f64::from(slopes[head]));
                    let score = query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>() * f64::from(a.scale)
                        - slope * (position as f64 - j as f64);
                    a.softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh()).exp()
                };
                let weights: Vec<f64> = seen.clone().map(score).collect();
                let total: f64 = weights.iter().sum();
                out.extend((0..a.value_dim).map(|d| {
                    let values = seen.clone().map(|j| v[j][own * a.value_dim + d]);
                    weights.iter().zip(values).map(|(w, v)| w * v).sum::<f64>() / total
                }));
            }
            self.linear(&format!("{name}.attn.o"), &out)
        };
        (0..rows.len()).map(mixed).collect()
    }

    fn gated(&self, name: &str, activation: Activation, x: &[f64]) -> Vec<f64> {
        let (gate, up) = (self.linear(&format!("{name}.gate"), x), self.linear(&format!("{name}.up"), x));
        let hidden: Vec<f64> = gate.iter().zip(&up).map(|(g, u)| activate(activation, *g) * u).collect();
        self.linear(&format!("{name}.down"), &hidden)
    }

    fn mlp(&self, name: &str, mlp: &Mlp, x: &[f64]) -> Vec<f64> {
        if mlp.gated {
            return self.gated(name, mlp.activation, x);
        }
        let up = self.linear(&format!("{name}.up"), x);
        let hidden: Vec<f64> = up.into_iter().map(|x| activate(mlp.activation, x)).collect();
        self.linear(&format!("{name}.down"), &hidden)
    }

    fn moe(&self, name: &str, moe: &Moe, x: &[f64]) -> Vec<f64> {
        let scores: Vec<f64> = self.linear(&format!("{name}.router"), x).iter().map(|x| x.exp()).collect();
        let mut order: Vec<usize> = (0..moe.experts).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let chosen = &order[..moe.top_k];
        let among: Vec<f64> =
            if moe.normalize { chosen.iter().map(|&e| scores[e]).collect() } else { scores.clone() };
        let total: f64 = among.iter().sum();
        let mut sum = vec![0.0; x.len()];
        let mut add =
            |share: f64, part: Vec<f64>| sum.iter_mut().zip(part).for_each(|(x, y)| *x += share * y);
        for &e in chosen {
            add(scores[e] / total, self.gated(&format!("{name}.experts.{e}"), moe.activation, x));
        }
        if moe.shared_width.is_some() {
            let gate = |x: &[f64]| 1.0 / (1.0 + (-self.linear(&format!("{name}.shared_gate"), x)[0]).exp());
            let share = if moe.shared_gate { gate(x) } else { 1.0 };
            add(share, self.gated(&format!("{name}.shared"), moe.activation, x));
        }
        sum
    }

    fn feed_forward(&self, name: &str, layer: &Layer, rows: &Rows) -> Rows {
        let one = |x: &Vec<f64>| match &layer.feed_forward {
            FeedForward::Mlp(mlp) => self.mlp(&format!("{name}.mlp"), mlp, x),
            FeedForward::Moe(moe) => self.moe(&format!("{name}.moe"), moe, x),
        };
        rows.iter().map(one).collect()
    }

    fn norms(&self, name: &str, rows: &Rows) -> Rows {
        rows.iter().map(|x| self.norm(name, x)).collect()
    }

    /// `rows + residual_scale * parts`
    fn join(&self, rows: &Rows, parts: &Rows) -> Rows {
        let scale = f64::from(self.spec.residual_scale);
        let one = |(x, y): (&Vec<f64>, &Vec<f64>)| x.iter().zip(y).map(|(x, y)| x + scale * y).collect();
        rows.iter().zip(parts).map(one).collect()
    }

    fn layer(&self, name: &str, layer: &Layer, rows: Rows) -> Rows {
        let Mixer::Attention(a) = &layer.mixer;
        let norm = |part: &str, rows: &Rows| self.norms(&format!("{name}.{part}"), rows);
        match layer.order {
            Order::Pre => {
                let mixed = self.attention(name, a, &norm("attn_norm", &rows));
                let rows = self.join(&rows, &norm("attn_post_norm", &mixed));
                let fed = self.feed_forward(name, layer, &norm("mlp_norm", &rows));
                self.join(&rows, &norm("mlp_post_norm", &fed))
            }
            Order::Parallel => {
                let first = norm("attn_norm", &rows);
                let second = if layer.norms.mlp { norm("mlp_norm", &rows) } else { first.clone() };
                let both = self.join(&rows, &self.attention(name, a, &first));
                self.join(&both, &self.feed_forward(name, layer, &second))
            }
            Order::Post => {
                let rows = norm("attn_norm", &self.join(&rows, &self.attention(name, a, &rows)));
                norm("mlp_norm", &self.join(&rows, &self.feed_forward(name, layer, &rows)))
            }
        }
    }

    fn embed(&self, position: usize, id: u32) -> Vec<f64> {
        let (spec, width) = (&self.spec, self.spec.outer_width());
        let row = &self.weights["embed.weight"][id as usize * width..][..width];
        let mut x: Vec<f64> = row.iter().map(|value| value * f64::from(spec.embed_scale)).collect();
        if spec.embed_width.is_some() {
            x = self.linear("project_in", &x);
        }
        if let Some(positions) = spec.positions {
            let row = &self.weights["positions.weight"][(position + positions.offset) * spec.width..];
            x.iter_mut().zip(row).for_each(|(x, y)| *x += y);
        }
        self.norm("embed_norm", &x)
    }

    /// What enters the first layer and what each layer leaves, the last one after the final norm.
    pub(super) fn hidden_states(&self, ids: &[u32]) -> Vec<Rows> {
        let mut rows: Rows = ids.iter().enumerate().map(|(position, &id)| self.embed(position, id)).collect();
        let mut states = Vec::new();
        for (index, layer) in self.spec.layers.iter().enumerate() {
            states.push(rows.clone());
            rows = self.layer(&format!("layers.{index}"), layer, rows);
        }
        states.push(self.norms("norm", &rows));
        states
    }

    /// The logits of every position.
    pub(super) fn logits(&self, ids: &[u32]) -> Vec<f64> {
        let states = self.hidden_states(ids);
        states[states.len() - 1].iter().flat_map(|x| self.head(x)).collect()
    }

    fn head(&self, x: &[f64]) -> Vec<f64> {
        let x = if self.spec.embed_width.is_some() { self.linear("project_out", x) } else { x.to_vec() };
        let mut logits = self.linear(if self.spec.tied_head { "embed" } else { "head" }, &x);
        if self.spec.tied_head && self.spec.head_bias {
            logits.iter_mut().zip(&self.weights["head.bias"]).for_each(|(logit, bias)| *logit += bias);
        }
        for logit in &mut logits {
            *logit *= f64::from(self.spec.logit_scale);
            *logit = self
                .spec
                .logit_softcap
                .map_or(*logit, |cap| f64::from(cap) * (*logit / f64::from(cap)).tanh());
        }
        logits
    }
}

fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
        Activation::Relu => x.max(0.0),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh())
        }
        Activation::Gelu => panic!("std has no error function"),
    }
}
