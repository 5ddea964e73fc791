//! Hidden rows of the chosen experts: `activation(gate(x)) * up(x)`.

use std::ops::Range;

use super::super::input::{multiply, Read};
use super::super::linear::WORK_BYTES;
use super::super::step::{by_tokens, Step};
use super::mixture::{Biased, Mixture, Own, MULTIPLY, PREPARE, PREPARE_AND_MULTIPLY};
use super::routing::{Block, Routed, Routing};
use crate::engine::buffers::{BufferId, BufferSpec, DECODE_TOKENS};
use crate::engine::pass::{Chunk, Pass, Plan, RowBuffer, Worker};
use crate::kernels::{Activation, Input, Kernels, GROUP};
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
    pub(in crate::engine) gate: ExpertGate,
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
    pub(in crate::engine) gate: Biased,
    pub(in crate::engine) up: Biased,
}

/// `activation(gate) * (up + offset)`, where with a limit `gate <= limit` and `-limit <= up <= limit` before.
#[derive(Clone, Copy)]
pub(in crate::engine) struct ExpertGate {
    pub(in crate::engine) activation: Activation,
    pub(in crate::engine) limit: Option<f32>,
    pub(in crate::engine) offset: f32,
}

impl ExpertGate {
    /// Leaves the result in `gate`.
    fn apply(&self, kernels: &Kernels, gate: &mut [f32], up: &mut [f32]) {
        if let Some(limit) = self.limit {
            gate.iter_mut().for_each(|gate| *gate = if *gate > limit { limit } else { *gate });
            up.iter_mut().for_each(|up| *up = up.clamp(-limit, limit));
        }
        if self.offset != 0.0 {
            up.iter_mut().for_each(|up| *up += self.offset);
        }
        kernels.gate(self.activation, gate, up);
    }
}

impl ExpertsUp {
    /// Rows of each expert's matrices.
    fn rows(&self) -> usize {
        self.experts[0].up.weight.rows()
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
                self.gate(pass, &self.experts[index], &block, rows.clone());
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
        for (weight, to) in [(&expert.gate.weight, self.hidden), (&expert.up.weight, self.up)] {
            let to = pass.rows(to).from(block.row - token);
            multiply(pass, weight, rows.clone(), &x, token..token + block.pairs.len(), to);
        }
    }

    fn gate(&self, pass: &Pass, expert: &Expert, block: &Block, rows: Range<usize>) {
        for row in block.row..block.row + block.pairs.len() {
            // SAFETY: this piece alone has these rows of both sides.
            let (gate, up) = unsafe {
                let own = || rows.clone();
                (pass.rows(self.hidden).get_mut(row, own()), pass.rows(self.up).get_mut(row, own()))
            };
            expert.gate.add_bias(pass.kernels(), rows.clone(), gate);
            expert.up.add_bias(pass.kernels(), rows.clone(), up);
            self.gate.apply(pass.kernels(), gate, up);
        }
    }
}

impl Step for ExpertsUp {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        let (threads, tokens) = (plan.threads(), chunk.tokens.len());
        self.mixture.reserve(tokens, self.width, plan);
        let chosen = self.mixture.most_chosen(tokens);
        let each = (tokens * self.mixture.router.top_k).div_ceil(chosen.max(1));
        let bytes = self.experts[0].gate.weight.row_bytes() + self.experts[0].up.weight.row_bytes();
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
        let matrices =
            self.experts.iter().flat_map(|expert| [input(&expert.gate.weight), input(&expert.up.weight)]);
        self.read.resolve(matrices, buffers);
        buffers[self.permuted.0].forms.add(self.read.forms);
    }
}
