//! The Spec's mathematics in f64, one token after another, as plainly as it can be written.

use std::collections::HashMap;

use super::*;
use crate::formats::dequantize;

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
        let Some(weight) = self.weights.get(&format!("{name}.weight")) else { return x.to_vec() };
        let norm = &self.spec.norm;
        let count = x.len() as f64;
        let mean = if norm.kind == NormKind::Rms { 0.0 } else { x.iter().sum::<f64>() / count };
        let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let scale = 1.0 / (variance + f64::from(norm.eps)).sqrt();
        let bias = self.weights.get(&format!("{name}.bias"));
        let one = |i: usize| {
            (x[i] - mean) * scale * (weight[i] + f64::from(norm.offset)) + bias.map_or(0.0, |bias| bias[i])
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

    fn turn(&self, rope: Option<usize>, length: usize, position: usize, head: &mut [f64]) {
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

    /// One side of the heads of all positions, normed and turned.
    fn side(&self, name: &str, a: &Attention, side: &str, rows: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (dim, norm) = (if side == "v" { a.value_dim } else { a.head_dim }, format!("{name}_norm"));
        let rope = a.rope.filter(|_| side != "v");
        let one = |(position, x): (usize, &Vec<f64>)| {
            let mut heads = self.linear(name, x);
            if a.qk_norm == Some(QkNorm::Whole) {
                heads = self.norm(&norm, &heads);
            }
            for head in heads.chunks_mut(dim) {
                if a.qk_norm == Some(QkNorm::Head) {
                    head.copy_from_slice(&self.norm(&norm, head));
                }
                self.turn(rope, rows.len(), position, head);
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
            for head in 0..a.heads {
                let own = head / a.group();
                let query = &q[position][head * a.head_dim..][..a.head_dim];
                let score = |j: usize| {
                    let key = &k[j][own * a.head_dim..][..a.head_dim];
                    let score = query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>() * f64::from(a.scale);
                    a.softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh()).exp()
                };
                let weights: Vec<f64> = (first..=position).map(score).collect();
                let total: f64 = weights.iter().sum();
                out.extend((0..a.value_dim).map(|d| {
                    let values = (first..=position).map(|j| v[j][own * a.value_dim + d]);
                    weights.iter().zip(values).map(|(w, v)| w * v).sum::<f64>() / total
                }));
            }
            self.linear(&format!("{name}.attn.o"), &out)
        };
        (0..rows.len()).map(mixed).collect()
    }

    fn mlp(&self, name: &str, mlp: &Mlp, x: &[f64]) -> Vec<f64> {
        let act = |x: f64| match mlp.activation {
            Activation::Silu => x / (1.0 + (-x).exp()),
            Activation::QuickGelu => x / (1.0 + (-1.702 * x).exp()),
            Activation::Relu => x.max(0.0),
            Activation::GeluTanh => {
                0.5 * x * (1.0 + (0.797_884_560_802_865_4 * (x + 0.044_715 * x.powi(3))).tanh())
            }
            Activation::Gelu => panic!("std has no error function"),
        };
        let up = self.linear(&format!("{name}.mlp.up"), x);
        let hidden: Vec<f64> = match mlp.gated {
            true => self
                .linear(&format!("{name}.mlp.gate"), x)
                .iter()
                .zip(&up)
                .map(|(g, u)| act(*g) * u)
                .collect(),
            false => up.into_iter().map(act).collect(),
        };
        self.linear(&format!("{name}.mlp.down"), &hidden)
    }

    /// The logits of every position.
    pub(super) fn logits(&self, ids: &[u32]) -> Vec<f64> {
        let (spec, width) = (&self.spec, self.spec.width);
        let embed = |&id: &u32| -> Vec<f64> {
            let row = &self.weights["embed.weight"][id as usize * width..][..width];
            row.iter().map(|value| value * f64::from(spec.embed_scale)).collect()
        };
        let mut rows: Vec<Vec<f64>> = ids.iter().map(embed).collect();
        let scale = f64::from(spec.residual_scale);
        let join = |rows: &mut Vec<Vec<f64>>, parts: Vec<Vec<f64>>| {
            for (row, part) in rows.iter_mut().zip(parts) {
                row.iter_mut().zip(part).for_each(|(x, y)| *x += scale * y);
            }
        };
        for (index, layer) in spec.layers.iter().enumerate() {
            let name = format!("layers.{index}");
            let Mixer::Attention(a) = &layer.mixer;
            let FeedForward::Mlp(mlp) = &layer.feed_forward else { todo!() };
            let input: Vec<_> = rows.iter().map(|x| self.norm(&format!("{name}.attn_norm"), x)).collect();
            let mixed = self.attention(&name, a, &input);
            join(&mut rows, mixed.iter().map(|y| self.norm(&format!("{name}.attn_post_norm"), y)).collect());
            let feed = |x: &Vec<f64>| self.mlp(&name, mlp, &self.norm(&format!("{name}.mlp_norm"), x));
            let fed: Vec<_> = rows.iter().map(feed).collect();
            join(&mut rows, fed.iter().map(|y| self.norm(&format!("{name}.mlp_post_norm"), y)).collect());
        }
        rows.iter().flat_map(|x| self.head(&self.norm("norm", x))).collect()
    }

    fn head(&self, x: &[f64]) -> Vec<f64> {
        let mut logits = self.linear(if self.spec.tied_head { "embed" } else { "head" }, x);
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
