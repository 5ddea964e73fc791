//! A Spec and its weights as the list of steps that a forward pass runs; made once, at load.

use std::sync::Arc;

use super::spec::{Activation, Attention, FeedForward, Layer, Mixer, Mlp, NormKind, QkNorm, Spec};
use super::weights::{Loader, Weight};
use crate::kernels::Input;
use crate::Result;

/// The steps, in order, and the widths of the buffers between them.
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// Columns of every kind of input a `Linear` takes; `Linear::input` is an index.
    pub(super) inputs: Vec<usize>,
    pub(super) heads_widths: [usize; 3], // queries, keys, values
    pub(super) mixed_width: usize,
    pub(super) hidden_width: usize,
}

/// One step; `x` is the residual stream.
pub(super) enum Step {
    /// `x = embed[token] * scale`
    Embed { weight: Arc<Weight>, scale: f32 },
    /// Matrices that share an input.
    Linear(Linear),
    /// Cached attention, heads -> mixed.
    Attend(Attend),
    /// `x += scale * norm(branch)`
    Sum { norm: NormWeights, scale: f32 },
}

/// Where a `Linear` reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Stream,
    Mixed,
    Hidden,
}

/// What a `Linear` does with its outputs.
pub(super) enum Sink {
    /// Side by side, as queries, keys and values.
    Heads,
    /// Activated, and multiplied by the second matrix's if there is one.
    Hidden(Activation),
    /// `x += scale * output`
    Stream { scale: f32 },
    /// Kept for a norm.
    Branch,
    /// `cap(output * scale)`, only for the tokens whose logits are wanted.
    Logits { scale: f32, cap: Option<f32> },
}

/// `sink(matrices * norm(source) + biases)`
pub(super) struct Linear {
    pub(super) source: Source,
    pub(super) norm: Option<NormWeights>,
    pub(super) input: usize,
    pub(super) parts: Vec<Part>,
    pub(super) sink: Sink,
}

impl Linear {
    /// Which forms of the input its matrices want.
    pub(super) fn wants(&self, form: Input) -> bool {
        self.parts.iter().any(|part| part.weight.matrix().input() == form)
    }

    /// Whether it makes the logits, and so reads only some tokens.
    pub(super) fn is_last(&self) -> bool {
        matches!(self.sink, Sink::Logits { .. })
    }

    /// Rows of all matrices that stand side by side, or of one of those that are multiplied.
    pub(super) fn rows(&self) -> usize {
        match self.sink {
            Sink::Hidden(_) => self.parts[0].weight.rows(),
            _ => self.parts.iter().map(|part| part.weight.rows()).sum(),
        }
    }
}

/// One matrix of a `Linear`.
pub(super) struct Part {
    pub(super) weight: Arc<Weight>,
    pub(super) bias: Option<Vec<f32>>,
}

/// A norm.
pub(super) struct NormWeights {
    pub(super) kind: NormKind,
    pub(super) eps: f32,
    pub(super) offset: f32,
    pub(super) weight: Vec<f32>,
    pub(super) bias: Option<Vec<f32>>,
}

/// An attention layer between its matrices.
pub(super) struct Attend {
    pub(super) layer: usize,
    pub(super) spec: Attention,
    pub(super) interleaved: bool,
    pub(super) q_norm: Option<NormWeights>,
    pub(super) k_norm: Option<NormWeights>,
}

impl Attend {
    /// Whether a head can be prepared without the other heads of its token.
    pub(super) fn heads_are_independent(&self) -> bool {
        self.spec.qk_norm != Some(QkNorm::Whole)
    }
}

/// Builds the program and takes every weight that it needs.
pub(super) fn build(spec: &Spec, loader: &mut Loader<'_>) -> Result<Program> {
    let mut builder = Builder { spec, loader, steps: Vec::new(), inputs: Vec::new() };
    let embed = Arc::new(builder.loader.table("embed.weight", spec.vocab, spec.width)?);
    builder.steps.push(Step::Embed { weight: Arc::clone(&embed), scale: spec.embed_scale });
    for (index, layer) in spec.layers.iter().enumerate() {
        builder.layer(index, layer)?;
    }
    builder.head(embed)?;
    let attentions = || {
        spec.layers.iter().map(|layer| match &layer.mixer {
            Mixer::Attention(attention) => attention,
        })
    };
    let hidden = spec.layers.iter().map(|layer| match &layer.feed_forward {
        FeedForward::Mlp(mlp) => mlp.width,
    });
    let widest = |width: fn(&Attention) -> usize| attentions().map(width).max().unwrap_or(0);
    Ok(Program {
        heads_widths: [
            widest(|a| a.heads * a.head_dim),
            widest(|a| a.kv_heads * a.head_dim),
            widest(|a| a.kv_heads * a.value_dim),
        ],
        mixed_width: widest(|a| a.heads * a.value_dim),
        hidden_width: hidden.max().unwrap_or(0),
        steps: builder.steps,
        inputs: builder.inputs,
    })
}

struct Builder<'a, 'b> {
    spec: &'a Spec,
    loader: &'a mut Loader<'b>,
    steps: Vec<Step>,
    inputs: Vec<usize>,
}

impl Builder<'_, '_> {
    fn layer(&mut self, index: usize, layer: &Layer) -> Result<()> {
        let name = format!("layers.{index}");
        match &layer.mixer {
            Mixer::Attention(attention) => self.attention(index, attention, layer)?,
        }
        match &layer.feed_forward {
            FeedForward::Mlp(mlp) => self.mlp(&name, mlp, layer),
        }
    }

    fn attention(&mut self, index: usize, spec: &Attention, layer: &Layer) -> Result<()> {
        let (name, width) = (format!("layers.{index}"), self.spec.width);
        let norm = self.norm_if(layer.norms.attn, &format!("{name}.attn_norm"), width)?;
        let (queries, keys) = (spec.heads * spec.head_dim, spec.kv_heads * spec.head_dim);
        let parts = vec![
            self.part(&format!("{name}.attn.q"), queries, width, spec.q_bias)?,
            self.part(&format!("{name}.attn.k"), keys, width, spec.k_bias)?,
            self.part(&format!("{name}.attn.v"), spec.kv_heads * spec.value_dim, width, spec.v_bias)?,
        ];
        self.linear(Source::Stream, norm, parts, Sink::Heads);
        let (q_width, k_width) = match spec.qk_norm {
            Some(QkNorm::Whole) => (queries, keys),
            _ => (spec.head_dim, spec.head_dim),
        };
        let attend = Attend {
            layer: index,
            spec: spec.clone(),
            interleaved: spec.rope.is_some_and(|rope| self.spec.ropes[rope].interleaved),
            q_norm: self.norm_if(spec.qk_norm.is_some(), &format!("{name}.attn.q_norm"), q_width)?,
            k_norm: self.norm_if(spec.qk_norm.is_some(), &format!("{name}.attn.k_norm"), k_width)?,
        };
        self.steps.push(Step::Attend(attend));
        let output = self.part(&format!("{name}.attn.o"), width, spec.heads * spec.value_dim, spec.o_bias)?;
        let post = self.norm_if(layer.norms.attn_post, &format!("{name}.attn_post_norm"), width)?;
        self.branch(Source::Mixed, output, post);
        Ok(())
    }

    fn mlp(&mut self, name: &str, spec: &Mlp, layer: &Layer) -> Result<()> {
        let width = self.spec.width;
        let norm = self.norm_if(layer.norms.mlp, &format!("{name}.mlp_norm"), width)?;
        let mut parts = Vec::new();
        if spec.gated {
            parts.push(self.part(&format!("{name}.mlp.gate"), spec.width, width, spec.bias)?);
        }
        parts.push(self.part(&format!("{name}.mlp.up"), spec.width, width, spec.bias)?);
        self.linear(Source::Stream, norm, parts, Sink::Hidden(spec.activation));
        let down = self.part(&format!("{name}.mlp.down"), width, spec.width, spec.bias)?;
        let post = self.norm_if(layer.norms.mlp_post, &format!("{name}.mlp_post_norm"), width)?;
        self.branch(Source::Hidden, down, post);
        Ok(())
    }

    fn head(&mut self, embed: Arc<Weight>) -> Result<()> {
        let spec = self.spec;
        let norm = self.norm_if(spec.final_norm, "norm", spec.width)?;
        let weight = match spec.tied_head {
            true => Arc::new(self.loader.tied(&embed)),
            false => Arc::new(self.loader.matrix("head.weight", spec.vocab, spec.width)?),
        };
        let bias = self.loader.vector_if(spec.head_bias, "head.bias", spec.vocab)?;
        let sink = Sink::Logits { scale: spec.logit_scale, cap: spec.logit_softcap };
        self.linear(Source::Stream, norm, vec![Part { weight, bias }], sink);
        Ok(())
    }

    /// A matrix whose output joins the stream, through a norm if there is one.
    fn branch(&mut self, source: Source, part: Part, post: Option<NormWeights>) {
        let scale = self.spec.residual_scale;
        match post {
            None => self.linear(source, None, vec![part], Sink::Stream { scale }),
            Some(norm) => {
                self.linear(source, None, vec![part], Sink::Branch);
                self.steps.push(Step::Sum { norm, scale });
            }
        }
    }

    fn linear(&mut self, source: Source, norm: Option<NormWeights>, parts: Vec<Part>, sink: Sink) {
        let cols = parts[0].weight.cols();
        let input = self.inputs.iter().position(|&known| known == cols).unwrap_or_else(|| {
            self.inputs.push(cols);
            self.inputs.len() - 1
        });
        self.steps.push(Step::Linear(Linear { source, norm, input, parts, sink }));
    }

    fn part(&mut self, name: &str, rows: usize, cols: usize, bias: bool) -> Result<Part> {
        let weight = Arc::new(self.loader.matrix(&format!("{name}.weight"), rows, cols)?);
        Ok(Part { weight, bias: self.loader.vector_if(bias, &format!("{name}.bias"), rows)? })
    }

    fn norm_if(&mut self, present: bool, name: &str, width: usize) -> Result<Option<NormWeights>> {
        if !present {
            return Ok(None);
        }
        let norm = &self.spec.norm;
        let weight = self.loader.vector(&format!("{name}.weight"), width)?;
        let bias = format!("{name}.bias");
        let biased = norm.kind == NormKind::Layer && self.loader.has(&bias);
        let bias = self.loader.vector_if(biased, &bias, width)?;
        Ok(Some(NormWeights { kind: norm.kind, eps: norm.eps, offset: norm.offset, weight, bias }))
    }
}
