//! What the parts of a program are built with: buffers, slots, reads, matrices and norms.

use std::sync::Arc;

use crate::engine::buffers::{BufferId, BufferSpec, Forms, Place, RowsPer, SlotId, Tiling};
use crate::engine::program::{OutputBuffers, Program, Sizes};
use crate::engine::spec::{self, Spec};
use crate::engine::state::SlotKind;
use crate::engine::steps::{Epilogue, Linear, Norm, NormKind, Read, Step, Term};
use crate::weights::Loader;
use crate::Result;

/// A program in the making.
pub(super) struct Builder<'a, 'b> {
    pub(super) spec: &'a Spec,
    pub(super) loader: &'a mut Loader<'b>,
    pub(super) steps: Vec<Box<dyn Step>>,
    buffers: Vec<(Name, BufferSpec)>,
    slots: Vec<SlotKind>,
    tilings: Vec<Tiling>,
    pub(super) outputs: OutputBuffers,
    pub(super) takes_whole_sequences: bool,
    /// The rows to which every branch is added, and rows of a branch on its way there.
    pub(super) residual: BufferId,
    pub(super) branch: BufferId,
    /// How many steps were told apart.
    numbers: usize,
}

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
    pub(super) fn new(spec: &'a Spec, loader: &'a mut Loader<'b>) -> Self {
        let none = BufferId(0);
        let outputs = OutputBuffers { logits: none, hidden: none };
        let mut builder = Self {
            spec,
            loader,
            steps: Vec::new(),
            buffers: Vec::new(),
            slots: Vec::new(),
            tilings: Vec::new(),
            outputs,
            takes_whole_sequences: false,
            residual: none,
            branch: none,
            numbers: 0,
        };
        builder.residual = builder.rows("residual", spec.width, RowsPer::Token);
        builder.branch = builder.rows("branch", spec.width, RowsPer::Token);
        builder.outputs.logits = builder.output("logits", spec.vocab);
        builder.outputs.hidden = builder.output("hidden states", spec.width);
        builder
    }

    pub(super) fn finish(self) -> Program {
        let Self { spec, steps, buffers, slots, tilings, outputs, takes_whole_sequences, .. } = self;
        let sizes = Sizes {
            context: spec.context,
            vocab: spec.vocab,
            width: spec.width,
            embed_width: spec.outer_width(),
            layers: spec.layers.len(),
        };
        let buffers = buffers.into_iter().map(|(_, buffer)| buffer).collect();
        Program { sizes, steps, buffers, slots, tilings, outputs, takes_whole_sequences }
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
    fn output(&mut self, name: &'static str, cols: usize) -> BufferId {
        let spec = BufferSpec { cols, rows: RowsPer::Output, place: Place::Caller, forms: Forms::default() };
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

    pub(super) fn norm_if(&mut self, present: bool, name: &str) -> Result<Option<Norm>> {
        present.then(|| self.norm(name, self.spec.width, self.spec.norm.bias)).transpose()
    }

    pub(super) fn norm(&mut self, name: &str, width: usize, bias: bool) -> Result<Norm> {
        let norm = &self.spec.norm;
        let weight = self.loader.vector(&format!("{name}.weight"), width)?;
        let bias = self.loader.vector_if(bias, &format!("{name}.bias"), width)?;
        let kind = match norm.kind {
            spec::NormKind::Rms => NormKind::Rms,
            spec::NormKind::Layer => NormKind::Layer,
        };
        Ok(Norm { kind, eps: norm.eps, offset: norm.offset, weight, bias })
    }
}
