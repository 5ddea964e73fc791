//! Both ends of a model: the embedding, and the head that gives logits.

use std::sync::Arc;

use super::builder::Builder;
use crate::engine::buffers::{BufferId, RowsPer};
use crate::engine::steps::{AddPositions, Embed, Epilogue, HiddenStates, Linear, Norm, Term};
use crate::weights::Weight;
use crate::Result;

/// The embedding, its projection, positions and norm; gives the table.
pub(super) fn embedding(builder: &mut Builder<'_, '_>) -> Result<Weight> {
    let (spec, width) = (builder.spec, builder.spec.outer_width());
    let table = builder.loader.table("embed.weight", spec.vocab, width)?;
    let projects = spec.embed_width.is_some();
    let to = if projects { builder.rows("embedding", width, RowsPer::Token) } else { builder.residual };
    builder.push(Embed { table: table.clone(), scale: spec.embed_scale, to });
    if projects {
        let project = builder.term("project_in", (spec.width, width), false, builder.residual)?;
        builder.matrix(to, project);
    }
    let positions = match spec.positions {
        Some(positions) => Some(builder.loader.table("positions.weight", positions.rows, spec.width)?),
        None => None,
    };
    let norm = builder.norm_if(spec.embed_norm, "embed_norm")?;
    if positions.is_some() || norm.is_some() {
        let offset = spec.positions.map_or(0, |positions| positions.offset);
        let (x, spare, width) = (builder.residual, builder.branch, spec.width);
        builder.push(AddPositions { x, spare, table: positions, offset, norm, width });
    }
    Ok(table)
}

/// Hands out what enters a layer, or with a norm what leaves the last one.
pub(super) fn hidden_states(builder: &mut Builder<'_, '_>, layer: usize, norm: Option<Arc<Norm>>) {
    let (x, to, width) = (builder.residual, builder.outputs.hidden, builder.spec.width);
    builder.push(HiddenStates { x, to, norm, width, layer, is_last: layer == builder.spec.layers.len() });
}

/// The final norm, a projection to the embedding's width, and the matrix of the logits.
pub(super) fn head(builder: &mut Builder<'_, '_>, embed: &Weight) -> Result<()> {
    let (spec, width) = (builder.spec, builder.spec.outer_width());
    let mut norm = builder.norm_if(spec.final_norm, "norm")?.map(Arc::new);
    hidden_states(builder, spec.layers.len(), norm.clone());
    let mut source = builder.residual;
    if spec.embed_width.is_some() {
        let projected = builder.rows("projected", width, RowsPer::Output);
        let project = builder.term("project_out", (width, spec.width), false, projected)?;
        output_matrix(builder, source, norm.take(), project);
        source = projected;
    }
    let weight = match spec.tied_head {
        true => builder.loader.tied(embed),
        false => builder.loader.matrix("head.weight", spec.vocab, width)?,
    };
    let bias = builder.loader.vector_if(spec.head_bias, "head.bias", spec.vocab)?;
    let then = Epilogue::Cap { scale: spec.logit_scale, cap: spec.logit_softcap };
    output_matrix(builder, source, norm, Term { read: 0, weight, bias, to: builder.outputs.logits, then });
    Ok(())
}

/// A matrix for those rows whose outputs are wanted.
fn output_matrix(builder: &mut Builder<'_, '_>, source: BufferId, norm: Option<Arc<Norm>>, term: Term) {
    let read = builder.read(source, norm, (term.weight.cols(), 0), RowsPer::Output);
    builder.push(Linear { reads: vec![read], outputs: vec![term.into()], rows: RowsPer::Output });
}
