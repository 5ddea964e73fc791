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
}

/// The two norms there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormKind {
    /// Root mean square.
    Rms,
    /// Layer norm; its bias is optional.
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
    /// Causal softmax attention over cached keys and values.
    Attention(Attention),
}

/// Causal attention; query heads share key heads in equal groups.
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
    /// Key j is seen from query i only where `i - j < window`.
    pub window: Option<usize>,
    /// Index into `Spec::ropes`.
    pub rope: Option<usize>,
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
}

/// Over what the norm of queries and keys runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QkNorm {
    /// Each head by itself, one weight for all heads.
    Head,
    /// All heads at once.
    Whole,
}

/// What works on each position by itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FeedForward {
    /// Two or three matrices and an activation.
    Mlp(Mlp),
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

/// How a layer's parts are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// `x += mixer(x)`, then `x += feed_forward(x)`, each between its norms.
    Pre,
}

/// No size may be larger: products of any two then fit a `usize` with room to spare.
const LARGEST: usize = 1 << 28;

impl Spec {
    /// Parses and validates.
    pub fn from_json(text: &str) -> Result<Self> {
        let spec: Self = serde_json::from_str(text)
            .map_err(|error| Error::Config(format!("the model's spec: {error}")))?;
        spec.validate()?;
        Ok(spec)
    }

    /// Refuses sizes and numbers that no model can have; what passes never makes the engine fail later.
    pub fn validate(&self) -> Result<()> {
        for (name, size) in [("width", self.width), ("vocab", self.vocab), ("context", self.context)] {
            positive(name, size)?;
        }
        check(self.layers.len() <= 4096, || format!("{} layers, expected at most 4096", self.layers.len()))?;
        check(self.ropes.len() <= 32, || format!("{} ropes, expected at most 32", self.ropes.len()))?;
        check(self.norm.eps.is_finite() && self.norm.eps >= 0.0, || {
            format!("norm.eps is {}", self.norm.eps)
        })?;
        finite("norm.offset", self.norm.offset)?;
        finite("embed_scale", self.embed_scale)?;
        finite("residual_scale", self.residual_scale)?;
        finite("logit_scale", self.logit_scale)?;
        cap("logit_softcap", self.logit_softcap)?;
        for (index, rope) in self.ropes.iter().enumerate() {
            rope.validate().map_err(|error| within(&format!("ropes[{index}]"), error))?;
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let checked = match &layer.mixer {
                Mixer::Attention(attention) => attention.validate(&self.ropes),
            };
            let FeedForward::Mlp(mlp) = &layer.feed_forward;
            let checked = checked.and_then(|()| positive("feed_forward.width", mlp.width));
            checked.map_err(|error| within(&format!("layers[{index}]"), error))?;
        }
        Ok(())
    }
}

impl Rope {
    fn validate(&self) -> Result<()> {
        positive("dim", self.dim)?;
        check(self.dim.is_multiple_of(2), || format!("dim is {}, expected an even number", self.dim))?;
        frequencies(self.dim, self.gain, &self.frequencies)?;
        match &self.long {
            Some(long) => frequencies(self.dim, long.gain, &long.frequencies),
            None => Ok(()),
        }
    }
}

impl Attention {
    /// How many query heads share a key head.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    fn validate(&self, ropes: &[Rope]) -> Result<()> {
        let sizes = [self.heads, self.kv_heads, self.head_dim, self.value_dim];
        for (name, size) in ["heads", "kv_heads", "head_dim", "value_dim"].into_iter().zip(sizes) {
            positive(name, size)?;
        }
        check(self.heads.is_multiple_of(self.kv_heads), || {
            format!("{} heads are no multiple of {} kv_heads", self.heads, self.kv_heads)
        })?;
        positive("heads * head_dim", self.heads.saturating_mul(self.head_dim.max(self.value_dim)))?;
        finite("scale", self.scale)?;
        cap("softcap", self.softcap)?;
        check(self.window != Some(0), || "window is 0, expected at least 1 or null".to_owned())?;
        let Some(index) = self.rope else { return Ok(()) };
        let Some(rope) = ropes.get(index) else {
            return Err(Error::Config(format!("rope is {index}, but there are {} ropes", ropes.len())));
        };
        check(rope.dim <= self.head_dim, || {
            format!("rope {index} turns {} elements, but head_dim is {}", rope.dim, self.head_dim)
        })
    }
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    holds.then_some(()).ok_or_else(|| Error::Config(otherwise()))
}

fn positive(name: &str, size: usize) -> Result<()> {
    check((1..=LARGEST).contains(&size), || format!("{name} is {size}, expected 1 to {LARGEST}"))
}

fn finite(name: &str, value: f32) -> Result<()> {
    check(value.is_finite(), || format!("{name} is {value}, expected a finite number"))
}

fn cap(name: &str, value: Option<f32>) -> Result<()> {
    check(value.is_none_or(|cap| cap.is_finite() && cap > 0.0), || {
        format!("{name} is {value:?}, expected a positive number or null")
    })
}

fn frequencies(dim: usize, gain: f64, values: &[f64]) -> Result<()> {
    check(values.len() == dim / 2, || format!("{} frequencies, expected dim/2 = {}", values.len(), dim / 2))?;
    check(gain.is_finite() && values.iter().all(|value| value.is_finite()), || {
        "gain and frequencies must be finite".to_owned()
    })
}

fn within(place: &str, error: Error) -> Error {
    Error::Config(format!("{place}: {error}"))
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
