//! Results never depend on threads, chunks, batches or the cache: bit for bit.

use super::example::{
    alibi, attn, branch, layer, layers, make_parallel, make_post, mlp, moe, norm, norm_heads, norms, rope,
    set_embed_width, set_vocab, set_width, share_norm, stem,
};
use super::*;

const STORAGES: [DType; 6] = [DType::F32, DType::F16, DType::BF16, DType::Q8_0, DType::Q4_0, DType::Q4_1];

/// Widths that are no multiple of what kernels like, except where blocks of 32 demand it.
fn odd(dtype: DType) -> Spec {
    spec(|spec| {
        set_vocab(spec, 131);
        if dtype.block().0 == 1 {
            set_width(spec, 51);
            mlp(spec, 0)["width"] = json!(77);
            attn(spec, 1)["value_dim"] = json!(19);
            attn(spec, 1)["head_dim"] = json!(27);
        }
        branch(layer(spec, 0), "attn")["after"] = norm();
        norm_heads(attn(spec, 1), "whole", &norm());
        attn(spec, 1)["position_bias"] = alibi(&[0.5, 0.25, 0.125, 0.1, 0.05, 0.0]);
        norm_heads(attn(spec, 0), "head", &norm());
    })
}

const CACHES: [CacheDType; 3] = [CacheDType::F16, CacheDType::F32, CacheDType::Q8_0];

fn row(logits: &[f32], index: usize, vocab: usize) -> &[f32] {
    &logits[index * vocab..(index + 1) * vocab]
}

fn same(name: &str, found: &[f32], expected: &[f32]) {
    assert!(expected.iter().all(|logit| logit.is_finite()), "{name}: logits are not finite");
    let differ = found.iter().zip(expected).filter(|(a, b)| a.to_bits() != b.to_bits()).count();
    assert!(found.len() == expected.len() && differ == 0, "{name}: {differ} of {} bits differ", found.len());
}

#[test]
fn threads_and_chunks() {
    for isa in isas() {
        for dtype in STORAGES {
            let spec = odd(dtype);
            let (file, ids) = (file(&spec, |_| dtype), ids(150, 5, vocab(&spec)));
            let expected = load(&spec, &file, &options(1, 512), isa).logits(&ids).unwrap();
            for (threads, chunk) in [(1, 1), (2, 2), (3, 5), (2, 63), (5, 64), (2, 65), (2, 256), (3, 512)] {
                let found = load(&spec, &file, &options(threads, chunk), isa).logits(&ids).unwrap();
                same(
                    &format!("{dtype:?} {} {threads} threads, chunks of {chunk}", isa.name()),
                    &found,
                    &expected,
                );
            }
        }
    }
}

#[test]
fn caches() {
    for isa in isas() {
        for cache in CACHES {
            let spec = odd(DType::F16);
            let (file, text) = (file(&spec, |_| DType::F16), ids(150, 5, vocab(&spec)));
            let with = |threads, chunk| LoadOptions { cache, ..options(threads, chunk) };
            let expected = load(&spec, &file, &with(1, 512), isa).logits(&text).unwrap();
            for (threads, chunk) in [(2, 1), (3, 5), (2, 64), (2, 65)] {
                let found = load(&spec, &file, &with(threads, chunk), isa).logits(&text).unwrap();
                same(&format!("{cache:?} {} chunks of {chunk}", isa.name()), &found, &expected);
            }
            let model = load(&spec, &file, &with(2, 30), isa);
            let (mut first, mut second) = (model.sequence(), model.sequence());
            let mut logits = Vec::new();
            let other = ids(140, 6, vocab(&spec));
            forward(&model, &mut [(&mut first, &text[..70]), (&mut second, &other)], &mut logits).unwrap();
            // What `first` read is used again by a fork of it, and after the rest of another text.
            let mut fork = model.fork(&first, 66).unwrap();
            forward(&model, &mut [(&mut first, &other[70..])], &mut logits).unwrap();
            assert_eq!(model.rewind(&mut first, 65).unwrap(), 65);
            let mut batch = [(&mut first, &text[65..]), (&mut second, &text[..1]), (&mut fork, &text[66..])];
            forward(&model, &mut batch, &mut logits).unwrap();
            for item in [0, 2] {
                let last = row(&expected, 149, vocab(&spec));
                same(&format!("{cache:?} prefix {item}"), row(&logits, item, vocab(&spec)), last);
            }
        }
    }
}

#[test]
fn steps_and_batches() {
    for isa in isas() {
        for dtype in STORAGES {
            let spec = odd(dtype);
            let model = load(&spec, &file(&spec, |_| dtype), &options(2, 16), isa);
            let texts = [ids(90, 1, vocab(&spec)), ids(70, 2, vocab(&spec)), ids(66, 3, vocab(&spec))];
            let expected: Vec<Vec<f32>> = texts.iter().map(|ids| model.logits(ids).unwrap()).collect();
            let mut sequences = [model.sequence(), model.sequence(), model.sequence()];
            let mut logits = Vec::new();
            // Ragged steps: three sequences, then two, one token or several at a time.
            for round in 0..40 {
                let mut batch: Vec<(usize, &mut Sequence, &[u32])> = Vec::new();
                for (index, (sequence, ids)) in sequences.iter_mut().zip(&texts).enumerate() {
                    let (done, count) = (model.len(sequence), [1, 1, 30, 1, 7, 3][(round + 2 * index) % 6]);
                    let end = ids.len().min(done + count);
                    if done < end && (round + index) % 4 != 0 {
                        batch.push((index, sequence, &ids[done..end]));
                    }
                }
                let names: Vec<usize> = batch.iter().map(|(index, _, _)| *index).collect();
                let mut batch: Vec<(&mut Sequence, &[u32])> =
                    batch.into_iter().map(|(_, s, ids)| (s, ids)).collect();
                forward(&model, &mut batch, &mut logits).unwrap();
                for (item, index) in names.into_iter().enumerate() {
                    let last = row(&expected[index], model.len(&sequences[index]) - 1, vocab(&spec));
                    same(
                        &format!("{dtype:?} {} text {index}", isa.name()),
                        row(&logits, item, vocab(&spec)),
                        last,
                    );
                }
            }
            assert!(sequences.iter().zip(&texts).all(|(sequence, ids)| sequence.tokens() == ids));
        }
    }
}

/// Specs of the other ways to join a layer's parts.
fn shapes_of_layers() -> Vec<(&'static str, Spec)> {
    let parallel = spec(|spec| {
        norm_heads(attn(spec, 0), "each", &norm());
        make_parallel(layer(spec, 0));
        make_parallel(layer(spec, 1));
        share_norm(layer(spec, 1));
    });
    let post = spec(|spec| {
        layers(spec, make_post);
        set_embed_width(spec, 64);
        stem(spec)["norm"] = norm();
        stem(spec)["positions"] = json!({"rows": 1002, "offset": 2, "skip": null});
        norms(spec, &|norm| (norm["kind"], norm["bias"]) = (json!("layer"), json!(true)));
    });
    let experts = |number: usize, joined: &dyn Fn(&mut Value)| {
        spec(|spec| {
            layers(spec, |layer| {
                branch(layer, "mlp")["body"] = moe(number, 2);
                joined(layer);
            });
            let first = mlp(spec, 0);
            (first["shared_width"], first["shared_gate"]) = (json!(96), json!(true));
        })
    };
    let (few, many) = (experts(3, &|_| {}), experts(40, &make_parallel));
    vec![("parallel", parallel), ("post", post), ("few experts", few), ("many experts", many)]
}

#[test]
fn layers_of_every_shape() {
    for (name, spec) in shapes_of_layers() {
        for (isa, dtype) in isas().flat_map(|isa| [DType::F32, DType::Q4_0].map(|dtype| (isa, dtype))) {
            let (file, text) = (file(&spec, |_| dtype), ids(70, 5, vocab(&spec)));
            let expected = load(&spec, &file, &options(1, 512), isa).logits(&text).unwrap();
            for (threads, chunk) in [(2, 1), (3, 2), (4, 5), (5, 33), (2, 64)] {
                let model = load(&spec, &file, &options(threads, chunk), isa);
                let case = format!("{name} {dtype:?} {} {threads} threads, chunks of {chunk}", isa.name());
                same(&case, &model.logits(&text).unwrap(), &expected);
                let (mut one, mut other, mut logits) = (model.sequence(), model.sequence(), Vec::new());
                forward(&model, &mut [(&mut other, &text[3..60]), (&mut one, &text[..50])], &mut logits)
                    .unwrap();
                for end in [51, 52, 70] {
                    let start = model.len(&one);
                    let mut batch = [(&mut one, &text[start..end]), (&mut other, &text[end - 1..end])];
                    forward(&model, &mut batch, &mut logits).unwrap();
                    same(&case, row(&logits, 0, vocab(&spec)), row(&expected, end - 1, vocab(&spec)));
                }
            }
        }
    }
}

#[test]
fn matrices_of_different_storage_share_an_input() {
    let spec = spec(|_| {});
    let mixed = |name: &str| match name {
        _ if name.contains(".q.") => DType::Q4_1,
        _ if name.contains(".k.") => DType::F32,
        _ if name.contains(".v.") => DType::Q8_0,
        _ if name.contains("gate") => DType::BF16,
        _ => DType::Q4_0,
    };
    let (file, ids) = (file(&spec, mixed), ids(80, 5, vocab(&spec)));
    for isa in isas() {
        let expected = load(&spec, &file, &options(1, 80), isa).logits(&ids).unwrap();
        let found = load(&spec, &file, &options(2, 3), isa).logits(&ids).unwrap();
        same("mixed storages", &found, &expected);
    }
}

#[test]
fn what_was_truncated_leaves_no_trace() {
    let spec = spec(|_| {});
    let model = load(&spec, &file(&spec, |_| DType::Q8_0), &options(2, 256), Isa::Portable);
    let (text, other) = (ids(140, 1, vocab(&spec)), ids(100, 2, vocab(&spec)));
    let expected = model.logits(&text).unwrap();
    let mut sequence = model.sequence();
    let mut logits = Vec::new();
    for kept in [0, 1, 63, 64, 65, 100] {
        assert_eq!(model.rewind(&mut sequence, 0).unwrap(), 0);
        forward(&model, &mut [(&mut sequence, &text[..101])], &mut logits).unwrap();
        assert_eq!(model.rewind(&mut sequence, kept).unwrap(), kept);
        forward(&model, &mut [(&mut sequence, &other)], &mut logits).unwrap();
        assert_eq!(model.rewind(&mut sequence, kept).unwrap(), kept);
        forward(&model, &mut [(&mut sequence, &text[kept..])], &mut logits).unwrap();
        same(&format!("kept {kept}"), &logits, row(&expected, 139, vocab(&spec)));
    }
}

#[test]
fn a_sequence_that_becomes_long_or_short_again_is_computed_anew() {
    let long: Vec<f64> = (0..16).map(|i| 0.05 * f64::from(i)).collect();
    let spec = spec(|spec| {
        let mut rope = rope(0);
        rope["long"] = json!({"above": 40, "gain": 1.2, "frequencies": long});
        (0..2).for_each(|index| attn(spec, index)["rope"] = rope.clone());
    });
    let model = load(&spec, &file(&spec, |_| DType::F32), &options(2, 16), Isa::Portable);
    let text = ids(50, 1, vocab(&spec));
    let mut sequence = model.sequence();
    let mut logits = Vec::new();
    let mut step = |sequence: &mut Sequence, range: std::ops::Range<usize>| {
        forward(&model, &mut [(sequence, &text[range.clone()])], &mut logits).unwrap();
        let whole = model.logits(&text[..range.end]).unwrap();
        same(&format!("{range:?}"), &logits, row(&whole, range.end - 1, vocab(&spec)));
    };
    step(&mut sequence, 0..38);
    (38..44).for_each(|position| step(&mut sequence, position..position + 1));
    assert_eq!(model.rewind(&mut sequence, 30).unwrap(), 30);
    step(&mut sequence, 30..35);
    step(&mut sequence, 35..50);
}

#[test]
fn a_model_serves_several_threads() {
    let spec = spec(|_| {});
    let model = load(&spec, &file(&spec, |_| DType::Q4_0), &options(2, 256), Isa::Portable);
    let texts: Vec<Vec<u32>> = (0..4).map(|seed| ids(40, seed, vocab(&spec))).collect();
    let expected: Vec<Vec<f32>> = texts.iter().map(|ids| model.logits(ids).unwrap()).collect();
    std::thread::scope(|scope| {
        for (ids, expected) in texts.iter().zip(&expected) {
            let model = &model;
            scope.spawn(move || {
                (0..10).for_each(|_| same("concurrent", &model.logits(ids).unwrap(), expected))
            });
        }
    });
}

/// Long enough for several segments, which several threads share when they decode.
#[test]
fn segments() {
    for isa in isas() {
        for (threads, heads) in [(2, 2), (5, 1)] {
            let spec = spec(|spec| {
                example::text(spec)["context"] = json!(2000);
                attn(spec, 0)["kv_heads"] = json!(heads);
                attn(spec, 1)["mask"]["window"] = json!(700);
            });
            let (file, text) = (file(&spec, |_| DType::Q8_0), ids(1300, 9, vocab(&spec)));
            let whole = load(&spec, &file, &options(1, 256), isa);
            let expected = whole.logits(&text).unwrap();
            let model = load(&spec, &file, &options(threads, 100), isa);
            let mut sequence = model.sequence();
            let mut logits = Vec::new();
            for end in [500, 511, 512, 513, 514, 800, 1023, 1024, 1025, 1200, 1299, 1300] {
                let start = model.len(&sequence);
                forward(&model, &mut [(&mut sequence, &text[start..end])], &mut logits).unwrap();
                same(&format!("{threads} threads to {end}"), &logits, row(&expected, end - 1, vocab(&spec)));
            }
        }
    }
}

/// Sequences whose queries see later keys: packed as alone, whatever the chunk, longer ones than it among them.
#[test]
fn whole_sequences() {
    for (isa, dtype) in isas().flat_map(|isa| [DType::F32, DType::Q8_0].map(|dtype| (isa, dtype))) {
        let spec = spec(|spec| {
            example::text(spec)["context"] = json!(2000);
            for (layer, window) in [(0, Value::Null), (1, json!(70))] {
                let mask = &mut attn(spec, layer)["mask"];
                (mask["causal"], mask["window"]) = (json!(false), window);
            }
        });
        let file = file(&spec, |_| dtype);
        let texts: Vec<Vec<u32>> =
            [3, 700, 1, 64, 130].iter().map(|&count| ids(count, count as u64, vocab(&spec))).collect();
        let alone = load(&spec, &file, &options(1, 256), isa);
        let expected: Vec<f32> = texts.iter().flat_map(|ids| alone.logits(ids).unwrap()).collect();
        for (threads, chunk) in [(1, 64), (2, 200), (3, 2000)] {
            let model = load(&spec, &file, &options(threads, chunk), isa);
            let mut sequences: Vec<Sequence> = texts.iter().map(|_| model.sequence()).collect();
            let mut batch: Vec<(&mut Sequence, Inputs<'_>)> =
                sequences.iter_mut().zip(&texts).map(|(s, ids)| (s, Inputs::Tokens(ids))).collect();
            let mut found = Vec::new();
            model.forward(&mut batch, Outputs::All, &mut found).unwrap();
            same(
                &format!("{dtype:?} {} {threads} threads, chunks of {chunk}", isa.name()),
                &found,
                &expected,
            );
            // A sequence that grows is read again as a whole.
            let (mut grown, mut last) = (model.sequence(), Vec::new());
            forward(&model, &mut [(&mut grown, &texts[4][..100])], &mut last).unwrap();
            forward(&model, &mut [(&mut grown, &texts[4][100..])], &mut last).unwrap();
            same("grown", &last, &found[found.len() - vocab(&spec)..]);
        }
    }
}
