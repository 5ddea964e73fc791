//! The engine computes what the Spec says: compared with the plain reference, every knob turned.

use super::example::{
    alibi, attn, branch, layer, layers, make_parallel, make_post, mlp, moe, new_branch, norm, norm_heads,
    norms, rope, set_embed_width, set_width, share_norm, stem, text,
};
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
        let (file, ids) = (file(&spec, |_| dtype), ids(100, 3, vocab(&spec)));
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

/// Turns one knob of every layer's attention.
fn mixers(spec: &mut Value, knob: &str, value: &Value) {
    layers(spec, |layer| branch(layer, "attn")["body"][knob] = value.clone());
}

/// Turns one knob of every layer's feed-forward.
fn feed_forwards(spec: &mut Value, knob: &str, value: &Value) {
    layers(spec, |layer| branch(layer, "mlp")["body"][knob] = value.clone());
}

/// Turns one knob of every branch.
fn branches(spec: &mut Value, knob: &str, value: &Value) {
    layers(spec, |layer| ["attn", "mlp"].iter().for_each(|name| branch(layer, name)[knob] = value.clone()));
}

/// Experts in every layer.
fn mixture(spec: &mut Value, experts: usize, top_k: usize, change: &dyn Fn(&mut Value)) {
    layers(spec, |layer| {
        let body = &mut branch(layer, "mlp")["body"];
        *body = moe(experts, top_k);
        change(body);
    });
}

/// Layer norms with biases everywhere.
fn layer_norms(spec: &mut Value) {
    norms(spec, &|norm| (norm["kind"], norm["bias"]) = (json!("layer"), json!(true)));
}

fn positions(rows: usize, offset: usize) -> Value {
    json!({"rows": rows, "offset": offset, "skip": null})
}

#[test]
fn plain_layers() {
    check("plain", |_| {});
}

#[test]
fn every_scale_and_cap() {
    check("embedding", |spec| stem(spec)["scale"] = json!(3.5));
    check("branches", |spec| branches(spec, "scale", &json!(0.3)));
    check("one branch of two", |spec| branch(layer(spec, 1), "mlp")["scale"] = json!(-0.5));
    check("logits", |spec| spec["head"]["scale"] = json!(0.2));
    check("cap of logits", |spec| spec["head"]["softcap"] = json!(2.0));
    check("softcap", |spec| mixers(spec, "softcap", &json!(1.5)));
    check("scale", |spec| mixers(spec, "scale", &json!(0.5)));
}

#[test]
fn every_bias() {
    for sides in ["q", "k", "v", "o"] {
        check(sides, |spec| mixers(spec, "bias", &json!(sides)));
    }
    check("mlp bias", |spec| feed_forwards(spec, "bias", &json!(true)));
    check("head bias", |spec| spec["head"]["bias"] = json!(true));
}

#[test]
fn every_norm() {
    check("layer norm", |spec| norms(spec, &|norm| norm["kind"] = json!("layer")));
    check("layer norm with bias", layer_norms);
    check("offset", |spec| norms(spec, &|norm| norm["offset"] = json!(1.0)));
    check("eps", |spec| norms(spec, &|norm| norm["eps"] = json!(0.5)));
    check("no weight", |spec| norms(spec, &|norm| norm["weight"] = json!(false)));
    check("no weight, an offset", |spec| {
        norms(spec, &|norm| (norm["weight"], norm["offset"]) = (json!(false), json!(1.0)));
    });
    check("norms that differ", |spec| {
        branch(layer(spec, 0), "attn")["before"]["kind"] = json!("layer");
        branch(layer(spec, 1), "mlp")["before"]["eps"] = json!(0.7);
    });
    check("no final norm", |spec| text(spec)["norm"] = Value::Null);
    for before in [Value::Null, norm()] {
        check("sandwich", |spec| {
            branches(spec, "before", &before);
            branches(spec, "after", &norm());
        });
    }
}

#[test]
fn norms_of_every_head() {
    for (kind, bias) in [("rms", false), ("layer", false), ("layer", true)] {
        for over in ["head", "whole", "each"] {
            check("qk norm", |spec| {
                norms(spec, &|norm| norm["kind"] = json!(kind));
                let mut norm = norm();
                (norm["kind"], norm["bias"]) = (json!(kind), json!(bias));
                layers(spec, |layer| norm_heads(&mut branch(layer, "attn")["body"], over, &norm));
            });
        }
    }
    check("queries alone", |spec| mixers(spec, "q_norm", &norm()));
    check("keys alone", |spec| mixers(spec, "k_norm", &norm()));
}

/// Both of a layer's branches at once, with a norm for both, one for each, or none.
#[test]
fn parallel_layers() {
    let one_for_each: fn(&mut Value) = |_| {};
    let none: fn(&mut Value) =
        |layer| ["attn", "mlp"].iter().for_each(|name| branch(layer, name)["before"] = Value::Null);
    for norms in [share_norm, one_for_each, none] {
        for gated in [true, false] {
            check("parallel", |spec| {
                layers(spec, make_parallel);
                layers(spec, norms);
                feed_forwards(spec, "gated", &json!(gated));
            });
        }
    }
    check("parallel, every bias", |spec| {
        layers(spec, make_parallel);
        layer_norms(spec);
        branches(spec, "scale", &json!(0.7));
        mixers(spec, "bias", &json!("qkvo"));
        feed_forwards(spec, "bias", &json!(true));
    });
    check("norms after", |spec| {
        layers(spec, make_parallel);
        branches(spec, "after", &norm());
    });
    check("as wide inside as outside", |spec| {
        layers(spec, make_parallel);
        feed_forwards(spec, "width", &json!(192));
    });
}

#[test]
fn post_layers() {
    check("post", |spec| layers(spec, make_post));
    check("post, not all norms", |spec| {
        layers(spec, make_post);
        branches(spec, "scale", &json!(0.7));
        layer(spec, 0)[0]["after"] = Value::Null;
        layer(spec, 1)[1]["after"] = Value::Null;
    });
}

/// Sums of one branch or several, in any order.
#[test]
fn layers_of_other_sums() {
    check("feed-forward first", |spec| layers(spec, |layer| layer.as_array_mut().unwrap().reverse()));
    check("a second feed-forward", |spec| {
        let mut second = new_branch("second", mlp(spec, 0));
        second["body"]["width"] = json!(70);
        layer(spec, 0)[0]["branches"].as_array_mut().unwrap().push(second);
    });
    check("attention alone", |spec| {
        layer(spec, 1).as_array_mut().unwrap().truncate(1);
    });
    check("one kind of layer three times", |spec| text(spec)["layers"] = json!([0, 1, 0, 0]));
}

#[test]
fn learned_positions_and_a_norm_of_the_embedding() {
    check("positions", |spec| stem(spec)["positions"] = positions(1002, 2));
    check("norm", |spec| stem(spec)["norm"] = norm());
    check("both", |spec| {
        stem(spec)["positions"] = positions(1000, 0);
        stem(spec)["norm"] = norm();
        stem(spec)["scale"] = json!(0.5);
        layer_norms(spec);
    });
}

#[test]
fn an_embedding_of_its_own_width() {
    for tied in [true, false] {
        for width in [64, 130] {
            check("projections", |spec| {
                set_embed_width(spec, width);
                (spec["head"]["tied"], spec["head"]["bias"]) = (json!(tied), json!(true));
                stem(spec)["positions"] = positions(1002, 2);
            });
        }
    }
    check("as wide as the stream", |spec| set_embed_width(spec, 96));
    check("a bias", |spec| {
        set_embed_width(spec, 64);
        stem(spec)["project_bias"] = json!(true);
    });
}

#[test]
fn every_feed_forward() {
    for activation in ["silu", "gelu_tanh", "relu", "quick_gelu"] {
        for gated in [true, false] {
            check(activation, |spec| {
                feed_forwards(spec, "activation", &json!(activation));
                feed_forwards(spec, "gated", &json!(gated));
            });
        }
    }
}

#[test]
fn every_mixture_of_experts() {
    for (experts, top_k) in [(5, 2), (9, 3), (1, 1), (4, 4)] {
        for normalize in [true, false] {
            check("experts", |spec| {
                mixture(spec, experts, top_k, &|moe| moe["router"]["normalize"] = json!(normalize))
            });
        }
    }
    for (gated, width) in [(true, 160), (false, 75)] {
        check("a shared expert", |spec| {
            branches(spec, "scale", &json!(0.6));
            mixture(spec, 6, 2, &|moe| {
                (moe["shared_width"], moe["shared_gate"]) = (json!(width), json!(gated));
                (moe["width"], moe["activation"]) = (json!(37), json!("gelu_tanh"));
            });
        });
    }
    check("experts of one layer of two", |spec| {
        *mlp(spec, 1) = moe(4, 2);
        mlp(spec, 0)["width"] = json!(50);
    });
}

/// Wherever a norm stands, and with what the experts share their sum.
#[test]
fn experts_in_every_sum() {
    let shared = |spec: &mut Value| mixture(spec, 5, 2, &|moe| moe["shared_width"] = json!(50));
    check("parallel", |spec| {
        shared(spec);
        layers(spec, make_parallel);
    });
    check("parallel with one norm", |spec| {
        shared(spec);
        layers(spec, make_parallel);
        layers(spec, share_norm);
    });
    check("post", |spec| {
        shared(spec);
        layers(spec, make_post);
    });
    check("no norm before, one after", |spec| {
        shared(spec);
        layers(spec, |layer| {
            let branch = branch(layer, "mlp");
            branch["after"] = branch["before"].take();
        });
    });
}

#[test]
fn heads_of_any_size() {
    for (heads, kv_heads, head_dim, value_dim) in
        [(4, 4, 32, 32), (3, 1, 34, 20), (10, 2, 20, 41), (8, 2, 64, 128)]
    {
        check("heads", |spec| {
            mixers(spec, "heads", &json!(heads));
            mixers(spec, "kv_heads", &json!(kv_heads));
            mixers(spec, "head_dim", &json!(head_dim));
            mixers(spec, "value_dim", &json!(value_dim));
            mixers(spec, "rope", &rope(1));
        });
    }
    check("no rope", |spec| mixers(spec, "rope", &Value::Null));
    check("layers differ", |spec| {
        attn(spec, 1)["heads"] = json!(2);
        mlp(spec, 1)["width"] = json!(33);
        set_width(spec, 52);
    });
}

#[test]
fn queries_that_see_later_keys() {
    for window in [Value::Null, json!(1), json!(9), json!([5, 12]), json!([12, 1])] {
        check("both sides", |spec| {
            let mask = json!({"causal": false, "window": window, "chunk": null, "groups": false});
            mixers(spec, "mask", &mask);
        });
    }
    check("one layer of two", |spec| attn(spec, 0)["mask"]["causal"] = json!(false));
    check("a causal window of two sides", |spec| attn(spec, 0)["mask"]["window"] = json!([7, 3]));
}

#[test]
fn slopes_favour_near_keys() {
    let slopes: Vec<f32> = (1..=6).map(|i| 0.5_f32.powi(i)).collect();
    check("alibi", |spec| {
        mixers(spec, "position_bias", &alibi(&slopes));
        mixers(spec, "rope", &Value::Null);
    });
}

#[test]
fn long_sequences_turn_by_their_own_frequencies() {
    let long = |above: usize| {
        let frequencies: Vec<f64> = (0..16).map(|i| 0.03 + 0.01 * f64::from(i)).collect();
        json!({"above": above, "gain": 1.3, "frequencies": frequencies})
    };
    check("long", |spec| attn(spec, 0)["rope"]["long"] = long(99));
    check("not long", |spec| attn(spec, 0)["rope"]["long"] = long(100));
}

#[test]
fn a_head_of_its_own() {
    check("untied", |spec| spec["head"]["tied"] = json!(false));
    check("untied, with a bias", |spec| {
        (spec["head"]["tied"], spec["head"]["bias"]) = (json!(false), json!(true));
    });
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
    let example = Example::new(spec(|spec| mixers(spec, "head_dim", &json!(44))), DType::F32);
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
    let spec = spec(|spec| attn(spec, 1)["mask"]["window"] = json!(600));
    let file = file(&spec, |_| DType::F32);
    let ids = ids(700, 3, vocab(&spec));
    let expected = Reference::new(&spec, &file).logits(&ids);
    let model = load(&spec, &file, &LoadOptions { cache: CacheDType::F32, ..options(2, 256) }, Isa::Portable);
    let found = model.logits(&ids).unwrap();
    let worst = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-3, "worst error {worst}");
}
