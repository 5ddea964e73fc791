//! Compiles a Spec into its program, and takes every weight that it needs. Nothing else of the engine reads the Spec.
//!
//! `layer` puts the branches of residual sums together; `mixers` and `feed_forward` have a row for each kind of branch,
//! `stem` and `heads` for what stands at both ends. `refusals` names what no step computes.

mod biases;
mod branch;
mod builder;
mod feed_forward;
mod heads;
mod layer;
mod mixers;
mod refusals;
mod stem;

use super::program::Program;
use crate::spec::Spec;
use crate::weights::Loader;
use crate::Result;
pub(super) use builder::takes_whole_sequences;
use builder::Builder;

/// Builds the program. Unsupported names what the Spec says and no step computes.
pub(super) fn build(spec: &Spec, loader: &mut Loader<'_>) -> Result<Program> {
    refusals::check_model(spec)?;
    let mut builder = Builder::new(spec, loader)?;
    let embed = stem::embedding(&mut builder)?;
    for (index, layer) in spec.main().layers().enumerate() {
        heads::hidden_states(&mut builder, index, None);
        let own = spec.main().weights_of.get(index).copied().unwrap_or(index);
        for sum in layer {
            layer::sum(&mut builder, &format!("layers.{own}"), sum)?;
        }
    }
    heads::head(&mut builder, &embed)?;
    Ok(builder.finish())
}
