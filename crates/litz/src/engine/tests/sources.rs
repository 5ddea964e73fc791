//! A weight means the same wherever its rows lie.

use super::example::{attn, norm, norm_heads, only_first_layer};
use super::file::Tensors;
use super::*;
use crate::formats::dequantize;

/// A spec of one layer with norms over all heads.
fn one_layer() -> Spec {
    spec(|spec| {
        only_first_layer(spec);
        norm_heads(attn(spec, 0), "whole", &norm());
        attn(spec, 0)["bias"] = json!("q");
    })
}

/// The logits of a model with some weights from a second file.
fn moved(
    spec: &Spec,
    first: &TensorFile,
    second: &Tensors,
    sources: &[WeightSource],
) -> crate::Result<Vec<f32>> {
    let mut all = super::sources(first);
    for source in sources {
        *all.iter_mut().find(|old| old.name == source.name).unwrap() = source.clone();
    }
    let files = [first.clone(), second.gguf()];
    let kernels = Kernels::new(Isa::Portable).unwrap();
    Model::load_with(spec.clone(), &files, &all, &options(2, 8), kernels)?.logits(&ids(9, 1, vocab(spec)))
}

fn expected(spec: &Spec, file: &TensorFile) -> Vec<f32> {
    load(spec, file, &options(1, 8), Isa::Portable).logits(&ids(9, 1, vocab(spec))).unwrap()
}

fn source(name: &str, parts: Vec<Part>) -> WeightSource {
    WeightSource { name: name.to_owned(), parts, transposed: false }
}

fn part(tensor: &str, start: usize, count: usize) -> Part {
    Part::new(1, tensor, start, count)
}

fn bytes<'a>(file: &'a TensorFile, name: &str) -> &'a [u8] {
    file.bytes(file.tensor(name).unwrap())
}

const Q: &str = "layers.0.attn.q.weight";
const K: &str = "layers.0.attn.k.weight";
const O: &str = "layers.0.attn.o.weight";
const DOWN: &str = "layers.0.mlp.down.weight";

#[test]
fn transposed_tensors_and_their_columns() {
    let spec = one_layer();
    for dtype in [DType::F32, DType::BF16] {
        let file = file(&spec, |_| dtype);
        let size = dtype.block().1;
        let mut fused = Vec::new(); // (96, 192 + 64)
        for col in 0..96 {
            for name in [Q, K] {
                let rows = bytes(&file, name).chunks_exact(96 * size);
                rows.for_each(|row| fused.extend_from_slice(&row[col * size..(col + 1) * size]));
            }
        }
        let mut tensors = Tensors::default();
        tensors.raw("fused", &[96, 256], dtype, fused);
        let columns = |name, start, count| WeightSource {
            transposed: true,
            ..source(name, vec![part("fused", start, count)])
        };
        let found = moved(&spec, &file, &tensors, &[columns(Q, 0, 192), columns(K, 192, 64)]).unwrap();
        assert_eq!(found, expected(&spec, &file));
    }
}

#[test]
fn rows_from_here_and_there_in_every_storage() {
    let spec = one_layer();
    for dtype in [DType::F32, DType::F16, DType::Q8_0, DType::Q4_1, DType::Q5_0] {
        let file = file(&spec, |_| dtype);
        let row = dtype.bytes_for(96).unwrap();
        let (q, k) = (bytes(&file, Q), bytes(&file, K));
        let mut fused = Vec::new(); // two groups of 96 rows of q and 32 of k
        for group in 0..2 {
            fused.extend_from_slice(&q[group * 96 * row..(group + 1) * 96 * row]);
            fused.extend_from_slice(&k[group * 32 * row..(group + 1) * 32 * row]);
        }
        let mut tensors = Tensors::default();
        tensors.raw("fused", &[256, 96], dtype, fused);
        let parts = |first, count| vec![part("fused", first, count), part("fused", 128 + first, count)];
        let grouped = [source(Q, parts(0, 96)), source(K, parts(96, 32))];
        assert_eq!(moved(&spec, &file, &tensors, &grouped).unwrap(), expected(&spec, &file), "{dtype}");
    }
}

#[test]
fn three_dimensions_are_rows_of_the_last() {
    let spec = one_layer();
    let file = file(&spec, |_| DType::Q4_0);
    let mut both = bytes(&file, O).to_vec();
    both.extend_from_slice(bytes(&file, O));
    let mut tensors = Tensors::default();
    tensors.raw("experts", &[2, 96, 192], DType::Q4_0, both);
    let second = [source(O, vec![part("experts", 96, 96)])];
    assert_eq!(moved(&spec, &file, &tensors, &second).unwrap(), expected(&spec, &file));
}

#[test]
fn vectors_of_each_head_are_one_vector() {
    let spec = one_layer();
    let file = file(&spec, |_| DType::F32);
    let name = "layers.0.attn.q_norm.weight";
    let mut values = vec![0.0; 192];
    dequantize(DType::F32, bytes(&file, name), &mut values).unwrap();
    let mut tensors = Tensors::default();
    let names: Vec<String> = (0..6).map(|head| format!("norms.{head}")).collect();
    for (name, values) in names.iter().zip(values.chunks_exact(32)) {
        tensors.floats(name, &[1, 32], values);
    }
    tensors.floats("whole", &[6, 32], &values);
    let stacked = [source(name, names.iter().map(|name| part(name, 0, 32)).collect())];
    assert_eq!(moved(&spec, &file, &tensors, &stacked).unwrap(), expected(&spec, &file));
    let whole = [source(name, vec![part("whole", 0, 192)])];
    assert_eq!(moved(&spec, &file, &tensors, &whole).unwrap(), expected(&spec, &file));
}

#[test]
fn what_cannot_be_one_weight_is_refused() {
    let spec = one_layer();
    let file = file(&spec, |_| DType::Q4_0);
    let mut tensors = Tensors::default();
    let mut random = Random::new(3);
    tensors.matrix("q4_0", 96, 192, DType::Q4_0, &mut random);
    tensors.matrix("q8_0", 96, 192, DType::Q8_0, &mut random);
    tensors.matrix("square", 96, 160, DType::Q8_0, &mut random);
    tensors.floats("flat", &[192], &[0.0; 192]);
    let transposed = |source: WeightSource| WeightSource { transposed: true, ..source };
    let cases = [
        ("blocks cannot be transposed", transposed(source(Q, vec![part("q4_0", 0, 192)]))),
        ("parts of Q4_0 and of Q8_0", source(O, vec![part("q4_0", 0, 48), part("q8_0", 48, 48)])),
        (
            "has the shape [80, 192] in 2 parts, expected [96, 192]",
            source(O, vec![part("q4_0", 0, 48), part("q4_0", 16, 32)]),
        ),
        ("in 0 parts", source(O, vec![])),
        ("(tensor flat) has the shape [192], expected [96, 192]", source(O, vec![part("flat", 0, 96)])),
        ("0 rows from 96 on", source(O, vec![part("q4_0", 0, 96), part("q4_0", 96, 0)])),
        ("stored (in, out), has the shape [96, 160]", transposed(source(DOWN, vec![part("square", 0, 96)]))),
        (
            "is a vector, which has no transpose",
            transposed(source("layers.0.attn.q.bias", vec![part("flat", 0, 192)])),
        ),
        (
            "elements 8 to 8 + 192 of q8_0 end inside a block",
            source("layers.0.attn.q.bias", vec![part("q8_0", 8, 192)]),
        ),
    ];
    for (text, source) in cases {
        let found = moved(&spec, &file, &tensors, &[source]).unwrap_err().to_string();
        assert!(found.contains(text), "expected {text:?}, found {found:?}");
    }
}

#[test]
fn no_list_of_parts_is_worse_than_an_error() {
    let spec = one_layer();
    let file = file(&spec, |name| if name == K { DType::Q4_0 } else { DType::F32 });
    let all = super::sources(&file);
    let mut random = Random::new(11);
    let (mut loaded, mut refused) = (0, 0);
    for _ in 0..300 {
        let mut sources = all.clone();
        for _ in 0..1 + random.next() % 2 {
            let at = random.next() as usize % sources.len();
            sources[at] = shaken(&sources[at], &all, &mut random);
        }
        let kernels = Kernels::new(Isa::Portable).unwrap();
        match Model::load_with(spec.clone(), std::slice::from_ref(&file), &sources, &options(1, 8), kernels) {
            Ok(_) => loaded += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(loaded > 0 && refused > 0, "{loaded} loaded, {refused} refused");
}

/// A source with random parts: sensible numbers and absurd ones.
fn shaken(source: &WeightSource, all: &[WeightSource], random: &mut Random) -> WeightSource {
    let own = &source.parts[0];
    let mut number = |near: usize| match random.next() % 8 {
        0 => usize::MAX - near,
        1 => near / 2,
        2 => 1 << 40,
        3 => 0,
        _ => near,
    };
    let (start, count, file) = (number(own.start), number(own.count), number(own.file).min(1));
    let mut parts = vec![Part::new(file, &own.tensor, start, count)];
    if random.next().is_multiple_of(4) {
        let other = all[random.next() as usize % all.len()].parts[0].clone();
        parts.push(Part { start: own.count / 2, count: own.count - own.count / 2, ..other });
    }
    if random.next().is_multiple_of(8) {
        parts[0].tensor = all[random.next() as usize % all.len()].parts[0].tensor.clone();
    }
    WeightSource { name: source.name.clone(), parts, transposed: random.next().is_multiple_of(8) }
}
