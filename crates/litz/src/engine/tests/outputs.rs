//! What a pass takes besides tokens, what it leaves besides logits, and what is left after it failed.

use super::example::{attn, layers, make_post, set_embed_width, stem, text};
use super::reference::Reference;
use super::*;
use crate::formats::dequantize;
use crate::Error;

fn outputs(model: &Model, inputs: Inputs<'_>, outputs: Outputs) -> Vec<f32> {
    model.outputs_while(inputs, outputs, &mut || Ok(())).unwrap()
}

/// Rows of the embedding's table.
fn embeddings(spec: &Spec, file: &TensorFile, ids: &[u32]) -> Vec<f32> {
    let (table, width) = (file.tensor("embed.weight").unwrap(), stem_of(spec).width);
    let mut values = vec![0.0; table.elements()];
    dequantize(table.dtype, file.bytes(table), &mut values).unwrap();
    let row = |&id: &u32| &values[id as usize * width..(id as usize + 1) * width];
    ids.iter().flat_map(row).map(|value| value * stem_of(spec).scale).collect()
}

fn specs() -> [Spec; 3] {
    let post = spec(|spec| {
        layers(spec, make_post);
        set_embed_width(spec, 64);
        stem(spec)["positions"] = json!({"rows": 1002, "offset": 2, "skip": null});
        stem(spec)["scale"] = json!(2.5);
    });
    [spec(|_| {}), post, spec(|spec| text(spec)["norm"] = Value::Null)]
}

#[test]
fn hidden_states_are_those_of_the_reference() {
    for spec in specs() {
        let (file, ids) = (file(&spec, |_| DType::F32), ids(40, 3, vocab(&spec)));
        let expected: Vec<f64> =
            Reference::new(&spec, &file).hidden_states(&ids).into_iter().flatten().flatten().collect();
        let exact = LoadOptions { cache: CacheDType::F32, ..options(2, 17) };
        let model = load(&spec, &file, &exact, Isa::Portable);
        let found = outputs(&model, Inputs::Tokens(&ids), Outputs::HiddenOfLayers);
        assert_eq!(found.len(), expected.len());
        let worst = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-3, "worst error {worst}");
        let last = outputs(&model, Inputs::Tokens(&ids), Outputs::Hidden);
        assert_eq!(last, found[found.len() - last.len()..]);
    }
}

#[test]
fn hidden_states_of_a_batch_are_those_of_its_items() {
    let spec = spec(|_| {});
    let file = file(&spec, |_| DType::Q8_0);
    let texts = [ids(30, 1, vocab(&spec)), ids(5, 2, vocab(&spec))];
    let alone = load(&spec, &file, &options(1, 512), Isa::Portable);
    let expected: Vec<Vec<f32>> =
        texts.iter().map(|ids| outputs(&alone, Inputs::Tokens(ids), Outputs::HiddenOfLayers)).collect();
    for (threads, chunk) in [(2, 3), (3, 8), (2, 33)] {
        let model = load(&spec, &file, &options(threads, chunk), Isa::Portable);
        let (mut first, mut second, mut found) = (model.sequence(), model.sequence(), Vec::new());
        let mut batch = [(&mut first, Inputs::Tokens(&texts[0])), (&mut second, Inputs::Tokens(&texts[1]))];
        model.forward(&mut batch, Outputs::HiddenOfLayers, &mut found).unwrap();
        let width = spec.main().width;
        for (layer, rows) in found.chunks_exact(35 * width).enumerate() {
            for (expected, (start, count)) in expected.iter().zip([(0, 30), (30, 5)]) {
                let own = &rows[start * width..(start + count) * width];
                assert_eq!(own, &expected[layer * count * width..(layer + 1) * count * width]);
            }
        }
    }
}

#[test]
fn embeddings_stand_for_their_tokens() {
    for spec in specs() {
        let (file, ids) = (file(&spec, |_| DType::F16), ids(50, 4, vocab(&spec)));
        let model = load(&spec, &file, &options(2, 7), Isa::Portable);
        let (rows, width) = (embeddings(&spec, &file, &ids), stem_of(&spec).width);
        let expected = model.logits(&ids).unwrap();
        assert_eq!(outputs(&model, Inputs::Embeddings(&rows), Outputs::All), expected);
        // Tokens, embeddings, tokens; some of them rewound and fed again, some in a fork.
        let (mut sequence, mut logits) = (model.sequence(), Vec::new());
        let mut feed = |sequence: &mut Sequence, inputs: Inputs<'_>| {
            model.forward(&mut [(sequence, inputs)], Outputs::Last, &mut logits).unwrap();
            assert_eq!(logits, expected[(model.len(sequence) - 1) * vocab(&spec)..][..vocab(&spec)]);
        };
        feed(&mut sequence, Inputs::Tokens(&ids[..20]));
        feed(&mut sequence, Inputs::Embeddings(&rows[20 * width..40 * width]));
        assert_eq!(model.rewind(&mut sequence, 30).unwrap(), 30);
        let mut fork = model.fork(&sequence, 25).unwrap();
        feed(&mut sequence, Inputs::Embeddings(&rows[30 * width..31 * width]));
        feed(&mut sequence, Inputs::Tokens(&ids[31..]));
        feed(&mut fork, Inputs::Tokens(&ids[25..]));
    }
}

#[test]
fn embeddings_that_are_no_rows_are_refused() {
    let spec = spec(|_| {});
    let model = load(&spec, &file(&spec, |_| DType::F32), &options(1, 8), Isa::Portable);
    for (count, text) in [(95, "embeddings of 95 numbers, expected rows of 96"), (0, "no tokens")] {
        let rows = vec![0.0; count];
        let refused = model.outputs_while(Inputs::Embeddings(&rows), Outputs::Last, &mut || Ok(()));
        let found = refused.unwrap_err().to_string();
        assert!(found.contains(text), "expected {text:?}, found {found:?}");
    }
}

/// A pass that fails in its second chunk; once with and once without other frequencies for the longer sequence.
#[test]
fn a_failed_pass_leaves_sequences_as_they_were() {
    for above in [45, 1000] {
        let frequencies = vec![0.1; 16];
        let spec = spec(|spec| {
            attn(spec, 0)["rope"]["long"] = json!({"above": above, "gain": 1.0, "frequencies": frequencies});
        });
        let model = load(&spec, &file(&spec, |_| DType::F32), &options(2, 16), Isa::Portable);
        let (text, mut sequence, mut logits) = (ids(70, 1, vocab(&spec)), model.sequence(), Vec::new());
        forward(&model, &mut [(&mut sequence, &text[..40])], &mut logits).unwrap();
        let mut chunks = 0;
        let mut fail = || {
            chunks += 1;
            (chunks < 2).then_some(()).ok_or_else(|| Error::Value("enough".to_owned()))
        };
        let mut batch = [(&mut sequence, Inputs::Tokens(&text[40..]))];
        model.advance(&mut batch, Outputs::Last, &mut logits, &mut fail).unwrap_err();
        assert_eq!(sequence.tokens(), &text[..40]);
        for end in [44, 70] {
            let start = model.len(&sequence);
            forward(&model, &mut [(&mut sequence, &text[start..end])], &mut logits).unwrap();
            let expected = model.logits(&text[..end]).unwrap();
            assert_eq!(logits, expected[(end - 1) * vocab(&spec)..], "{end} tokens, long above {above}");
        }
    }
}
