//! What a Spec may say and no step computes is refused by its name.

use super::example::{
    attn, branch, latent, layer, mlp, moe, norm, recurrent, rope, set_embed_width, stem, text,
};
use super::*;

/// What the message names, and the change that it is about.
type Case<'a> = (&'a str, &'a dyn Fn(&mut Value));

fn message(spec: &Spec) -> String {
    let refused = Model::memory(spec, CacheDType::F16, 8);
    refused.map_or_else(|error| error.to_string(), |memory| format!("{memory:?}"))
}

fn refused(cases: &[Case<'_>]) {
    for (name, change) in cases {
        let found = message(&spec(change));
        assert!(
            found.ends_with(&format!("the native engine does not run {name}")),
            "expected {name:?}, found {found:?}"
        );
    }
}

/// A knob of the first layer's attention, feed-forward or experts.
fn refused_knobs(part: impl Fn(&mut Value) -> &mut Value, cases: &[(&str, &str, Value)]) {
    for (name, knob, value) in cases {
        refused(&[(name, &|s| part(s)[*knob] = value.clone())]);
    }
}

#[test]
fn towers() {
    refused(&[
        ("several towers", &|s| s["towers"]["encoder"] = text(s).clone()),
        ("several residual streams", &|s| text(s)["streams"] = json!({"count": 4, "steps": 0, "eps": 0.0})),
        ("inputs of each layer", &|s| {
            text(s)["layer_inputs"] = json!({"vocab": 130, "width": 8, "scale": 1.0, "norm": null});
        }),
        ("a norm by the length", &|s| text(s)["norm"]["kind"] = json!("l2")),
    ]);
    let mut spec = spec(|_| {});
    spec.towers[0].1.memory = Some("encoder".to_owned());
    assert!(message(&spec).ends_with("does not run cross-attention"));
}

#[test]
fn stems_and_heads() {
    refused(&[
        ("a stem that takes no tokens", &|s| {
            *stem(s) = json!({
                "kind": "patches", "channels": 3, "patch": [14, 14], "frames": 1, "bias": true, "cls": true,
                "distill": false, "registers": 0, "positions": 0, "norm": null,
            });
        }),
        ("a dense layer and a projection before the logits", &|s| {
            set_embed_width(s, 64);
            s["head"]["dense"] = json!({"width": 64, "activation": "tanh", "bias": true, "norm": null});
        }),
        ("logits for another vocabulary than the embedding's", &|s| {
            (s["head"]["vocab"], s["head"]["tied"]) = (json!(131), json!(false));
        }),
    ]);
}

#[test]
fn sums() {
    refused(&[
        ("a residual that is scaled or normed", &|s| layer(s, 0)[1]["keep"] = json!(0.5)),
        ("a residual that is scaled or normed", &|s| {
            let sum = &mut layer(s, 0)[1];
            sum["before"] = sum["branches"][0]["before"].take();
            sum["normed"] = json!(true);
        }),
        ("a branch's norm behind that of its sum", &|s| {
            let sums = layer(s, 0).as_array_mut().unwrap();
            let mlp = sums.remove(1)["branches"][0].take();
            sums[0]["before"] = sums[0]["branches"][0]["before"].take();
            sums[0]["branches"].as_array_mut().unwrap().push(mlp);
        }),
        ("a scale of each layer", &|s| layer(s, 0)[1]["scale_weight"] = json!(true)),
        ("branches that a vector scales", &|s| {
            branch(layer(s, 0), "mlp")["scale_weight"] = json!(true);
        }),
    ]);
}

#[test]
fn knobs_of_attention() {
    let cases = [
        ("a norm of values", "v_norm", norm()),
        ("a norm of the mixed heads", "o_norm", norm()),
        ("query and key norms after the rotation", "norm_last", json!(true)),
        ("gated attention", "gate", json!("head")),
        ("cross-attention", "memory", json!("alone")),
        ("keys that are values", "keys_are_values", json!(true)),
        ("scaled values", "value_scale", json!(0.5)),
        ("clamped heads", "clip", json!(8.0)),
        ("queries that grow with their position", "temper", json!({"beta": 0.1, "every": 9, "shift": 0})),
        (
            "biases of position buckets",
            "position_bias",
            json!({"kind": "buckets", "count": 32, "distance": 128, "two_way": true, "shared": true}),
        ),
    ];
    refused_knobs(|s| attn(s, 0), &cases);
    refused(&[
        ("attention inside chunks", &|s| attn(s, 0)["mask"]["chunk"] = json!(64)),
        ("attention inside groups", &|s| attn(s, 0)["mask"]["groups"] = json!(true)),
        ("keys of another layer", &|s| attn(s, 1)["keys_of"] = json!(0)),
        ("rotations of several axes", &|s| attn(s, 0)["rope"]["axes"] = json!(vec![0; 16])),
    ]);
}

#[test]
fn more_rotations_than_a_sequence_has_bits() {
    let rotations = |count: usize| {
        move |s: &mut Value| {
            let kinds: Vec<Value> = (0..count)
                .map(|number| {
                    let mut kind = layer(s, 0).clone();
                    branch(&mut kind, "attn")["body"]["rope"]["gain"] = json!(1.0 + number as f64);
                    kind
                })
                .collect();
            text(s)["kinds"] = json!(kinds);
            text(s)["layers"] = json!((0..count).collect::<Vec<_>>());
        }
    };
    refused(&[("more than 32 rotations that differ", &rotations(33))]);
    assert!(message(&spec(rotations(32))).starts_with("Memory"));
}

#[test]
fn knobs_of_feed_forwards() {
    let cases = [
        ("a norm inside the feed-forward", "norm", norm()),
        ("clamped gates", "limit", json!(7.0)),
        ("an offset beside the gate", "up_offset", json!(1.0)),
        ("sparse gates", "sparsity", json!(0.9)),
        ("the activation Relu2", "activation", json!("relu2")),
        ("the activation Xielu", "activation", json!("xielu")),
    ];
    refused_knobs(|s| mlp(s, 0), &cases);
}

#[test]
fn knobs_of_experts() {
    fn experts(spec: &mut Value) -> &mut Value {
        *mlp(spec, 0) = moe(4, 2);
        mlp(spec, 0)
    }
    let cases = [
        ("experts without gates", "gated", json!(false)),
        ("experts behind a projection", "latent", json!(32)),
    ];
    refused_knobs(experts, &cases);
    let cases = [
        ("a router of sigmoids", "scores", json!("sigmoid")),
        ("a router that corrects its choice", "correction", json!(true)),
        ("groups of experts", "groups", json!({"count": 2, "kept": 1, "best": 1})),
        ("routers with inputs of their own", "weigh_input", json!(true)),
        ("routers with inputs of their own", "norm", norm()),
        ("scaled experts", "scale", json!(2.5)),
        ("scaled experts", "eps", json!(1e-20)),
    ];
    refused_knobs(|s| &mut experts(s)["router"], &cases);
}

#[test]
fn other_bodies() {
    let bodies = [
        ("latent attention", latent()),
        ("linear recurrences", recurrent()),
        ("inputs of each layer", json!({"kind": "layer_input", "width": 8, "activation": "silu"})),
    ];
    for (name, body) in bodies {
        refused(&[(name, &|s| branch(layer(s, 0), "attn")["body"] = body.clone())]);
    }
    assert!(message(&spec(|s| attn(s, 0)["rope"] = rope(1))).starts_with("Memory"));
}
