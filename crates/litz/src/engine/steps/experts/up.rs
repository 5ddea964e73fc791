//! Hidden rows of the chosen experts: `activation(gate(x)) * up(x)`.

use std::ops::Range;

use super::super::input::{multiply, Read};
use super::super::linear::WORK_BYTES;
use super::super::step::{by_tokens, Step};
use super::mixture::{Mixture, Own, MULTIPLY, PREPARE, PREPARE_AND_MULTIPLY};
use super::routing::{Block, Routed, Routing};
use crate::engine::buffers::{BufferId, BufferSpec, DECODE_TOKENS};
use crate::engine::pass::{Chunk, Pass, Plan, RowBuffer, Worker};
use crate::kernels::{Activation, Input, GROUP};
use crate::threads::Split;
use crate::weights::Weight;

/// Choose the experts, by tokens.
const CHOOSE: u8 = 3;
/// Sort the choices by expert, in one piece.
const SORT: u8 = 4;

/// `hidden = activation(gate(x)) * up(x)`, a row for each expert that a token chose.
pub(in crate::engine) struct ExpertsUp {
    pub(in crate::engine) mixture: Mixture,
    pub(in crate::engine) experts: Vec<Expert>,
    pub(in crate::engine) activation: Activation,
    /// What the router read; the experts of few tokens read the same.
    pub(in crate::engine) read: Read,
    /// The input of the same rows in the order of their experts.
    pub(in crate::engine) permuted: BufferId,
    pub(in crate::engine) hidden: BufferId,
    pub(in crate::engine) up: BufferId,
    /// Of the residual.
    pub(in crate::engine) width: usize,
}

/// The matrices of one expert that read the residual.
pub(in crate::engine) struct Expert {
    pub(in crate::engine) gate: Weight,
    pub(in crate::engine) up: Weight,
}

impl ExpertsUp {
    /// Rows of each expert's matrices.
    fn rows(&self) -> usize {
        self.experts[0].up.rows()
    }

    /// Copies of the tokens' rows, in the order of their experts. The router's step has normed them.
    fn permute(&self, pass: &Pass, tokens: Range<usize>) {
        let (read, to, kernels) = (&self.read, &pass.buffers()[self.permuted.0], pass.kernels());
        let source = match read.norm {
            Some(_) => pass.rows(read.input),
            None => pass.rows(read.source),
        };
        let routed = self.mixture.routed(pass);
        for token in tokens {
            // SAFETY: the source was written in earlier phases.
            let x = unsafe { source.get(token, 0..read.cols) };
            for place in routed.places(token) {
                let range = place.row * read.cols..(place.row + 1) * read.cols;
                // SAFETY: this piece alone writes its tokens' rows.
                unsafe {
                    if read.forms.codes {
                        let group = to.codes().part(place.first, place.count);
                        kernels.quantize_row(x, group.row_mut(place.row - place.first));
                    }
                    if read.forms.floats {
                        to.rows().get_mut(place.row, 0..read.cols).copy_from_slice(x);
                    }
                    if read.forms.bfloats {
                        kernels.f32_to_bf16(x, to.bfloats().range_mut(range));
                    }
                }
            }
        }
    }

    /// Rows of the chosen experts' matrices, counted expert after expert.
    fn multiply(
        &self,
        pass: &Pass,
        routed: &Routed<'_>,
        units: Range<usize>,
        few: bool,
        buffers: &[RowBuffer],
    ) {
        let padded = self.rows().next_multiple_of(GROUP);
        let chosen = routed.chosen().enumerate().skip(units.start / padded);
        for (number, index) in chosen.take_while(|(number, _)| number * padded < units.end) {
            let before = number * padded;
            let rows = units.start.max(before) - before..(units.end - before).min(self.rows());
            for block in routed.blocks(index, few, pass.chunk.tokens.len()) {
                self.multiply_block(pass, routed, (index, &block), rows.clone(), few, buffers);
                self.gate(pass, &block, rows.clone());
            }
        }
    }

    fn multiply_block(
        &self,
        pass: &Pass,
        routed: &Routed<'_>,
        (index, block): (usize, &Block),
        rows: Range<usize>,
        few: bool,
        buffers: &[RowBuffer],
    ) {
        // Few tokens are read where they are, whatever row their output has.
        let token = if few { routed.token(block.pairs.start).0 } else { 0 };
        let x = match few {
            true => self.read.prepared(pass, pass.chunk.tokens.len(), buffers),
            false => buffers[self.permuted.0].part(block.row, block.pairs.len()),
        };
        let expert = &self.experts[index];
        for (weight, to) in [(&expert.gate, self.hidden), (&expert.up, self.up)] {
            let to = pass.rows(to).from(block.row - token);
            multiply(pass, weight, rows.clone(), &x, token..token + block.pairs.len(), to);
        }
    }

    fn gate(&self, pass: &Pass, block: &Block, rows: Range<usize>) {
        for row in block.row..block.row + block.pairs.len() {
            // SAFETY: this piece alone has these rows of both sides.
            let (gate, up) = unsafe {
                (pass.rows(self.hidden).get_mut(row, rows.clone()), pass.rows(self.up).get(row, rows.clone()))
            };
            pass.kernels().gate(self.activation, gate, up);
        }
    }
}

impl Step for ExpertsUp {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        let (threads, tokens) = (plan.threads(), chunk.tokens.len());
        self.mixture.reserve(tokens, self.width, plan);
        let chosen = self.mixture.most_chosen(tokens);
        let each = (tokens * self.mixture.router.top_k).div_ceil(chosen.max(1));
        let bytes = self.experts[0].gate.row_bytes() + self.experts[0].up.row_bytes();
        let rows = chosen * self.rows().next_multiple_of(GROUP);
        let by_rows = Split::new(rows, GROUP, WORK_BYTES / (bytes * each.clamp(1, 16)), threads);
        if tokens <= DECODE_TOKENS {
            return plan.stage(PREPARE_AND_MULTIPLY, by_rows);
        }
        plan.stage(CHOOSE, by_tokens(chunk, plan));
        plan.stage(SORT, Split::new(1, 1, 1, threads));
        plan.stage(PREPARE, by_tokens(chunk, plan));
        plan.stage(MULTIPLY, by_rows);
    }

    fn run(&self, pass: &Pass, stage: u8, units: Range<usize>, worker: &mut Worker) {
        let tokens = pass.chunk.tokens.len();
        match stage {
            CHOOSE => {
                let (routing, own) = (pass.shared::<Routing>(), worker.scratch.get_mut::<Own>());
                units.for_each(|token| self.mixture.choose(pass, token, routing, &mut own.scores));
            }
            // SAFETY: the phase has this piece only.
            SORT => unsafe { pass.shared::<Routing>().group(&self.mixture.router, tokens, false) },
            PREPARE => self.permute(pass, units),
            MULTIPLY => self.multiply(pass, &self.mixture.routed(pass), units, false, pass.buffers()),
            _ => {
                let routed = self.mixture.route(pass, worker.scratch.get_mut());
                if worker.is_first_piece() {
                    self.read.prepare(pass, 0..tokens, &worker.buffers);
                }
                self.multiply(pass, &routed, units, true, &worker.buffers);
            }
        }
    }

    fn resolve_input_dtypes(&mut self, input: &dyn Fn(&Weight) -> Input, buffers: &mut [BufferSpec]) {
        let matrices = self.experts.iter().flat_map(|expert| [input(&expert.gate), input(&expert.up)]);
        self.read.resolve(matrices, buffers);
        buffers[self.permuted.0].forms.add(self.read.forms);
    }
}
