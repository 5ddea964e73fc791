//! A tower: what enters, a stack of layers, and the norm that ends it.

use std::collections::HashMap;

use serde::Deserialize;

use super::checks::{at_most_largest, check, finite, positive, positive_if, within};
use super::feed_forward::Activation;
use super::layer::{check_layer, Layer};
use super::norm::Norm;
use super::position::Positions;
use crate::Result;

/// No tower may have more layers.
const LAYERS: usize = 4096;

/// A stem, layers and a norm.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tower {
    /// The width of the residual stream.
    pub width: usize,
    /// The longest sequence.
    pub context: usize,
    /// What enters.
    pub stem: Stem,
    /// Layers that differ from each other.
    pub kinds: Vec<Layer>,
    /// Which of them each layer is, first to last.
    pub layers: Vec<usize>,
    /// The norm after the last layer.
    pub norm: Option<Norm>,
    /// The tower whose output cross-attention reads.
    pub memory: Option<String>,
    /// Several residual streams.
    pub streams: Option<Streams>,
    /// A second embedding, with a vector for each layer.
    pub layer_inputs: Option<LayerInputs>,
    /// Layer i has the weights of `layers.{weights_of[i]}`; empty: each has its own.
    #[serde(default)]
    pub weights_of: Vec<usize>,
}

/// The first part of a tower: it maps the model's input to vectors.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Stem {
    /// Of token ids.
    Tokens(TokenStem),
    /// Of an image.
    Patches(PatchStem),
    /// Of a waveform or its spectrogram.
    Waves(WaveStem),
}

/// `norm(embed[id] * scale + positions + types)`, with a projection first or last.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenStem {
    /// Rows of the embedding.
    pub vocab: usize,
    /// The embedding's own width.
    pub width: usize,
    /// Multiplies the embedding rows.
    pub scale: f32,
    /// Learned positions.
    pub positions: Option<Positions>,
    /// Rows of the token types' table; 0: none.
    pub types: usize,
    /// Rows of the tasks' table; 0: none.
    pub tasks: usize,
    /// The norm at its end.
    pub norm: Option<Norm>,
    /// Where a projection to the tower's width stands.
    pub project: Option<Project>,
    /// The projection has a bias.
    pub project_bias: bool,
}

/// Where a stem's projection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Project {
    /// Before anything is added to the embedding.
    First,
    /// After the norm.
    Last,
}

/// Patches through one matrix, tokens of its own in front, positions added.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PatchStem {
    /// Channels of the image.
    pub channels: usize,
    /// Rows and columns of a patch.
    pub patch: (usize, usize),
    /// Frames of a patch.
    pub frames: usize,
    /// The matrix has a bias.
    pub bias: bool,
    /// A class token.
    pub cls: bool,
    /// A distillation token.
    pub distill: bool,
    /// Register tokens.
    pub registers: usize,
    /// Rows of the learned positions; 0: none.
    pub positions: usize,
    /// The norm at its end.
    pub norm: Option<Norm>,
}

/// Convolutions over time, a projection, positions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaveStem {
    /// 1 for a waveform, the bands of a spectrogram.
    pub channels: usize,
    /// The convolutions.
    pub convolutions: Vec<Convolution>,
    /// The norm of what the projection reads.
    pub norm: Option<Norm>,
    /// A projection to the tower's width.
    pub project: bool,
    /// Rows of a table of positions; 0: none.
    pub positions: usize,
}

/// A convolution over time with its norm and activation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    /// Channels that it makes.
    pub width: usize,
    /// Steps that it sees.
    pub kernel: usize,
    /// Steps between two outputs.
    pub stride: usize,
    /// Zeros on each side.
    pub padding: usize,
    /// It has a bias.
    pub bias: bool,
    /// Its norm.
    pub norm: Option<Norm>,
    /// Groups of a group norm instead.
    pub groups: usize,
    /// Its activation.
    pub activation: Option<Activation>,
}

/// Several residual streams, mixed before and after each sum.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Streams {
    /// How many there are.
    pub count: usize,
    /// Steps of Sinkhorn's normalisation; 0: gates.
    pub steps: usize,
    /// Added to its sums.
    pub eps: f32,
}

/// A second embedding, with a vector for each token and layer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerInputs {
    /// Its rows.
    pub vocab: usize,
    /// Elements for each layer.
    pub width: usize,
    /// Multiplies them.
    pub scale: f32,
    /// The norm of what the residual adds.
    pub norm: Option<Norm>,
}

impl Tower {
    /// The layers, first to last.
    pub fn layers(&self) -> impl ExactSizeIterator<Item = &Layer> {
        self.layers.iter().map(|&kind| &self.kinds[kind])
    }

    /// The stem, where it takes tokens.
    pub fn tokens(&self) -> Option<&TokenStem> {
        match &self.stem {
            Stem::Tokens(stem) => Some(stem),
            Stem::Patches(_) | Stem::Waves(_) => None,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        positive("width", self.width)?;
        positive("context", self.context)?;
        self.stem.check(self)?;
        let count = self.layers.len();
        check(count <= LAYERS, || format!("{count} layers, expected at most {LAYERS}"))?;
        for (index, layer) in self.kinds.iter().enumerate() {
            let place = self.layers.iter().position(|&kind| kind == index);
            let Some(place) = place else { return check(false, || format!("no layer is of kind {index}")) };
            check_layer(layer, place).map_err(|error| within(&format!("layers[{place}]"), error))?;
        }
        check(self.layers.iter().all(|&kind| kind < self.kinds.len()), || {
            format!("a layer is of a kind beyond the {} there are", self.kinds.len())
        })?;
        self.check_weights_of()?;
        self.norm.as_ref().map_or(Ok(()), Norm::check)?;
        if let Some(streams) = &self.streams {
            positive("streams.count", streams.count)?;
            finite("streams.eps", streams.eps)?;
        }
        if let Some(inputs) = &self.layer_inputs {
            positive("layer_inputs.vocab", inputs.vocab)?;
            positive("layer_inputs.width", inputs.width)?;
            finite("layer_inputs.scale", inputs.scale)?;
        }
        Ok(())
    }
}

impl Tower {
    /// Layers that share weights must be of one kind.
    fn check_weights_of(&self) -> Result<()> {
        let (count, found) = (self.layers.len(), self.weights_of.len());
        check(found == 0 || found == count, || {
            format!("weights_of has {found} entries, expected none or {count}, one for each layer")
        })?;
        let mut kinds = HashMap::new();
        for (&own, &kind) in self.weights_of.iter().zip(&self.layers) {
            check(own < count, || format!("weights_of names layer {own}, of {count}"))?;
            check(*kinds.entry(own).or_insert(kind) == kind, || {
                format!("layers that differ have the weights of layer {own}")
            })?;
        }
        Ok(())
    }
}

impl Stem {
    fn check(&self, tower: &Tower) -> Result<()> {
        match self {
            Self::Tokens(stem) => stem.check(tower),
            Self::Patches(stem) => {
                let (rows, columns) = stem.patch;
                for (name, size) in [("channels", stem.channels), ("frames", stem.frames)] {
                    positive(name, size)?;
                }
                let pixels =
                    rows.saturating_mul(columns).saturating_mul(stem.channels).saturating_mul(stem.frames);
                positive("patch", pixels)?;
                at_most_largest("registers", stem.registers)?;
                at_most_largest("positions", stem.positions)?;
                stem.norm.as_ref().map_or(Ok(()), Norm::check)
            }
            Self::Waves(stem) => {
                positive("channels", stem.channels)?;
                stem.convolutions.iter().try_for_each(Convolution::check)?;
                at_most_largest("positions", stem.positions)?;
                stem.norm.as_ref().map_or(Ok(()), Norm::check)
            }
        }
    }
}

impl TokenStem {
    fn check(&self, tower: &Tower) -> Result<()> {
        positive("vocab", self.vocab)?;
        positive("the embedding's width", self.width)?;
        finite("embed_scale", self.scale)?;
        at_most_largest("types", self.types)?;
        at_most_largest("tasks", self.tasks)?;
        check(self.project.is_some() || self.width == tower.width, || {
            format!("an embedding of width {} in a tower of {}, and no projection", self.width, tower.width)
        })?;
        self.positions.as_ref().map_or(Ok(()), |positions| positions.check(tower.context))?;
        self.norm.as_ref().map_or(Ok(()), Norm::check)
    }
}

impl Convolution {
    fn check(&self) -> Result<()> {
        for (name, size) in [("width", self.width), ("kernel", self.kernel), ("stride", self.stride)] {
            positive(name, size)?;
        }
        positive_if("groups", (self.groups > 0).then_some(self.groups))?;
        at_most_largest("padding", self.padding)?;
        self.norm.as_ref().map_or(Ok(()), Norm::check)
    }
}
