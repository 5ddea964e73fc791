//! The steps of a mixture of experts, after the router's scores: `up` leaves the hidden rows of the chosen experts, `down`
//! sums their outputs.
//!
//! Few tokens meet each of their experts alone; for many, the rows of one expert lie side by side and meet it at once.

use std::ops::Range;

use super::exec::row;
use super::program::{Experts, Shared, Sink};
use super::routing::{rows_of, Block, Routed, Routing};
use super::session::{Inputs, Ready, Session, Stage, Worker, FEW, PIECE, ROWS};
use super::widths::Widths;
use crate::kernels::{SharedSlice, TILE};
use crate::threads::Split;

/// Tokens of an expert whose outputs a worker keeps at a time, and its rows that are a piece then.
pub(super) const BLOCK: usize = 64;
const SLICE: usize = 256;

impl Session {
    pub(super) fn reserve_experts(&mut self, widths: &Widths, tokens: usize) {
        let (top_k, experts) = (widths.top_k, widths.scores);
        let rows = if tokens > FEW { rows_of(tokens, top_k, experts) } else { tokens * top_k };
        self.scores.reserve(tokens * experts);
        self.gates.reserve(tokens);
        self.expert_hidden.reserve(rows * widths.expert);
        self.expert_up.reserve(rows * widths.expert);
        self.routing.reserve(tokens * top_k, experts);
        for worker in &mut self.workers {
            worker.routing.reserve(FEW * top_k, experts);
            worker.outputs.reserve(BLOCK * widths.stream);
        }
    }

    pub(super) fn plan_experts_up(&mut self, index: usize, experts: &Experts) {
        let (threads, tokens, moe) = (self.workers.len(), self.tokens.len(), &experts.spec);
        let met = moe.experts.min(tokens * moe.top_k);
        let each = (tokens * moe.top_k).div_ceil(met.max(1));
        let bytes = experts.experts[0].gate.row_bytes() + experts.experts[0].up.row_bytes();
        let rows = met * moe.width.next_multiple_of(ROWS);
        let by_rows = Split::new(rows, ROWS, PIECE / (bytes * each.clamp(1, 16)), threads);
        if tokens <= FEW {
            return self.phase(index, Stage::PrepareAndMultiply, by_rows);
        }
        let by_tokens = Split::new(tokens, 1, FEW, threads);
        self.phase(index, Stage::Choose, by_tokens);
        self.phase(index, Stage::Group, Split::new(1, 1, 1, threads));
        self.phase(index, Stage::Prepare, by_tokens);
        self.phase(index, Stage::Multiply, by_rows);
    }

    pub(super) fn plan_experts_down(&mut self, index: usize, experts: &Experts) {
        let (threads, tokens, moe) = (self.workers.len(), self.tokens.len(), &experts.spec);
        let width = self.core.program.widths.stream;
        if tokens <= FEW {
            let met = moe.experts.min(tokens * moe.top_k);
            let shared = experts.shared.as_ref().map_or(0, |shared| shared.down.row_bytes());
            let bytes = met * experts.experts[0].down.row_bytes() + shared;
            let by_rows = Split::new(width, ROWS, PIECE / bytes.max(1), threads);
            return self.phase(index, Stage::PrepareAndMultiply, by_rows);
        }
        self.phase(index, Stage::Prepare, Split::new(tokens, 1, FEW, threads));
        self.phase(index, Stage::Multiply, Split::new(width, ROWS, SLICE, threads));
    }

    pub(super) fn experts_up(
        &self,
        experts: &Experts,
        stage: Stage,
        units: Range<usize>,
        phase: usize,
        worker: usize,
    ) {
        // SAFETY: this piece runs on this worker.
        let own = unsafe { self.worker(worker) };
        let (moe, tokens) = (&experts.spec, self.tokens.len());
        match stage {
            Stage::Choose => units.for_each(|token| self.choose(experts, token, None, &mut own.scores)),
            // SAFETY: the phase has this piece only.
            Stage::Group => unsafe { self.routing.group(moe, tokens, false) },
            Stage::Prepare => self.permute(experts, units),
            Stage::Multiply => {
                // SAFETY: the routing was made in earlier phases.
                let routed = unsafe { self.routing.read(moe, tokens) };
                self.hidden_rows(experts, &routed, units, false, &self.inputs);
            }
            _ => {
                let routed = self.route(experts, own);
                if own.prepared != phase + 1 {
                    self.prepare_read(&experts.read, 0..tokens, false, &own.inputs);
                    own.prepared = phase + 1;
                }
                self.hidden_rows(experts, &routed, units, true, &own.inputs);
            }
        }
    }

    pub(super) fn experts_down(
        &self,
        experts: &Experts,
        stage: Stage,
        units: Range<usize>,
        phase: usize,
        worker: usize,
    ) {
        // SAFETY: this piece runs on this worker.
        let own = unsafe { self.worker(worker) };
        let tokens = self.tokens.len();
        if stage == Stage::PrepareAndMultiply {
            let routed = self.route(experts, own);
            if own.prepared != phase + 1 {
                self.prepare_hidden(experts, &routed, 0..tokens, true, &own.inputs);
                own.prepared = phase + 1;
            }
            return self.sum_rows(experts, &routed, units, true, &own.inputs, own.outputs.view());
        }
        // SAFETY: the routing was made in earlier phases.
        let routed = unsafe { self.routing.read(&experts.spec, tokens) };
        match stage {
            Stage::Prepare => self.prepare_hidden(experts, &routed, units, false, &self.inputs),
            _ => self.sum_rows(experts, &routed, units, false, &self.inputs, own.outputs.view()),
        }
    }

    /// Lets a worker find the routing of few tokens for itself: that is cheaper than to meet once more.
    fn route(&self, experts: &Experts, own: &mut Worker) -> Routed<'static> {
        let tokens = self.tokens.len();
        let Worker { routing, routed, scores, .. } = own;
        // SAFETY: the worker's own, and its views are used within this piece.
        unsafe {
            if *routed != experts.layer + 1 {
                (0..tokens).for_each(|token| self.choose(experts, token, Some(routing), scores));
                routing.group(&experts.spec, tokens, true);
                *routed = experts.layer + 1;
            }
            routing.read(&experts.spec, tokens)
        }
    }

    fn choose(&self, experts: &Experts, token: usize, own: Option<&Routing>, scores: &mut Vec<f32>) {
        let (moe, stride) = (&experts.spec, self.core.program.widths.scores);
        // SAFETY: the scores were written in an earlier phase; this piece (or worker) alone has this token's choice.
        unsafe {
            scores.clear();
            scores.extend_from_slice(self.scores.view().range(row(token, stride, moe.experts)));
            own.unwrap_or(&self.routing).choose(self.core.kernels, moe, token, scores);
        }
    }

    /// Copies of the tokens' rows, in the order of their experts. The router's step has normed them.
    fn permute(&self, experts: &Experts, tokens: Range<usize>) {
        let (read, to) = (&experts.read, &self.inputs[experts.permuted]);
        let cols = self.core.program.inputs[read.input].cols;
        let (source, stride) = match read.norm {
            Some(_) => (self.inputs[read.input].floats.view(), cols),
            None => self.source(read.source),
        };
        // SAFETY: the routing and the source were written in earlier phases; this piece alone writes its tokens' rows.
        unsafe {
            let routed = self.routing.read(&experts.spec, self.tokens.len());
            for token in tokens {
                let x = source.range(row(token, stride, cols));
                for place in routed.places(token) {
                    if experts.read.forms.codes {
                        let group = to.codes.view().part(place.first, place.count);
                        self.core.kernels.quantize_row(x, group.row_mut(place.row - place.first));
                    }
                    if experts.read.forms.floats {
                        to.floats.view().range_mut(row(place.row, cols, cols)).copy_from_slice(x);
                    }
                    if experts.read.forms.bfloats {
                        let to = to.bfloats.view().range_mut(row(place.row, cols, cols));
                        self.core.kernels.f32_to_bf16(x, to);
                    }
                }
            }
        }
    }

    /// Rows of the chosen experts' `gate` and `up`, counted expert after expert.
    fn hidden_rows(
        &self,
        experts: &Experts,
        routed: &Routed<'_>,
        units: Range<usize>,
        few: bool,
        inputs: &[Inputs],
    ) {
        let (width, stride) = (experts.spec.width, self.core.program.widths.expert);
        let padded = width.next_multiple_of(ROWS);
        let chosen = routed.chosen().enumerate().skip(units.start / padded);
        for (number, index) in chosen.take_while(|(number, _)| number * padded < units.end) {
            let before = number * padded;
            let rows = units.start.max(before) - before..(units.end - before).min(width);
            let expert = &experts.experts[index];
            for block in routed.blocks(index, few, self.tokens.len()) {
                // Few tokens are read where they are, whatever row their output has.
                let token = if few { routed.token(block.pairs.start).0 } else { 0 };
                let ready = match few {
                    true => self.prepared(&experts.read, self.tokens.len(), inputs),
                    false => inputs[experts.permuted].part(block.row, block.pairs.len()),
                };
                let (tokens, start) = (token..token + block.pairs.len(), (block.row - token) * stride);
                for (weight, to) in [(&expert.gate, &self.expert_hidden), (&expert.up, &self.expert_up)] {
                    let to = (to.view().from(start), stride);
                    self.product(weight, rows.clone(), &ready, tokens.clone(), to);
                }
                self.gate_rows(experts, &block, rows.clone(), stride);
            }
        }
    }

    fn gate_rows(&self, experts: &Experts, block: &Block, rows: Range<usize>, stride: usize) {
        for place in block.row..block.row + block.pairs.len() {
            let range = place * stride + rows.start..place * stride + rows.end;
            // SAFETY: this piece alone has these rows of both sides.
            let (gate, up) = unsafe {
                (self.expert_hidden.view().range_mut(range.clone()), self.expert_up.view().range(range))
            };
            self.core.kernels.gate(experts.spec.activation.into(), gate, up);
        }
    }

    /// The hidden rows of some tokens in the forms that `down` wants, the shared expert's too.
    fn prepare_hidden(
        &self,
        experts: &Experts,
        routed: &Routed<'_>,
        tokens: Range<usize>,
        few: bool,
        inputs: &[Inputs],
    ) {
        let (stride, width) = (self.core.program.widths.expert, experts.spec.width);
        let (forms, own) = (experts.hidden.forms, &inputs[experts.hidden.input]);
        for token in tokens.clone().filter(|_| forms.codes || forms.bfloats) {
            for place in routed.places(token) {
                let (first, count, index) = if few {
                    (place.row * TILE, 1, 0)
                } else {
                    (place.first, place.count, place.row - place.first)
                };
                // SAFETY: hidden rows were written in an earlier phase; this piece (or worker) alone writes these inputs.
                unsafe {
                    let x = self.expert_hidden.view().range(row(place.row, stride, width));
                    let to = own.part(first, count);
                    if forms.codes {
                        self.core.kernels.quantize_row(x, to.codes.row_mut(index));
                    }
                    if forms.bfloats {
                        self.core.kernels.f32_to_bf16(x, to.bfloats.range_mut(row(index, width, width)));
                    }
                }
            }
        }
        if let Some(shared) = &experts.shared {
            self.prepare_read(&shared.read, tokens, false, inputs);
        }
    }

    /// Rows of the sum over a token's experts, in their order, and the shared one; then of what it joins.
    fn sum_rows(
        &self,
        experts: &Experts,
        routed: &Routed<'_>,
        rows: Range<usize>,
        few: bool,
        inputs: &[Inputs],
        own: SharedSlice<'static, f32>,
    ) {
        let (stride, tokens) = (self.core.program.widths.stream, self.tokens.len());
        let range = |token: usize| token * stride + rows.start..token * stride + rows.end;
        // SAFETY: this piece alone has these rows of the branch.
        let sum = |token: usize| unsafe { self.branch.view().range_mut(range(token)) };
        (0..tokens).for_each(|token| sum(token).fill(0.0));
        let hidden = (self.expert_hidden.view(), self.core.program.widths.expert);
        for index in routed.chosen() {
            let weight = &experts.experts[index].down;
            for block in routed.blocks(index, few, BLOCK) {
                let (at, count) = (if few { block.row * TILE } else { block.row }, block.pairs.len());
                let ready = inputs[experts.hidden.input].part(at, count);
                let ready = Ready { floats: hidden.0.from(block.row * hidden.1), stride: hidden.1, ..ready };
                self.product(weight, rows.clone(), &ready, 0..count, (own, stride));
                for (index, place) in block.pairs.enumerate() {
                    let (token, share) = routed.token(place);
                    // SAFETY: the worker's own outputs.
                    self.core.kernels.axpy(sum(token), share, unsafe { own.range(range(index)) });
                }
            }
        }
        if let Some(shared) = &experts.shared {
            self.add_shared(shared, rows.clone(), inputs, own);
        }
        if let Sink::Stream { scale } = experts.sink {
            for token in 0..tokens {
                // SAFETY: this piece alone has these rows of the stream.
                let x = unsafe { self.stream.view().range_mut(range(token)) };
                self.core.kernels.axpy(x, scale, sum(token));
            }
        }
    }

    /// Rows of the shared expert's output, times its gate, join the sum.
    fn add_shared(
        &self,
        shared: &Shared,
        rows: Range<usize>,
        inputs: &[Inputs],
        own: SharedSlice<'static, f32>,
    ) {
        let (stride, tokens) = (self.core.program.widths.stream, self.tokens.len());
        for first in (0..tokens).step_by(BLOCK) {
            let count = BLOCK.min(tokens - first);
            let ready = self.prepared(&shared.read, tokens, inputs).part(first, count);
            self.product(&shared.down, rows.clone(), &ready, 0..count, (own, stride));
            for index in 0..count {
                let range = |token: usize| token * stride + rows.start..token * stride + rows.end;
                // SAFETY: this piece alone has these rows of the branch; the outputs are the worker's own; the gates were
                // written in an earlier phase.
                unsafe {
                    let gate =
                        shared.gated.then(|| self.gates.view().range(first + index..first + index + 1)[0]);
                    let share = gate.map_or(1.0, |gate| 1.0 / (1.0 + (-gate).exp()));
                    let sum = self.branch.view().range_mut(range(first + index));
                    self.core.kernels.axpy(sum, share, own.range(range(index)));
                }
            }
        }
    }
}
