//! What is refused, and in what words.

use super::example::{mlp, moe, only_first_layer, text};
use super::*;
use crate::kernels::{WeightDType, GROUP};
use crate::Error;

/// What the message says, and the change that it is about.
type Case<'a, T> = (&'a str, &'a dyn Fn(&mut T));

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
        ("64 rows from 100 on, each 1 further, of the tensor embed.weight", &|s| {
            let index = at(s, "layers.0.attn.k.weight");
            s[index].parts[0].tensor = "embed.weight".to_owned();
            s[index].parts[0].start = 100;
        }),
        ("64 rows from 18446744073709551615 on", &|s| {
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
    let spec = spec(|spec| text(spec)["context"] = json!(20));
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
    let spec = spec(only_first_layer);
    let whole = file(&spec, |_| DType::Q4_1);
    let sides = ["q", "k", "v"].map(|side| format!("layers.0.attn.{side}.weight"));
    let mut tensors = file::Tensors::default();
    let mut all = sources(&whole);
    let mut fused = Vec::new();
    for side in &sides {
        let tensor = whole.tensor(side).unwrap();
        let source = all.iter_mut().find(|source| source.name == *side).unwrap();
        let (start, count) = (fused.len() / 60, tensor.shape[0]);
        source.parts = vec![Part::new(1, "fused", start, count)];
        fused.extend_from_slice(whole.bytes(tensor));
    }
    tensors.raw("fused", &[fused.len() / 60, 96], DType::Q4_1, fused);
    let files = [whole.clone(), tensors.gguf()];
    let model =
        Model::load_with(spec.clone(), &files, &all, &options(1, 8), Kernels::new(Isa::Portable).unwrap());
    let model = model.unwrap();
    let ids = ids(20, 1, vocab(&spec));
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
    let spec = spec(|spec| spec["head"]["tied"] = json!(false));
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
        let spec = spec(|spec| *mlp(spec, 1) = moe(32, top_k));
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
    let text = ids(100, 1, vocab(&spec));
    let ended = model.outputs_while(Inputs::Tokens(&text), Outputs::All, &mut go_on);
    assert_eq!(ended.unwrap_err().to_string(), "enough");
    assert_eq!(asked, 3);
}
