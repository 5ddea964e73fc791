//! Tiny random models in files of every storage, a plain reference, and the engine against both.

mod encoders;
mod errors;
mod exact;
pub(crate) mod file;
mod meaning;
mod outputs;
mod reference;
mod refusals;
mod short_conv;
mod sinks;
mod sources;
mod tensors;

use serde_json::{json, Value};

use super::*;
use crate::formats::{DType, TensorFile, TensorInfo};
use crate::kernels::{Isa, Kernels};
use crate::spec::tests::example;
use crate::spec::{Spec, TokenStem};
use file::Tensors;
use tensors::shapes;

/// A small generator: tests must not depend on the system.
#[derive(Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }

    /// Uniform, with variance 1.
    pub(crate) fn value(&mut self) -> f32 {
        (self.next() as f32 / u32::MAX as f32 - 0.5) * 12_f32.sqrt()
    }
}

/// The example of a spec with a change of its JSON.
pub(super) fn spec(change: impl Fn(&mut Value)) -> Spec {
    let mut spec = example::example();
    change(&mut spec);
    Spec::from_json(&spec.to_string()).unwrap()
}

/// How many tokens a model knows.
pub(super) fn vocab(spec: &Spec) -> usize {
    stem_of(spec).vocab
}

/// What turns its tokens into vectors.
pub(super) fn stem_of(spec: &Spec) -> &TokenStem {
    spec.main().tokens().unwrap()
}

/// A file with shaken weights for a spec whose norms have one offset; `dtype` chooses each matrix's storage.
pub(super) fn file(spec: &Spec, dtype: impl Fn(&str) -> DType) -> TensorFile {
    let mut random = Random::new(7);
    let mut tensors = Tensors::default();
    let offset = spec.main().norm.as_ref().map_or(0.0, |norm| norm.offset);
    for (name, shape) in shapes(spec) {
        match shape[..] {
            [rows, cols] => tensors.matrix(&name, rows, cols, dtype(&name), &mut random),
            _ => {
                let center = if name.contains("norm.weight") { 1.0 - offset } else { 0.0 };
                let values: Vec<f32> = (0..shape[0]).map(|_| center + 0.3 * random.value()).collect();
                tensors.floats(&name, &shape, &values);
            }
        }
    }
    tensors.gguf()
}

/// The whole tensor, as one part.
pub(super) fn whole(file: usize, tensor: &TensorInfo) -> Part {
    let rows = tensor.shape[..tensor.shape.len().max(2) - 1].iter().product();
    Part::new(file, &tensor.name, 0, rows)
}

pub(super) fn sources(file: &TensorFile) -> Vec<WeightSource> {
    let source = |tensor| {
        let part = whole(0, tensor);
        WeightSource { name: part.tensor.clone(), parts: vec![part], transposed: false }
    };
    file.tensors().iter().map(source).collect()
}

pub(super) fn load(spec: &Spec, file: &TensorFile, options: &LoadOptions, isa: Isa) -> Model {
    let kernels = Kernels::new(isa).unwrap();
    Model::load_with(spec.clone(), std::slice::from_ref(file), &sources(file), options, kernels).unwrap()
}

/// Appends tokens to sequences and gives the logits of each last one.
pub(super) fn forward(
    model: &Model,
    batch: &mut [(&mut Sequence, &[u32])],
    logits: &mut Vec<f32>,
) -> crate::Result<()> {
    let mut batch: Vec<(&mut Sequence, Inputs<'_>)> =
        batch.iter_mut().map(|(sequence, ids)| (&mut **sequence, Inputs::Tokens(ids))).collect();
    model.forward(&mut batch, Outputs::Last, logits)
}

pub(super) fn options(threads: usize, chunk: usize) -> LoadOptions {
    LoadOptions { threads: Some(threads), chunk, ..LoadOptions::default() }
}

pub(super) fn ids(count: usize, seed: u64, vocab: usize) -> Vec<u32> {
    let mut random = Random::new(seed);
    (0..count).map(|_| random.next() % vocab as u32).collect()
}

/// The forms of the kernels that this machine can run.
pub(super) fn isas() -> impl Iterator<Item = Isa> {
    Isa::ALL.into_iter().filter(|isa| isa.is_available())
}
