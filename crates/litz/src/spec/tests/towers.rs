//! Towers, and what enters them.

use serde_json::{json, Value};

use super::example::{example, norm, stem, text};
use super::{accepted, message, refused, refused_specs};
use crate::spec::{LayerInputs, Spec, Streams};

fn patches(change: impl Fn(&mut Value)) -> impl Fn(&mut Value) {
    move |spec| {
        *stem(spec) = json!({
            "kind": "patches", "channels": 3, "patch": [14, 14], "frames": 1, "bias": true, "cls": true,
            "distill": false, "registers": 4, "positions": 257, "norm": norm(),
        });
        change(stem(spec));
    }
}

fn waves(change: impl Fn(&mut Value)) -> impl Fn(&mut Value) {
    move |spec| {
        let convolution = json!({
            "width": 512, "kernel": 10, "stride": 5, "padding": 0, "bias": true, "norm": null, "groups": 0,
            "activation": "gelu",
        });
        *stem(spec) = json!({
            "kind": "waves", "channels": 1, "convolutions": [convolution], "norm": norm(), "project": true,
            "positions": 0,
        });
        change(stem(spec));
    }
}

/// A tower in front of the one that the head reads.
fn before_text(tower: Value) -> impl Fn(&mut Value) {
    move |spec| spec["towers"] = json!({"encoder": tower, "text": text(spec)})
}

#[test]
fn what_models_have_is_accepted() {
    accepted(&|_| {});
    accepted(&patches(|_| {}));
    accepted(&waves(|_| {}));
    accepted(&before_text(example()["towers"]["text"].clone()));
}

#[test]
fn words_that_no_spec_has() {
    refused(&[
        ("the model's spec: unknown field `colour`", &|s| s["colour"] = json!("red")),
        ("unknown field `colour`", &|s| text(s)["colour"] = json!("red")),
        ("unknown field `colour`", &|s| stem(s)["colour"] = json!("red")),
        ("unknown variant `banana`", &|s| stem(s)["kind"] = json!("banana")),
        ("missing field `context`", &|s| drop(text(s).as_object_mut().unwrap().remove("context"))),
        ("expected towers by name", &|s| s["towers"] = json!([])),
    ]);
}

#[test]
fn towers_that_no_model_has() {
    refused(&[
        ("no towers", &|s| s["towers"] = json!({})),
        ("width is 0, expected 1 to 268435456", &|s| text(s)["width"] = json!(0)),
        ("context is 0", &|s| text(s)["context"] = json!(0)),
        ("4097 layers, expected at most 4096", &|s| text(s)["layers"] = json!(vec![0; 4097])),
        ("no layer is of kind 1", &|s| text(s)["layers"] = json!([0, 0])),
        ("a layer is of a kind beyond the 2 there are", &|s| text(s)["layers"] = json!([0, 1, 2])),
        ("norm.eps is -1", &|s| text(s)["norm"]["eps"] = json!(-1.0)),
        ("streams.count is 0", &|s| text(s)["streams"] = json!({"count": 0, "steps": 0, "eps": 0.0})),
    ]);
    for (text_of, inputs) in [
        ("layer_inputs.vocab is 0", json!({"vocab": 0, "width": 8, "scale": 1.0, "norm": null})),
        ("layer_inputs.width is 0", json!({"vocab": 9, "width": 0, "scale": 1.0, "norm": null})),
    ] {
        refused(&[(text_of, &|s| text(s)["layer_inputs"] = inputs.clone())]);
    }
}

#[test]
fn numbers_of_towers_are_finite() {
    refused_specs(&[
        ("streams.eps is NaN, expected a finite number", &|s| {
            s.towers[0].1.streams = Some(Streams { count: 4, steps: 0, eps: f32::NAN });
        }),
        ("layer_inputs.scale is inf, expected a finite number", &|s| {
            let scale = f32::INFINITY;
            s.towers[0].1.layer_inputs = Some(LayerInputs { vocab: 9, width: 8, scale, norm: None });
        }),
    ]);
}

#[test]
fn several_towers() {
    let mut encoder = example()["towers"]["text"].clone();
    encoder["context"] = json!(0);
    assert!(message(&before_text(encoder)).contains("encoder: context is 0"));
    refused(&[
        ("memory is \"text\", expected an earlier tower", &|s| text(s)["memory"] = json!("text")),
        ("text: memory is \"decoder\", expected an earlier tower", &|s| {
            before_text(text(s).clone())(s);
            text(s)["memory"] = json!("decoder");
        }),
    ]);
    accepted(&|s| {
        before_text(text(s).clone())(s);
        text(s)["memory"] = json!("encoder");
    });
    let tower = example()["towers"]["text"].to_string();
    let twice = format!(r#"{{"towers": {{"text": {tower}, "text": {tower}}}, "head": null}}"#);
    let found = Spec::from_json(&twice).unwrap_err().to_string();
    assert!(found.contains("two towers are called \"text\""), "{found}");
}

#[test]
fn towers_keep_their_order() {
    let tower = example()["towers"]["text"].to_string();
    let spec =
        format!(r#"{{"towers": {{"vision": {tower}, "audio": {tower}, "text": {tower}}}, "head": null}}"#);
    let spec = Spec::from_json(&spec).unwrap();
    let names: Vec<&str> = spec.towers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["vision", "audio", "text"]);
}

#[test]
fn token_stems_that_no_model_has() {
    refused(&[
        ("vocab is 268435457", &|s| stem(s)["vocab"] = json!((1 << 28) + 1)),
        ("the embedding's width is 0", &|s| stem(s)["width"] = json!(0)),
        ("embed_scale is inf, expected a finite number", &|s| stem(s)["scale"] = json!(1e39)),
        ("types is 268435457, expected at most 268435456", &|s| stem(s)["types"] = json!((1 << 28) + 1)),
        ("tasks is 268435457, expected at most 268435456", &|s| stem(s)["tasks"] = json!((1 << 28) + 1)),
        ("an embedding of width 64 in a tower of 96, and no projection", &|s| stem(s)["width"] = json!(64)),
        ("norm.eps is -1", &|s| {
            stem(s)["norm"] = norm();
            stem(s)["norm"]["eps"] = json!(-1.0);
        }),
    ]);
}

#[test]
fn patch_stems_that_no_model_has() {
    for (text, knob, value) in [
        ("channels is 0", "channels", json!(0)),
        ("frames is 0", "frames", json!(0)),
        ("patch is 0", "patch", json!([14, 0])),
        ("patch is 805306368", "patch", json!([1 << 14, 1 << 14])),
        ("registers is 268435457", "registers", json!((1 << 28) + 1)),
        ("positions is 268435457", "positions", json!((1 << 28) + 1)),
    ] {
        refused(&[(text, &patches(|stem| stem[knob] = value.clone()))]);
    }
    refused(&[("norm.eps is -1", &patches(|stem| stem["norm"]["eps"] = json!(-1.0)))]);
}

#[test]
fn wave_stems_that_no_model_has() {
    refused(&[
        ("channels is 0", &waves(|stem| stem["channels"] = json!(0))),
        ("positions is 268435457", &waves(|stem| stem["positions"] = json!((1 << 28) + 1))),
        ("norm.eps is -1", &waves(|stem| stem["norm"]["eps"] = json!(-1.0))),
    ]);
    for (text, knob, value) in [
        ("width is 0", "width", 0),
        ("kernel is 0", "kernel", 0),
        ("stride is 0", "stride", 0),
        ("groups is 268435457", "groups", (1 << 28) + 1),
        ("padding is 268435457", "padding", (1 << 28) + 1),
    ] {
        refused(&[(text, &waves(|stem| stem["convolutions"][0][knob] = json!(value)))]);
    }
    refused(&[(
        "norm.eps is -1",
        &waves(|stem| {
            stem["convolutions"][0]["norm"] = norm();
            stem["convolutions"][0]["norm"]["eps"] = json!(-1.0);
        }),
    )]);
}
