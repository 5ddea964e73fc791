//! What a model computes, as data: sizes, scalars and, for every layer, its mixer and its feed-forward.
//!
//! The JSON form is the contract with `litz/spec.py`; unknown keys are errors, and `validate` refuses what makes no sense.

use serde::Deserialize;

use crate::{Error, Result};

/// A decoder: embedding, layers, final norm, head.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The width of the residual stream.
    pub width: usize,
    /// Rows of the embedding and of the head.
    pub vocab: usize,
    /// The longest sequence.
    pub context: usize,
    /// The norm of every layer and of the end.
    pub norm: Norm,
    /// Multiplies the embedding rows.
    pub embed_scale: f32,
    /// Multiplies what a mixer or feed-forward adds to the stream.
    pub residual_scale: f32,
    /// Multiplies the logits, before the cap.
    pub logit_scale: f32,
    /// `cap * tanh(logits / cap)`.
    pub logit_softcap: Option<f32>,
    /// The head is the embedding.
    pub tied_head: bool,
    /// `head.bias` exists.
    pub head_bias: bool,
    /// `norm.weight` exists.
    pub final_norm: bool,
    /// The embedding's and the head's own width, with `project_in` and `project_out` between it and `width`.
    pub embed_width: Option<usize>,
    /// `embed_norm` follows the embedding and the positions.
    pub embed_norm: bool,
    /// Learned positions, added to the embedding.
    pub positions: Option<Positions>,
    /// Rotations, which layers refer to by index.
    pub ropes: Vec<Rope>,
    /// The layers, first to last.
    pub layers: Vec<Layer>,
}

/// Which norm; its weights are stored as `w - offset`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Norm {
    /// Root mean square, or mean and variance.
    pub kind: NormKind,
    /// Added to the mean square or variance.
    pub eps: f32,
    /// 0, or 1 where checkpoints store `w - 1`.
    pub offset: f32,
    /// The norms of the layers, the end and the embedding have biases.
    pub bias: bool,
}

/// Rows of `positions.weight`; a token at `position` takes row `position + offset`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Positions {
    /// How many rows there are.
    pub rows: usize,
    /// How many rows in front stay unused.
    pub offset: usize,
}

/// The two norms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormKind {
    /// Root mean square.
    Rms,
    /// Mean and variance.
    Layer,
}

/// A rotation of the first `dim` elements of each query and key head.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rope {
    /// How many elements turn.
    pub dim: usize,
    /// Pairs are neighbours, not halves.
    pub interleaved: bool,
    /// Multiplies cos and sin.
    pub gain: f64,
    /// Radians per position, one per pair.
    pub frequencies: Vec<f64>,
    /// Other frequencies for long sequences.
    pub long: Option<LongRope>,
}

/// What a sequence of more than `above` tokens uses, for every position.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongRope {
    /// The longest sequence that still uses the short frequencies.
    pub above: usize,
    /// Multiplies cos and sin.
    pub gain: f64,
    /// Radians per position, one per pair.
    pub frequencies: Vec<f64>,
}

/// One layer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// What mixes positions.
    pub mixer: Mixer,
    /// What works on each position.
    pub feed_forward: FeedForward,
    /// Which norms exist.
    pub norms: Norms,
    /// Where they stand.
    pub order: Order,
}

/// What mixes positions, and decides what a sequence carries in this layer.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Mixer {
    /// Softmax attention.
    Attention(Attention),
}

/// Softmax attention; query heads share key heads in equal groups.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attention {
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Elements of a query or key head.
    pub head_dim: usize,
    /// Elements of a value head.
    pub value_dim: usize,
    /// Multiplies the scores.
    pub scale: f32,
    /// Caps the scores as `cap * tanh(score / cap)`.
    pub softcap: Option<f32>,
    /// Key j is seen from query i only where `i - j < window`; without `causal`, where `|i - j| < window`.
    pub window: Option<usize>,
    /// No key after the query is seen.
    #[serde(default = "yes")]
    pub causal: bool,
    /// Index into `Spec::ropes`.
    pub rope: Option<usize>,
    /// One slope for every query head: `slope * (key position - query position)` joins the scaled score.
    pub alibi: Option<Vec<f32>>,
    /// `attn.q.bias` exists.
    pub q_bias: bool,
    /// `attn.k.bias` exists.
    pub k_bias: bool,
    /// `attn.v.bias` exists.
    pub v_bias: bool,
    /// `attn.o.bias` exists.
    pub o_bias: bool,
    /// Queries and keys are normed before they turn.
    pub qk_norm: Option<QkNorm>,
    /// Those norms have biases.
    pub qk_norm_bias: bool,
}

fn yes() -> bool {
    true
}

/// Over what the norm of queries and keys runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QkNorm {
    /// Each head by itself, one weight for all heads.
    Head,
    /// All heads at once.
    Whole,
    /// Each head by itself, with weights of its own.
    Each,
}

/// What works on each position by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FeedForward {
    /// Two or three matrices and an activation.
    Mlp(Mlp),
    /// Experts, of which each token meets a few.
    Moe(Moe),
}

/// `down(act(gate(x)) * up(x))`, or `down(act(up(x)))`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mlp {
    /// Rows of `gate` and `up`.
    pub width: usize,
    /// The activation.
    pub activation: Activation,
    /// `mlp.gate` exists.
    pub gated: bool,
    /// All matrices have biases.
    pub bias: bool,
}

/// `sum of p[e] * expert[e](x)` over the `top_k` most probable experts, and a shared expert for every token.
///
/// An expert is a gated MLP without biases; `p` is a softmax over all experts, and a tie goes to the lower index.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moe {
    /// How many experts there are.
    pub experts: usize,
    /// How many of them a token meets.
    pub top_k: usize,
    /// Rows of an expert's `gate` and `up`.
    pub width: usize,
    /// The activation of all experts.
    pub activation: Activation,
    /// The chosen probabilities are divided by their sum.
    pub normalize: bool,
    /// Rows of the shared expert's `gate` and `up`, if there is one.
    pub shared_width: Option<usize>,
    /// The shared expert's output is multiplied by `sigmoid(shared_gate(x))`.
    pub shared_gate: bool,
}

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
    /// `x * sigmoid(1.702 x)`
    QuickGelu,
}

/// Which norms a layer has; one that it lacks is the identity.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Norms {
    /// Before the mixer.
    pub attn: bool,
    /// After the mixer, before the sum.
    pub attn_post: bool,
    /// Before the feed-forward.
    pub mlp: bool,
    /// After the feed-forward, before the sum.
    pub mlp_post: bool,
}

/// How a layer's parts are joined; `Spec::residual_scale` multiplies what is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// `x += mixer(x)`, then `x += feed_forward(x)`, each between its norms.
    Pre,
    /// `x += mixer(attn_norm(x)) + feed_forward(mlp_norm(x))`; without `mlp_norm` both read `attn_norm(x)`.
    Parallel,
    /// `x = attn_norm(x + mixer(x))`, then `x = mlp_norm(x + feed_forward(x))`.
    Post,
}

impl Spec {
    /// Parses and validates.
    pub fn from_json(text: &str) -> Result<Self> {
        let spec: Self = serde_json::from_str(text)
            .map_err(|error| Error::Config(format!("the model's spec: {error}")))?;
        spec.validate()?;
        Ok(spec)
    }

    /// The width of the embedding's and the head's rows.
    pub fn outer_width(&self) -> usize {
        self.embed_width.unwrap_or(self.width)
    }
}

impl Attention {
    /// How many query heads share a key head.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }
}

impl From<Activation> for crate::kernels::Activation {
    fn from(activation: Activation) -> Self {
        match activation {
            Activation::Silu => Self::Silu,
            Activation::Gelu => Self::Gelu,
            Activation::GeluTanh => Self::GeluTanh,
            Activation::Relu => Self::Relu,
            Activation::QuickGelu => Self::QuickGelu,
        }
    }
}
