//! Norms: their arithmetic, and the step that norms rows in place.

use std::ops::Range;

use super::step::Step;
use crate::engine::buffers::{BufferId, RowsPer, DECODE_TOKENS};
use crate::engine::pass::{Chunk, Pass, Plan, Worker};
use crate::kernels::Kernels;
use crate::threads::Split;

/// The two norms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum NormKind {
    Rms,
    Layer,
}

/// A norm with its weights.
#[derive(Clone)]
pub(in crate::engine) struct Norm {
    pub(in crate::engine) kind: NormKind,
    pub(in crate::engine) eps: f32,
    /// What is added to the weights.
    pub(in crate::engine) offset: f32,
    pub(in crate::engine) weight: Vec<f32>,
    pub(in crate::engine) bias: Option<Vec<f32>>,
}

impl Norm {
    /// `out = norm(x)`
    pub(super) fn apply(&self, kernels: &Kernels, x: &[f32], out: &mut [f32]) {
        match self.kind {
            NormKind::Rms => kernels.rms_norm(x, &self.weight, self.eps, self.offset, out),
            NormKind::Layer => kernels.layer_norm(x, &self.weight, self.bias.as_deref(), self.eps, out),
        }
    }

    /// `x = norm(x)`
    pub(super) fn apply_in_place(&self, kernels: &Kernels, x: &mut [f32]) {
        match self.kind {
            NormKind::Rms => kernels.rms_norm_in_place(x, &self.weight, self.eps, self.offset),
            NormKind::Layer => kernels.layer_norm_in_place(x, &self.weight, self.bias.as_deref(), self.eps),
        }
    }
}

/// `x = norm(x)`
pub(in crate::engine) struct NormInPlace {
    pub(in crate::engine) x: BufferId,
    pub(in crate::engine) norm: Norm,
    /// For which rows it runs.
    pub(in crate::engine) rows: RowsPer,
}

impl Step for NormInPlace {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        plan.stage(0, Split::new(chunk.count(self.rows), 1, DECODE_TOKENS, plan.threads()));
    }

    fn run(&self, pass: &Pass, _: u8, units: Range<usize>, _: &mut Worker) {
        let rows = pass.rows(self.x);
        for row in units {
            // SAFETY: this piece alone touches this row.
            let x = unsafe { rows.get_mut(row, 0..self.norm.weight.len()) };
            self.norm.apply_in_place(pass.kernels(), x);
        }
    }
}
