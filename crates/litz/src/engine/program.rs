//! A Spec and its weights as the list of steps that a forward pass runs; `build` makes it once, at load.

use std::sync::Arc;

use super::core::Core;
use super::session::ROWS;
use super::spec::{Activation, Attention, NormKind, QkNorm};
use super::weights::Weight;
use super::widths::Widths;
use crate::kernels::Input;

/// The steps, in order, and the widths of the buffers between them.
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// Every kind of input that a `Linear` takes; `Read::input` is an index.
    pub(super) inputs: Vec<InputKind>,
    pub(super) widths: Widths,
}

/// Rows that wait for matrices. Reads that may wait at one time are of different kinds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct InputKind {
    pub(super) source: Source,
    pub(super) cols: usize,
    /// Counts the reads of one step that are the same otherwise.
    pub(super) number: usize,
}

/// One step; `x` is the residual stream.
pub(super) enum Step {
    /// `x = embed[token] * scale`, or the outer rows where the embedding has its own width.
    Embed { weight: Arc<Weight>, scale: f32 },
    /// `x = norm(x + positions[position + offset])`
    Enter { positions: Option<LearnedPositions>, norm: Option<NormWeights> },
    /// Matrices that run at once.
    Linear(Linear),
    /// Cached attention, heads -> mixed.
    Attend(Attend),
    /// `x += scale * norm(branch)`
    Sum { norm: NormWeights, scale: f32 },
    /// `x = norm(x)`
    Norm(NormWeights),
}

/// The table of learned positions.
pub(super) struct LearnedPositions {
    pub(super) weight: Weight,
    pub(super) offset: usize,
}

/// Where a `Linear` reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Stream,
    Mixed,
    Hidden,
    /// Rows of the embedding's own width.
    Outer,
}

/// What a `Linear` does with an output.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sink {
    /// Queries, keys or values, by number.
    Heads(usize),
    /// The first term activated, times the second if there is one.
    Hidden(Activation),
    /// `x += scale * term` for each term.
    Stream { scale: f32 },
    /// Kept for a norm.
    Branch,
    /// `x = term`
    Start,
    /// Rows of the embedding's own width.
    Outer,
    /// `cap(term * scale)`
    Logits { scale: f32, cap: Option<f32> },
}

/// Matrices, the inputs that they read and the outputs that they make.
pub(super) struct Linear {
    pub(super) reads: Vec<Read>,
    pub(super) outputs: Vec<Output>,
    /// Only the rows whose logits are wanted.
    pub(super) last: bool,
}

/// `norm(source)`
pub(super) struct Read {
    pub(super) source: Source,
    pub(super) norm: Option<NormWeights>,
    pub(super) input: usize,
}

/// Matrices whose outputs meet, row by row.
pub(super) struct Output {
    pub(super) terms: Vec<Term>,
    pub(super) sink: Sink,
}

/// `weight * read + bias`
pub(super) struct Term {
    pub(super) read: usize,
    pub(super) weight: Arc<Weight>,
    pub(super) bias: Option<Vec<f32>>,
}

impl Linear {
    /// Whether any matrix takes this form of a read.
    pub(super) fn wants(&self, core: &Core, read: usize, form: Input) -> bool {
        let terms = self.outputs.iter().flat_map(|output| &output.terms);
        terms.into_iter().any(|term| term.read == read && core.input(&term.weight.matrix()) == form)
    }

    /// Whether matrices of floats read the source itself: its rows are what they want.
    pub(super) fn is_direct(&self, read: usize) -> bool {
        let read = &self.reads[read];
        read.norm.is_none() && !(self.last && read.source == Source::Stream)
    }

    /// Rows of all outputs one after another, each beginning where the kernels like it.
    pub(super) fn rows(&self) -> usize {
        self.outputs.iter().map(|output| output.rows().next_multiple_of(ROWS)).sum()
    }

    /// Bytes of the matrices for one such row, at most.
    pub(super) fn row_bytes(&self) -> usize {
        let bytes = |output: &Output| output.terms.iter().map(|term| term.weight.row_bytes()).sum();
        self.outputs.iter().map(bytes).max().unwrap_or(0)
    }
}

impl Output {
    /// Whether a term stays as its matrix made it.
    pub(super) fn is_kept(&self, term: usize) -> bool {
        match self.sink {
            Sink::Hidden(_) => self.terms.len() > 1 && term == 0,
            Sink::Heads(_) | Sink::Branch | Sink::Start | Sink::Outer => true,
            Sink::Stream { .. } | Sink::Logits { .. } => false,
        }
    }

    /// How many rows each of its matrices has.
    pub(super) fn rows(&self) -> usize {
        self.terms[0].weight.rows()
    }
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
    /// None, one for all heads, or one for each.
    pub(super) q_norms: Vec<NormWeights>,
    pub(super) k_norms: Vec<NormWeights>,
}

impl Attend {
    /// Whether a head can be prepared without the other heads of its token.
    pub(super) fn heads_are_independent(&self) -> bool {
        self.spec.qk_norm != Some(QkNorm::Whole)
    }

    /// The norm of one query head, if each has one.
    pub(super) fn q_norm(&self, head: usize) -> Option<&NormWeights> {
        self.of_head(&self.q_norms, head)
    }

    /// The norm of one key head, if each has one.
    pub(super) fn k_norm(&self, head: usize) -> Option<&NormWeights> {
        self.of_head(&self.k_norms, head)
    }

    fn of_head<'a>(&self, norms: &'a [NormWeights], head: usize) -> Option<&'a NormWeights> {
        match self.spec.qk_norm? {
            QkNorm::Whole => None,
            QkNorm::Head => norms.first(),
            QkNorm::Each => norms.get(head),
        }
    }
}
