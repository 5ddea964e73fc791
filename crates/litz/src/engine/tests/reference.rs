//! The Spec's mathematics in f64, one token after another, as plainly as it can be written.

use std::collections::HashMap;

use super::*;
use crate::formats::dequantize;
use crate::spec::{
    Activation, Attention, Body, Branch, Head, Mask, Mlp, Moe, Norm, NormKind, NormOver, PositionBias, Rope,
    ShortConv, Sum, Window,
};

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

    /// A norm by the weights from `start` on; without a norm x as it is.
    fn norm(&self, name: &str, start: usize, norm: Option<&Norm>, x: &[f64]) -> Vec<f64> {
        let Some(norm) = norm else { return x.to_vec() };
        let count = x.len() as f64;
        let mean = if norm.kind == NormKind::Rms { 0.0 } else { x.iter().sum::<f64>() / count };
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let scale = 1.0 / (variance + f64::from(norm.eps)).sqrt();
        let vector = |part: &str| &self.weights[&format!("{name}.{part}")];
        let weight = |i: usize| vector("weight")[start + i] + f64::from(norm.offset);
        let weight = |i: usize| if norm.weight { weight(i) } else { 1.0 };
        let bias = |i: usize| if norm.bias { vector("bias")[start + i] } else { 0.0 };
        (0..x.len()).map(|i| (x[i] - mean) * scale * weight(i) + bias(i)).collect()
    }

    fn norms(&self, name: &str, norm: Option<&Norm>, rows: &Rows) -> Rows {
        rows.iter().map(|x| self.norm(name, 0, norm, x)).collect()
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

    /// One side of the heads of all positions, normed and rotated.
    fn side(&self, name: &str, a: &Attention, side: &str, rows: &Rows) -> Rows {
        let dim = if side == "v" { a.value_dim } else { a.head_dim };
        let rope = a.rope.as_ref().filter(|_| side != "v");
        let norm = match side {
            "q" => a.q_norm.as_ref(),
            "k" => a.k_norm.as_ref(),
            _ => None,
        };
        let (name, norm_name) = (format!("{name}.{side}"), format!("{name}.{side}_norm"));
        let one = |(position, x): (usize, &Vec<f64>)| {
            let mut heads = self.linear(&name, x);
            if a.norm_over == NormOver::Whole {
                heads = self.norm(&norm_name, 0, norm, &heads);
            }
            for (index, head) in heads.chunks_mut(dim).enumerate() {
                match a.norm_over {
                    NormOver::Head => head.copy_from_slice(&self.norm(&norm_name, 0, norm, head)),
                    NormOver::Each => head.copy_from_slice(&self.norm(&norm_name, index * dim, norm, head)),
                    NormOver::Whole => {}
                }
                if let Some(rope) = rope {
                    rotate(rope, rows.len(), position, head);
                }
            }
            heads
        };
        rows.iter().enumerate().map(one).collect()
    }

    fn attention(&self, name: &str, a: &Attention, rows: &Rows) -> Rows {
        let [q, k, v] = ["q", "k", "v"].map(|side| self.side(name, a, side, rows));
        let slopes = a.position_bias.as_ref().map(|bias| match bias {
            PositionBias::Alibi(alibi) => &alibi.slopes,
            PositionBias::Buckets(_) => panic!("buckets have no steps"),
        });
        let mixed = |position: usize| {
            let mut out = Vec::new();
            let seen = seen(&a.mask, position, rows.len());
            for head in 0..a.heads {
                let own = head / a.group();
                let query = &q[position][head * a.head_dim..][..a.head_dim];
                let score = |j: usize| {
                    let key = &k[j][own * a.head_dim..][..a.head_dim];
                    let slope = slopes.map_or(0.0, |slopes| f64::from(slopes[head]));
                    let score = query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>() * f64::from(a.scale)
                        - slope * (position as f64 - j as f64);
                    a.softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh()).exp()
                };
                let weights: Vec<f64> = seen.clone().map(score).collect();
                let sink = if a.sinks { self.weights[&format!("{name}.sinks")][head].exp() } else { 0.0 };
                let total = weights.iter().sum::<f64>() + sink;
                out.extend((0..a.value_dim).map(|d| {
                    let values = seen.clone().map(|j| v[j][own * a.value_dim + d]);
                    weights.iter().zip(values).map(|(w, v)| w * v).sum::<f64>() / total
                }));
            }
            self.linear(&format!("{name}.o"), &out)
        };
        (0..rows.len()).map(mixed).collect()
    }

    fn gated(&self, name: &str, activation: Activation, x: &[f64]) -> Vec<f64> {
        self.clamped(name, activation, (None, 0.0), x)
    }

    /// `down(activation(gate) * (up + offset))` of gates and ups within a limit.
    fn clamped(
        &self,
        name: &str,
        activation: Activation,
        (limit, offset): (Option<f32>, f32),
        x: &[f64],
    ) -> Vec<f64> {
        let (gate, up) = (self.linear(&format!("{name}.gate"), x), self.linear(&format!("{name}.up"), x));
        let limit = limit.map_or(f64::INFINITY, f64::from);
        let one = |(gate, up): (&f64, &f64)| {
            activate(activation, gate.min(limit)) * (up.clamp(-limit, limit) + f64::from(offset))
        };
        let hidden: Vec<f64> = gate.iter().zip(&up).map(one).collect();
        self.linear(&format!("{name}.down"), &hidden)
    }

    fn short_conv(&self, name: &str, conv: &ShortConv, rows: &Rows) -> Rows {
        let part =
            |part: &str| -> Rows { rows.iter().map(|x| self.linear(&format!("{name}.{part}"), x)).collect() };
        let (b, c, v) = (part("b"), part("c"), part("v"));
        let (factors, bias) =
            (&self.weights[&format!("{name}.conv.weight")], self.weights.get(&format!("{name}.conv.bias")));
        let mixed = |(position, c): (usize, &Vec<f64>)| -> Vec<f64> {
            let one = |channel: usize| {
                let seen = (position + 1).saturating_sub(conv.kernel)..position + 1;
                let factor = |j: usize| factors[channel * conv.kernel + conv.kernel - 1 - (position - j)];
                let sum: f64 = seen.map(|j| factor(j) * b[j][channel] * v[j][channel]).sum();
                c[channel] * (sum + bias.map_or(0.0, |bias| bias[channel]))
            };
            self.linear(&format!("{name}.o"), &(0..c.len()).map(one).collect::<Vec<f64>>())
        };
        c.iter().enumerate().map(mixed).collect()
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
        let chosen = &order[..moe.router.top_k];
        let among: Vec<f64> =
            if moe.router.normalize { chosen.iter().map(|&e| scores[e]).collect() } else { scores.clone() };
        let total: f64 = among.iter().sum();
        let mut sum = vec![0.0; x.len()];
        let mut add =
            |share: f64, part: Vec<f64>| sum.iter_mut().zip(part).for_each(|(x, y)| *x += share * y);
        for &e in chosen {
            let (name, clamp) = (format!("{name}.experts.{e}"), (moe.limit, moe.up_offset));
            add(scores[e] / total, self.clamped(&name, moe.activation, clamp, x));
        }
        if moe.shared_width.is_some() {
            let gate = |x: &[f64]| 1.0 / (1.0 + (-self.linear(&format!("{name}.shared_gate"), x)[0]).exp());
            let share = if moe.shared_gate { gate(x) } else { 1.0 };
            add(share, self.gated(&format!("{name}.shared"), moe.activation, x));
        }
        sum
    }

    fn body(&self, layer: &str, branch: &Branch, rows: &Rows) -> Rows {
        let name = format!("{layer}.{}", branch.prefix());
        match &branch.body {
            Body::Attention(body) => self.attention(&name, body, rows),
            Body::Conv(body) => self.short_conv(&name, body, rows),
            Body::Mlp(body) => rows.iter().map(|x| self.mlp(&name, body, x)).collect(),
            Body::Moe(body) => rows.iter().map(|x| self.moe(&name, body, x)).collect(),
            other => panic!("{other:?} has no steps"),
        }
    }

    /// `after(body(before(x))) * scale`
    fn branch(&self, layer: &str, branch: &Branch, rows: &Rows) -> Rows {
        let name = format!("{layer}.{}", branch.name);
        let read = self.norms(&format!("{name}_norm"), branch.before.as_ref(), rows);
        let made = self.body(layer, branch, &read);
        let normed = self.norms(&format!("{name}_post_norm"), branch.after.as_ref(), &made);
        let scale = f64::from(branch.scale);
        normed.into_iter().map(|y| y.into_iter().map(|y| scale * y).collect()).collect()
    }

    /// `after(x + sum of branches of before(x))`
    fn sum(&self, layer: &str, sum: &Sum, rows: &Rows) -> Rows {
        let norm = format!("{layer}.{}_norm", sum.branches[0].name);
        let read = self.norms(&norm, sum.before.as_ref(), rows);
        let mut total = rows.clone();
        for branch in &sum.branches {
            for (x, y) in total.iter_mut().zip(self.branch(layer, branch, &read)) {
                x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
            }
        }
        self.norms(&norm, sum.after.as_ref(), &total)
    }

    fn embed(&self, position: usize, id: u32) -> Vec<f64> {
        let (stem, width) = (stem_of(&self.spec), self.spec.main().width);
        let row = &self.weights["embed.weight"][id as usize * stem.width..][..stem.width];
        let mut x: Vec<f64> = row.iter().map(|value| value * f64::from(stem.scale)).collect();
        if stem.project.is_some() {
            x = self.linear("project_in", &x);
        }
        if let Some(positions) = stem.positions {
            let row = &self.weights["positions.weight"][(position + positions.offset) * width..];
            x.iter_mut().zip(row).for_each(|(x, y)| *x += y);
        }
        self.norm("embed_norm", 0, stem.norm.as_ref(), &x)
    }

    /// What enters the first layer and what each layer leaves, the last one after the final norm.
    pub(super) fn hidden_states(&self, ids: &[u32]) -> Vec<Rows> {
        let mut rows: Rows = ids.iter().enumerate().map(|(position, &id)| self.embed(position, id)).collect();
        let mut states = Vec::new();
        let tower = self.spec.main();
        for (index, layer) in tower.layers().enumerate() {
            states.push(rows.clone());
            rows = layer.iter().fold(rows, |rows, sum| self.sum(&format!("layers.{index}"), sum, &rows));
        }
        states.push(self.norms("norm", tower.norm.as_ref(), &rows));
        states
    }

    /// The logits of every position.
    pub(super) fn logits(&self, ids: &[u32]) -> Vec<f64> {
        let states = self.hidden_states(ids);
        states[states.len() - 1].iter().flat_map(|x| self.head(x)).collect()
    }

    fn head(&self, x: &[f64]) -> Vec<f64> {
        let Some(Head::Lm(head)) = &self.spec.head else { panic!("another head has no steps") };
        let x = if head.project { self.linear("project_out", x) } else { x.to_vec() };
        let mut logits = self.linear(if head.tied { "embed" } else { "head" }, &x);
        if head.tied && head.bias {
            logits.iter_mut().zip(&self.weights["head.bias"]).for_each(|(logit, bias)| *logit += bias);
        }
        for logit in &mut logits {
            *logit *= f64::from(head.scale);
            *logit = head.softcap.map_or(*logit, |cap| f64::from(cap) * (*logit / f64::from(cap)).tanh());
        }
        logits
    }
}

/// The positions that a query sees.
fn seen(mask: &Mask, position: usize, length: usize) -> std::ops::Range<usize> {
    let (left, right) = match mask.window {
        None => (length, length),
        Some(Window::Even(width)) => (width, width),
        Some(Window::Sides(left, right)) => (left, right),
    };
    let right = if mask.causal { 1 } else { right };
    (position + 1).saturating_sub(left)..(position + right).min(length)
}

fn rotate(rope: &Rope, length: usize, position: usize, head: &mut [f64]) {
    let long = rope.long.as_ref().filter(|long| length > long.above);
    let (frequencies, gain) =
        long.map_or((&rope.frequencies, rope.gain), |long| (&long.frequencies, long.gain));
    for (pair, frequency) in frequencies.iter().enumerate() {
        let (sin, cos) = (position as f64 * frequency).sin_cos();
        let (i, j) = if rope.interleaved { (2 * pair, 2 * pair + 1) } else { (pair, pair + rope.dim / 2) };
        let (x, y) = (head[i] * gain, head[j] * gain);
        (head[i], head[j]) = (x * cos - y * sin, y * cos + x * sin);
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
        other => panic!("{other:?} has no steps"),
    }
}
