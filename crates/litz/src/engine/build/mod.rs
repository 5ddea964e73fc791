//! Compiles a Spec into its program, and takes every weight that it needs. Nothing else of the engine reads the Spec.
//!
//! `layer` puts the branches of residual sums together; `mixers` and `feed_forward` have a row for each kind of branch,
//! `heads` for what stands at both ends.

mod feed_forward;
mod heads;
mod layer;
mod mixers;

use std::sync::Arc;

use super::program::{
    BufferId, BufferSpec, Forms, OutputBuffers, Place, Program, RowsPer, Sizes, SlotId, Tiling,
};
use super::rope::{Frequencies, Rope};
use super::spec::{self, Spec};
use super::state::SlotKind;
use super::steps::{Epilogue, Linear, Norm, NormKind, Read, Step, Term};
use crate::weights::Loader;
use crate::Result;

/// Builds the program.
pub(super) fn build(spec: &Spec, loader: &mut Loader<'_>) -> Result<Program> {
    let mut builder = Builder::new(spec, loader);
    let embed = builder.embedding()?;
    for (index, layer) in spec.layers.iter().enumerate() {
        builder.hidden_states(index, None);
        builder.layer(&format!("layers.{index}"), layer)?;
    }
    builder.head(&embed)?;
    let Builder { steps, buffers, slots, tilings, outputs, takes_whole_sequences, .. } = builder;
    let buffers = buffers.into_iter().map(|(_, buffer)| buffer).collect();
    let sizes = Sizes {
        context: spec.context,
        vocab: spec.vocab,
        width: spec.width,
        embed_width: spec.outer_width(),
        layers: spec.layers.len(),
    };
    Ok(Program { sizes, steps, buffers, slots, tilings, outputs, takes_whole_sequences })
}

/// The rotations of a model, to which its steps refer by index.
pub(super) fn ropes(spec: &Spec) -> Vec<Rope> {
    let frequencies = |values: &[f64], gain| Frequencies { values: values.to_vec(), gain };
    let rope = |rope: &spec::Rope| Rope {
        short: frequencies(&rope.frequencies, rope.gain),
        long: rope.long.as_ref().map(|long| (long.above, frequencies(&long.frequencies, long.gain))),
    };
    spec.ropes.iter().map(rope).collect()
}

/// A program in the making.
struct Builder<'a, 'b> {
    spec: &'a Spec,
    loader: &'a mut Loader<'b>,
    steps: Vec<Box<dyn Step>>,
    buffers: Vec<(Name, BufferSpec)>,
    slots: Vec<SlotKind>,
    tilings: Vec<Tiling>,
    outputs: OutputBuffers,
    takes_whole_sequences: bool,
    /// The rows to which every branch is added, and rows of a branch on its way there.
    residual: BufferId,
    branch: BufferId,
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
    fn new(spec: &'a Spec, loader: &'a mut Loader<'b>) -> Self {
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

    /// Rows of floats. Steps that ask for one name share the memory, which is as wide as the widest of them wants.
    fn rows(&mut self, name: &'static str, cols: usize, rows: RowsPer) -> BufferId {
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
    fn read(
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
    fn permuted(&mut self, read: &Read, rows: RowsPer) -> BufferId {
        let (source, cols) = (read.source, read.cols);
        let spec = BufferSpec { cols, rows, place: Place::Shared, forms: Forms::default() };
        self.buffer(Name::Permuted { source, cols, rows }, spec)
    }

    /// A slot in every sequence's state.
    fn slot(&mut self, kind: SlotKind) -> SlotId {
        self.slots.push(kind);
        SlotId(self.slots.len() - 1)
    }

    /// Which of the program's tilings this is.
    fn tiling(&mut self, tiling: Tiling) -> usize {
        let known = self.tilings.iter().position(|known| *known == tiling);
        known.unwrap_or_else(|| {
            self.tilings.push(tiling);
            self.tilings.len() - 1
        })
    }

    /// A number that no other step has.
    fn number(&mut self) -> usize {
        self.numbers += 1;
        self.numbers - 1
    }

    fn push(&mut self, step: impl Step + 'static) {
        self.steps.push(Box::new(step));
    }

    /// One matrix that reads the rows of a buffer.
    fn matrix(&mut self, source: BufferId, term: Term) {
        let read = self.read(source, None, (term.weight.cols(), 0), RowsPer::Token);
        self.push(Linear { reads: vec![read], outputs: vec![term.into()], rows: RowsPer::Token });
    }

    /// The matrix `name.weight`, whose product plus `name.bias` is left in a buffer.
    fn term(&mut self, name: &str, (rows, cols): (usize, usize), bias: bool, to: BufferId) -> Result<Term> {
        let weight = self.loader.matrix(&format!("{name}.weight"), rows, cols)?;
        let bias = self.loader.vector_if(bias, &format!("{name}.bias"), rows)?;
        Ok(Term { read: 0, weight, bias, to, then: Epilogue::Store })
    }

    fn norm_if(&mut self, present: bool, name: &str) -> Result<Option<Norm>> {
        present.then(|| self.norm(name, self.spec.width, self.spec.norm.bias)).transpose()
    }

    fn norm(&mut self, name: &str, width: usize, bias: bool) -> Result<Norm> {
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
