//! What leaves a model: hidden states, and one row for each kind of head.

use std::sync::Arc;

use super::builder::Builder;
use super::feed_forward::activation;
use super::refusals::{check_head, unsupported};
use crate::engine::buffers::{BufferId, RowsPer};
use crate::engine::steps::{Epilogue, HiddenStates, Linear, Norm, NormInPlace, Pool, Term, Which};
use crate::spec::{self, Dense, Head, LmHead, PooledHead, TokenHead};
use crate::weights::Weight;
use crate::Result;

/// Rows on their way through a head, and the norm that whoever reads them applies.
struct Source {
    rows: BufferId,
    norm: Option<Arc<Norm>>,
    width: usize,
    per: RowsPer,
}

/// Hands out what enters a layer, or with a norm what leaves the last one.
pub(super) fn hidden_states(builder: &mut Builder<'_, '_>, layer: usize, norm: Option<Arc<Norm>>) {
    let (x, to, width) = (builder.residual, builder.outputs.hidden, builder.width());
    builder.push(HiddenStates { x, to, norm, width, layer, is_last: layer == builder.tower.layers.len() });
}

/// The final norm, and the head behind it.
pub(super) fn head(builder: &mut Builder<'_, '_>, embed: &Weight) -> Result<()> {
    let tower = builder.tower;
    let norm = builder.norm_if(tower.norm.as_ref(), "norm")?.map(Arc::new);
    hidden_states(builder, tower.layers.len(), norm.clone());
    let source = Source { rows: builder.residual, norm, width: tower.width, per: RowsPer::Output };
    match &builder.spec.head {
        None => Ok(()),
        Some(Head::Lm(head)) => lm_head(builder, head, source, embed),
        Some(Head::Token(head)) => token_head(builder, head, source),
        Some(Head::Pooled(head)) => pooled_head(builder, head, source),
        Some(Head::Ctc(_)) => Err(unsupported("characters for each frame")),
    }
}

/// A projection or dense layer to the rows' width, and the matrix of the logits.
fn lm_head(builder: &mut Builder<'_, '_>, head: &LmHead, source: Source, embed: &Weight) -> Result<()> {
    check_head(head, builder.stem)?;
    let mut source = match &head.dense {
        Some(spec) => dense(builder, spec, source)?,
        None => source,
    };
    if head.project {
        let projected = builder.rows("projected", head.width, RowsPer::Output);
        let term = builder.term("project_out", (head.width, source.width), false, projected)?;
        matrix(builder, source, term);
        source = Source { rows: projected, norm: None, width: head.width, per: RowsPer::Output };
    }
    let weight = match head.tied {
        true => builder.loader.tied(embed),
        false => builder.loader.matrix("head.weight", head.vocab, head.width)?,
    };
    let bias = builder.loader.vector_if(head.bias, "head.bias", head.vocab)?;
    let then = Epilogue::Cap { scale: head.scale, cap: head.softcap };
    matrix(builder, source, Term { read: 0, weight, bias, to: builder.outputs.head, then });
    Ok(())
}

/// Numbers for each token.
fn token_head(builder: &mut Builder<'_, '_>, head: &TokenHead, source: Source) -> Result<()> {
    let source = match &head.dense {
        Some(spec) => dense(builder, spec, source)?,
        None => source,
    };
    let to = builder.outputs.head;
    let term = builder.term("head", (head.outputs, source.width), head.bias, to)?;
    matrix(builder, source, term);
    Ok(())
}

/// One vector for each sequence, and what is made of it; or what is made of each token, pooled.
fn pooled_head(builder: &mut Builder<'_, '_>, head: &PooledHead, source: Source) -> Result<()> {
    let (to, width) = (builder.outputs.head, source.width);
    let Some(made) = head.outputs.or(head.dense.as_ref().map(|dense| dense.width)) else {
        pool(builder, head.pool, source, to);
        return Ok(());
    };
    if head.pool_last {
        let rows = builder.rows("outputs", made, RowsPer::Output);
        outputs(builder, head, source, rows)?;
        pool(builder, head.pool, Source { rows, norm: None, width: made, per: RowsPer::Output }, to);
        return Ok(());
    }
    let rows = builder.rows("pooled", width, RowsPer::Sequence);
    pool(builder, head.pool, source, rows);
    outputs(builder, head, Source { rows, norm: None, width, per: RowsPer::Sequence }, to)
}

/// `output(dense(x))`, each part where there is one.
fn outputs(builder: &mut Builder<'_, '_>, head: &PooledHead, source: Source, to: BufferId) -> Result<()> {
    let source = match (&head.dense, head.outputs) {
        (None, _) => source,
        (Some(spec), Some(_)) => dense(builder, spec, source)?,
        (Some(spec), None) => {
            let Source { rows: x, norm, per, .. } = dense_into(builder, spec, source, to)?;
            if let Some(norm) = norm {
                builder.push(NormInPlace { x, norm: Norm::clone(&norm), rows: per });
            }
            return Ok(());
        }
    };
    let Some(count) = head.outputs else { return Ok(()) };
    let term = builder.term("head", (count, source.width), head.bias, to)?;
    matrix(builder, source, term);
    Ok(())
}

/// `norm(activation(dense(x)))`
fn dense(builder: &mut Builder<'_, '_>, spec: &Dense, source: Source) -> Result<Source> {
    let name = if source.per == RowsPer::Sequence { "dense of sequences" } else { "dense" };
    let to = builder.rows(name, spec.width, source.per);
    dense_into(builder, spec, source, to)
}

fn dense_into(builder: &mut Builder<'_, '_>, spec: &Dense, source: Source, to: BufferId) -> Result<Source> {
    let per = source.per;
    let term = builder.term("head.dense", (spec.width, source.width), spec.bias, to)?;
    let then = match spec.activation {
        Some(kind) => Epilogue::Activate(activation(kind)?),
        None => Epilogue::Store,
    };
    matrix(builder, source, Term { then, ..term });
    let norm = match &spec.norm {
        Some(norm) => Some(Arc::new(builder.norm("head.norm", spec.width, norm)?)),
        None => None,
    };
    Ok(Source { rows: to, norm, width: spec.width, per })
}

fn pool(builder: &mut Builder<'_, '_>, by: spec::Pooling, source: Source, to: BufferId) {
    let which = match by {
        spec::Pooling::First | spec::Pooling::FirstReal => Which::First,
        spec::Pooling::Mean => Which::Mean,
        spec::Pooling::Last => Which::Last,
    };
    let Source { rows: x, norm, width, .. } = source;
    builder.push(Pool { x, to, norm, which, width });
}

/// A matrix that reads the rows of a source.
fn matrix(builder: &mut Builder<'_, '_>, source: Source, term: Term) {
    let read = builder.read(source.rows, source.norm, (term.weight.cols(), 0), source.per);
    builder.push(Linear { reads: vec![read], outputs: vec![term.into()], rows: source.per });
}
