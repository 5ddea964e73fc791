//! Tiny random models in files of every storage, a plain reference, and the engine against both.

mod errors;
mod exact;
pub(crate) mod file;
mod meaning;
mod outputs;
mod reference;
mod sources;

use serde_json::{json, Value};

use super::*;
use crate::formats::{DType, TensorFile, TensorInfo};
use crate::kernels::{Isa, Kernels};
use file::Tensors;

/// A small generator: tests must not depend on the system.
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    /// Uniform, with variance 1.
    pub(crate) fn value(&mut self) -> f32 {
        (self.next() as f32 / u32::MAX as f32 - 0.5) * 12_f32.sqrt()
    }
}

/// A spec of two layers that differ; `change` edits its JSON.
pub(super) fn spec(change: impl Fn(&mut Value)) -> Spec {
    Spec::from_json(&spec_json(change)).unwrap()
}

pub(super) fn spec_json(change: impl Fn(&mut Value)) -> String {
    let frequencies = |dim: usize, base: f64| -> Vec<f64> {
        (0..dim / 2).map(|i| base.powf(-2.0 * i as f64 / dim as f64)).collect()
    };
    let layer = |window: Value, rope: usize| {
        json!({
            "mixer": {
                "kind": "attention", "heads": 6, "kv_heads": 2, "head_dim": 32, "value_dim": 32, "scale": 0.17,
                "softcap": null, "window": window, "rope": rope, "alibi": null,
                "q_bias": false, "k_bias": false, "v_bias": false, "o_bias": false, "qk_norm": null,
                "qk_norm_bias": false,
            },
            "feed_forward": {"kind": "mlp", "width": 160, "activation": "silu", "gated": true, "bias": false},
            "norms": {"attn": true, "attn_post": false, "mlp": true, "mlp_post": false}, "order": "pre",
        })
    };
    let mut spec = json!({
        "width": 96, "vocab": 130, "context": 1000,
        "norm": {"kind": "rms", "eps": 1e-5, "offset": 0.0, "bias": false},
        "embed_scale": 1.0, "residual_scale": 1.0, "logit_scale": 1.0, "logit_softcap": null,
        "tied_head": true, "head_bias": false, "final_norm": true,
        "embed_width": null, "embed_norm": false, "positions": null,
        "ropes": [
            {"dim": 32, "interleaved": false, "gain": 1.0, "frequencies": frequencies(32, 100.0), "long": null},
            {"dim": 20, "interleaved": true, "gain": 1.1, "frequencies": frequencies(20, 50.0), "long": null},
        ],
        "layers": [layer(Value::Null, 0), layer(json!(21), 1)],
    });
    change(&mut spec);
    spec.to_string()
}

fn norm(all: &mut Shapes, (present, bias): (bool, bool), name: String, width: usize) {
    if present {
        all.push((format!("{name}.weight"), vec![width]));
    }
    if present && bias {
        all.push((format!("{name}.bias"), vec![width]));
    }
}

fn moe_shapes(all: &mut Shapes, name: &str, moe: &Moe, width: usize) {
    let mut experts: Vec<_> = (0..moe.experts).map(|e| (format!("{name}.experts.{e}"), moe.width)).collect();
    experts.extend(moe.shared_width.map(|width| (format!("{name}.shared"), width)));
    all.push((format!("{name}.router.weight"), vec![moe.experts, width]));
    for (expert, rows) in experts {
        all.push((format!("{expert}.gate.weight"), vec![rows, width]));
        all.push((format!("{expert}.up.weight"), vec![rows, width]));
        all.push((format!("{expert}.down.weight"), vec![width, rows]));
    }
    if moe.shared_gate {
        all.push((format!("{name}.shared_gate.weight"), vec![1, width]));
    }
}

/// The JSON of a mixture without a shared expert.
pub(super) fn moe(experts: usize, top_k: usize) -> Value {
    json!({
        "kind": "moe", "experts": experts, "top_k": top_k, "width": 64, "activation": "silu", "normalize": true,
        "shared_width": null, "shared_gate": false,
    })
}

type Shapes = Vec<(String, Vec<usize>)>;

/// Every tensor of a model: name and shape.
pub(super) fn shapes(spec: &Spec) -> Shapes {
    let outer = spec.outer_width();
    let mut all = vec![("embed.weight".to_owned(), vec![spec.vocab, outer])];
    if spec.embed_width.is_some() {
        all.push(("project_in.weight".to_owned(), vec![spec.width, outer]));
        all.push(("project_out.weight".to_owned(), vec![outer, spec.width]));
    }
    if let Some(positions) = spec.positions {
        all.push(("positions.weight".to_owned(), vec![positions.rows, spec.width]));
    }
    norm(&mut all, (spec.embed_norm, spec.norm.bias), "embed_norm".to_owned(), spec.width);
    let linear = |all: &mut Shapes, name: String, rows: usize, cols: usize, bias: bool| {
        all.push((format!("{name}.weight"), vec![rows, cols]));
        if bias {
            all.push((format!("{name}.bias"), vec![rows]));
        }
    };
    for (index, layer) in spec.layers.iter().enumerate() {
        let name = |part: &str| format!("layers.{index}.{part}");
        let Mixer::Attention(a) = &layer.mixer;
        let (queries, keys) = (a.heads * a.head_dim, a.kv_heads * a.head_dim);
        norm(&mut all, (layer.norms.attn, spec.norm.bias), name("attn_norm"), spec.width);
        norm(&mut all, (layer.norms.attn_post, spec.norm.bias), name("attn_post_norm"), spec.width);
        norm(&mut all, (layer.norms.mlp, spec.norm.bias), name("mlp_norm"), spec.width);
        norm(&mut all, (layer.norms.mlp_post, spec.norm.bias), name("mlp_post_norm"), spec.width);
        linear(&mut all, name("attn.q"), queries, spec.width, a.q_bias);
        linear(&mut all, name("attn.k"), keys, spec.width, a.k_bias);
        linear(&mut all, name("attn.v"), a.kv_heads * a.value_dim, spec.width, a.v_bias);
        linear(&mut all, name("attn.o"), spec.width, a.heads * a.value_dim, a.o_bias);
        let shared = a.qk_norm == Some(QkNorm::Head);
        let qk_norm = (a.qk_norm.is_some(), a.qk_norm_bias);
        norm(&mut all, qk_norm, name("attn.q_norm"), if shared { a.head_dim } else { queries });
        norm(&mut all, qk_norm, name("attn.k_norm"), if shared { a.head_dim } else { keys });
        let mlp = match &layer.feed_forward {
            FeedForward::Mlp(mlp) => mlp,
            FeedForward::Moe(moe) => {
                moe_shapes(&mut all, &name("moe"), moe, spec.width);
                continue;
            }
        };
        if mlp.gated {
            linear(&mut all, name("mlp.gate"), mlp.width, spec.width, mlp.bias);
        }
        linear(&mut all, name("mlp.up"), mlp.width, spec.width, mlp.bias);
        linear(&mut all, name("mlp.down"), spec.width, mlp.width, mlp.bias);
    }
    norm(&mut all, (spec.final_norm, spec.norm.bias), "norm".to_owned(), spec.width);
    if !spec.tied_head {
        all.push(("head.weight".to_owned(), vec![spec.vocab, outer]));
    }
    if spec.head_bias {
        all.push(("head.bias".to_owned(), vec![spec.vocab]));
    }
    all
}

/// A file with shaken weights for a spec; `dtype` chooses each matrix's storage.
pub(super) fn file(spec: &Spec, dtype: impl Fn(&str) -> DType) -> TensorFile {
    let mut random = Random::new(7);
    let mut tensors = Tensors::default();
    for (name, shape) in shapes(spec) {
        match shape[..] {
            [rows, cols] => tensors.matrix(&name, rows, cols, dtype(&name), &mut random),
            _ => {
                let center = if name.contains("norm.weight") { 1.0 - spec.norm.offset } else { 0.0 };
                let values: Vec<f32> = (0..shape[0]).map(|_| center + 0.3 * random.value()).collect();
                tensors.floats(&name, &shape, &values);
            }
        }
    }
    tensors.gguf()
}

/// The whole tensor, as one part.
pub(super) fn whole(file: usize, tensor: &TensorInfo) -> Part {
    let rows = tensor.shape[..tensor.shape.len().max(2) - 1].iter().product();
    Part { file, tensor: tensor.name.clone(), start: 0, count: rows }
}

pub(super) fn sources(file: &TensorFile) -> Vec<WeightSource> {
    let source = |tensor| {
        let part = whole(0, tensor);
        WeightSource { name: part.tensor.clone(), parts: vec![part], transposed: false }
    };
    file.tensors().iter().map(source).collect()
}

pub(super) fn load(spec: &Spec, file: &TensorFile, options: &LoadOptions, isa: Isa) -> Model {
    let kernels = Kernels::new(isa).unwrap();
    Model::load_with(spec.clone(), std::slice::from_ref(file), &sources(file), options, kernels).unwrap()
}

/// Appends tokens to sequences and gives the logits of each last one.
pub(super) fn forward(
    model: &Model,
    batch: &mut [(&mut Sequence, &[u32])],
    logits: &mut Vec<f32>,
) -> crate::Result<()> {
    let mut batch: Vec<(&mut Sequence, Inputs<'_>)> =
        batch.iter_mut().map(|(sequence, ids)| (&mut **sequence, Inputs::Tokens(ids))).collect();
    model.forward(&mut batch, Outputs::Last, logits)
}

pub(super) fn options(threads: usize, chunk: usize) -> LoadOptions {
    LoadOptions { threads: Some(threads), chunk, ..LoadOptions::default() }
}

pub(super) fn ids(count: usize, seed: u64, vocab: usize) -> Vec<u32> {
    let mut random = Random::new(seed);
    (0..count).map(|_| random.next() % vocab as u32).collect()
}

/// The forms of the kernels that this machine can run.
pub(super) fn isas() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}
