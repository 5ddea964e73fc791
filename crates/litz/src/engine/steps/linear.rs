//! The step of matrices that run at once: each reads a prepared input, and its outputs go through an epilogue.

use std::ops::Range;

use super::input::{multiply, Read};
use super::step::Step;
use crate::engine::buffers::{BufferId, BufferSpec, RowsPer, DECODE_TOKENS};
use crate::engine::pass::{Chunk, Pass, Plan, RowBuffer, Worker};
use crate::kernels::{Activation, Input, GROUP, TILE};
use crate::threads::Split;
use crate::weights::Weight;

/// Bytes of weights that a piece reads at most, where one token is multiplied with them.
pub(super) const WORK_BYTES: usize = 512 << 10;
/// Rows that a piece has at least where many tokens are multiplied, whose inputs are read once for all of them.
const MIN_ROWS: usize = 48;

const PREPARE: u8 = 0;
const MULTIPLY: u8 = 1;
/// Both, each worker preparing for itself.
const PREPARE_AND_MULTIPLY: u8 = 2;

/// Matrices, the inputs that they read and the outputs that they make.
pub(in crate::engine) struct Linear {
    pub(in crate::engine) reads: Vec<Read>,
    pub(in crate::engine) outputs: Vec<Output>,
    /// For which rows it runs: `Token` or `Output`.
    pub(in crate::engine) rows: RowsPer,
}

/// Matrices of equally many rows, whose outputs are combined elementwise while they are in the cache.
pub(in crate::engine) struct Output {
    pub(in crate::engine) terms: Vec<Term>,
}

/// `weight * reads[read] + bias`, and where it goes.
pub(in crate::engine) struct Term {
    pub(in crate::engine) read: usize,
    pub(in crate::engine) weight: Weight,
    pub(in crate::engine) bias: Option<Vec<f32>>,
    pub(in crate::engine) to: BufferId,
    pub(in crate::engine) then: Epilogue,
}

/// What follows a term `y`, which is in its buffer by then.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) enum Epilogue {
    /// Nothing.
    Store,
    /// `x += scale * y`
    Add { x: BufferId, scale: f32 },
    /// `y = activation(y)`
    Activate(Activation),
    /// `gate = activation(gate) * y`, of which the gate is an earlier term.
    Gate { gate: BufferId, activation: Activation },
    /// `y = cap * tanh(scale * y / cap)`, each where it is one.
    Cap { scale: f32, cap: Option<f32> },
}

impl From<Term> for Output {
    fn from(term: Term) -> Self {
        Self { terms: vec![term] }
    }
}

impl Linear {
    /// Rows of all outputs one after another, each beginning where the kernels like it.
    fn output_rows(&self) -> usize {
        self.outputs.iter().map(|output| output.rows().next_multiple_of(GROUP)).sum()
    }

    /// Bytes of the matrices for one such row, at most.
    fn row_bytes(&self) -> usize {
        let bytes = |output: &Output| output.terms.iter().map(|term| term.weight.row_bytes()).sum();
        self.outputs.iter().map(bytes).max().unwrap_or(0)
    }

    /// Some rows of the outputs for all tokens.
    fn multiply(&self, pass: &Pass, rows: Range<usize>, buffers: &[RowBuffer]) {
        let mut before = 0;
        for output in &self.outputs {
            let count = output.rows();
            let (start, end) = (rows.start.max(before), rows.end.min(before + count));
            if start < end {
                output.terms.iter().for_each(|term| {
                    let read = &self.reads[term.read];
                    term.run(pass, read, start - before..end - before, buffers);
                });
            }
            before += count.next_multiple_of(GROUP);
        }
    }
}

impl Output {
    /// The same output of other rows.
    pub(in crate::engine) fn reading(mut self, read: usize) -> Self {
        self.terms.iter_mut().for_each(|term| term.read = read);
        self
    }

    /// How many rows each of its matrices has.
    fn rows(&self) -> usize {
        self.terms[0].weight.rows()
    }
}

impl Term {
    fn run(&self, pass: &Pass, read: &Read, rows: Range<usize>, buffers: &[RowBuffer]) {
        let (tokens, to) = (pass.chunk.count(read.rows), pass.rows(self.to));
        let x = read.prepared(pass, tokens, buffers);
        multiply(pass, &self.weight, rows.clone(), &x, 0..tokens, to);
        if self.bias.is_none() && matches!(self.then, Epilogue::Store) {
            return;
        }
        for token in 0..tokens {
            // SAFETY: this piece alone has these rows of the output.
            let y = unsafe { to.get_mut(token, rows.clone()) };
            if let Some(bias) = &self.bias {
                pass.kernels().add(y, &bias[rows.clone()]);
            }
            self.then.run(pass, token, rows.clone(), y);
        }
    }
}

impl Epilogue {
    /// For the columns `rows` of a token's `y`.
    fn run(self, pass: &Pass, token: usize, rows: Range<usize>, y: &mut [f32]) {
        let kernels = pass.kernels();
        // SAFETY: this piece alone has these columns, in every buffer that the output's terms write.
        let other = |buffer: BufferId| unsafe { pass.rows(buffer).get_mut(token, rows.clone()) };
        match self {
            Self::Store => {}
            Self::Add { x, scale } => kernels.axpy(other(x), scale, y),
            Self::Activate(activation) => kernels.activate(activation, y),
            Self::Gate { gate, activation } => kernels.gate(activation, other(gate), y),
            Self::Cap { scale, cap } => {
                if scale != 1.0 {
                    kernels.scale(y, scale);
                }
                if let Some(cap) = cap {
                    kernels.softcap(y, cap);
                }
            }
        }
    }
}

impl Step for Linear {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        let (threads, rows) = (plan.threads(), chunk.count(self.rows));
        let least = if rows < 16 { 0 } else { MIN_ROWS };
        let most = (WORK_BYTES / (self.row_bytes() * rows.clamp(1, 16))).max(least);
        let outputs = if rows == 0 { 0 } else { self.output_rows() };
        let by_rows = Split::new(outputs, GROUP, most, threads);
        if rows <= DECODE_TOKENS {
            plan.stage(PREPARE_AND_MULTIPLY, by_rows);
        } else {
            plan.stage(PREPARE, Split::new(rows, TILE, TILE, threads));
            plan.stage(MULTIPLY, by_rows);
        }
    }

    fn run(&self, pass: &Pass, stage: u8, units: Range<usize>, worker: &mut Worker) {
        match stage {
            PREPARE => {
                self.reads.iter().for_each(|read| read.prepare(pass, units.clone(), pass.buffers()));
            }
            MULTIPLY => self.multiply(pass, units, pass.buffers()),
            _ => {
                if worker.is_first_piece() {
                    let rows = 0..pass.chunk.count(self.rows);
                    self.reads.iter().for_each(|read| read.prepare(pass, rows.clone(), &worker.buffers));
                }
                self.multiply(pass, units, &worker.buffers);
            }
        }
    }

    fn resolve_input_dtypes(&mut self, input: &dyn Fn(&Weight) -> Input, buffers: &mut [BufferSpec]) {
        for (index, read) in self.reads.iter_mut().enumerate() {
            let terms = self.outputs.iter().flat_map(|output| &output.terms);
            let own = terms.filter(|term| term.read == index);
            read.resolve(own.map(|term| input(&term.weight)), buffers);
        }
    }
}
