//! How wide the buffers between the steps are: the widest that any layer needs.

use super::spec::{FeedForward, Mixer, Spec};

/// Elements a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Widths {
    pub(super) stream: usize,
    pub(super) heads: [usize; 3], // queries, keys, values
    pub(super) mixed: usize,
    pub(super) hidden: usize,
    /// Of the embedding, where it differs from the stream; else nothing.
    pub(super) outer: usize,
}

impl Widths {
    pub(super) fn of(spec: &Spec) -> Self {
        let attentions = || {
            spec.layers.iter().map(|layer| match &layer.mixer {
                Mixer::Attention(attention) => attention,
            })
        };
        let hidden = spec.layers.iter().map(|layer| match &layer.feed_forward {
            FeedForward::Mlp(mlp) => mlp.width,
            FeedForward::Moe(moe) => moe.shared_width.unwrap_or(0),
        });
        Self {
            stream: spec.width,
            heads: [
                attentions().map(|a| a.heads * a.head_dim).max().unwrap_or(0),
                attentions().map(|a| a.kv_heads * a.head_dim).max().unwrap_or(0),
                attentions().map(|a| a.kv_heads * a.value_dim).max().unwrap_or(0),
            ],
            mixed: attentions().map(|a| a.heads * a.value_dim).max().unwrap_or(0),
            hidden: hidden.max().unwrap_or(0),
            outer: spec.embed_width.unwrap_or(0),
        }
    }

    /// Bytes of all buffers for a token: the stream and a branch, the heads, two sides of the hidden, and the inputs of
    /// the matrices as floats and as codes with their scales.
    pub(super) fn bytes(&self) -> usize {
        let between =
            2 * self.stream + self.heads.iter().sum::<usize>() + self.mixed + 2 * self.hidden + self.outer;
        let inputs = 2 * self.stream + self.mixed + self.hidden + self.outer;
        4 * between + 4 * inputs + inputs * 11 / 8
    }
}
