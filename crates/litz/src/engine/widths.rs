//! How wide the buffers between the steps are: the widest that any layer needs.

use super::experts::BLOCK;
use super::routing::rows_of;
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
    /// The most experts, the most that a token chooses, and their hidden width.
    pub(super) scores: usize,
    pub(super) top_k: usize,
    pub(super) expert: usize,
}

impl Widths {
    pub(super) fn of(spec: &Spec) -> Self {
        let mut widths = Self { stream: spec.width, outer: spec.embed_width.unwrap_or(0), ..Self::default() };
        for layer in &spec.layers {
            let Mixer::Attention(a) = &layer.mixer;
            let heads = [a.heads * a.head_dim, a.kv_heads * a.head_dim, a.kv_heads * a.value_dim];
            for (widest, width) in widths.heads.iter_mut().zip(heads) {
                widen(widest, width);
            }
            widen(&mut widths.mixed, a.heads * a.value_dim);
            match &layer.feed_forward {
                FeedForward::Mlp(mlp) => widen(&mut widths.hidden, mlp.width),
                FeedForward::Moe(moe) => {
                    widen(&mut widths.hidden, moe.shared_width.unwrap_or(0));
                    widen(&mut widths.scores, moe.experts);
                    widen(&mut widths.top_k, moe.top_k);
                    widen(&mut widths.expert, moe.width);
                }
            }
        }
        widths
    }

    /// Bytes of all buffers for a chunk: the stream and a branch, the heads, two sides of the hidden, the inputs of the
    /// matrices as floats and as codes, the same for rows in the order of their experts, and a worker's outputs.
    pub(super) fn bytes(&self, tokens: usize) -> usize {
        let sides: usize = self.heads.iter().sum();
        let between = 2 * self.stream + sides + self.mixed + 2 * self.hidden + self.outer + self.scores;
        let inputs = 2 * self.stream + self.mixed + self.hidden + self.outer;
        let chosen = rows_of(tokens, self.top_k, self.scores);
        let each = 4 * 2 * self.expert + input_bytes(self.stream) + input_bytes(self.expert);
        let worker = if self.scores == 0 { 0 } else { 4 * BLOCK * self.stream };
        tokens * (4 * between + input_bytes(inputs)) + chosen * each + worker
    }
}

fn widen(widest: &mut usize, width: usize) {
    *widest = width.max(*widest);
}

/// Bytes of a row as floats and as codes: 22 words for 32 of them.
fn input_bytes(cols: usize) -> usize {
    4 * cols + cols * 22 / 8
}
