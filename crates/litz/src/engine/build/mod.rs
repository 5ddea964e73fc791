//! Compiles a Spec into its program, and takes every weight that it needs. Nothing else of the engine reads the Spec.
//!
//! `layer` puts the branches of residual sums together; `mixers` and `feed_forward` have a row for each kind of branch,
//! `heads` for what stands at both ends.

mod branch;
mod builder;
mod feed_forward;
mod heads;
mod layer;
mod mixers;

use super::program::Program;
use super::rope::{Frequencies, Rope};
use super::spec::{self, Spec};
use crate::weights::Loader;
use crate::Result;
use builder::Builder;

/// Builds the program.
pub(super) fn build(spec: &Spec, loader: &mut Loader<'_>) -> Result<Program> {
    let mut builder = Builder::new(spec, loader);
    let embed = heads::embedding(&mut builder)?;
    for (index, layer) in spec.layers.iter().enumerate() {
        heads::hidden_states(&mut builder, index, None);
        layer::layer(&mut builder, &format!("layers.{index}"), layer)?;
    }
    heads::head(&mut builder, &embed)?;
    Ok(builder.finish())
}

/// The rotations of a model, to which its steps refer by index.
pub(super) fn ropes(spec: &Spec) -> Vec<Rope> {
    let frequencies = |values: &[f64], gain| Frequencies { values: values.to_vec(), gain };
    let rope = |rope: &spec::Rope| Rope {
        short: frequencies(&rope.frequencies, rope.gain),
        long: rope.long.as_ref().map(|long| (long.above, frequencies(&long.frequencies, long.gain))),
    };
    spec.ropes.iter().map(rope).collect()
}
