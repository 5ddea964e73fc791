//! Residual sums: branches that read the residual, and are added to it.

use std::sync::Arc;

use super::branch::{Branch, Last};
use super::builder::Builder;
use super::feed_forward::{mixture, mlp};
use super::mixers::{attention, short_conv};
use super::refusals::{check_sum, name_of, unsupported};
use crate::engine::buffers::{BufferId, RowsPer};
use crate::engine::steps::{AddNormed, Epilogue, Linear, Norm, NormInPlace, Output, Read, Term};
use crate::spec::{self, Body, Sum};
use crate::Result;

/// A branch in its sum: which of the sum's reads it has, its norm on the way back, and its scale.
struct Summand {
    read: usize,
    branch: Branch,
    after: Option<Norm>,
    scale: f32,
}

/// `x = after(x + sum of branches of before(x))`: all branches read before any is added.
pub(super) fn sum<'a>(builder: &mut Builder<'a, '_>, layer: &str, sum: &'a Sum) -> Result<()> {
    check_sum(sum)?;
    let name = |branch: &spec::Branch, norm: &str| format!("{layer}.{}_{norm}", branch.name);
    let shared = builder.norm_if(sum.before.as_ref(), &name(&sum.branches[0], "norm"))?;
    let (mut reads, mut summands, mut of_shared) = (Vec::new(), Vec::new(), None);
    for branch in &sum.branches {
        let own = builder.norm_if(branch.before.as_ref(), &name(branch, "norm"))?;
        let read = match (own, of_shared) {
            (None, Some(read)) => read,
            (own, _) => {
                of_shared = if own.is_none() { Some(reads.len()) } else { of_shared };
                let norm = own.or_else(|| shared.clone());
                reads.push(read_residual(builder, norm, reads.len()));
                reads.len() - 1
            }
        };
        let after = builder.norm_if(branch.after.as_ref(), &name(branch, "post_norm"))?;
        let prefix = format!("{layer}.{}", branch.prefix());
        let made = body(builder, &prefix, &branch.body, &reads[read])?;
        summands.push(Summand { read, branch: made, after, scale: branch.scale });
    }
    add(builder, reads, summands);
    if let Some(norm) = builder.norm_if(sum.after.as_ref(), &name(&sum.branches[0], "norm"))? {
        builder.push(NormInPlace { x: builder.residual, norm, rows: RowsPer::Token });
    }
    Ok(())
}

/// What a branch computes of the rows that `read` gives: one row for each kind.
fn body<'a>(builder: &mut Builder<'a, '_>, name: &str, body: &'a Body, read: &Read) -> Result<Branch> {
    match body {
        Body::Attention(spec) => attention(builder, name, spec),
        Body::Conv(spec) => short_conv(builder, name, spec),
        Body::Mlp(spec) => mlp(builder, name, spec),
        Body::Moe(spec) => mixture(builder, name, spec, read),
        other => Err(unsupported(name_of(other))),
    }
}

fn add(builder: &mut Builder<'_, '_>, reads: Vec<Read>, summands: Vec<Summand>) {
    let residual = builder.residual;
    let (mut outputs, mut middle, mut closings) = (Vec::new(), Vec::new(), Vec::new());
    for Summand { read, branch, after, scale } in summands {
        outputs.extend(branch.first.into_iter().map(|output| output.reading(read)));
        middle.extend(branch.middle);
        closings.push((branch.last, after, scale));
    }
    builder.push(Linear { reads, outputs, rows: RowsPer::Token });
    builder.steps.extend(middle);
    let (mut added, mut experts) = (Vec::new(), Vec::new());
    for (last, after, scale) in closings {
        match (last, after) {
            (Last::Matrix { source, term }, None) => {
                added.push((source, Term { then: Epilogue::Add { x: residual, scale }, ..term }));
            }
            (Last::Matrix { source, term }, Some(norm)) => {
                builder.matrix(source, term);
                add_normed(builder, norm, scale);
            }
            (Last::Experts(down), after) => experts.push((down, after, scale)),
        }
    }
    if !added.is_empty() {
        add_matrices(builder, added);
    }
    for (mut down, after, scale) in experts {
        down.add_to = after.is_none().then_some((residual, scale));
        builder.push(down);
        after.into_iter().for_each(|norm| add_normed(builder, norm, scale));
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

fn add_normed(builder: &mut Builder<'_, '_>, norm: Norm, scale: f32) {
    let (x, branch) = (builder.residual, builder.branch);
    builder.push(AddNormed { x, branch, norm, scale });
}

fn read_residual(builder: &mut Builder<'_, '_>, norm: Option<Norm>, number: usize) -> Read {
    let (source, width) = (builder.residual, builder.width());
    builder.read(source, norm.map(Arc::new), (width, number), RowsPer::Token)
}
