//! A layer: residual sums of branches, each a mixer or a feed-forward between norms.

use std::collections::HashSet;

use serde::Deserialize;

use super::attention::{Attention, Latent};
use super::checks::{check, finite, within};
use super::feed_forward::{LayerInput, Mlp, Moe};
use super::norm::Norm;
use super::recurrent::{Recurrent, ShortConv};
use crate::Result;

/// Residual sums, one after the other.
pub type Layer = Vec<Sum>;

/// `x = after(x + sum of branches of before(x))`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sum {
    /// What is added.
    pub branches: Vec<Branch>,
    /// One norm for all branches.
    pub before: Option<Norm>,
    /// The norm of the sum.
    pub after: Option<Norm>,
    /// Multiplies what is kept of x.
    pub keep: f32,
    /// What is kept is `before(x)`.
    pub normed: bool,
    /// `layers.{i}.scale` multiplies x afterwards.
    pub scale_weight: bool,
}

/// `after(body(before(x))) * scale`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Branch {
    /// What its norms' names begin with: attn, cross, mlp.
    pub name: String,
    /// What it computes.
    pub body: Body,
    /// The norm of what it reads.
    pub before: Option<Norm>,
    /// The norm of what it adds.
    pub after: Option<Norm>,
    /// Multiplies what it adds.
    pub scale: f32,
    /// A vector multiplies what it adds, too.
    pub scale_weight: bool,
}

/// A mixer of positions, or what works on each position by itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// Softmax attention.
    Attention(Attention),
    /// Attention over a compressed form of keys and values.
    Latent(Latent),
    /// A linear recurrence.
    Recurrent(Recurrent),
    /// A short convolution between two gates.
    Conv(ShortConv),
    /// A dense feed-forward.
    Mlp(Mlp),
    /// A sparse feed-forward.
    Moe(Moe),
    /// What a layer adds of a token's own vector for it.
    LayerInput(LayerInput),
}

impl Branch {
    /// What the names of the body's weights begin with.
    pub fn prefix(&self) -> &str {
        match self.body {
            Body::Attention(_) | Body::Mlp(_) => &self.name,
            Body::Latent(_) => "latent",
            Body::Recurrent(_) => "recurrent",
            Body::Conv(_) => "conv",
            Body::Moe(_) => "moe",
            Body::LayerInput(_) => "layer_input",
        }
    }

    fn check(&self, layer: usize) -> Result<()> {
        let letters = self.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        check(letters && !self.name.is_empty(), || format!("{:?} is no name of a branch", self.name))?;
        finite("scale", self.scale)?;
        [&self.before, &self.after].into_iter().flatten().try_for_each(Norm::check)?;
        match &self.body {
            Body::Attention(body) => body.check(layer),
            Body::Latent(body) => body.check(),
            Body::Recurrent(body) => body.check(),
            Body::Conv(body) => body.check(),
            Body::Mlp(body) => body.check(),
            Body::Moe(body) => body.check(),
            Body::LayerInput(body) => body.check(),
        }
    }
}

/// Checks one layer; `index` is the first place where it stands.
pub(super) fn check_layer(layer: &Layer, index: usize) -> Result<()> {
    let (mut names, mut norms) = (HashSet::new(), HashSet::new());
    for sum in layer {
        check(!sum.branches.is_empty(), || "a sum without branches".to_owned())?;
        finite("keep", sum.keep)?;
        check(!sum.normed || sum.before.is_some(), || {
            "normed is true, but there is no norm before".to_owned()
        })?;
        [&sum.before, &sum.after].into_iter().flatten().try_for_each(Norm::check)?;
        let shared = usize::from(sum.before.is_some()) + usize::from(sum.after.is_some());
        let first = &sum.branches[0];
        check(shared + usize::from(shared > 0 && first.before.is_some()) <= 1, || {
            format!("two norms would be called {}_norm", first.name)
        })?;
        for branch in &sum.branches {
            branch.check(index).map_err(|error| within(&branch.name, error))?;
            check(names.insert(branch.prefix()), || format!("two branches lie under {:?}", branch.prefix()))?;
            let normed = branch.before.is_some() || branch.after.is_some();
            check(!normed || norms.insert(&branch.name), || {
                format!("two branches {:?} with norms", branch.name)
            })?;
        }
    }
    Ok(())
}
