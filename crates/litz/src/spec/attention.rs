//! Softmax attention over keys and values, and over their compressed form.

use serde::Deserialize;

use super::checks::{cap, check, finite, positive, positive_if};
use super::norm::Norm;
use super::position::{PositionBias, Rope, Temper};
use crate::Result;

/// Which keys a query sees.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// Those up to itself.
    pub causal: bool,
    /// Those less than so far away.
    pub window: Option<Window>,
    /// Those of its own block of so many positions.
    pub chunk: Option<usize>,
    /// Tokens of one group see each other.
    pub groups: bool,
}

/// How far a query sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Window {
    /// Less than this, on each side that the mask leaves open.
    Even(usize),
    /// Less than these to the left and right.
    Sides(usize, usize),
}

/// Softmax attention; query heads share key heads in equal groups.
#[derive(Clone, Debug, PartialEq, Deserialize)]
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
    /// Which keys a query sees.
    pub mask: Mask,
    /// The rotation of queries and keys.
    pub rope: Option<Rope>,
    /// Added to the scaled scores.
    pub position_bias: Option<PositionBias>,
    /// Caps the scores as `cap * tanh(score / cap)`.
    pub softcap: Option<f32>,
    /// Which of q, k, v and o have a bias.
    pub bias: String,
    /// The norm of queries.
    pub q_norm: Option<Norm>,
    /// The norm of keys.
    pub k_norm: Option<Norm>,
    /// The norm of values.
    pub v_norm: Option<Norm>,
    /// The norm of the mixed heads, before o.
    pub o_norm: Option<Norm>,
    /// Over what the norms of queries and keys run.
    pub norm_over: NormOver,
    /// Queries and keys are normed after their rotation.
    pub norm_last: bool,
    /// The mixed heads are multiplied by a sigmoid.
    pub gate: Option<Gate>,
    /// A learned score a head joins the softmax and has no value.
    pub sinks: bool,
    /// Keys and values come from the memory tower.
    pub memory: Option<Memory>,
    /// Keys and values are those of this layer.
    pub keys_of: Option<usize>,
    /// Values are the keys before their norm and rotation.
    pub keys_are_values: bool,
    /// Multiplies the values.
    pub value_scale: f32,
    /// Queries, keys and values are clamped to this.
    pub clip: Option<f32>,
    /// Queries grow with their position.
    pub temper: Option<Temper>,
}

/// Over what the norm of queries and keys runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormOver {
    /// Each head by itself, one weight for all heads.
    Head,
    /// All heads at once.
    Whole,
    /// Each head by itself, with weights of its own.
    Each,
}

/// What an output gate multiplies by one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// A head.
    Head,
    /// An element of a head.
    Channel,
}

/// How the memory tower's output is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Memory {
    /// All keys and values are the memory's.
    Alone,
    /// The memory's keys and values join one's own.
    Joined,
}

/// Attention whose keys and values are products of one latent vector a token.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latent {
    /// Heads.
    pub heads: usize,
    /// Elements of the latent vector.
    pub rank: usize,
    /// Elements of a query or key head that do not rotate.
    pub nope_dim: usize,
    /// Elements of a query or key head that rotate; all heads share the key's.
    pub rope_dim: usize,
    /// Elements of a value head.
    pub value_dim: usize,
    /// Multiplies the scores.
    pub scale: f32,
    /// Elements of the queries' latent vector, if they have one.
    pub q_rank: Option<usize>,
    /// Which keys a query sees.
    pub mask: Mask,
    /// The rotation.
    pub rope: Option<Rope>,
    /// The norm of the queries' latent vector.
    pub q_norm: Option<Norm>,
    /// The norm of the latent vector.
    pub kv_norm: Option<Norm>,
    /// Which projections have a bias: a (into the latent vectors), o.
    pub bias: String,
    /// The mixed heads are multiplied by a sigmoid.
    pub gate: Option<Gate>,
    /// A learned score a head joins the softmax.
    pub sinks: bool,
    /// Queries grow with their position.
    pub temper: Option<Temper>,
    /// A small attention picks the keys.
    pub index: Option<Indexer>,
}

/// A small attention that picks the keys that a query may see.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Indexer {
    /// Heads.
    pub heads: usize,
    /// Elements of a head.
    pub head_dim: usize,
    /// How many keys or blocks are picked.
    pub top_k: usize,
    /// The rotation.
    pub rope: Option<Rope>,
    /// Keys of a block.
    pub block: usize,
    /// What stands for a block.
    pub pool: IndexPool,
}

/// What stands for a block of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IndexPool {
    /// Their mean.
    Mean,
    /// A learned combination.
    Learned,
}

impl Mask {
    fn check(&self) -> Result<()> {
        let zero = matches!(self.window, Some(Window::Even(0) | Window::Sides(0, _) | Window::Sides(_, 0)));
        check(!zero, || "window is 0, expected at least 1 or null".to_owned())?;
        positive_if("chunk", self.chunk)
    }
}

impl Attention {
    /// How many query heads share a key head.
    pub fn group(&self) -> usize {
        self.heads / self.kv_heads
    }

    /// Whether this one of q, k, v and o has a bias.
    pub fn has_bias(&self, of: char) -> bool {
        self.bias.contains(of)
    }

    pub(super) fn check(&self, layer: usize) -> Result<()> {
        let sizes = [self.heads, self.kv_heads, self.head_dim, self.value_dim];
        for (name, size) in ["heads", "kv_heads", "head_dim", "value_dim"].into_iter().zip(sizes) {
            positive(name, size)?;
        }
        check(self.heads.is_multiple_of(self.kv_heads), || {
            format!("{} heads are no multiple of {} kv_heads", self.heads, self.kv_heads)
        })?;
        positive("heads * head_dim", self.heads.saturating_mul(self.head_dim.max(self.value_dim)))?;
        finite("scale", self.scale)?;
        finite("value_scale", self.value_scale)?;
        cap("softcap", self.softcap)?;
        cap("clip", self.clip)?;
        biases(&self.bias, "qkvo")?;
        self.mask.check()?;
        self.check_norms()?;
        self.check_rope(self.rope.as_ref(), self.head_dim)?;
        self.temper.as_ref().map_or(Ok(()), Temper::check)?;
        check(self.keys_of.is_none_or(|source| source < layer), || {
            format!("keys_of is {:?}, expected an earlier layer than {layer}", self.keys_of)
        })?;
        check(!self.keys_are_values || self.head_dim == self.value_dim, || {
            "keys_are_values needs value_dim = head_dim".to_owned()
        })?;
        self.position_bias.as_ref().map_or(Ok(()), |bias| bias.check(self.heads, self.softcap))
    }

    fn check_norms(&self) -> Result<()> {
        let norms = [&self.q_norm, &self.k_norm, &self.v_norm, &self.o_norm];
        norms.into_iter().flatten().try_for_each(Norm::check)
    }

    fn check_rope(&self, rope: Option<&Rope>, head_dim: usize) -> Result<()> {
        rope_within(rope, "head_dim", head_dim)
    }
}

impl Latent {
    pub(super) fn check(&self) -> Result<()> {
        let sizes = [self.heads, self.rank, self.nope_dim + self.rope_dim, self.value_dim];
        for (name, size) in ["heads", "rank", "nope_dim + rope_dim", "value_dim"].into_iter().zip(sizes) {
            positive(name, size)?;
        }
        positive_if("q_rank", self.q_rank)?;
        let widest = (self.nope_dim + self.rope_dim).max(self.value_dim);
        positive("heads * head size", self.heads.saturating_mul(widest))?;
        finite("scale", self.scale)?;
        biases(&self.bias, "ao")?;
        self.mask.check()?;
        [&self.q_norm, &self.kv_norm].into_iter().flatten().try_for_each(Norm::check)?;
        rope_within(self.rope.as_ref(), "rope_dim", self.rope_dim)?;
        self.temper.as_ref().map_or(Ok(()), Temper::check)?;
        self.index.as_ref().map_or(Ok(()), Indexer::check)
    }
}

impl Indexer {
    fn check(&self) -> Result<()> {
        let sizes = [self.heads, self.head_dim, self.top_k, self.block];
        for (name, size) in ["heads", "head_dim", "top_k", "block"].into_iter().zip(sizes) {
            positive(&format!("index.{name}"), size)?;
        }
        rope_within(self.rope.as_ref(), "index.head_dim", self.head_dim)
    }
}

fn rope_within(rope: Option<&Rope>, name: &str, size: usize) -> Result<()> {
    let Some(rope) = rope else { return Ok(()) };
    rope.check()?;
    check(rope.dim <= size, || format!("the rope rotates {} elements, but {name} is {size}", rope.dim))
}

/// Each letter at most once, in order.
fn biases(found: &str, allowed: &str) -> Result<()> {
    let mut rest = allowed.chars();
    check(found.chars().all(|letter| rest.any(|next| next == letter)), || {
        format!("bias is {found:?}, expected letters of {allowed:?}, in this order")
    })
}
