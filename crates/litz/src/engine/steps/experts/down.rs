//! The sum of the chosen experts' outputs, and of the shared one's.

use std::ops::Range;

use super::super::input::{multiply, Read};
use super::super::linear::WORK_BYTES;
use super::super::step::{by_tokens, Step};
use super::mixture::{Biased, Mixture, Own, BLOCK, MULTIPLY, PREPARE, PREPARE_AND_MULTIPLY};
use super::routing::{Place, Routed};
use crate::engine::buffers::{BufferId, BufferSpec, DECODE_TOKENS};
use crate::engine::pass::{Chunk, Pass, Plan, Prepared, RowBuffer, Rows, Worker};
use crate::kernels::{Input, GROUP, TILE};
use crate::threads::Split;
use crate::weights::Weight;

/// Rows of a piece where tokens are many.
const SLICE: usize = 256;

/// `to = sum of share * down(hidden)` over a token's experts in their order, and the shared one; then `x += scale * to`.
pub(in crate::engine) struct ExpertsDown {
    pub(in crate::engine) mixture: Mixture,
    pub(in crate::engine) experts: Vec<Biased>,
    /// The hidden rows of the experts.
    pub(in crate::engine) hidden: Read,
    pub(in crate::engine) shared: Option<SharedExpert>,
    pub(in crate::engine) to: BufferId,
    /// The residual and its scale, where the sum is added at once.
    pub(in crate::engine) add_to: Option<(BufferId, f32)>,
}

/// The last matrix of the expert that every token has, whose others run with the router.
pub(in crate::engine) struct SharedExpert {
    pub(in crate::engine) read: Read,
    pub(in crate::engine) down: Weight,
    /// One column: its output is multiplied by the sigmoid.
    pub(in crate::engine) gate: Option<BufferId>,
}

/// What a piece works with.
struct Piece<'a> {
    pass: &'a Pass,
    /// The rows of the outputs that it makes.
    rows: Range<usize>,
    buffers: &'a [RowBuffer],
    /// The worker's own outputs of `BLOCK` tokens.
    outputs: Rows,
    sum: Rows,
}

impl Piece<'_> {
    /// This piece's rows of a token's sum.
    fn sum(&self, token: usize) -> &'static mut [f32] {
        // SAFETY: this piece alone has these rows, and makes one slice of them at a time.
        unsafe { self.sum.get_mut(token, self.rows.clone()) }
    }

    /// `sum[token] += share * outputs[index]`
    fn add(&self, token: usize, share: f32, index: usize) {
        // SAFETY: the worker's own outputs.
        let output = unsafe { self.outputs.get(index, self.rows.clone()) };
        self.pass.kernels().axpy(self.sum(token), share, output);
    }

    /// Adds an expert's bias to its first outputs.
    fn add_bias(&self, expert: &Biased, count: usize) {
        for index in 0..count {
            // SAFETY: the worker's own outputs.
            let output = unsafe { self.outputs.get_mut(index, self.rows.clone()) };
            expert.add_bias(self.pass.kernels(), self.rows.clone(), output);
        }
    }

    /// Outputs of a matrix for some rows of its input.
    fn multiply(&self, weight: &Weight, x: &Prepared, count: usize) {
        multiply(self.pass, weight, self.rows.clone(), x, 0..count, self.outputs);
    }
}

impl ExpertsDown {
    /// Rows of the outputs.
    fn width(&self) -> usize {
        self.experts[0].weight.rows()
    }

    /// The hidden rows of some tokens in the forms that `down` takes, the shared expert's too.
    fn prepare(
        &self,
        pass: &Pass,
        routed: &Routed<'_>,
        tokens: Range<usize>,
        few: bool,
        buffers: &[RowBuffer],
    ) {
        let Read { forms, .. } = self.hidden;
        if forms.codes || forms.bfloats {
            let places = tokens.clone().flat_map(|token| routed.places(token));
            places.for_each(|place| self.prepare_row(pass, place, few, &buffers[self.hidden.input.0]));
        }
        if let Some(shared) = &self.shared {
            shared.read.prepare(pass, tokens, buffers);
        }
    }

    fn prepare_row(&self, pass: &Pass, place: Place, few: bool, input: &RowBuffer) {
        let Read { forms, source, cols, .. } = self.hidden;
        let (first, count, index) = match few {
            true => (place.row * TILE, 1, 0),
            false => (place.first, place.count, place.row - place.first),
        };
        let to = input.part(first, count);
        // SAFETY: hidden rows were written in an earlier phase; this piece (or worker) alone writes these inputs.
        unsafe {
            let x = pass.rows(source).get(place.row, 0..cols);
            if forms.codes {
                pass.kernels().quantize_row(x, to.codes.row_mut(index));
            }
            if forms.bfloats {
                pass.kernels().f32_to_bf16(x, to.bfloats.range_mut(index * cols..(index + 1) * cols));
            }
        }
    }

    /// Rows of the sum over a token's experts, in their order, and the shared one.
    fn sum(&self, piece: &Piece<'_>, routed: &Routed<'_>, few: bool) {
        let (pass, tokens) = (piece.pass, piece.pass.chunk.tokens.len());
        (0..tokens).for_each(|token| piece.sum(token).fill(0.0));
        for index in routed.chosen() {
            for block in routed.blocks(index, few, BLOCK) {
                let (at, count) = (if few { block.row * TILE } else { block.row }, block.pairs.len());
                let x = piece.buffers[self.hidden.input.0].part(at, count);
                let x = Prepared { floats: pass.rows(self.hidden.source).from(block.row), ..x };
                piece.multiply(&self.experts[index].weight, &x, count);
                piece.add_bias(&self.experts[index], count);
                for (index, place) in block.pairs.enumerate() {
                    let (token, share) = routed.token(place);
                    piece.add(token, share, index);
                }
            }
        }
        if let Some(shared) = &self.shared {
            shared.add(piece);
        }
        let Some((x, scale)) = self.add_to else { return };
        for token in 0..tokens {
            // SAFETY: this piece alone has these rows of the residual.
            let x = unsafe { pass.rows(x).get_mut(token, piece.rows.clone()) };
            pass.kernels().axpy(x, scale, piece.sum(token));
        }
    }
}

impl SharedExpert {
    /// Adds rows of the shared expert's output, times its gate.
    fn add(&self, piece: &Piece<'_>) {
        let (pass, tokens) = (piece.pass, piece.pass.chunk.tokens.len());
        for first in (0..tokens).step_by(BLOCK) {
            let count = BLOCK.min(tokens - first);
            let x = self.read.prepared(pass, tokens, piece.buffers).part(first, count);
            piece.multiply(&self.down, &x, count);
            for index in 0..count {
                // SAFETY: the gates were written in an earlier phase.
                let gate = self.gate.map(|gate| unsafe { pass.rows(gate).get(first + index, 0..1)[0] });
                let share = gate.map_or(1.0, |gate| 1.0 / (1.0 + (-gate).exp()));
                piece.add(first + index, share, index);
            }
        }
    }
}

impl Step for ExpertsDown {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        let (threads, tokens) = (plan.threads(), chunk.tokens.len());
        if tokens <= DECODE_TOKENS {
            let shared = self.shared.as_ref().map_or(0, |shared| shared.down.row_bytes());
            let bytes = self.mixture.most_chosen(tokens) * self.experts[0].weight.row_bytes() + shared;
            let by_rows = Split::new(self.width(), GROUP, WORK_BYTES / bytes.max(1), threads);
            return plan.stage(PREPARE_AND_MULTIPLY, by_rows);
        }
        plan.stage(PREPARE, by_tokens(chunk, plan));
        plan.stage(MULTIPLY, Split::new(self.width(), GROUP, SLICE, threads));
    }

    fn run(&self, pass: &Pass, stage: u8, units: Range<usize>, worker: &mut Worker) {
        let few = stage == PREPARE_AND_MULTIPLY;
        let routed = match few {
            true => self.mixture.route(pass, worker.scratch.get_mut()),
            false => self.mixture.routed(pass),
        };
        if stage == PREPARE {
            return self.prepare(pass, &routed, units, false, pass.buffers());
        }
        if few && worker.is_first_piece() {
            self.prepare(pass, &routed, 0..pass.chunk.tokens.len(), true, &worker.buffers);
        }
        let outputs = Rows { floats: worker.scratch.get_mut::<Own>().outputs.view(), stride: self.width() };
        let buffers = if few { &worker.buffers[..] } else { pass.buffers() };
        let piece = Piece { pass, rows: units, buffers, outputs, sum: pass.rows(self.to) };
        self.sum(&piece, &routed, few);
    }

    fn resolve_input_dtypes(&mut self, input: &dyn Fn(&Weight) -> Input, buffers: &mut [BufferSpec]) {
        self.hidden.resolve(self.experts.iter().map(|expert| input(&expert.weight)), buffers);
        if let Some(SharedExpert { read, down, .. }) = &mut self.shared {
            read.resolve([input(down)], buffers);
        }
    }

    fn bytes(&self, _: usize) -> usize {
        4 * BLOCK * self.width()
    }
}
