//! Attention sinks, and experts with biases and clamped gates: what they compute, and the same bits however tokens come.

use super::example::{attn, layers, mlp, moe, text};
use super::reference::Reference;
use super::*;

/// Sinks in every layer, and experts as gpt-oss has them in the first.
fn sinks_and_experts() -> Spec {
    spec(|spec| {
        text(spec)["context"] = json!(2000);
        for index in 0..2 {
            attn(spec, index)["sinks"] = json!(true);
        }
        let mut experts = moe(5, 2);
        (experts["bias"], experts["router"]["bias"]) = (json!(true), json!(true));
        (experts["limit"], experts["up_offset"]) = (json!(0.4), json!(1.0));
        experts["activation"] = json!("quick_gelu");
        *mlp(spec, 0) = experts;
    })
}

#[test]
fn they_compute_what_the_spec_says() {
    let spec = sinks_and_experts();
    let (file, ids) = (file(&spec, |_| DType::F32), ids(60, 3, vocab(&spec)));
    let expected = Reference::new(&spec, &file).logits(&ids);
    for isa in isas() {
        let exact = LoadOptions { cache: CacheDType::F32, ..options(2, 7) };
        let found = load(&spec, &file, &exact, isa).logits(&ids).unwrap();
        let error = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(error < 1e-3, "{}: off by {error}", isa.name());
    }
}

#[test]
fn threads_chunks_and_steps_give_the_same_bits() {
    for (isa, dtype) in isas().flat_map(|isa| [DType::F32, DType::Q8_0].map(|dtype| (isa, dtype))) {
        let spec = sinks_and_experts();
        let (file, text) = (file(&spec, |_| dtype), ids(70, 5, vocab(&spec)));
        let expected = load(&spec, &file, &options(1, 512), isa).logits(&text).unwrap();
        for (threads, chunk) in [(1, 1), (2, 2), (3, 5), (2, 64), (5, 70)] {
            let model = load(&spec, &file, &options(threads, chunk), isa);
            assert!(model.logits(&text).unwrap() == expected, "{threads} threads, chunks of {chunk}");
        }
    }
}

/// Long enough for several segments, which join before the sink does.
#[test]
fn a_sink_joins_once_however_many_segments_there_are() {
    let spec = spec(|spec| {
        text(spec)["context"] = json!(2000);
        layers(spec, |layer| example::branch(layer, "attn")["body"]["sinks"] = json!(true));
    });
    let (file, text) = (file(&spec, |_| DType::F32), ids(1100, 9, vocab(&spec)));
    let exact = |threads, chunk| LoadOptions { cache: CacheDType::F32, ..options(threads, chunk) };
    let expected = load(&spec, &file, &exact(1, 256), Isa::Portable).logits(&text).unwrap();
    let model = load(&spec, &file, &exact(5, 100), Isa::Portable);
    let (mut sequence, mut logits) = (model.sequence(), Vec::new());
    for end in [500, 513, 1024, 1025, 1100] {
        let start = model.len(&sequence);
        forward(&model, &mut [(&mut sequence, &text[start..end])], &mut logits).unwrap();
        assert_eq!(logits, expected[(end - 1) * vocab(&spec)..end * vocab(&spec)]);
    }
    let states = Reference::new(&spec, &file).logits(&text[..40]);
    let error = states.iter().zip(&expected).map(|(a, b)| (a - f64::from(*b)).abs()).fold(0.0, f64::max);
    assert!(error < 1e-3, "off by {error}");
}
