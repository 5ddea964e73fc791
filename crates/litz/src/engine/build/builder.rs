//! What the parts of a program are built with: buffers, slots, reads, matrices and norms.

use std::sync::Arc;

use super::refusals::unsupported;
use crate::engine::buffers::{BufferId, BufferSpec, Forms, Place, RowsPer, SlotId, Tiling};
use crate::engine::program::{Accepts, HeadSize, OutputBuffers, Program, Sizes};
use crate::engine::rope::{Frequencies, Rope};
use crate::engine::state::SlotKind;
use crate::engine::steps::{Epilogue, Linear, Norm, NormKind, Read, Step, Term};
use crate::spec::{self, Body, Head, Spec, TokenStem, Tower};
use crate::weights::Loader;
use crate::Result;

/// A sequence has a bit for each rotation.
const ROPES: usize = 32;

/// A program in the making.
pub(super) struct Builder<'a, 'b> {
    pub(super) spec: &'a Spec,
    pub(super) tower: &'a Tower,
    pub(super) stem: &'a TokenStem,
    pub(super) loader: &'a mut Loader<'b>,
    pub(super) steps: Vec<Box<dyn Step>>,
    buffers: Vec<(Name, BufferSpec)>,
    slots: Vec<SlotKind>,
    tilings: Vec<Tiling>,
    /// Rotations that differ.
    ropes: Vec<&'a spec::Rope>,
    pub(super) outputs: OutputBuffers,
    pub(super) takes_whole_sequences: bool,
    head: Option<HeadSize>,
    /// The rows to which every branch is added, and rows of a branch on its way there.
    pub(super) residual: BufferId,
    pub(super) branch: BufferId,
    /// Biases of distances that differ.
    pub(super) distances: Vec<KnownBias<'a>>,
    /// How many steps were told apart.
    numbers: usize,
}

/// A bias of distances with whether its attention is causal, and the table of both.
pub(super) type KnownBias<'a> = ((&'a spec::PositionBias, bool), Arc<[f32]>);

/// What tells buffers apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    /// Rows of floats: one of each name.
    Rows(&'static str),
    /// What matrices of so many columns read of a buffer. The number counts the reads of one step.
    Input { source: BufferId, cols: usize, rows: RowsPer, number: usize },
    /// The same in another order.
    Permuted { source: BufferId, cols: usize, rows: RowsPer },
}

impl<'a, 'b> Builder<'a, 'b> {
    pub(super) fn new(spec: &'a Spec, loader: &'a mut Loader<'b>) -> Result<Self> {
        let tower = spec.main();
        let Some(stem) = tower.tokens() else { return Err(unsupported("a stem that takes no tokens")) };
        let none = BufferId(0);
        let outputs = OutputBuffers { head: none, hidden: none };
        let mut builder = Self {
            spec,
            tower,
            stem,
            loader,
            steps: Vec::new(),
            buffers: Vec::new(),
            slots: Vec::new(),
            tilings: Vec::new(),
            ropes: Vec::new(),
            outputs,
            takes_whole_sequences: takes_whole_sequences(spec),
            head: head_size(spec),
            residual: none,
            branch: none,
            distances: Vec::new(),
            numbers: 0,
        };
        builder.residual = builder.rows("residual", tower.width, RowsPer::Token);
        builder.branch = builder.rows("branch", tower.width, RowsPer::Token);
        if let Some(HeadSize { width, pools }) = builder.head {
            let rows = if pools { RowsPer::Sequence } else { RowsPer::Output };
            builder.outputs.head = builder.output("head", width, rows);
        }
        builder.outputs.hidden = builder.output("hidden states", tower.width, RowsPer::Output);
        Ok(builder)
    }

    pub(super) fn finish(self) -> Program {
        let Self {
            tower,
            stem,
            steps,
            buffers,
            slots,
            tilings,
            ropes,
            outputs,
            takes_whole_sequences,
            head,
            ..
        } = self;
        let sizes = Sizes {
            context: tower.context,
            vocab: stem.vocab,
            head,
            width: tower.width,
            embed_width: stem.width,
            layers: tower.layers.len(),
        };
        let buffers = buffers.into_iter().map(|(_, buffer)| buffer).collect();
        let ropes = ropes.into_iter().map(rotation).collect();
        let accepts = Accepts { types: stem.types, tasks: stem.tasks };
        Program { sizes, steps, buffers, slots, tilings, ropes, outputs, takes_whole_sequences, accepts }
    }

    /// The width of the residual.
    pub(super) fn width(&self) -> usize {
        self.tower.width
    }

    /// Which of the program's rotations this is.
    pub(super) fn rope(&mut self, rope: &'a spec::Rope) -> Result<usize> {
        if let Some(known) = self.ropes.iter().position(|known| *known == rope) {
            return Ok(known);
        }
        if self.ropes.len() == ROPES {
            return Err(unsupported("more than 32 rotations that differ"));
        }
        self.ropes.push(rope);
        Ok(self.ropes.len() - 1)
    }

    /// Rows of floats. Steps that ask for one name share the memory, which is as wide as the widest of them wants.
    pub(super) fn rows(&mut self, name: &'static str, cols: usize, rows: RowsPer) -> BufferId {
        let id = self
            .buffer(Name::Rows(name), BufferSpec { cols, rows, place: Place::Shared, forms: Forms::FLOATS });
        let buffer = &mut self.buffers[id.0].1;
        buffer.cols = buffer.cols.max(cols);
        buffer.rows = buffer.rows.or(rows);
        id
    }

    /// Rows of floats in the memory of the caller.
    fn output(&mut self, name: &'static str, cols: usize, rows: RowsPer) -> BufferId {
        let spec = BufferSpec { cols, rows, place: Place::Caller, forms: Forms::default() };
        self.buffer(Name::Rows(name), spec)
    }

    fn buffer(&mut self, name: Name, spec: BufferSpec) -> BufferId {
        let known = self.buffers.iter().position(|(known, _)| *known == name);
        BufferId(known.unwrap_or_else(|| {
            self.buffers.push((name, spec));
            self.buffers.len() - 1
        }))
    }

    /// How matrices of `cols` columns read a buffer. Reads that wait at one time have different numbers.
    pub(super) fn read(
        &mut self,
        source: BufferId,
        norm: Option<Arc<Norm>>,
        (cols, number): (usize, usize),
        rows: RowsPer,
    ) -> Read {
        let spec = BufferSpec { cols, rows, place: Place::Input, forms: Forms::default() };
        let input = self.buffer(Name::Input { source, cols, rows, number }, spec);
        let gathers = rows == RowsPer::Output && self.buffers[source.0].1.rows == RowsPer::Token;
        Read { source, norm, input, cols, rows, forms: Forms::default(), gathers }
    }

    /// The rows of a read in the order of their experts, which all workers share.
    pub(super) fn permuted(&mut self, read: &Read, rows: RowsPer) -> BufferId {
        let (source, cols) = (read.source, read.cols);
        let spec = BufferSpec { cols, rows, place: Place::Shared, forms: Forms::default() };
        self.buffer(Name::Permuted { source, cols, rows }, spec)
    }

    /// A slot in every sequence's state.
    pub(super) fn slot(&mut self, kind: SlotKind) -> SlotId {
        self.slots.push(kind);
        SlotId(self.slots.len() - 1)
    }

    /// Which of the program's tilings this is.
    pub(super) fn tiling(&mut self, tiling: Tiling) -> usize {
        let known = self.tilings.iter().position(|known| *known == tiling);
        known.unwrap_or_else(|| {
            self.tilings.push(tiling);
            self.tilings.len() - 1
        })
    }

    /// A number that no other step has.
    pub(super) fn number(&mut self) -> usize {
        self.numbers += 1;
        self.numbers - 1
    }

    pub(super) fn push(&mut self, step: impl Step + 'static) {
        self.steps.push(Box::new(step));
    }

    /// One matrix that reads the rows of a buffer.
    pub(super) fn matrix(&mut self, source: BufferId, term: Term) {
        let read = self.read(source, None, (term.weight.cols(), 0), RowsPer::Token);
        self.push(Linear { reads: vec![read], outputs: vec![term.into()], rows: RowsPer::Token });
    }

    /// The matrix `name.weight`, whose product plus `name.bias` is left in a buffer.
    pub(super) fn term(
        &mut self,
        name: &str,
        (rows, cols): (usize, usize),
        bias: bool,
        to: BufferId,
    ) -> Result<Term> {
        let weight = self.loader.matrix(&format!("{name}.weight"), rows, cols)?;
        let bias = self.loader.vector_if(bias, &format!("{name}.bias"), rows)?;
        Ok(Term { read: 0, weight, bias, to, then: Epilogue::Store })
    }

    /// A norm over the residual's width, if there is one.
    pub(super) fn norm_if(&mut self, norm: Option<&spec::Norm>, name: &str) -> Result<Option<Norm>> {
        norm.map(|norm| self.norm(name, self.width(), norm)).transpose()
    }

    pub(super) fn norm(&mut self, name: &str, width: usize, norm: &spec::Norm) -> Result<Norm> {
        let kind = match norm.kind {
            spec::NormKind::Rms => NormKind::Rms,
            spec::NormKind::Layer => NormKind::Layer,
            spec::NormKind::L2 => return Err(unsupported("a norm by the length")),
        };
        let weight = match norm.weight {
            true => self.loader.vector(&format!("{name}.weight"), width)?,
            false => vec![1.0 - norm.offset; width],
        };
        let bias = self.loader.vector_if(norm.bias, &format!("{name}.bias"), width)?;
        Ok(Norm { kind, eps: norm.eps, offset: norm.offset, weight, bias })
    }
}

/// Whether a token may depend on what follows it, or outputs on the whole sequence: then nothing is kept for later passes.
pub(in crate::engine) fn takes_whole_sequences(spec: &Spec) -> bool {
    let two_way = |body: &Body| matches!(body, Body::Attention(attention) if !attention.mask.causal);
    let bodies = spec.main().kinds.iter().flatten().flat_map(|sum| &sum.branches).map(|branch| &branch.body);
    !matches!(spec.head, Some(Head::Lm(_))) || bodies.into_iter().any(two_way)
}

fn head_size(spec: &Spec) -> Option<HeadSize> {
    Some(match spec.head.as_ref()? {
        Head::Lm(head) => HeadSize { width: head.vocab, pools: false },
        Head::Token(head) => HeadSize { width: head.outputs, pools: false },
        Head::Ctc(head) => HeadSize { width: head.vocab, pools: false },
        Head::Pooled(head) => {
            let before = head.dense.as_ref().map_or(spec.main().width, |dense| dense.width);
            HeadSize { width: head.outputs.unwrap_or(before), pools: true }
        }
    })
}

fn rotation(rope: &spec::Rope) -> Rope {
    let frequencies = |values: &[f64], gain| Frequencies { values: values.to_vec(), gain };
    Rope {
        short: frequencies(&rope.frequencies, rope.gain),
        long: rope.long.as_ref().map(|long| (long.above, frequencies(&long.frequencies, long.gain))),
    }
}
