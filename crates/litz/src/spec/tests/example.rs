//! The JSON of a small Spec, and its parts by name, for tests that change them.

use serde_json::{json, Value};

/// A tower of two layers that differ, and a tied head.
pub(crate) fn example() -> Value {
    json!({
        "towers": {"text": {
            "width": 96, "context": 1000,
            "stem": {
                "kind": "tokens", "vocab": 130, "width": 96, "scale": 1.0, "positions": null, "types": 0, "tasks": 0,
                "norm": null, "project": null, "project_bias": false,
            },
            "kinds": [plain_layer(None, &rope(0)), plain_layer(Some(21), &rope(1))], "layers": [0, 1],
            "norm": norm(), "memory": null, "streams": null, "layer_inputs": null,
        }},
        "head": {
            "kind": "lm", "vocab": 130, "width": 96, "tied": true, "bias": false, "scale": 1.0, "softcap": null,
            "project": false, "dense": null,
        },
    })
}

/// The norm that all norms of the example are.
pub(crate) fn norm() -> Value {
    json!({"kind": "rms", "eps": 1e-5, "offset": 0.0, "weight": true, "bias": false, "late": false})
}

/// One of the example's two rotations, which differ in all they can.
pub(crate) fn rope(number: usize) -> Value {
    let (dim, base, gain) = [(32, 100.0_f64, 1.0), (20, 50.0, 1.1)][number];
    let frequencies: Vec<f64> = (0..dim / 2).map(|i| base.powf(-2.0 * i as f64 / dim as f64)).collect();
    json!({
        "dim": dim, "interleaved": number == 1, "gain": gain, "frequencies": frequencies, "long": null, "axes": [],
    })
}

fn plain_layer(window: Option<usize>, rope: &Value) -> Value {
    let attention = json!({
        "kind": "attention", "heads": 6, "kv_heads": 2, "head_dim": 32, "value_dim": 32, "scale": 0.17,
        "mask": {"causal": true, "window": window, "chunk": null, "groups": false},
        "rope": rope, "position_bias": null, "softcap": null, "bias": "",
        "q_norm": null, "k_norm": null, "v_norm": null, "o_norm": null, "norm_over": "head", "norm_last": false,
        "gate": null, "sinks": false, "memory": null, "keys_of": null, "keys_are_values": false, "value_scale": 1.0,
        "clip": null, "temper": null,
    });
    let mlp = json!({
        "kind": "mlp", "width": 160, "activation": "silu", "gated": true, "bias": false, "norm": null, "limit": null,
        "up_offset": 0.0, "sparsity": null,
    });
    json!([sum(vec![new_branch("attn", &attention)]), sum(vec![new_branch("mlp", &mlp)])])
}

/// A branch with a norm before it.
pub(crate) fn new_branch(name: &str, body: &Value) -> Value {
    json!({"name": name, "body": body, "before": norm(), "after": null, "scale": 1.0, "scale_weight": false})
}

/// A sum of these branches, without a norm of its own.
pub(crate) fn sum(branches: Vec<Value>) -> Value {
    json!({
        "branches": branches, "before": null, "after": null, "keep": 1.0, "normed": false, "scale_weight": false,
    })
}

/// A mixture of experts without a shared one.
pub(crate) fn moe(experts: usize, top_k: usize) -> Value {
    json!({
        "kind": "moe", "experts": experts, "width": 64, "activation": "silu", "gated": true, "bias": false,
        "router": {
            "top_k": top_k, "scores": "softmax", "bias": false, "correction": false, "groups": null, "normalize": true,
            "eps": 0.0, "scale": 1.0, "weigh_input": false, "norm": null,
        },
        "limit": null, "up_offset": 0.0, "shared_width": null, "shared_gate": false, "latent": null,
    })
}

/// Attention over a latent vector.
pub(crate) fn latent() -> Value {
    json!({
        "kind": "latent", "heads": 4, "rank": 32, "nope_dim": 16, "rope_dim": 32, "value_dim": 16, "scale": 0.2,
        "q_rank": null, "mask": {"causal": true, "window": null, "chunk": null, "groups": false}, "rope": rope(0),
        "q_norm": null, "kv_norm": norm(), "bias": "", "gate": null, "sinks": false, "temper": null, "index": null,
    })
}

/// A linear recurrence with the delta rule.
pub(crate) fn recurrent() -> Value {
    json!({
        "kind": "recurrent", "heads": 4, "key_heads": 2, "key_dim": 16, "value_dim": 16,
        "decay": {"kind": "delta", "over": "head", "floor": null, "limits": null, "rank": null},
        "conv": 4, "conv_over": "qkv", "conv_bias": false, "bias": false, "beta": 1, "unit_keys": true, "skip": false,
        "factors": [], "inner_norm": null, "norm": norm(), "norm_over": "head", "gate": "silu", "gate_first": false,
        "gate_rank": null,
    })
}

/// The tower.
pub(crate) fn text(spec: &mut Value) -> &mut Value {
    &mut spec["towers"]["text"]
}

/// The tower's stem.
pub(crate) fn stem(spec: &mut Value) -> &mut Value {
    &mut text(spec)["stem"]
}

/// A layer: a list of sums.
pub(crate) fn layer(spec: &mut Value, index: usize) -> &mut Value {
    &mut text(spec)["kinds"][index]
}

/// Changes every layer.
pub(crate) fn layers(spec: &mut Value, change: impl FnMut(&mut Value)) {
    text(spec)["kinds"].as_array_mut().unwrap().iter_mut().for_each(change);
}

/// Leaves the first layer only.
pub(crate) fn only_first_layer(spec: &mut Value) {
    text(spec)["kinds"].as_array_mut().unwrap().truncate(1);
    text(spec)["layers"] = json!([0]);
}

/// A layer's branch of this name, in whichever sum it is.
pub(crate) fn branch<'a>(layer: &'a mut Value, name: &str) -> &'a mut Value {
    let sums = layer.as_array_mut().unwrap().iter_mut();
    let mut branches = sums.flat_map(|sum| sum["branches"].as_array_mut().unwrap());
    branches.find(|branch| branch["name"] == name).unwrap()
}

/// The attention of a layer.
pub(crate) fn attn(spec: &mut Value, index: usize) -> &mut Value {
    &mut branch(layer(spec, index), "attn")["body"]
}

/// The feed-forward of a layer.
pub(crate) fn mlp(spec: &mut Value, index: usize) -> &mut Value {
    &mut branch(layer(spec, index), "mlp")["body"]
}

/// Changes every norm that there is: the objects that say whether they are `late`.
pub(crate) fn norms(value: &mut Value, change: &dyn Fn(&mut Value)) {
    if value.get("late").is_some() {
        return change(value);
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| norms(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| norms(field, change)),
        _ => {}
    }
}

/// The width of the tower, its embedding and its head.
pub(crate) fn set_width(spec: &mut Value, width: usize) {
    text(spec)["width"] = json!(width);
    stem(spec)["width"] = json!(width);
    spec["head"]["width"] = json!(width);
}

/// An embedding of a width of its own, with projections from it and to it.
pub(crate) fn set_embed_width(spec: &mut Value, width: usize) {
    (stem(spec)["width"], stem(spec)["project"]) = (json!(width), json!("first"));
    (spec["head"]["width"], spec["head"]["project"]) = (json!(width), json!(true));
}

/// Both branches in one sum, each with its norm.
pub(crate) fn make_parallel(layer: &mut Value) {
    let branches = ["attn", "mlp"].map(|name| branch(layer, name).clone());
    *layer = json!([sum(branches.to_vec())]);
}

/// The norm before each branch becomes that of its sum, afterwards.
pub(crate) fn make_post(layer: &mut Value) {
    for sum in layer.as_array_mut().unwrap() {
        sum["after"] = sum["branches"][0]["before"].take();
    }
}

/// One norm for both branches of a sum.
pub(crate) fn share_norm(layer: &mut Value) {
    let sum = &mut layer[0];
    sum["before"] = norm();
    sum["branches"].as_array_mut().unwrap().iter_mut().for_each(|branch| branch["before"] = Value::Null);
}

/// Norms of queries and keys.
pub(crate) fn norm_heads(attention: &mut Value, over: &str, norm: &Value) {
    (attention["q_norm"], attention["k_norm"]) = (norm.clone(), norm.clone());
    attention["norm_over"] = json!(over);
}

/// A slope for each head.
pub(crate) fn alibi(slopes: &[f32]) -> Value {
    json!({"kind": "alibi", "slopes": slopes})
}

/// How many tokens the stem and the head know.
pub(crate) fn set_vocab(spec: &mut Value, vocab: usize) {
    stem(spec)["vocab"] = json!(vocab);
    spec["head"]["vocab"] = json!(vocab);
}
