//! Mixers that carry a state of fixed size: linear recurrences and short convolutions.

use serde::Deserialize;

use super::checks::{at_most_largest, check, finite, positive, positive_if};
use super::norm::Norm;
use crate::Result;

/// The decay of a recurrence's state.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decay {
    /// Its formula.
    pub kind: DecayKind,
    /// What has a decay of its own.
    pub over: DecayOver,
    /// The lowest logarithm, where a sigmoid bounds it.
    pub floor: Option<f32>,
    /// The least and largest step; the largest may be infinite, which JSON writes as null.
    pub limits: Option<(f32, Option<f32>)>,
    /// Elements between the two factors of its projection.
    pub rank: Option<usize>,
}

/// The formula of a decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecayKind {
    /// `-exp(a_log) * softplus(a + bias)`
    Delta,
    /// `-exp(a_log) * dt`
    Ssd,
    /// The same with a matrix of `a_log`.
    Ssm,
    /// A buffer.
    Constant,
}

/// What has a decay of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecayOver {
    /// A head.
    Head,
    /// An element of a key.
    Channel,
}

/// A linear recurrence over a matrix a head.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recurrent {
    /// Heads of the state.
    pub heads: usize,
    /// Heads of q and k.
    pub key_heads: usize,
    /// Rows of a head's state.
    pub key_dim: usize,
    /// Columns of a head's state.
    pub value_dim: usize,
    /// The decay of its state.
    pub decay: Decay,
    /// The kernel of the convolution before it; 0: none.
    pub conv: usize,
    /// What is convolved.
    pub conv_over: ConvOver,
    /// The convolution has a bias.
    pub conv_bias: bool,
    /// The projections have biases.
    pub bias: bool,
    /// The delta rule, with this times a sigmoid.
    pub beta: Option<u8>,
    /// Queries and keys are divided by their length.
    pub unit_keys: bool,
    /// `y += D * v`
    pub skip: bool,
    /// Of the parts of the projection.
    pub factors: Vec<f32>,
    /// The norm of B, C and dt.
    pub inner_norm: Option<Norm>,
    /// The norm of y.
    pub norm: Option<Norm>,
    /// Over what it runs.
    pub norm_over: RecurrentNormOver,
    /// What y is multiplied by.
    pub gate: Option<RecurrentGate>,
    /// The norm is that of the gated y.
    pub gate_first: bool,
    /// Elements between the two factors of the gate's projection.
    pub gate_rank: Option<usize>,
}

/// What a convolution before a recurrence works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConvOver {
    /// Queries, keys and values.
    Qkv,
    /// Values.
    V,
}

/// Over what the norm of a recurrence's output runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecurrentNormOver {
    /// A head.
    Head,
    /// The heads that share a key head.
    Group,
    /// All heads.
    Whole,
}

/// The activation of a recurrence's output gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RecurrentGate {
    /// `x * sigmoid(x)`
    Silu,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
}

/// `o(c * conv(b * v))`, a causal convolution over each channel by itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShortConv {
    /// How many positions it sees.
    pub kernel: usize,
    /// The projections and the convolution have biases.
    pub bias: bool,
}

impl Recurrent {
    pub(super) fn check(&self) -> Result<()> {
        let sizes = [self.heads, self.key_heads, self.key_dim, self.value_dim];
        for (name, size) in ["heads", "key_heads", "key_dim", "value_dim"].into_iter().zip(sizes) {
            positive(name, size)?;
        }
        check(self.heads.is_multiple_of(self.key_heads), || {
            format!("{} heads are no multiple of {} key_heads", self.heads, self.key_heads)
        })?;
        let state = self.heads.saturating_mul(self.key_dim).saturating_mul(self.value_dim);
        positive("heads * key_dim * value_dim", state)?;
        at_most_largest("conv", self.conv)?;
        check(self.beta.is_none_or(|beta| beta == 1 || beta == 2), || {
            format!("beta is {:?}, expected 1, 2 or null", self.beta)
        })?;
        check(self.factors.is_empty() || self.factors.len() == 5, || {
            format!("{} factors, expected none or 5", self.factors.len())
        })?;
        self.factors.iter().try_for_each(|&factor| finite("a factor", factor))?;
        positive_if("decay.rank", self.decay.rank)?;
        positive_if("gate_rank", self.gate_rank)?;
        [&self.inner_norm, &self.norm].into_iter().flatten().try_for_each(Norm::check)
    }
}

impl ShortConv {
    pub(super) fn check(&self) -> Result<()> {
        positive("kernel", self.kernel)
    }
}
