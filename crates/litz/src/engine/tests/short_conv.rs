//! Short convolutions: what they compute, the same bits however tokens come, and a state that goes back a little.

use super::example::{branch, layer, set_width};
use super::reference::Reference;
use super::*;

/// A convolution in the first layer, attention in the second.
fn hybrid(kernel: usize, bias: bool, width: usize) -> Spec {
    spec(|spec| {
        set_width(spec, width);
        let body = json!({"kind": "conv", "kernel": kernel, "bias": bias});
        branch(layer(spec, 0), "attn")["body"] = body;
    })
}

/// The same without attention: only the convolution remembers.
fn alone(kernel: usize) -> Spec {
    spec(|spec| {
        example::only_first_layer(spec);
        branch(layer(spec, 0), "attn")["body"] = json!({"kind": "conv", "kernel": kernel, "bias": false});
    })
}

fn last(logits: &[f32], position: usize, vocab: usize) -> &[f32] {
    &logits[position * vocab..(position + 1) * vocab]
}

#[test]
fn it_computes_what_the_spec_says() {
    for (kernel, bias, width) in [(1, false, 96), (3, false, 96), (4, true, 51), (9, true, 300)] {
        let spec = hybrid(kernel, bias, width);
        let (file, ids) = (file(&spec, |_| DType::F32), ids(40, 3, vocab(&spec)));
        let expected = Reference::new(&spec, &file).logits(&ids);
        for isa in isas() {
            let exact = LoadOptions { cache: CacheDType::F32, ..options(2, 7) };
            let found = load(&spec, &file, &exact, isa).logits(&ids).unwrap();
            let error =
                found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-3, "kernel {kernel}, {}: off by {error}", isa.name());
        }
    }
}

#[test]
fn threads_chunks_and_steps_give_the_same_bits() {
    for (isa, dtype) in isas().flat_map(|isa| [DType::F32, DType::Q8_0].map(|dtype| (isa, dtype))) {
        let spec = hybrid(3, true, 96);
        // The factors' rows are shorter than a block.
        let stored = |name: &str| if name.contains("conv.conv") { DType::F32 } else { dtype };
        let (file, text) = (file(&spec, stored), ids(70, 5, vocab(&spec)));
        let expected = load(&spec, &file, &options(1, 512), isa).logits(&text).unwrap();
        for (threads, chunk) in [(1, 1), (2, 2), (3, 5), (2, 64), (5, 70)] {
            let model = load(&spec, &file, &options(threads, chunk), isa);
            assert!(model.logits(&text).unwrap() == expected, "{threads} threads, chunks of {chunk}");
        }
        let model = load(&spec, &file, &options(2, 16), isa);
        let (mut one, mut other, mut logits) = (model.sequence(), model.sequence(), Vec::new());
        for end in [1, 2, 3, 20, 21, 70] {
            let start = model.len(&one);
            let mut batch = [(&mut other, &text[3..5]), (&mut one, &text[start..end])];
            forward(&model, &mut batch, &mut logits).unwrap();
            assert_eq!(logits[vocab(&spec)..], *last(&expected, end - 1, vocab(&spec)));
        }
    }
}

#[test]
fn it_goes_back_a_little_and_else_to_the_beginning() {
    let spec = alone(3);
    let model = load(&spec, &file(&spec, |_| DType::F32), &options(2, 16), Isa::Portable);
    let (text, other) = (ids(60, 1, vocab(&spec)), ids(30, 2, vocab(&spec)));
    let expected = model.logits(&text).unwrap();
    let mut logits = Vec::new();
    for (to, reached) in [(40, 40), (39, 39), (32, 32), (20, 0), (1, 0), (0, 0)] {
        let mut sequence = model.sequence();
        forward(&model, &mut [(&mut sequence, &text[..40])], &mut logits).unwrap();
        assert_eq!(model.rewind(&mut sequence, to).unwrap(), reached);
        assert_eq!(model.len(&sequence), reached);
        forward(&model, &mut [(&mut sequence, &other)], &mut logits).unwrap();
        // What was overwritten meanwhile is gone, too.
        let left = model.rewind(&mut sequence, reached).unwrap();
        assert_eq!(left, 0);
        forward(&model, &mut [(&mut sequence, &text)], &mut logits).unwrap();
        assert_eq!(logits, last(&expected, 59, vocab(&spec)));
    }
}

#[test]
fn tokens_that_were_taken_back_leave_no_trace() {
    let spec = hybrid(4, false, 96);
    let model = load(&spec, &file(&spec, |_| DType::F32), &options(2, 16), Isa::Portable);
    let (text, other) = (ids(60, 1, vocab(&spec)), ids(3, 2, vocab(&spec)));
    let expected = model.logits(&text).unwrap();
    let (mut sequence, mut logits) = (model.sequence(), Vec::new());
    forward(&model, &mut [(&mut sequence, &text[..40])], &mut logits).unwrap();
    for next in 40..60 {
        forward(&model, &mut [(&mut sequence, &other)], &mut logits).unwrap();
        assert_eq!(model.rewind(&mut sequence, next).unwrap(), next);
        forward(&model, &mut [(&mut sequence, &text[next..next + 1])], &mut logits).unwrap();
        assert_eq!(logits, last(&expected, next, vocab(&spec)));
    }
}

#[test]
fn a_fork_goes_on_by_itself() {
    let spec = hybrid(3, false, 96);
    let model = load(&spec, &file(&spec, |_| DType::F32), &options(2, 16), Isa::Portable);
    let text = ids(60, 1, vocab(&spec));
    let expected = model.logits(&text).unwrap();
    let (mut first, mut logits) = (model.sequence(), Vec::new());
    forward(&model, &mut [(&mut first, &text[..30])], &mut logits).unwrap();
    for (len, reached) in [(30, 30), (29, 29), (10, 0)] {
        let mut fork = model.fork(&first, len).unwrap();
        assert_eq!(model.len(&fork), reached);
        let mut batch = [(&mut first, &text[..2]), (&mut fork, &text[reached..])];
        forward(&model, &mut batch, &mut logits).unwrap();
        assert_eq!(logits[vocab(&spec)..], *last(&expected, 59, vocab(&spec)));
        assert_eq!(model.rewind(&mut first, 30).unwrap(), 30);
    }
}

#[test]
fn a_sequence_keeps_the_window_whatever_its_length() {
    let memory = Model::memory(&alone(3), CacheDType::F16, 8).unwrap();
    assert_eq!((memory.per_token, memory.fixed), (0, 4 * 96 * (3 + 8)));
}
