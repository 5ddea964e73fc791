//! What is computed from a tower's output.

use serde_json::{json, Value};

use super::example::{norm, set_embed_width, stem, text};
use super::{accepted, refused};

/// A head in place of the example's.
fn head(head: Value) -> impl Fn(&mut Value) {
    move |spec| spec["head"] = head.clone()
}

fn dense(width: usize) -> Value {
    json!({"width": width, "activation": "tanh", "bias": true, "norm": norm()})
}

fn pooled(outputs: usize, dense: Value) -> Value {
    json!({
        "kind": "pooled", "pool": "first", "outputs": outputs, "dense": dense, "bias": true, "pool_last": false,
    })
}

fn token(outputs: usize, dense: Value) -> Value {
    json!({"kind": "token", "outputs": outputs, "dense": dense, "bias": true})
}

fn ctc(vocab: usize, blank: usize) -> Value {
    json!({"kind": "ctc", "vocab": vocab, "blank": blank, "bias": true})
}

#[test]
fn what_models_have_is_accepted() {
    for one in [Value::Null, pooled(2, Value::Null), token(9, dense(96)), ctc(32, 31)] {
        accepted(&head(one));
    }
    accepted(&|s| set_embed_width(s, 64));
    accepted(&|s| s["head"]["dense"] = dense(96));
}

#[test]
fn words_that_no_head_has() {
    refused(&[
        ("unknown field `colour`", &|s| s["head"]["colour"] = json!("red")),
        ("unknown variant `banana`", &|s| s["head"]["kind"] = json!("banana")),
    ]);
}

#[test]
fn language_models_heads_that_no_model_has() {
    refused(&[
        ("vocab is 0", &|s| s["head"]["vocab"] = json!(0)),
        ("the head's width is 0", &|s| s["head"]["width"] = json!(0)),
        ("logit_scale is inf, expected a finite number", &|s| s["head"]["scale"] = json!(1e39)),
        ("logit_softcap is Some(-1.0), expected a positive number or null", &|s| {
            s["head"]["softcap"] = json!(-1.0)
        }),
        ("logit_softcap is Some(0.0)", &|s| s["head"]["softcap"] = json!(0.0)),
        ("logit_softcap is Some(inf)", &|s| s["head"]["softcap"] = json!(1e39)),
        ("dense.width is 0", &|s| s["head"]["dense"] = dense(0)),
        ("a head of width 64 after 96, and no projection", &|s| s["head"]["width"] = json!(64)),
        ("a head of width 96 after 64, and no projection", &|s| s["head"]["dense"] = dense(64)),
        ("a tied head of 129 x 96, but an embedding of 130 x 96", &|s| s["head"]["vocab"] = json!(129)),
        ("a tied head of 130 x 96, but an embedding of 130 x 64", &|s| {
            (stem(s)["width"], stem(s)["project"]) = (json!(64), json!("last"));
        }),
    ]);
    accepted(&|s| (s["head"]["vocab"], s["head"]["tied"]) = (json!(129), json!(false)));
    accepted(&|s| text(s)["norm"] = Value::Null);
}

#[test]
fn other_heads_that_no_model_has() {
    refused(&[
        ("head.outputs is 0", &head(pooled(0, Value::Null))),
        ("dense.width is 0", &head(pooled(2, dense(0)))),
        ("head.outputs is 0", &head(token(0, Value::Null))),
        ("dense.width is 0", &head(token(2, dense(0)))),
        ("head.vocab is 0", &head(ctc(0, 0))),
        ("blank is 32, of 32 characters", &head(ctc(32, 32))),
    ]);
    let mut odd = dense(96);
    odd["norm"]["eps"] = json!(-1.0);
    refused(&[("norm.eps is -1", &head(token(2, odd)))]);
}
