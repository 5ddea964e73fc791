//! Both ends of a model: the embedding, and the head that gives logits.

use std::sync::Arc;

use super::builder::Builder;
use super::refusals::{check_head, unsupported};
use crate::engine::buffers::{BufferId, RowsPer};
use crate::engine::steps::{AddPositions, Embed, Epilogue, HiddenStates, Linear, Norm, Term};
use crate::spec::Head;
use crate::weights::Weight;
use crate::Result;

/// The embedding, its projection, positions and norm; gives the table.
pub(super) fn embedding(builder: &mut Builder<'_, '_>) -> Result<Weight> {
    let (stem, width, inner) = (builder.stem, builder.stem.width, builder.width());
    let table = builder.loader.table("embed.weight", stem.vocab, width)?;
    let projects = stem.project.is_some();
    let to = if projects { builder.rows("embedding", width, RowsPer::Token) } else { builder.residual };
    builder.push(Embed { table: table.clone(), scale: stem.scale, to });
    if projects {
        let project = builder.term("project_in", (inner, width), stem.project_bias, builder.residual)?;
        builder.matrix(to, project);
    }
    let positions = match stem.positions {
        Some(positions) => Some(builder.loader.table("positions.weight", positions.rows, inner)?),
        None => None,
    };
    let norm = builder.norm_if(stem.norm.as_ref(), "embed_norm")?;
    if positions.is_some() || norm.is_some() {
        let offset = stem.positions.map_or(0, |positions| positions.offset);
        let (x, spare, width) = (builder.residual, builder.branch, inner);
        builder.push(AddPositions { x, spare, table: positions, offset, norm, width });
    }
    Ok(table)
}

/// Hands out what enters a layer, or with a norm what leaves the last one.
pub(super) fn hidden_states(builder: &mut Builder<'_, '_>, layer: usize, norm: Option<Arc<Norm>>) {
    let (x, to, width) = (builder.residual, builder.outputs.hidden, builder.width());
    builder.push(HiddenStates { x, to, norm, width, layer, is_last: layer == builder.tower.layers.len() });
}

/// The final norm, a projection to the embedding's width, and the matrix of the logits.
pub(super) fn head(builder: &mut Builder<'_, '_>, embed: &Weight) -> Result<()> {
    let Some(Head::Lm(head)) = &builder.spec.head else {
        return Err(unsupported("a model without a language model's head"));
    };
    check_head(head, builder.stem)?;
    let (tower, width) = (builder.tower, head.width);
    let mut norm = builder.norm_if(tower.norm.as_ref(), "norm")?.map(Arc::new);
    hidden_states(builder, tower.layers.len(), norm.clone());
    let mut source = builder.residual;
    if head.project {
        let projected = builder.rows("projected", width, RowsPer::Output);
        let project = builder.term("project_out", (width, tower.width), false, projected)?;
        output_matrix(builder, source, norm.take(), project);
        source = projected;
    }
    let weight = match head.tied {
        true => builder.loader.tied(embed),
        false => builder.loader.matrix("head.weight", head.vocab, width)?,
    };
    let bias = builder.loader.vector_if(head.bias, "head.bias", head.vocab)?;
    let then = Epilogue::Cap { scale: head.scale, cap: head.softcap };
    output_matrix(builder, source, norm, Term { read: 0, weight, bias, to: builder.outputs.logits, then });
    Ok(())
}

/// A matrix for those rows whose outputs are wanted.
fn output_matrix(builder: &mut Builder<'_, '_>, source: BufferId, norm: Option<Arc<Norm>>, term: Term) {
    let read = builder.read(source, norm, (term.weight.cols(), 0), RowsPer::Output);
    builder.push(Linear { reads: vec![read], outputs: vec![term.into()], rows: RowsPer::Output });
}
