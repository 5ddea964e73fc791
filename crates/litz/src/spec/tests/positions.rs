//! How positions enter.

use serde_json::{json, Value};

use super::example::{alibi, attn, rope, stem};
use super::{accepted, refused, refused_specs};
use crate::spec::{Body, Rope, Spec};

#[test]
fn rotations_that_no_model_has() {
    let long = |count: usize| json!({"above": 9, "gain": 1.0, "frequencies": vec![0.1; count]});
    refused(&[
        ("layers[1]: attn: dim is 0", &|s| attn(s, 1)["rope"]["dim"] = json!(0)),
        ("dim is 19, expected an even number", &|s| attn(s, 1)["rope"]["dim"] = json!(19)),
        ("10 frequencies, expected dim/2 = 9", &|s| attn(s, 1)["rope"]["dim"] = json!(18)),
        ("3 axes, expected none or dim/2 = 10", &|s| attn(s, 1)["rope"]["axes"] = json!([0, 1, 2])),
        ("9 frequencies, expected dim/2 = 10", &|s| attn(s, 1)["rope"]["long"] = long(9)),
        ("the rope rotates 32 elements, but head_dim is 31", &|s| attn(s, 0)["head_dim"] = json!(31)),
        ("unknown field `colour`", &|s| attn(s, 0)["rope"]["colour"] = json!("red")),
    ]);
    accepted(&|s| attn(s, 1)["rope"]["long"] = long(10));
}

#[test]
fn rotations_are_finite() {
    let text = "layers[0]: attn: gain and frequencies must be finite";
    refused_specs(&[
        (text, &|s| first_rope(s).frequencies[3] = f64::NAN),
        (text, &|s| first_rope(s).gain = f64::INFINITY),
    ]);
}

fn first_rope(spec: &mut Spec) -> &mut Rope {
    match &mut spec.towers[0].1.kinds[0][0].branches[0].body {
        Body::Attention(attention) => attention.rope.as_mut().unwrap(),
        other => panic!("{other:?} is no attention"),
    }
}

#[test]
fn position_biases_that_no_model_has() {
    let buckets = |count: usize, distance: usize| json!({"kind": "buckets", "count": count, "distance": distance, "two_way": true, "shared": true});
    let bias = |bias: Value| move |s: &mut Value| attn(s, 1)["position_bias"] = bias.clone();
    refused(&[
        ("layers[1]: attn: 2 alibi slopes, expected one for each of 6 heads", &bias(alibi(&[0.5, 0.25]))),
        (
            "an alibi slope is inf, expected a finite number",
            &bias(json!({"kind": "alibi", "slopes": [0, 0, 0, 0, 0, 1e39]})),
        ),
        ("position_bias.count is 0", &bias(buckets(0, 128))),
        ("position_bias.distance is 0", &bias(buckets(32, 0))),
        ("alibi and a softcap have no agreed order", &|s| {
            attn(s, 0)["softcap"] = json!(5.0);
            attn(s, 0)["position_bias"] = alibi(&[1.0; 6]);
        }),
    ]);
    accepted(&bias(buckets(32, 128)));
}

#[test]
fn learned_positions_that_no_model_has() {
    let positions = |rows: u64, offset: u64, skip: Option<u64>| {
        move |s: &mut Value| stem(s)["positions"] = json!({"rows": rows, "offset": offset, "skip": skip})
    };
    refused(&[
        ("positions.rows is 0", &positions(0, 0, None)),
        ("positions.rows is 268435457", &positions((1 << 28) + 1, 0, None)),
        ("positions.rows is 1001, expected at least context + offset = 1000 + 2", &positions(1001, 2, None)),
        ("positions.rows is 5, expected", &positions(5, u64::MAX, None)),
        (
            "positions.rows is 1001, expected at least context + offset = 1000 + 2",
            &positions(1001, 0, Some(1)),
        ),
        ("positions.rows is 5, expected", &positions(5, 0, Some(u64::MAX))),
    ]);
    accepted(&positions(1002, 2, None));
    accepted(&positions(1002, 0, Some(1)));
}

#[test]
fn tempers_that_no_model_has() {
    refused(&[
        ("temper.beta is inf", &|s| {
            attn(s, 0)["temper"] = json!({"beta": 1e39, "every": 8192, "shift": 0});
        }),
        ("temper.every is 0", &|s| attn(s, 0)["temper"] = json!({"beta": 0.1, "every": 0, "shift": 0})),
    ]);
    accepted(&|s| attn(s, 0)["rope"] = rope(1));
}
