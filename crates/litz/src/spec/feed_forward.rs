//! What works on each position by itself: dense and sparse feed-forwards.

use serde::Deserialize;

use super::checks::{cap, check, finite, positive, positive_if};
use super::norm::Norm;
use crate::Result;

/// No layer may have more experts.
const EXPERTS: usize = 1024;

/// Activations by their usual names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x * sigmoid(x)`
    Silu,
    /// With the error function.
    Gelu,
    /// With tanh.
    GeluTanh,
    /// `max(x, 0)`
    Relu,
    /// `max(x, 0)^2`
    Relu2,
    /// `x * sigmoid(1.702 x)`
    QuickGelu,
    /// With learned slopes.
    Xielu,
    /// The hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
}

/// `down(act(gate(x)) * up(x))`, or `down(act(up(x)))`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mlp {
    /// Rows of `gate` and `up`.
    pub width: usize,
    /// The activation.
    pub activation: Activation,
    /// `gate` exists.
    pub gated: bool,
    /// All matrices have biases.
    pub bias: bool,
    /// Before `down`.
    pub norm: Option<Norm>,
    /// `gate <= limit`, `-limit <= up <= limit`
    pub limit: Option<f32>,
    /// Added to `up`.
    pub up_offset: f32,
    /// Which share of the gates is cut off.
    pub sparsity: Option<f32>,
}

/// Top-k routing: how the experts of a token are chosen and weighted.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {
    /// How many experts a token is routed to.
    pub top_k: usize,
    /// What the scores are.
    pub scores: Scores,
    /// The logits have a bias.
    pub bias: bool,
    /// Added to the scores for the choice only.
    pub correction: bool,
    /// Experts are chosen from some groups only.
    pub groups: Option<Groups>,
    /// The chosen scores are divided by their sum.
    pub normalize: bool,
    /// Added to that sum.
    pub eps: f32,
    /// Multiplies them at last.
    pub scale: f32,
    /// The score multiplies an expert's input instead of its output.
    pub weigh_input: bool,
    /// The norm of what the router reads.
    pub norm: Option<Norm>,
}

/// What a router's scores are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scores {
    /// Over all experts.
    Softmax,
    /// Of each expert by itself.
    Sigmoid,
}

/// Experts in groups, of which some are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Groups {
    /// How many there are.
    pub count: usize,
    /// How many are kept.
    pub kept: usize,
    /// How many of its largest scores make the score of a group.
    pub best: usize,
}

/// A mixture of experts, and a shared expert for every token.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moe {
    /// How many experts there are.
    pub experts: usize,
    /// Rows of an expert's `gate` and `up`.
    pub width: usize,
    /// How a token's experts are chosen.
    pub router: Router,
    /// The activation of all experts.
    pub activation: Activation,
    /// Experts have a `gate`.
    pub gated: bool,
    /// The experts' matrices have biases.
    pub bias: bool,
    /// `gate <= limit`, `-limit <= up <= limit`
    pub limit: Option<f32>,
    /// Added to `up`.
    pub up_offset: f32,
    /// Rows of the shared expert's `gate` and `up`, if there is one.
    pub shared_width: Option<usize>,
    /// The shared expert's output is multiplied by `sigmoid(shared_gate(x))`.
    pub shared_gate: bool,
    /// Experts work on a projection of this width.
    pub latent: Option<usize>,
}

/// `project(act(gate(x)) * input)`, where a token has an input for each layer.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerInput {
    /// Elements of an input.
    pub width: usize,
    /// The activation of the gate.
    pub activation: Activation,
}

impl Mlp {
    pub(super) fn check(&self) -> Result<()> {
        positive("feed_forward.width", self.width)?;
        cap("limit", self.limit)?;
        finite("up_offset", self.up_offset)?;
        check(self.sparsity.is_none_or(|share| (0.0..1.0).contains(&share)), || {
            format!("sparsity is {:?}, expected 0 to 1 or null", self.sparsity)
        })?;
        self.norm.as_ref().map_or(Ok(()), Norm::check)
    }
}

impl Moe {
    pub(super) fn check(&self) -> Result<()> {
        let (experts, top_k) = (self.experts, self.router.top_k);
        check((1..=EXPERTS).contains(&experts), || format!("experts is {experts}, expected 1 to {EXPERTS}"))?;
        check((1..=experts).contains(&top_k), || format!("top_k is {top_k}, expected 1 to {experts}"))?;
        positive("feed_forward.width", self.width)?;
        positive_if("feed_forward.shared_width", self.shared_width)?;
        positive_if("feed_forward.latent", self.latent)?;
        cap("limit", self.limit)?;
        finite("up_offset", self.up_offset)?;
        check(!self.shared_gate || self.shared_width.is_some(), || {
            "shared_gate is true, but there is no shared_width".to_owned()
        })?;
        self.router.check(experts)
    }
}

impl Router {
    fn check(&self, experts: usize) -> Result<()> {
        finite("router.scale", self.scale)?;
        check(self.eps.is_finite() && self.eps >= 0.0, || format!("router.eps is {}", self.eps))?;
        self.norm.as_ref().map_or(Ok(()), Norm::check)?;
        let Some(groups) = self.groups else { return Ok(()) };
        let Groups { count, kept, best } = groups;
        let whole = count > 0 && experts.is_multiple_of(count);
        check(whole && (1..=count).contains(&kept) && (1..=experts / count).contains(&best), || {
            format!("the best {kept} of {count} groups by {best} of their scores cannot be chosen of {experts} experts")
        })?;
        check(kept * (experts / count) >= self.top_k, || {
            format!("{kept} groups hold fewer experts than the {} to choose", self.top_k)
        })
    }
}

impl LayerInput {
    pub(super) fn check(&self) -> Result<()> {
        positive("layer_input.width", self.width)
    }
}
