//! Layers as residual sums: branches that read the residual, and are added to it.

use std::sync::Arc;

use super::branch::{Branch, Last};
use super::builder::Builder;
use super::feed_forward::feed_forward;
use super::mixers::mixer;
use crate::engine::buffers::{BufferId, RowsPer};
use crate::engine::spec::{Layer, Order};
use crate::engine::steps::{AddNormed, Epilogue, Linear, Norm, NormInPlace, Output, Read, Term};
use crate::Result;

/// A branch in its sum: which of the sum's reads it has, and its norm on the way back.
struct Summand {
    read: usize,
    branch: Branch,
    after: Option<Norm>,
}

pub(super) fn layer(builder: &mut Builder<'_, '_>, name: &str, layer: &Layer) -> Result<()> {
    let attn = builder.norm_if(layer.norms.attn, &format!("{name}.attn_norm"))?;
    let mlp = builder.norm_if(layer.norms.mlp, &format!("{name}.mlp_norm"))?;
    let attn_post = builder.norm_if(layer.norms.attn_post, &format!("{name}.attn_post_norm"))?;
    let mlp_post = builder.norm_if(layer.norms.mlp_post, &format!("{name}.mlp_post_norm"))?;
    let mut reads = match layer.order {
        Order::Post => vec![read_residual(builder, None, 0)],
        Order::Pre | Order::Parallel => vec![read_residual(builder, attn.clone(), 0)],
    };
    let branch = mixer(builder, name, &layer.mixer, &reads[0])?;
    let mixer = Summand { read: 0, branch, after: attn_post };
    if layer.order == Order::Parallel {
        if mlp.is_some() {
            reads.push(read_residual(builder, mlp, 1));
        }
        let read = reads.len() - 1;
        let branch = feed_forward(builder, name, &layer.feed_forward, &reads[read])?;
        sum(builder, reads, vec![mixer, Summand { read, branch, after: mlp_post }]);
        return Ok(());
    }
    sum(builder, reads, vec![mixer]);
    let is_post = layer.order == Order::Post;
    if is_post {
        norm_in_place(builder, attn);
    }
    let read = read_residual(builder, mlp.clone().filter(|_| !is_post), 0);
    let branch = feed_forward(builder, name, &layer.feed_forward, &read)?;
    sum(builder, vec![read], vec![Summand { read: 0, branch, after: mlp_post }]);
    if is_post {
        norm_in_place(builder, mlp);
    }
    Ok(())
}

/// `residual += sum of residual_scale * after(branch(read))`: all branches read before any is added.
fn sum(builder: &mut Builder<'_, '_>, reads: Vec<Read>, summands: Vec<Summand>) {
    let (residual, scale) = (builder.residual, builder.spec.residual_scale);
    let (mut outputs, mut middle, mut closings) = (Vec::new(), Vec::new(), Vec::new());
    for Summand { read, branch, after } in summands {
        outputs.extend(branch.first.into_iter().map(|output| output.reading(read)));
        middle.extend(branch.middle);
        closings.push((branch.last, after));
    }
    builder.push(Linear { reads, outputs, rows: RowsPer::Token });
    builder.steps.extend(middle);
    let (mut added, mut experts) = (Vec::new(), Vec::new());
    for (last, after) in closings {
        match (last, after) {
            (Last::Matrix { source, term }, None) => {
                added.push((source, Term { then: Epilogue::Add { x: residual, scale }, ..term }));
            }
            (Last::Matrix { source, term }, Some(norm)) => {
                builder.matrix(source, term);
                add_normed(builder, norm);
            }
            (Last::Experts(down), after) => experts.push((down, after)),
        }
    }
    if !added.is_empty() {
        add_matrices(builder, added);
    }
    for (mut down, after) in experts {
        down.add_to = after.is_none().then_some((residual, scale));
        builder.push(down);
        after.into_iter().for_each(|norm| add_normed(builder, norm));
    }
}

/// Matrices that are added to the residual, as one output of several terms.
fn add_matrices(builder: &mut Builder<'_, '_>, matrices: Vec<(BufferId, Term)>) {
    let (mut reads, mut terms) = (Vec::new(), Vec::new());
    for (index, (source, term)) in matrices.into_iter().enumerate() {
        reads.push(builder.read(source, None, (term.weight.cols(), 0), RowsPer::Token));
        terms.push(Term { read: index, ..term });
    }
    builder.push(Linear { reads, outputs: vec![Output { terms }], rows: RowsPer::Token });
}

fn add_normed(builder: &mut Builder<'_, '_>, norm: Norm) {
    let (x, branch, scale) = (builder.residual, builder.branch, builder.spec.residual_scale);
    builder.push(AddNormed { x, branch, norm, scale });
}

fn norm_in_place(builder: &mut Builder<'_, '_>, norm: Option<Norm>) {
    if let Some(norm) = norm {
        builder.push(NormInPlace { x: builder.residual, norm });
    }
}

fn read_residual(builder: &mut Builder<'_, '_>, norm: Option<Norm>, number: usize) -> Read {
    let (source, width) = (builder.residual, builder.spec.width);
    builder.read(source, norm.map(Arc::new), (width, number), RowsPer::Token)
}
