//! A Spec and its weights as the list of steps that a forward pass runs; `build` makes it once, at load.

use std::sync::Arc;

use super::routing;
use super::session::ROWS;
use super::spec::{Activation, Attention, Moe, NormKind, QkNorm};
use super::weights::Weight;
use super::widths::Widths;
use crate::kernels::{Input, TILE};

/// The steps, in order, and the widths of the buffers between them.
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    /// Every kind of input that matrices take; `Read::input` is an index.
    pub(super) inputs: Vec<InputKind>,
    /// The mixtures of experts, to which steps refer by index.
    pub(super) experts: Vec<Experts>,
    pub(super) widths: Widths,
}

impl Program {
    /// Notes in which forms the matrices want their inputs, which is known when loading is over.
    pub(super) fn settle(&mut self, input: &dyn Fn(&Weight) -> Input) {
        let inputs = &mut self.inputs;
        for step in &mut self.steps {
            let Step::Linear(Linear { reads, outputs, .. }) = step else { continue };
            for (index, read) in reads.iter_mut().enumerate() {
                let terms = outputs.iter().flat_map(|output| &output.terms);
                let own = terms.filter(|term| term.read == index);
                read.settle(own.map(|term| input(&term.weight)), inputs);
            }
        }
        for Experts { experts, read, permuted, hidden, shared, .. } in &mut self.experts {
            read.settle(experts.iter().flat_map(|expert| [input(&expert.gate), input(&expert.up)]), inputs);
            inputs[*permuted].forms.add(read.forms);
            hidden.settle(experts.iter().map(|expert| input(&expert.down)), inputs);
            if let Some(Shared { read, down, .. }) = shared {
                read.settle([input(down)], inputs);
            }
        }
    }
}

/// Rows that wait for matrices. Reads that may wait at one time are of different kinds.
#[derive(Clone, Copy)]
pub(super) struct InputKind {
    pub(super) source: Source,
    pub(super) cols: usize,
    /// Counts the reads of one step that are the same otherwise.
    pub(super) number: usize,
    pub(super) rows: InputRows,
    /// In which forms its rows are kept. `Program::settle` says.
    pub(super) forms: Forms,
}

/// How many rows an input has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InputRows {
    /// One for each token.
    Token,
    /// One for each expert that a token chose.
    Chosen { top_k: usize, experts: usize },
}

impl InputKind {
    /// Rows that many tokens need.
    pub(super) fn many(&self, tokens: usize) -> usize {
        match self.rows {
            InputRows::Token => tokens,
            InputRows::Chosen { top_k, experts } => routing::rows_of(tokens, top_k, experts),
        }
    }

    /// Rows that few tokens need; their chosen experts' have a tile each, and none are permuted.
    pub(super) fn few(&self, tokens: usize) -> usize {
        match self.rows {
            InputRows::Token => tokens,
            InputRows::Chosen { .. } if self.source == Source::Stream => 0,
            InputRows::Chosen { top_k, .. } => tokens * top_k * TILE,
        }
    }
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
    /// Hidden rows of the chosen experts.
    ExpertsUp(usize),
    /// The sum of the chosen experts' outputs.
    ExpertsDown(usize),
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
    /// Hidden rows of the chosen experts.
    Experts,
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
    /// The router's scores.
    Scores,
    /// The shared expert's gate, before its sigmoid.
    Gate,
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
#[derive(Clone)]
pub(super) struct Read {
    pub(super) source: Source,
    pub(super) norm: Option<Arc<NormWeights>>,
    pub(super) input: usize,
    /// In which forms matrices take it. `Program::settle` says.
    pub(super) forms: Forms,
    /// Matrices of floats read the source itself: its rows are what they want.
    pub(super) direct: bool,
}

impl Read {
    /// Sets the forms to what these matrices take.
    fn settle(&mut self, wanted: impl IntoIterator<Item = Input>, inputs: &mut [InputKind]) {
        self.forms = Forms::of(wanted);
        let floats = self.norm.is_some() || self.forms.floats && !self.direct;
        inputs[self.input].forms.add(Forms { floats, ..self.forms });
    }
}

/// In which forms matrices take an input.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Forms {
    pub(super) codes: bool,
    pub(super) floats: bool,
    pub(super) bfloats: bool,
}

impl Forms {
    /// What any of some matrices takes.
    fn of(wanted: impl IntoIterator<Item = Input>) -> Self {
        wanted.into_iter().fold(Self::default(), |forms, input| match input {
            Input::Codes => Self { codes: true, ..forms },
            Input::F32 => Self { floats: true, ..forms },
            Input::Bf16 => Self { bfloats: true, ..forms },
        })
    }

    fn add(&mut self, more: Self) {
        self.codes |= more.codes;
        self.floats |= more.floats;
        self.bfloats |= more.bfloats;
    }
}

/// A mixture of experts after its router.
pub(super) struct Experts {
    /// Which layer it is of.
    pub(super) layer: usize,
    pub(super) spec: Moe,
    pub(super) experts: Vec<Expert>,
    /// What the router reads; the experts of few tokens read the same.
    pub(super) read: Read,
    /// The input of the same rows in the order of their experts.
    pub(super) permuted: usize,
    /// The hidden rows of the experts.
    pub(super) hidden: Read,
    pub(super) shared: Option<Shared>,
    pub(super) sink: Sink,
}

/// The matrices of one expert.
pub(super) struct Expert {
    pub(super) gate: Weight,
    pub(super) up: Weight,
    pub(super) down: Weight,
}

/// The last matrix of the shared expert, whose others run with the router.
pub(super) struct Shared {
    pub(super) read: Read,
    pub(super) down: Weight,
    pub(super) gated: bool,
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
            Sink::Stream { .. } | Sink::Logits { .. } => false,
            _ => true,
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
