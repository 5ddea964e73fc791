//! What mixes positions.

use serde_json::{json, Value};

use super::example::{attn, branch, latent, layer, norm, recurrent};
use super::{accepted, refused};

/// Another mixer in the first layer.
fn mixer(mixer: Value, change: impl Fn(&mut Value)) -> impl Fn(&mut Value) {
    move |spec| {
        let body = &mut branch(layer(spec, 0), "attn")["body"];
        *body = mixer.clone();
        change(body);
    }
}

/// A knob of it.
fn refused_knobs(of: &Value, cases: &[(&str, &str, Value)]) {
    for (text, knob, value) in cases {
        let text = format!("layers[0]: attn: {text}");
        refused(&[(&text, &mixer(of.clone(), |body| body[*knob] = value.clone()))]);
    }
}

/// A norm with a square of less than nothing.
fn odd_norm() -> Value {
    let mut odd = norm();
    odd["eps"] = json!(-1.0);
    odd
}

#[test]
fn attention_that_no_model_has() {
    let attention = attn(&mut super::example::example(), 0).clone();
    refused_knobs(
        &attention,
        &[
            ("heads is 0", "heads", json!(0)),
            ("kv_heads is 0", "kv_heads", json!(0)),
            ("head_dim is 0", "head_dim", json!(0)),
            ("value_dim is 0", "value_dim", json!(0)),
            ("6 heads are no multiple of 4 kv_heads", "kv_heads", json!(4)),
            ("heads * head_dim is 402653184", "value_dim", json!(1 << 26)),
            ("scale is inf", "scale", json!(1e39)),
            ("value_scale is inf", "value_scale", json!(1e39)),
            ("softcap is Some(0.0), expected a positive number or null", "softcap", json!(0.0)),
            ("clip is Some(-8.0), expected a positive number or null", "clip", json!(-8.0)),
            ("bias is \"kq\", expected letters of \"qkvo\", in this order", "bias", json!("kq")),
            ("bias is \"qq\"", "bias", json!("qq")),
            ("bias is \"x\"", "bias", json!("x")),
            ("norm.eps is -1", "q_norm", odd_norm()),
            ("norm.eps is -1", "k_norm", odd_norm()),
            ("norm.eps is -1", "v_norm", odd_norm()),
            ("norm.eps is -1", "o_norm", odd_norm()),
            ("keys_of is Some(0), expected an earlier layer than 0", "keys_of", json!(0)),
        ],
    );
    refused(&[("layers[0]: attn: keys_are_values needs value_dim = head_dim", &|s| {
        (attn(s, 0)["keys_are_values"], attn(s, 0)["value_dim"]) = (json!(true), json!(16));
    })]);
    accepted(&|s| attn(s, 1)["keys_of"] = json!(0));
    accepted(&|s| attn(s, 0)["bias"] = json!("qo"));
}

#[test]
fn masks_that_no_model_has() {
    for window in [json!(0), json!([0, 4]), json!([4, 0])] {
        let change = |s: &mut Value| attn(s, 0)["mask"]["window"] = window.clone();
        refused(&[("layers[0]: attn: window is 0, expected at least 1 or null", &change)]);
    }
    refused(&[
        ("layers[0]: attn: chunk is 0", &|s| attn(s, 0)["mask"]["chunk"] = json!(0)),
        ("unknown field `colour`", &|s| attn(s, 0)["mask"]["colour"] = json!("red")),
    ]);
    accepted(&|s| attn(s, 0)["mask"]["window"] = json!([4, 1]));
}

#[test]
fn latent_attention_that_no_model_has() {
    accepted(&mixer(latent(), |_| {}));
    refused_knobs(
        &latent(),
        &[
            ("heads is 0", "heads", json!(0)),
            ("rank is 0", "rank", json!(0)),
            ("value_dim is 0", "value_dim", json!(0)),
            ("q_rank is 0", "q_rank", json!(0)),
            ("heads * head size is 536870912", "value_dim", json!(1 << 27)),
            ("scale is inf", "scale", json!(1e39)),
            ("bias is \"q\", expected letters of \"ao\"", "bias", json!("q")),
            ("norm.eps is -1", "q_norm", odd_norm()),
            ("norm.eps is -1", "kv_norm", odd_norm()),
            ("the rope rotates 32 elements, but rope_dim is 16", "rope_dim", json!(16)),
            ("temper.every is 0", "temper", json!({"beta": 0.1, "every": 0, "shift": 0})),
        ],
    );
    refused(&[
        (
            "nope_dim + rope_dim is 0",
            &mixer(latent(), |body| (body["nope_dim"], body["rope_dim"]) = (json!(0), json!(0))),
        ),
        ("chunk is 0", &mixer(latent(), |body| body["mask"]["chunk"] = json!(0))),
    ]);
}

#[test]
fn indexers_that_no_model_has() {
    let indexer = json!({
        "heads": 4, "head_dim": 32, "top_k": 64, "rope": super::example::rope(0), "block": 1, "pool": "mean",
    });
    let with = |knob: &'static str, value: Value| {
        let indexer = indexer.clone();
        mixer(latent(), move |body| {
            body["index"] = indexer.clone();
            body["index"][knob] = value.clone();
        })
    };
    accepted(&with("block", json!(8)));
    for knob in ["heads", "head_dim", "top_k", "block"] {
        refused(&[(&format!("layers[0]: attn: index.{knob} is 0"), &with(knob, json!(0)))]);
    }
    refused(&[
        ("the rope rotates 32 elements, but index.head_dim is 31", &with("head_dim", json!(31))),
        ("unknown variant `banana`", &with("pool", json!("banana"))),
    ]);
}

#[test]
fn recurrences_that_no_model_has() {
    accepted(&mixer(recurrent(), |_| {}));
    refused_knobs(
        &recurrent(),
        &[
            ("heads is 0", "heads", json!(0)),
            ("key_heads is 0", "key_heads", json!(0)),
            ("key_dim is 0", "key_dim", json!(0)),
            ("value_dim is 0", "value_dim", json!(0)),
            ("4 heads are no multiple of 3 key_heads", "key_heads", json!(3)),
            ("heads * key_dim * value_dim is 1073741824", "value_dim", json!(1 << 24)),
            ("conv is 268435457, expected at most 268435456", "conv", json!((1 << 28) + 1)),
            ("beta is Some(3), expected 1, 2 or null", "beta", json!(3)),
            ("4 factors, expected none or 5", "factors", json!([1, 1, 1, 1])),
            ("a factor is inf", "factors", json!([1, 1, 1, 1, 1e39])),
            ("gate_rank is 0", "gate_rank", json!(0)),
            ("norm.eps is -1", "inner_norm", odd_norm()),
            ("norm.eps is -1", "norm", odd_norm()),
        ],
    );
    refused(&[("decay.rank is 0", &mixer(recurrent(), |body| body["decay"]["rank"] = json!(0)))]);
}

#[test]
fn convolutions_that_no_model_has() {
    let convolution = |kernel: usize| json!({"kind": "conv", "kernel": kernel, "bias": false});
    accepted(&mixer(convolution(3), |_| {}));
    refused(&[("layers[0]: attn: kernel is 0", &mixer(convolution(0), |_| {}))]);
}
