//! Layers as residual sums: branches that read the residual, and are added to it.

use std::sync::Arc;

use super::Builder;
use crate::engine::program::{BufferId, RowsPer};
use crate::engine::spec::{Layer, Order};
use crate::engine::steps::{
    AddNormed, Epilogue, ExpertsDown, Linear, Norm, NormInPlace, Output, Read, Step, Term,
};
use crate::Result;

/// What a branch of a residual sum does between reading the residual and being added to it.
pub(super) struct Branch {
    /// The matrices that read the residual; those of all branches run at once.
    pub(super) first: Vec<Output>,
    /// The steps that follow them; all branches' run before any is added.
    pub(super) middle: Vec<Box<dyn Step>>,
    pub(super) last: Last,
}

/// What makes the output that is added.
pub(super) enum Last {
    /// A matrix that reads the rows of a buffer. Those that are added without a norm are one output of several terms.
    Matrix { source: BufferId, term: Term },
    /// Chosen experts; they are added after all matrices.
    Experts(ExpertsDown),
}

/// A branch in its sum: which of the sum's reads it has, and its norm on the way back.
struct Summand {
    read: usize,
    branch: Branch,
    after: Option<Norm>,
}

impl Builder<'_, '_> {
    pub(super) fn layer(&mut self, name: &str, layer: &Layer) -> Result<()> {
        let attn = self.norm_if(layer.norms.attn, &format!("{name}.attn_norm"))?;
        let mlp = self.norm_if(layer.norms.mlp, &format!("{name}.mlp_norm"))?;
        let attn_post = self.norm_if(layer.norms.attn_post, &format!("{name}.attn_post_norm"))?;
        let mlp_post = self.norm_if(layer.norms.mlp_post, &format!("{name}.mlp_post_norm"))?;
        let mut reads = match layer.order {
            Order::Post => vec![self.read_residual(None, 0)],
            Order::Pre | Order::Parallel => vec![self.read_residual(attn.clone(), 0)],
        };
        let mixer = self.mixer(name, &layer.mixer, &reads[0])?;
        let mixer = Summand { read: 0, branch: mixer, after: attn_post };
        if layer.order == Order::Parallel {
            if mlp.is_some() {
                reads.push(self.read_residual(mlp, 1));
            }
            let read = reads.len() - 1;
            let branch = self.feed_forward(name, &layer.feed_forward, &reads[read])?;
            self.sum(reads, vec![mixer, Summand { read, branch, after: mlp_post }]);
            return Ok(());
        }
        self.sum(reads, vec![mixer]);
        let is_post = layer.order == Order::Post;
        if is_post {
            self.norm_in_place(attn);
        }
        let read = self.read_residual(mlp.clone().filter(|_| !is_post), 0);
        let branch = self.feed_forward(name, &layer.feed_forward, &read)?;
        self.sum(vec![read], vec![Summand { read: 0, branch, after: mlp_post }]);
        if is_post {
            self.norm_in_place(mlp);
        }
        Ok(())
    }

    /// `residual += sum of residual_scale * after(branch(read))`: all branches read before any is added.
    fn sum(&mut self, reads: Vec<Read>, summands: Vec<Summand>) {
        let (residual, scale) = (self.residual, self.spec.residual_scale);
        let (mut outputs, mut middle, mut closings) = (Vec::new(), Vec::new(), Vec::new());
        for Summand { read, branch, after } in summands {
            outputs.extend(branch.first.into_iter().map(|output| output.reading(read)));
            middle.extend(branch.middle);
            closings.push((branch.last, after));
        }
        self.push(Linear { reads, outputs, rows: RowsPer::Token });
        self.steps.extend(middle);
        let (mut added, mut experts) = (Vec::new(), Vec::new());
        for (last, after) in closings {
            match (last, after) {
                (Last::Matrix { source, term }, None) => {
                    added.push((source, Term { then: Epilogue::Add { x: residual, scale }, ..term }));
                }
                (Last::Matrix { source, term }, Some(norm)) => {
                    self.matrix(source, term);
                    self.add_normed(norm);
                }
                (Last::Experts(down), after) => experts.push((down, after)),
            }
        }
        if !added.is_empty() {
            self.add_matrices(added);
        }
        for (mut down, after) in experts {
            down.add_to = after.is_none().then_some((residual, scale));
            self.push(down);
            after.into_iter().for_each(|norm| self.add_normed(norm));
        }
    }

    /// Matrices that are added to the residual, as one output of several terms.
    fn add_matrices(&mut self, matrices: Vec<(BufferId, Term)>) {
        let (mut reads, mut terms) = (Vec::new(), Vec::new());
        for (index, (source, term)) in matrices.into_iter().enumerate() {
            reads.push(self.read(source, None, (term.weight.cols(), 0), RowsPer::Token));
            terms.push(Term { read: index, ..term });
        }
        self.push(Linear { reads, outputs: vec![Output { terms }], rows: RowsPer::Token });
    }

    fn add_normed(&mut self, norm: Norm) {
        let (x, branch, scale) = (self.residual, self.branch, self.spec.residual_scale);
        self.push(AddNormed { x, branch, norm, scale });
    }

    fn norm_in_place(&mut self, norm: Option<Norm>) {
        if let Some(norm) = norm {
            self.push(NormInPlace { x: self.residual, norm });
        }
    }

    fn read_residual(&mut self, norm: Option<Norm>, number: usize) -> Read {
        let (source, width) = (self.residual, self.spec.width);
        self.read(source, norm.map(Arc::new), (width, number), RowsPer::Token)
    }
}
