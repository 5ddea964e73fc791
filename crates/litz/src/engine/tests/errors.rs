//! What is refused, and in what words.

use super::*;
use crate::kernels::{WeightDType, GROUP};
use crate::Error;

/// What the message says, and the change that it is about.
type Case<'a, T> = (&'a str, &'a dyn Fn(&mut T));

fn config(change: impl Fn(&mut Value)) -> String {
    Spec::from_json(&spec_json(change)).map_or_else(|error| error.to_string(), |_| String::new())
}

#[test]
fn specs_that_no_model_has() {
    refused_specs(&[
        ("unknown field `colour`", &|s| s["colour"] = json!("red")),
        ("unknown field `beads`", &|s| s["layers"][0]["mixer"]["beads"] = json!(1)),
        ("unknown variant `banana`", &|s| s["layers"][0]["mixer"]["kind"] = json!("banana")),
        ("unknown variant `later`", &|s| s["layers"][0]["order"] = json!("later")),
        ("width is 0", &|s| s["width"] = json!(0)),
        ("vocab is 268435457", &|s| s["vocab"] = json!((1 << 28) + 1)),
        ("layers[1]: 6 heads are no multiple of 4 kv_heads", &|s| {
            s["layers"][1]["mixer"]["kv_heads"] = json!(4)
        }),
        ("layers[0]: rope is 9, but there are 2 ropes", &|s| s["layers"][0]["mixer"]["rope"] = json!(9)),
        ("layers[0]: rope 0 turns 32 elements, but head_dim is 31", &|s| {
            s["layers"][0]["mixer"]["head_dim"] = json!(31)
        }),
        ("layers[0]: window is 0", &|s| s["layers"][0]["mixer"]["window"] = json!(0)),
        ("ropes[1]: 10 frequencies, expected dim/2 = 9", &|s| s["ropes"][1]["dim"] = json!(18)),
        ("ropes[1]: dim is 19, expected an even number", &|s| s["ropes"][1]["dim"] = json!(19)),
        ("logit_softcap is Some(-1.0)", &|s| s["logit_softcap"] = json!(-1.0)),
        ("norm.eps is -1", &|s| s["norm"]["eps"] = json!(-1.0)),
    ]);
}

#[test]
fn specs_whose_parts_do_not_go_together() {
    refused_specs(&[
        ("norm.bias is true, but an rms norm has none", &|s| s["norm"]["bias"] = json!(true)),
        ("norm.offset is 1, but a layer norm has none", &|s| {
            s["norm"] = json!({"kind": "layer", "eps": 0.0, "offset": 1.0, "bias": true})
        }),
        ("embed_width is 0", &|s| s["embed_width"] = json!(0)),
        ("positions.rows is 1001, expected at least context + offset = 1000 + 2", &|s| {
            s["positions"] = json!({"rows": 1001, "offset": 2})
        }),
        ("positions.rows is 5, expected", &|s| s["positions"] = json!({"rows": 5, "offset": u64::MAX})),
        ("positions.rows is 268435457", &|s| s["positions"] = json!({"rows": (1 << 28) + 1, "offset": 0})),
        ("layers[1]: norms.attn_post and norms.mlp_post belong to the order \"pre\"", &|s| {
            s["layers"][1]["order"] = json!("post");
            s["layers"][1]["norms"]["mlp_post"] = json!(true);
        }),
        ("layers[0]: norms.mlp without norms.attn", &|s| {
            s["layers"][0]["order"] = json!("parallel");
            s["layers"][0]["norms"]["attn"] = json!(false);
        }),
        ("layers[0]: qk_norm_bias without qk_norm", &|s| {
            s["layers"][0]["mixer"]["qk_norm_bias"] = json!(true)
        }),
        ("layers[0]: qk_norm_bias is true, but an rms norm has none", &|s| {
            s["layers"][0]["mixer"]["qk_norm"] = json!("each");
            s["layers"][0]["mixer"]["qk_norm_bias"] = json!(true);
        }),
        ("layers[1]: 2 alibi slopes, expected one for each of 6 heads", &|s| {
            s["layers"][1]["mixer"]["alibi"] = json!([0.5, 0.25])
        }),
        ("layers[1]: an alibi slope is inf", &|s| {
            s["layers"][1]["mixer"]["alibi"] = json!([0, 0, 0, 0, 0, 1e39])
        }),
        ("layers[0]: alibi and a softcap", &|s| {
            s["layers"][0]["mixer"]["softcap"] = json!(5.0);
            s["layers"][0]["mixer"]["alibi"] = json!([1, 1, 1, 1, 1, 1]);
        }),
    ]);
}

#[test]
fn mixtures_that_no_model_has() {
    refused_specs(&[
        ("layers[0]: experts is 1025", &|s| s["layers"][0]["feed_forward"] = moe(1025, 2)),
        ("layers[0]: top_k is 0, expected 1 to 4", &|s| s["layers"][0]["feed_forward"] = moe(4, 0)),
        ("layers[0]: top_k is 5, expected 1 to 4", &|s| s["layers"][0]["feed_forward"] = moe(4, 5)),
        ("layers[0]: feed_forward.shared_width is 0", &|s| {
            s["layers"][0]["feed_forward"] = moe(4, 2);
            s["layers"][0]["feed_forward"]["shared_width"] = json!(0);
        }),
        ("layers[0]: shared_gate is true, but there is no shared_width", &|s| {
            s["layers"][0]["feed_forward"] = moe(4, 2);
            s["layers"][0]["feed_forward"]["shared_gate"] = json!(true);
        }),
    ]);
}

fn refused_specs(cases: &[Case<Value>]) {
    for (text, change) in cases {
        let found = config(change);
        assert!(found.contains(text), "expected {text:?}, found {found:?}");
    }
}

fn refused(spec: &Spec, file: &TensorFile, change: impl Fn(&mut Vec<WeightSource>)) -> String {
    let mut sources = sources(file);
    change(&mut sources);
    let loaded = Model::load(spec.clone(), std::slice::from_ref(file), &sources, &options(1, 8));
    loaded.err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn weights_that_do_not_fit() {
    let spec = spec(|_| {});
    let file = file(&spec, |_| DType::Q8_0);
    let at = |sources: &[WeightSource], name: &str| sources.iter().position(|s| s.name == name).unwrap();
    let cases: [Case<Vec<WeightSource>>; 8] = [
        ("layers.0.attn.q.weight of shape [192, 96] is missing", &|s| {
            let index = at(s, "layers.0.attn.q.weight");
            s.remove(index);
        }),
        ("1 weights have no place in the model, first extra", &|s| {
            let mut extra = s[0].clone();
            extra.name = "extra".to_owned();
            s.push(extra);
        }),
        ("layers.0.attn.q.weight (tensor layers.0.attn.k.weight) has the shape [64, 96], expected [192, 96]", &|s| {
            let index = at(s, "layers.0.attn.q.weight");
            s[index].parts[0].count = 64;
            s[index].parts[0].tensor = "layers.0.attn.k.weight".to_owned();
        }),
        ("norm.weight has two sources", &|s| {
            let index = at(s, "norm.weight");
            s.push(s[index].clone());
        }),
        ("is in file 3, but there are 1", &|s| s[0].parts[0].file = 3),
        ("should be the tensor nowhere, which the file lacks", &|s| s[0].parts[0].tensor = "nowhere".to_owned()),
        ("rows 100 to 100 + 64 of the tensor embed.weight", &|s| {
            let index = at(s, "layers.0.attn.k.weight");
            s[index].parts[0].tensor = "embed.weight".to_owned();
            s[index].parts[0].start = 100;
        }),
        ("rows 18446744073709551615 to", &|s| {
            let index = at(s, "layers.0.attn.k.weight");
            s[index].parts[0].start = usize::MAX;
        }),
    ];
    for (text, change) in cases {
        let found = refused(&spec, &file, change);
        assert!(found.contains(text), "expected {text:?}, found {found:?}");
    }
    assert_eq!(refused(&spec, &file, |_| {}), "");
}

#[test]
fn tokens_that_do_not_fit() {
    let spec = spec(|spec| spec["context"] = json!(20));
    let file = file(&spec, |_| DType::F32);
    let model = load(&spec, &file, &options(1, 8), Isa::Portable);
    let other = load(&spec, &file, &options(1, 8), Isa::Portable);
    let mut sequence = model.sequence();
    let mut logits = Vec::new();
    forward(&model, &mut [(&mut sequence, &[1; 15])], &mut logits).unwrap();
    let cases: [(&str, &[u32]); 3] = [
        ("6 tokens after 15 are more than the context of 20", &[1; 6]),
        ("token 130 is not in the vocabulary of 130", &[1, 130]),
        ("no tokens", &[]),
    ];
    for (text, ids) in cases {
        let found = forward(&model, &mut [(&mut sequence, ids)], &mut logits).unwrap_err().to_string();
        assert!(found.contains(text), "expected {text:?}, found {found:?}");
        assert_eq!(model.len(&sequence), 15, "a refused call changes nothing");
    }
    let found = forward(&other, &mut [(&mut sequence, &[1])], &mut logits).unwrap_err().to_string();
    assert!(found.contains("belongs to another model"), "{found}");
    assert!(model.rewind(&mut sequence, 16).unwrap_err().to_string().contains("15 tokens to 16"));
    forward(&model, &mut [(&mut sequence, &[1; 5])], &mut logits).unwrap();
    assert_eq!(model.len(&sequence), 20);
}

#[test]
fn rows_of_fused_tensors_are_the_tensors_that_they_fuse() {
    let spec = spec(|spec| spec["layers"].as_array_mut().unwrap().truncate(1));
    let whole = file(&spec, |_| DType::Q4_1);
    let sides = ["q", "k", "v"].map(|side| format!("layers.0.attn.{side}.weight"));
    let mut tensors = file::Tensors::default();
    let mut all = sources(&whole);
    let mut fused = Vec::new();
    for side in &sides {
        let tensor = whole.tensor(side).unwrap();
        let source = all.iter_mut().find(|source| source.name == *side).unwrap();
        let (start, count) = (fused.len() / 60, tensor.shape[0]);
        source.parts = vec![Part { file: 1, tensor: "fused".to_owned(), start, count }];
        fused.extend_from_slice(whole.bytes(tensor));
    }
    tensors.raw("fused", &[fused.len() / 60, 96], DType::Q4_1, fused);
    let files = [whole.clone(), tensors.gguf()];
    let model =
        Model::load_with(spec.clone(), &files, &all, &options(1, 8), Kernels::new(Isa::Portable).unwrap());
    let model = model.unwrap();
    let ids = ids(20, 1, spec.vocab);
    assert_eq!(
        model.logits(&ids).unwrap(),
        load(&spec, &whole, &options(1, 8), Isa::Portable).logits(&ids).unwrap()
    );
    assert!(model.report().conversions.is_empty(), "slices stay in the file");
}

#[test]
fn the_report_names_what_was_converted() {
    let spec = spec(|_| {});
    let file = file(&spec, |name| if name == "embed.weight" { DType::F64 } else { DType::Q4_0 });
    let report = load(&spec, &file, &options(1, 8), Isa::Portable).report().clone();
    let named: Vec<_> =
        report.conversions.iter().map(|c| (c.tensor.as_str(), c.from.as_str(), c.to.as_str())).collect();
    assert_eq!(named, [("embed.weight", "F64", "F32")]);
    let vectors = 4 * 96 * 5;
    assert_eq!(report.bytes_converted, 130 * 96 * 4 + vectors);
    let groups = |tensor: &TensorInfo| {
        tensor.shape[0].div_ceil(GROUP) * WeightDType::Q4_0.group_bytes(tensor.shape[1]).unwrap()
    };
    let matrices: Vec<_> = file.tensors().iter().filter(|tensor| tensor.dtype == DType::Q4_0).collect();
    assert_eq!((report.mapped, report.packed, report.copied), (0, matrices.len(), 0));
    assert_eq!(report.bytes_packed, matrices.into_iter().map(groups).sum::<usize>());
}

#[test]
fn a_survey_is_what_loading_does() {
    let spec = spec(|spec| spec["tied_head"] = json!(false));
    let file = file(&spec, |name| if name.contains("mlp") { DType::Q4_1 } else { DType::BF16 });
    for (activations, packed) in [(ActivationDType::Auto, 6), (ActivationDType::F32, 0)] {
        let options = LoadOptions { activations, ..options(1, 8) };
        let sources = sources(&file);
        let survey = Model::survey(&spec, std::slice::from_ref(&file), &sources, &options).unwrap();
        let report = load(&spec, &file, &options, Isa::Portable).report().clone();
        assert_eq!(format!("{survey:?}"), format!("{report:?}"));
        assert_eq!((report.packed, report.mapped), (packed, 16 - packed));
    }
}

/// Each token's rows of the chosen experts, in the forms that matrices read.
#[test]
fn memory_counts_the_rows_of_experts() {
    let scratch = |top_k: usize| {
        let spec = spec(|spec| spec["layers"][1]["feed_forward"] = moe(32, top_k));
        Model::memory(&spec, CacheDType::F16, 256).unwrap().scratch
    };
    assert!(scratch(5) - scratch(4) >= 256 * (4 * (2 * 64 + 64 + 96) + 64 + 96));
    assert!(scratch(1) > Model::memory(&spec(|_| {}), CacheDType::F16, 256).unwrap().scratch);
}

#[test]
fn memory_is_counted_in_pages() {
    let memory = Model::memory(&spec(|_| {}), CacheDType::F16, 256).unwrap();
    assert_eq!(memory.per_token, 2 * 2 * (32 + 32) * 2);
    assert_eq!(memory.sequence(65), 128 * memory.per_token);
}

#[test]
fn a_pass_can_be_ended_between_chunks() {
    let spec = spec(|_| {});
    let model = load(&spec, &file(&spec, |_| DType::F32), &options(1, 10), Isa::Portable);
    let mut asked = 0;
    let mut go_on = || {
        asked += 1;
        if asked < 3 {
            Ok(())
        } else {
            Err(Error::Value("enough".to_owned()))
        }
    };
    let text = ids(100, 1, spec.vocab);
    let ended = model.outputs_while(Inputs::Tokens(&text), Outputs::All, &mut go_on);
    assert_eq!(ended.unwrap_err().to_string(), "enough");
    assert_eq!(asked, 3);
}
