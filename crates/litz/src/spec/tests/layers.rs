//! Sums, branches and norms.

use serde_json::{json, Value};

use super::example::{
    attn, branch, latent, layer, make_parallel, mlp, new_branch, norm, share_norm, sum, text,
};
use super::{accepted, refused, refused_specs};
use crate::spec::{Layer, Norm, NormKind, Spec};

#[test]
fn words_that_no_layer_has() {
    refused(&[
        ("unknown field `colour`", &|s| layer(s, 0)[0]["colour"] = json!("red")),
        ("unknown field `colour`", &|s| branch(layer(s, 0), "attn")["colour"] = json!("red")),
        ("unknown field `beads`", &|s| attn(s, 0)["beads"] = json!(1)),
        ("unknown variant `banana`", &|s| attn(s, 0)["kind"] = json!("banana")),
        ("unknown field `colour`", &|s| text(s)["norm"]["colour"] = json!("red")),
        ("unknown variant `banana`", &|s| text(s)["norm"]["kind"] = json!("banana")),
    ]);
}

#[test]
fn sums_that_no_model_has() {
    refused(&[
        ("layers[1]: a sum without branches", &|s| layer(s, 1)[0]["branches"] = json!([])),
        ("layers[0]: normed is true, but there is no norm before", &|s| {
            layer(s, 0)[0]["normed"] = json!(true)
        }),
        ("layers[0]: norm.eps is -1", &|s| {
            layer(s, 0)[0]["after"] = norm();
            layer(s, 0)[0]["after"]["eps"] = json!(-1.0);
        }),
        ("layers[0]: two norms would be called attn_norm", &|s| layer(s, 0)[0]["before"] = norm()),
        ("layers[0]: two norms would be called attn_norm", &|s| layer(s, 0)[0]["after"] = norm()),
        ("layers[0]: two norms would be called attn_norm", &|s| {
            make_parallel(layer(s, 0));
            share_norm(layer(s, 0));
            layer(s, 0)[0]["after"] = norm();
        }),
    ]);
}

/// The place in a message is the first layer of the kind.
#[test]
fn kinds_are_named_by_their_first_layer() {
    refused(&[("layers[2]: a sum without branches", &|s| {
        text(s)["layers"] = json!([0, 0, 1, 1]);
        layer(s, 1)[0]["branches"] = json!([]);
    })]);
}

#[test]
fn branches_that_no_model_has() {
    for name in ["", "Attn", "attn.q", "mlp2"] {
        let text = format!("layers[0]: {name}: {name:?} is no name of a branch");
        refused(&[(&text, &|s| branch(layer(s, 0), "attn")["name"] = json!(name))]);
    }
    refused(&[
        ("layers[0]: mlp: norm.eps is -1", &|s| {
            branch(layer(s, 0), "mlp")["before"]["eps"] = json!(-1.0);
        }),
        ("layers[0]: mlp: norm.eps is -1", &|s| {
            branch(layer(s, 0), "mlp")["after"] = norm();
            branch(layer(s, 0), "mlp")["after"]["eps"] = json!(-1.0);
        }),
    ]);
}

#[test]
fn branches_with_one_name() {
    let add = |spec: &mut Value, added: Value| layer(spec, 0).as_array_mut().unwrap().push(sum(vec![added]));
    refused(&[
        ("layers[0]: two branches lie under \"mlp\"", &|s| {
            let body = mlp(s, 0).clone();
            add(s, new_branch("mlp", &body));
        }),
        ("layers[0]: two branches lie under \"latent\"", &|s| {
            add(s, new_branch("first", &latent()));
            add(s, new_branch("second", &latent()));
        }),
        ("layers[0]: two branches \"attn\" with norms", &|s| add(s, new_branch("attn", &latent()))),
    ]);
    accepted(&|s| {
        let mut branch = new_branch("attn", &latent());
        branch["before"] = Value::Null;
        add(s, branch);
    });
}

#[test]
fn norms_that_no_model_has() {
    refused(&[
        ("norm.eps is -1", &|s| text(s)["norm"]["eps"] = json!(-1.0)),
        ("norm.bias is true, but only a layer norm has one", &|s| text(s)["norm"]["bias"] = json!(true)),
        ("norm.offset is 1, but a layer norm has none", &|s| {
            (text(s)["norm"]["kind"], text(s)["norm"]["offset"]) = (json!("layer"), json!(1.0));
        }),
    ]);
}

#[test]
fn scales_are_finite() {
    refused_specs(&[
        ("layers[0]: keep is NaN, expected a finite number", &|s| kind(s)[1].keep = f32::NAN),
        ("layers[0]: mlp: scale is inf, expected a finite number", &|s| {
            kind(s)[1].branches[0].scale = f32::INFINITY;
        }),
        ("layers[0]: norm.eps is inf", &|s| kind(s)[0].after = Some(norm_of(f32::INFINITY, 0.0))),
        ("layers[0]: norm.offset is inf, expected a finite number", &|s| {
            kind(s)[0].after = Some(norm_of(0.0, f32::INFINITY));
        }),
    ]);
}

/// The first layer, whose attention has no norm before it.
fn kind(spec: &mut Spec) -> &mut Layer {
    let kind = &mut spec.towers[0].1.kinds[0];
    kind[0].branches[0].before = None;
    kind
}

fn norm_of(eps: f32, offset: f32) -> Norm {
    Norm { kind: NormKind::Rms, eps, offset, weight: true, bias: false, late: false }
}
