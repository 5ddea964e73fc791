//! What both steps of a mixture share: its routing, by all workers together or by each for itself.

use std::ops::Range;

use super::routing::{Routed, Router, Routing};
use crate::engine::buffers::{BufferId, DECODE_TOKENS};
use crate::engine::pass::{Pass, Plan};
use crate::kernels::Kernels;
use crate::shared::Buffer;
use crate::weights::Weight;

pub(super) const PREPARE: u8 = 0;
pub(super) const MULTIPLY: u8 = 1;
/// Both, each worker routing and preparing for itself.
pub(super) const PREPARE_AND_MULTIPLY: u8 = 2;

/// Tokens of an expert whose outputs a worker keeps at a time.
pub(super) const BLOCK: usize = 64;

/// The mixture that both steps work on.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Mixture {
    pub(in crate::engine) router: Router,
    /// The router's scores, by token.
    pub(in crate::engine) scores: BufferId,
    /// Tells the mixtures of a program apart.
    pub(in crate::engine) number: usize,
}

/// A matrix of an expert, and its bias.
pub(in crate::engine) struct Biased {
    pub(in crate::engine) weight: Weight,
    pub(in crate::engine) bias: Option<Vec<f32>>,
}

impl Biased {
    /// Adds the bias of some rows to their outputs.
    pub(super) fn add_bias(&self, kernels: &Kernels, rows: Range<usize>, y: &mut [f32]) {
        if let Some(bias) = &self.bias {
            kernels.add(y, &bias[rows]);
        }
    }
}

/// What a worker needs.
#[derive(Default)]
pub(super) struct Own {
    /// The choices of few tokens in the mixture `routed - 1`.
    routing: Routing,
    routed: usize,
    pub(super) scores: Vec<f32>,
    /// Rows of the residual's width.
    pub(super) outputs: Buffer<f32>,
}

impl Mixture {
    /// Makes room for the choices of a chunk.
    pub(super) fn reserve(&self, tokens: usize, width: usize, plan: &mut Plan<'_>) {
        let Router { experts, top_k, .. } = self.router;
        plan.shared::<Routing>().reserve(tokens * top_k, experts);
        plan.own(|own: &mut Own| {
            own.routing.reserve(DECODE_TOKENS * top_k, experts);
            own.outputs.reserve(BLOCK * width);
            own.routed = 0;
        });
    }

    /// How many experts are chosen at most.
    pub(super) fn most_chosen(&self, tokens: usize) -> usize {
        self.router.experts.min(tokens * self.router.top_k)
    }

    /// Lets a worker route few tokens for itself: that is cheaper than another barrier.
    pub(super) fn route(&self, pass: &Pass, own: &mut Own) -> Routed<'static> {
        let tokens = pass.chunk.tokens.len();
        let Own { routing, routed, scores, .. } = own;
        // SAFETY: the worker's own, and its views are used within this piece.
        unsafe {
            if *routed != self.number + 1 {
                (0..tokens).for_each(|token| self.choose(pass, token, routing, scores));
                routing.group(&self.router, tokens, true);
                *routed = self.number + 1;
            }
            routing.read(&self.router, tokens)
        }
    }

    /// What all workers routed together in earlier phases.
    pub(super) fn routed(&self, pass: &Pass) -> Routed<'static> {
        // SAFETY: nobody writes the routing now.
        unsafe { pass.shared::<Routing>().read(&self.router, pass.chunk.tokens.len()) }
    }

    pub(super) fn choose(&self, pass: &Pass, token: usize, routing: &Routing, scores: &mut Vec<f32>) {
        // SAFETY: the scores were written in an earlier phase; this piece (or worker) alone has this token's choice.
        unsafe {
            scores.clear();
            scores.extend_from_slice(pass.rows(self.scores).get(token, 0..self.router.experts));
            routing.choose(pass.kernels(), &self.router, token, scores);
        }
    }
}
