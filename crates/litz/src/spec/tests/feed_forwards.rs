//! Dense and sparse feed-forwards.

use serde_json::{json, Value};

use super::example::{mlp, moe, norm};
use super::{accepted, refused};

/// A mixture of 4 experts, of which a token is routed to 2.
fn experts(change: impl Fn(&mut Value)) -> impl Fn(&mut Value) {
    move |spec| {
        *mlp(spec, 0) = moe(4, 2);
        change(mlp(spec, 0));
    }
}

fn groups(count: usize, kept: usize, best: usize) -> impl Fn(&mut Value) {
    experts(move |moe| moe["router"]["groups"] = json!({"count": count, "kept": kept, "best": best}))
}

#[test]
fn feed_forwards_that_no_model_has() {
    refused(&[
        ("layers[0]: mlp: feed_forward.width is 0", &|s| mlp(s, 0)["width"] = json!(0)),
        ("limit is Some(0.0), expected a positive number", &|s| mlp(s, 0)["limit"] = json!(0.0)),
        ("up_offset is inf", &|s| mlp(s, 0)["up_offset"] = json!(1e39)),
        ("sparsity is Some(1.0), expected 0 to 1 or null", &|s| mlp(s, 0)["sparsity"] = json!(1.0)),
        ("sparsity is Some(-0.5)", &|s| mlp(s, 0)["sparsity"] = json!(-0.5)),
        ("unknown variant `banana`", &|s| mlp(s, 0)["activation"] = json!("banana")),
        ("norm.eps is -1", &|s| {
            mlp(s, 0)["norm"] = norm();
            mlp(s, 0)["norm"]["eps"] = json!(-1.0);
        }),
        ("layer_input.width is 0", &|s| {
            *mlp(s, 0) = json!({"kind": "layer_input", "width": 0, "activation": "silu"})
        }),
    ]);
}

#[test]
fn mixtures_that_no_model_has() {
    refused(&[
        ("layers[0]: mlp: experts is 1025, expected 1 to 1024", &|s| *mlp(s, 0) = moe(1025, 2)),
        ("experts is 0", &|s| *mlp(s, 0) = moe(0, 0)),
        ("top_k is 0, expected 1 to 4", &|s| *mlp(s, 0) = moe(4, 0)),
        ("top_k is 5, expected 1 to 4", &|s| *mlp(s, 0) = moe(4, 5)),
        ("feed_forward.width is 0", &experts(|moe| moe["width"] = json!(0))),
        ("feed_forward.shared_width is 0", &experts(|moe| moe["shared_width"] = json!(0))),
        ("feed_forward.latent is 0", &experts(|moe| moe["latent"] = json!(0))),
        ("limit is Some(-7.0)", &experts(|moe| moe["limit"] = json!(-7.0))),
        ("up_offset is inf", &experts(|moe| moe["up_offset"] = json!(1e39))),
        (
            "shared_gate is true, but there is no shared_width",
            &experts(|moe| moe["shared_gate"] = json!(true)),
        ),
    ]);
}

#[test]
fn routers_that_no_model_has() {
    refused(&[
        ("router.scale is inf", &experts(|moe| moe["router"]["scale"] = json!(1e39))),
        ("router.eps is -1", &experts(|moe| moe["router"]["eps"] = json!(-1.0))),
        ("router.eps is inf", &experts(|moe| moe["router"]["eps"] = json!(1e39))),
        (
            "norm.eps is -1",
            &experts(|moe| {
                moe["router"]["norm"] = norm();
                moe["router"]["norm"]["eps"] = json!(-1.0);
            }),
        ),
        ("the best 1 of 3 groups by 1 of their scores cannot be chosen of 4 experts", &groups(3, 1, 1)),
        ("the best 1 of 0 groups", &groups(0, 1, 1)),
        ("the best 3 of 2 groups", &groups(2, 3, 1)),
        ("the best 0 of 2 groups", &groups(2, 0, 1)),
        ("groups by 3 of their scores", &groups(2, 1, 3)),
        ("groups by 0 of their scores", &groups(2, 1, 0)),
        ("1 groups hold fewer experts than the 2 to choose", &groups(4, 1, 1)),
    ]);
    accepted(&groups(2, 1, 2));
}
