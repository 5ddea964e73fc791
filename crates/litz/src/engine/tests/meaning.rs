//! The engine computes what the Spec says: compared with the plain reference, every knob turned.

use super::reference::Reference;
use super::*;

/// A model, a text and the logits that the reference has for it.
struct Example {
    spec: Spec,
    file: TensorFile,
    ids: Vec<u32>,
    expected: Vec<f64>,
}

impl Example {
    fn new(spec: Spec, dtype: DType) -> Self {
        let (file, ids) = (file(&spec, |_| dtype), ids(100, 3, spec.vocab));
        let expected = Reference::new(&spec, &file).logits(&ids);
        Self { spec, file, ids, expected }
    }

    /// The worst error of the engine, relative to the size of the logits.
    fn error(&self, options: &LoadOptions, isa: Isa) -> f64 {
        let found = load(&self.spec, &self.file, options, isa).logits(&self.ids).unwrap();
        assert_eq!(found.len(), self.expected.len());
        let size = (self.expected.iter().map(|x| x * x).sum::<f64>() / self.expected.len() as f64).sqrt();
        let errors = found.iter().zip(&self.expected).map(|(a, b)| (f64::from(*a) - b).abs());
        errors.fold(0.0, f64::max) / size
    }
}

fn check(name: &str, change: impl Fn(&mut Value)) {
    let example = Example::new(spec(change), DType::F32);
    for isa in isas() {
        let exact = LoadOptions { cache: CacheDType::F32, ..options(2, 37) };
        let error = example.error(&exact, isa);
        assert!(error < 2e-4, "{name}, {}: relative error {error}", isa.name());
    }
}

/// Turns one knob in every layer.
fn layers(spec: &mut Value, part: &str, knob: &str, value: &Value) {
    for layer in spec["layers"].as_array_mut().unwrap() {
        layer[part][knob] = value.clone();
    }
}

fn parallel(spec: &mut Value, attn: bool, mlp: bool) {
    spec["layers"].as_array_mut().unwrap().iter_mut().for_each(|layer| layer["order"] = json!("parallel"));
    layers(spec, "norms", "attn", &json!(attn));
    layers(spec, "norms", "mlp", &json!(mlp));
}

/// Experts in every layer.
fn mixture(spec: &mut Value, experts: usize, top_k: usize, change: &dyn Fn(&mut Value)) {
    for layer in spec["layers"].as_array_mut().unwrap() {
        layer["feed_forward"] = moe(experts, top_k);
        change(&mut layer["feed_forward"]);
    }
}

#[test]
fn plain_layers() {
    check("plain", |_| {});
}

#[test]
fn every_scale_and_cap() {
    for (knob, value) in
        [("embed_scale", 3.5), ("residual_scale", 0.3), ("logit_scale", 0.2), ("logit_softcap", 2.0)]
    {
        check(knob, |spec| spec[knob] = json!(value));
    }
    check("softcap", |spec| layers(spec, "mixer", "softcap", &json!(1.5)));
    check("scale", |spec| layers(spec, "mixer", "scale", &json!(0.5)));
}

#[test]
fn every_bias() {
    for side in ["q_bias", "k_bias", "v_bias", "o_bias"] {
        check(side, |spec| layers(spec, "mixer", side, &json!(true)));
    }
    check("mlp bias", |spec| layers(spec, "feed_forward", "bias", &json!(true)));
    check("head bias", |spec| spec["head_bias"] = json!(true));
}

#[test]
fn every_norm() {
    check("layer norm", |spec| spec["norm"]["kind"] = json!("layer"));
    check("layer norm with bias", |spec| {
        spec["norm"]["kind"] = json!("layer");
        spec["norm"]["bias"] = json!(true);
    });
    check("offset", |spec| spec["norm"]["offset"] = json!(1.0));
    check("eps", |spec| spec["norm"]["eps"] = json!(0.5));
    check("no final norm", |spec| spec["final_norm"] = json!(false));
    for (attn, post) in [(false, true), (true, true)] {
        check("sandwich", |spec| {
            layers(spec, "norms", "attn", &json!(attn));
            layers(spec, "norms", "attn_post", &json!(post));
            layers(spec, "norms", "mlp", &json!(attn));
            layers(spec, "norms", "mlp_post", &json!(post));
        });
    }
}

#[test]
fn norms_of_every_head() {
    for (kind, bias) in [("rms", false), ("layer", false), ("layer", true)] {
        for over in ["head", "whole", "each"] {
            check("qk norm", |spec| {
                spec["norm"]["kind"] = json!(kind);
                layers(spec, "mixer", "qk_norm", &json!(over));
                layers(spec, "mixer", "qk_norm_bias", &json!(bias));
            });
        }
    }
}

/// Both of a layer's branches at once, with a norm for both, one for each, or none.
#[test]
fn parallel_layers() {
    for (attn, mlp) in [(true, false), (true, true), (false, false)] {
        for gated in [true, false] {
            check("parallel", |spec| {
                parallel(spec, attn, mlp);
                layers(spec, "feed_forward", "gated", &json!(gated));
            });
        }
    }
    check("parallel, every bias", |spec| {
        parallel(spec, true, true);
        spec["residual_scale"] = json!(0.7);
        spec["norm"] = json!({"kind": "layer", "eps": 1e-5, "offset": 0.0, "bias": true});
        ["q_bias", "k_bias", "v_bias", "o_bias"].iter().for_each(|b| layers(spec, "mixer", b, &json!(true)));
        layers(spec, "feed_forward", "bias", &json!(true));
    });
    check("as wide inside as outside", |spec| {
        parallel(spec, true, true);
        layers(spec, "feed_forward", "width", &json!(192));
    });
}

#[test]
fn post_layers() {
    check("post", |spec| {
        spec["layers"].as_array_mut().unwrap().iter_mut().for_each(|l| l["order"] = json!("post"))
    });
    check("post, not all norms", |spec| {
        spec["residual_scale"] = json!(0.7);
        spec["layers"].as_array_mut().unwrap().iter_mut().for_each(|layer| layer["order"] = json!("post"));
        spec["layers"][0]["norms"]["attn"] = json!(false);
        spec["layers"][1]["norms"]["mlp"] = json!(false);
    });
}

#[test]
fn learned_positions_and_a_norm_of_the_embedding() {
    check("positions", |spec| spec["positions"] = json!({"rows": 1002, "offset": 2}));
    check("norm", |spec| spec["embed_norm"] = json!(true));
    check("both", |spec| {
        spec["positions"] = json!({"rows": 1000, "offset": 0});
        spec["embed_norm"] = json!(true);
        spec["embed_scale"] = json!(0.5);
        spec["norm"] = json!({"kind": "layer", "eps": 1e-5, "offset": 0.0, "bias": true});
    });
}

#[test]
fn an_embedding_of_its_own_width() {
    for tied in [true, false] {
        for width in [64, 130] {
            check("projections", |spec| {
                spec["embed_width"] = json!(width);
                spec["tied_head"] = json!(tied);
                spec["head_bias"] = json!(true);
                spec["positions"] = json!({"rows": 1002, "offset": 2});
            });
        }
    }
    check("as wide as the stream", |spec| spec["embed_width"] = json!(96));
}

#[test]
fn every_feed_forward() {
    for activation in ["silu", "gelu_tanh", "relu", "quick_gelu"] {
        for gated in [true, false] {
            check(activation, |spec| {
                layers(spec, "feed_forward", "activation", &json!(activation));
                layers(spec, "feed_forward", "gated", &json!(gated));
            });
        }
    }
}

#[test]
fn every_mixture_of_experts() {
    for (experts, top_k) in [(5, 2), (9, 3), (1, 1), (4, 4)] {
        for normalize in [true, false] {
            check("experts", |spec| {
                mixture(spec, experts, top_k, &|moe| moe["normalize"] = json!(normalize))
            });
        }
    }
    for (gated, width) in [(true, 160), (false, 75)] {
        check("a shared expert", |spec| {
            spec["residual_scale"] = json!(0.6);
            mixture(spec, 6, 2, &|moe| {
                (moe["shared_width"], moe["shared_gate"]) = (json!(width), json!(gated));
                (moe["width"], moe["activation"]) = (json!(37), json!("gelu_tanh"));
            });
        });
    }
    check("experts of one layer of two", |spec| {
        spec["layers"][1]["feed_forward"] = moe(4, 2);
        spec["layers"][0]["feed_forward"]["width"] = json!(50);
    });
    for (order, mlp) in [("parallel", true), ("parallel", false), ("post", true)] {
        check(order, |spec| {
            mixture(spec, 5, 2, &|moe| moe["shared_width"] = json!(50));
            spec["layers"].as_array_mut().unwrap().iter_mut().for_each(|layer| layer["order"] = json!(order));
            layers(spec, "norms", "mlp", &json!(mlp));
        });
    }
    check("no norm before, one after", |spec| {
        mixture(spec, 5, 2, &|moe| moe["shared_width"] = json!(50));
        layers(spec, "norms", "mlp", &json!(false));
        layers(spec, "norms", "mlp_post", &json!(true));
    });
}

#[test]
fn heads_of_any_size() {
    for (heads, kv_heads, head_dim, value_dim) in
        [(4, 4, 32, 32), (3, 1, 34, 20), (10, 2, 20, 41), (8, 2, 64, 128)]
    {
        check("heads", |spec| {
            layers(spec, "mixer", "heads", &json!(heads));
            layers(spec, "mixer", "kv_heads", &json!(kv_heads));
            layers(spec, "mixer", "head_dim", &json!(head_dim));
            layers(spec, "mixer", "value_dim", &json!(value_dim));
            layers(spec, "mixer", "rope", &json!(1));
        });
    }
    check("no rope", |spec| layers(spec, "mixer", "rope", &Value::Null));
    check("layers differ", |spec| {
        spec["layers"][1]["mixer"]["heads"] = json!(2);
        spec["layers"][1]["feed_forward"]["width"] = json!(33);
        spec["width"] = json!(52);
    });
}

#[test]
fn queries_that_see_later_keys() {
    for window in [Value::Null, json!(1), json!(9)] {
        check("both sides", |spec| {
            layers(spec, "mixer", "causal", &json!(false));
            layers(spec, "mixer", "window", &window);
        });
    }
    check("one layer of two", |spec| spec["layers"][0]["mixer"]["causal"] = json!(false));
}

#[test]
fn slopes_favour_near_keys() {
    let slopes: Vec<f32> = (1..=6).map(|i| 0.5_f32.powi(i)).collect();
    check("alibi", |spec| {
        layers(spec, "mixer", "alibi", &json!(slopes));
        layers(spec, "mixer", "rope", &Value::Null);
    });
}

#[test]
fn long_sequences_turn_by_their_own_frequencies() {
    let long = |above: usize| {
        let frequencies: Vec<f64> = (0..16).map(|i| 0.03 + 0.01 * f64::from(i)).collect();
        json!({"above": above, "gain": 1.3, "frequencies": frequencies})
    };
    check("long", |spec| spec["ropes"][0]["long"] = long(99));
    check("not long", |spec| spec["ropes"][0]["long"] = long(100));
}

#[test]
fn a_head_of_its_own() {
    check("untied", |spec| spec["tied_head"] = json!(false));
}

/// Codes of 8 bits for activations, or halves in the cache: close to the reference, and no more.
#[test]
fn every_storage_is_close() {
    let storages = [DType::F32, DType::F16, DType::BF16, DType::Q8_0, DType::Q4_0, DType::Q4_1, DType::Q5_0];
    for dtype in storages {
        let example = Example::new(spec(|_| {}), dtype);
        for isa in isas() {
            let error = example.error(&options(2, 256), isa);
            let most = if dtype.block().0 == 1 { 0.01 } else { 0.2 };
            assert!(error < most, "{dtype:?}, {}: relative error {error}", isa.name());
            let whole = LoadOptions { dequantize: true, cache: CacheDType::F32, ..options(1, 256) };
            let error = example.error(&whole, isa);
            assert!(error < 2e-4, "{dtype:?} dequantized, {}: relative error {error}", isa.name());
        }
    }
}

/// What a cache's storage costs, against the reference: nothing, a half's rounding, that of 8 bits.
#[test]
fn every_cache_is_close() {
    let example = Example::new(spec(|spec| layers(spec, "mixer", "head_dim", &json!(44))), DType::F32);
    for isa in isas() {
        for (cache, least, most) in
            [(CacheDType::F32, 0.0, 2e-4), (CacheDType::F16, 1e-5, 0.015), (CacheDType::Q8_0, 1e-3, 0.15)]
        {
            let error = example.error(&LoadOptions { cache, ..options(2, 256) }, isa);
            assert!(error >= least && error < most, "{cache:?}, {}: relative error {error}", isa.name());
        }
    }
}

#[test]
fn long_texts() {
    let spec = spec(|spec| spec["layers"][1]["mixer"]["window"] = json!(600));
    let file = file(&spec, |_| DType::F32);
    let ids = ids(700, 3, spec.vocab);
    let expected = Reference::new(&spec, &file).logits(&ids);
    let model = load(&spec, &file, &LoadOptions { cache: CacheDType::F32, ..options(2, 256) }, Isa::Portable);
    let found = model.logits(&ids).unwrap();
    let worst = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-3, "worst error {worst}");
}
