//! Texts that are encoded whole: each as if alone, whatever it comes with, and what heads make of them.

use super::example::{attn, layers, make_post, stem, text};
use super::*;
use crate::kernels::Activation;

/// An encoder: two-way layers with norms behind their sums, token types, learned positions; `change` edits its JSON.
fn encoder(change: impl Fn(&mut Value)) -> Spec {
    spec(|spec| {
        layers(spec, make_post);
        for kind in 0..2 {
            attn(spec, kind)["mask"] =
                json!({"causal": false, "window": null, "chunk": null, "groups": false});
        }
        stem(spec)["positions"] = json!({"rows": 1000, "offset": 0, "skip": null});
        stem(spec)["types"] = json!(3);
        spec["head"] = Value::Null;
        change(spec);
    })
}

fn pooled(pool: &str, outputs: Value, dense: Value) -> Value {
    json!({"kind": "pooled", "pool": pool, "outputs": outputs, "dense": dense, "bias": true, "pool_last": false})
}

fn tanh_dense() -> Value {
    json!({"width": 40, "activation": "tanh", "bias": true, "norm": null})
}

/// What may differ from encoder to encoder in what a row sees, and in the head.
fn encoders() -> Vec<Spec> {
    let window = |window: Value| move |spec: &mut Value| attn(spec, 1)["mask"]["window"] = window.clone();
    let buckets = json!({"kind": "buckets", "count": 32, "distance": 128, "two_way": true, "shared": true});
    let slopes = json!({"kind": "alibi", "slopes": [0.5, 0.25, 0.125, 0.1, 0.05, 0.0]});
    vec![
        encoder(|spec| spec["head"] = pooled("mean", Value::Null, Value::Null)),
        encoder(|spec| spec["head"] = pooled("first", json!(3), tanh_dense())),
        encoder(|spec| {
            window(json!(9))(spec);
            spec["head"] = json!({"kind": "token", "outputs": 5, "dense": tanh_dense(), "bias": false});
        }),
        encoder(window(json!([20, 4]))),
        encoder(|spec| (0..2).for_each(|kind| attn(spec, kind)["position_bias"] = buckets.clone())),
        encoder(|spec| attn(spec, 0)["position_bias"] = slopes.clone()),
        encoder(|spec| {
            (0..2).for_each(|kind| {
                attn(spec, kind)["head_dim"] = json!(40);
                attn(spec, kind)["value_dim"] = json!(33);
                attn(spec, kind)["softcap"] = json!(15.0);
            })
        }),
        encoder(|spec| attn(spec, 0)["mask"]["causal"] = json!(true)),
    ]
}

fn encode(model: &Model, texts: &[Text<'_>]) -> Encoded {
    let head = model.spec().head.is_some();
    model.encode(texts, head, Hidden::Last, &mut || Ok(())).unwrap()
}

fn text_of(ids: &[u32]) -> Text<'_> {
    Text::from(Inputs::Tokens(ids))
}

#[test]
fn texts_are_encoded_as_if_each_were_alone() {
    for spec in encoders() {
        let (file, vocab) = (file(&spec, |_| DType::F32), vocab(&spec));
        let texts: Vec<Vec<u32>> =
            [1, 7, 16, 17, 64, 65, 3, 150].iter().map(|&count| ids(count, count as u64, vocab)).collect();
        for isa in isas() {
            let model = load(&spec, &file, &options(1, 1), isa);
            let mut expected = Encoded::default();
            for ids in &texts {
                let one = encode(&model, &[text_of(ids)]);
                expected.head.extend(one.head);
                expected.hidden.extend(one.hidden);
            }
            let all: Vec<Text<'_>> = texts.iter().map(|ids| text_of(ids)).collect();
            for (threads, chunk) in [(1, 1000), (2, 100), (3, 256)] {
                let found = encode(&load(&spec, &file, &options(threads, chunk), isa), &all);
                assert!(found == expected, "{isa:?} with {threads} threads in chunks of {chunk}");
            }
        }
    }
}

#[test]
fn rows_that_only_see_change_nothing_for_keys() {
    for spec in encoders().into_iter().filter(|spec| spec.head.is_none()) {
        let file = file(&spec, |_| DType::F32);
        let model = load(&spec, &file, &options(2, 256), Isa::Portable);
        let (ids, width) = (ids(40, 5, vocab(&spec)), spec.main().width);
        let keys = encode(&model, &[text_of(&ids[..30])]).hidden;
        let found = encode(&model, &[Text { keys: Some(30), ..text_of(&ids) }]).hidden;
        assert!(found[..30 * width] == keys[..]);
        let seeing = encode(&model, &[text_of(&ids)]).hidden;
        assert!(found[30 * width..] != seeing[30 * width..], "rows behind the keys see each other");
    }
}

#[test]
fn distances_go_by_positions() {
    for spec in encoders().into_iter().filter(|spec| spec.head.is_none()) {
        let file = file(&spec, |_| DType::F32);
        let model = load(&spec, &file, &options(2, 256), Isa::Portable);
        let (ids, width) = (ids(40, 6, vocab(&spec)), spec.main().width);
        // Every third row is no key: left out, or behind the keys, the keys are the same.
        let (rest, kept): (Vec<u32>, Vec<u32>) = (0..40).partition(|row| row % 3 == 1);
        let of = |rows: &[u32]| rows.iter().map(|&row| ids[row as usize]).collect::<Vec<u32>>();
        let (positions, all) = ([kept.clone(), rest.clone()].concat(), [of(&kept), of(&rest)].concat());
        let text = Text { positions: Some(&positions), keys: Some(kept.len()), ..text_of(&all) };
        let found = encode(&model, &[text]).hidden;
        let tokens = of(&kept);
        let alone = encode(&model, &[Text { positions: Some(&kept), ..text_of(&tokens) }]).hidden;
        assert!(found[..kept.len() * width] == alone[..]);
        let closed = encode(&model, &[text_of(&tokens)]).hidden;
        assert!(alone != closed, "holes count");
        let natural: Vec<u32> = (0..40).collect();
        let given = Text { positions: Some(&natural), ..text_of(&ids) };
        assert!(encode(&model, &[given]) == encode(&model, &[text_of(&ids)]));
    }
}

#[test]
fn types_choose_rows_of_their_table() {
    let spec = encoder(|_| {});
    let file = file(&spec, |_| DType::F32);
    let model = load(&spec, &file, &options(1, 256), Isa::Portable);
    let ids = ids(4, 1, vocab(&spec));
    let with = |types: &[u32]| encode(&model, &[Text { types: Some(types), ..text_of(&ids) }]);
    assert!(with(&[0; 4]) == encode(&model, &[text_of(&ids)]));
    assert!(with(&[0, 0, 2, 0]) != with(&[0, 0, 1, 0]));
    let plain = encode(&model, &[text_of(&ids)]).hidden;
    let width = spec.main().width;
    let both = encode(&model, &[text_of(&ids), Text { types: Some(&[1; 4]), ..text_of(&ids) }]).hidden;
    assert!(both[..4 * width] == plain[..] && both[4 * width..] == with(&[1; 4]).hidden[..]);
}

#[test]
fn counted_positions_skip_padding_wherever_it_stands() {
    let without_rope = |spec: &mut Value| (0..2).for_each(|kind| attn(spec, kind)["rope"] = Value::Null);
    let counted = encoder(|spec| {
        without_rope(spec);
        stem(spec)["positions"] = json!({"rows": 1002, "offset": 0, "skip": 1});
    });
    let file = file(&counted, |_| DType::F32);
    let model = load(&counted, &file, &options(1, 256), Isa::Portable);
    let plain = |spec: &mut Value| {
        without_rope(spec);
        stem(spec)["positions"] = json!({"rows": 1002, "offset": 2, "skip": null});
    };
    let shifted = load(&encoder(plain), &file, &options(1, 256), Isa::Portable);
    let ids = [5, 9, 1, 7, 1];
    // The rows of skip, skip + 1 and so on: 2, 3, 1, 4, 1 are those of positions 0, 1, -, 2, -.
    let kept = [5, 9, 7, 1, 1];
    let found =
        encode(&model, &[Text { keys: Some(3), positions: Some(&[0, 1, 3, 2, 4]), ..text_of(&kept) }]);
    let expected = encode(&shifted, &[text_of(&[5, 9, 7])]);
    let width = counted.main().width;
    assert!(found.hidden[..3 * width] == expected.hidden[..]);
    assert!(encode(&model, &[text_of(&ids)]) != encode(&shifted, &[text_of(&ids)]));
}

#[test]
fn a_head_pools_the_first_the_last_or_the_mean() {
    let texts = [ids(12, 1, 130), ids(5, 2, 130)];
    let heads = |pool: &str| {
        let spec = encoder(|spec| spec["head"] = pooled(pool, Value::Null, Value::Null));
        let model = load(&spec, &file(&spec, |_| DType::F32), &options(2, 256), Isa::Portable);
        let keys = Text { keys: Some(4), ..text_of(&texts[1]) };
        (encode(&model, &[text_of(&texts[0]), keys]), spec.main().width, model)
    };
    for (pool, own) in [
        ("first", [0..1, 0..1]),
        ("first_real", [0..1, 0..1]),
        ("last", [11..12, 3..4]),
        ("mean", [0..12, 0..4]),
    ] {
        let (Encoded { head, hidden }, width, _) = heads(pool);
        for (index, rows) in own.into_iter().enumerate() {
            let state = |row: usize, i: usize| f64::from(hidden[(index * 12 + row) * width + i]);
            for i in 0..width {
                let mean = rows.clone().map(|row| state(row, i)).sum::<f64>() / rows.len() as f64;
                assert!((f64::from(head[index * width + i]) - mean).abs() < 1e-5, "{pool} of text {index}");
            }
        }
    }
    let (Encoded { hidden, .. }, width, model) = heads("first");
    let named = encode(&model, &[Text { pooled: Some(3), ..text_of(&texts[0]) }]);
    assert!(named.head[..] == hidden[3 * width..4 * width]);
}

#[test]
fn layers_that_share_weights_load_them_once() {
    let kinds = |spec: &mut Value| text(spec)["layers"] = json!([0, 0, 0]);
    let one_kind = |spec: &mut Value| {
        let first = text(spec)["kinds"][0].clone();
        text(spec)["kinds"] = json!([first]);
        kinds(spec);
    };
    let copied = encoder(one_kind);
    let shared = encoder(|spec| {
        one_kind(spec);
        text(spec)["weights_of"] = json!([1, 1, 1]);
    });
    let file = file(&copied, |_| DType::F32);
    let only =
        |source: &WeightSource| !source.name.starts_with("layers.") || source.name.starts_with("layers.1.");
    let sources: Vec<WeightSource> = sources(&file).into_iter().filter(only).collect();
    let kernels = Kernels::new(Isa::Portable).unwrap();
    let options = options(1, 256);
    let model = Model::load_with(shared, std::slice::from_ref(&file), &sources, &options, kernels).unwrap();
    let same = |name: &str| {
        let source = |number: usize| {
            let own = name.replacen("layers.1.", &format!("layers.{number}."), 1);
            let part = Part { tensor: name.to_owned(), ..whole(0, file.tensor(name).unwrap()) };
            WeightSource { name: own, parts: vec![part], transposed: false }
        };
        if name.starts_with("layers.") {
            (0..3).map(source).collect()
        } else {
            vec![source(0)]
        }
    };
    let repeated: Vec<WeightSource> = sources.iter().flat_map(|source| same(&source.name)).collect();
    let expected =
        Model::load_with(copied, std::slice::from_ref(&file), &repeated, &options, kernels).unwrap();
    let ids = ids(20, 3, 130);
    assert!(encode(&model, &[text_of(&ids)]) == encode(&expected, &[text_of(&ids)]));
    let matrices = |model: &Model| model.report().mapped + model.report().packed;
    assert_eq!(matrices(&model) + 2 * 7, matrices(&expected));
}

#[test]
fn what_does_not_fit_a_text_is_refused_by_name() {
    let spec = encoder(|_| {});
    let model = load(&spec, &file(&spec, |_| DType::F32), &options(1, 256), Isa::Portable);
    let (ids, found) = ([1, 2, 3], |text: Text<'_>, head: bool| {
        model.encode(&[text], head, Hidden::Last, &mut || Ok(())).unwrap_err().to_string()
    });
    let plain = text_of(&ids);
    assert!(found(plain, true).contains("no head"));
    assert!(found(Text { keys: Some(4), ..plain }, false).contains("4 keys, expected 1 to 3"));
    assert!(found(Text { pooled: Some(3), ..plain }, false).contains("row 3 is pooled"));
    assert!(found(Text { tasks: Some(&[0; 3]), ..plain }, false).contains("tasks were given"));
    assert!(found(Text { types: Some(&[0; 2]), ..plain }, false).contains("2 token types for 3 rows"));
    assert!(found(Text { types: Some(&[0, 3, 0]), ..plain }, false).contains("expected less than 3"));
    assert!(found(Text { positions: Some(&[2, 1, 3]), ..plain }, false).contains("ascend"));
    assert!(
        found(Text { positions: Some(&[0, 1, 1000]), ..plain }, false).contains("expected less than 1000")
    );
    let causal = super::spec(|_| {});
    let model = load(&causal, &file(&causal, |_| DType::F32), &options(1, 256), Isa::Portable);
    let error = model.encode(&[plain], true, Hidden::None, &mut || Ok(())).unwrap_err();
    assert!(error.to_string().contains("keeps sequences"));
}

#[test]
fn a_tanh_is_an_activation() {
    for isa in isas() {
        let mut values = [-3.0, -0.25, 0.0, 0.1, 2.0_f32];
        Kernels::new(isa).unwrap().activate(Activation::Tanh, &mut values);
        let expected = [-3.0, -0.25, 0.0, 0.1, 2.0_f64].map(f64::tanh);
        assert!(values.iter().zip(expected).all(|(a, b)| (f64::from(*a) - b).abs() < 1e-6), "{isa:?}");
    }
}
