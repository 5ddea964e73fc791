//! The executor: what each stage of each step does with its piece.
//!
//! Every `unsafe` block relies on the discipline of `shared`: the plan gives no element to two pieces of a phase.

use std::ops::Range;

use super::program::{Linear, NormWeights, Output, Program, Read, Sink, Source, Step, Term};
use super::session::{Inputs, Phase, Ready, Session, Stage, ROWS};
use super::spec::NormKind;
use super::weights::Weight;
use crate::kernels::{Activations, Input, Kernels, OutView, SharedSlice};
use crate::threads::Work;

impl Work for Session {
    fn phases(&self) -> usize {
        self.phases.len()
    }

    fn pieces(&self, phase: usize) -> usize {
        self.phases[phase].split.pieces()
    }

    fn run(&self, phase: usize, piece: usize, worker: usize) {
        let Phase { step, stage, split, segments } = &self.phases[phase];
        let units = split.range(piece);
        let Program { steps, experts, .. } = &self.core.program;
        match &steps[*step] {
            Step::Embed { weight, scale } => self.embed(weight, *scale, units),
            Step::Enter { positions, norm } => self.enter(positions.as_ref(), norm.as_ref(), units),
            Step::Sum { norm, scale } => self.sum(norm, *scale, units),
            Step::Norm(norm) => self.norm(norm, units),
            Step::Linear(linear) => self.linear(linear, *stage, units, phase, worker),
            Step::ExpertsUp(index) => self.experts_up(&experts[*index], *stage, units, phase, worker),
            Step::ExpertsDown(index) => self.experts_down(&experts[*index], *stage, units, phase, worker),
            Step::Attend(attend) => self.attention(attend, (*stage, *segments), units, worker),
        }
    }
}

/// Row `row` of a buffer with rows of `stride`, of which the first `len` count.
pub(super) fn row(row: usize, stride: usize, len: usize) -> Range<usize> {
    row * stride..row * stride + len
}

/// `out = norm(x)`
pub(super) fn normed(kernels: &Kernels, norm: &NormWeights, x: &[f32], out: &mut [f32]) {
    match norm.kind {
        NormKind::Rms => kernels.rms_norm(x, &norm.weight, norm.eps, norm.offset, out),
        NormKind::Layer => kernels.layer_norm(x, &norm.weight, norm.bias.as_deref(), norm.eps, out),
    }
}

impl Session {
    /// `x = norm(x)`
    pub(super) fn norm_in_place(&self, norm: &NormWeights, x: &mut [f32]) {
        let kernels = self.core.kernels;
        match norm.kind {
            NormKind::Rms => kernels.rms_norm_in_place(x, &norm.weight, norm.eps, norm.offset),
            NormKind::Layer => {
                kernels.layer_norm_in_place(x, &norm.weight, norm.bias.as_deref(), norm.eps);
            }
        }
    }

    fn linear(&self, linear: &Linear, stage: Stage, units: Range<usize>, phase: usize, worker: usize) {
        match stage {
            Stage::Prepare => self.prepare(linear, units, &self.inputs),
            Stage::Multiply => self.multiply(linear, units, &self.inputs),
            _ => {
                // SAFETY: this piece runs on this worker.
                let own = unsafe { self.worker(worker) };
                if own.prepared != phase + 1 {
                    self.prepare(linear, 0..self.row_count(linear.last), &own.inputs);
                    own.prepared = phase + 1;
                }
                self.multiply(linear, units, &own.inputs);
            }
        }
    }

    fn prepare(&self, linear: &Linear, rows: Range<usize>, inputs: &[Inputs]) {
        for read in &linear.reads {
            self.prepare_read(read, rows.clone(), linear.last, inputs);
        }
    }

    /// Norms rows of a source and leaves them in the forms that matrices want; `last`: those whose logits are wanted.
    pub(super) fn prepare_read(&self, read: &Read, rows: Range<usize>, last: bool, inputs: &[Inputs]) {
        let kernels = self.core.kernels;
        let (source, stride) = self.source(read.source);
        let (inputs, cols) = (&inputs[read.input], self.core.program.inputs[read.input].cols);
        let codes = inputs.part(0, self.row_count(last)).codes;
        for place in rows {
            let token = if last && read.source == Source::Stream { self.outputs[place] } else { place };
            // SAFETY: nobody writes the source in this phase; this piece (or worker) alone writes this row of the inputs.
            let x = unsafe { source.range(row(token, stride, cols)) };
            // SAFETY: as above.
            let out = || unsafe { inputs.floats.view().range_mut(row(place, cols, cols)) };
            let ready: &[f32] = match &read.norm {
                Some(norm) => {
                    let out = out();
                    normed(kernels, norm, x, out);
                    out
                }
                None if read.forms.floats && !read.direct => {
                    let out = out();
                    out.copy_from_slice(x);
                    out
                }
                None => x,
            };
            if read.forms.codes {
                // SAFETY: as above.
                kernels.quantize_row(ready, unsafe { codes.row_mut(place) });
            }
            if read.forms.bfloats {
                // SAFETY: as above.
                kernels
                    .f32_to_bf16(ready, unsafe { inputs.bfloats.view().range_mut(row(place, cols, cols)) });
            }
        }
    }

    /// What `prepare_read` left of `rows` rows.
    pub(super) fn prepared(&self, read: &Read, rows: usize, inputs: &[Inputs]) -> Ready {
        let prepared = inputs[read.input].part(0, rows);
        match read.direct {
            true => {
                let (floats, stride) = self.source(read.source);
                Ready { floats, stride, ..prepared }
            }
            false => prepared,
        }
    }

    /// Some rows of a linear step's outputs for all tokens.
    fn multiply(&self, linear: &Linear, rows: Range<usize>, inputs: &[Inputs]) {
        let mut before = 0;
        for output in &linear.outputs {
            let count = output.rows();
            let (start, end) = (rows.start.max(before), rows.end.min(before + count));
            if start < end {
                self.output(linear, output, start - before..end - before, inputs);
            }
            before += count.next_multiple_of(ROWS);
        }
    }

    fn output(&self, linear: &Linear, output: &Output, rows: Range<usize>, inputs: &[Inputs]) {
        let tokens = self.row_count(linear.last);
        for (index, term) in output.terms.iter().enumerate() {
            let (target, stride) = self.target(output.sink, index);
            self.matmul(linear, term, rows.clone(), inputs, (target, stride));
            if term.bias.is_none() && output.is_kept(index) {
                continue;
            }
            for token in 0..tokens {
                let range = token * stride + rows.start..token * stride + rows.end;
                // SAFETY: this piece alone has these rows of the output.
                let y = unsafe { target.range_mut(range.clone()) };
                if let Some(bias) = &term.bias {
                    self.core.kernels.add(y, &bias[rows.clone()]);
                }
                self.sink(output, index, range, y);
            }
        }
    }

    fn matmul(
        &self,
        linear: &Linear,
        term: &Term,
        rows: Range<usize>,
        inputs: &[Inputs],
        to: (SharedSlice<'static, f32>, usize),
    ) {
        let tokens = self.row_count(linear.last);
        let ready = self.prepared(&linear.reads[term.read], tokens, inputs);
        self.product(&term.weight, rows, &ready, 0..tokens, to);
    }

    /// Rows of a matrix for some tokens, to a buffer with rows of a stride.
    pub(super) fn product(
        &self,
        weight: &Weight,
        rows: Range<usize>,
        ready: &Ready,
        tokens: Range<usize>,
        (to, stride): (SharedSlice<'static, f32>, usize),
    ) {
        let matrix = weight.matrix();
        // SAFETY: the inputs were written in an earlier phase, or by this worker; nobody writes them now.
        let x = unsafe {
            match self.core.input(&matrix) {
                Input::Codes => Activations::Codes(ready.codes.view()),
                Input::Bf16 => {
                    let values = ready.bfloats.range(0..ready.bfloats.len());
                    Activations::Bf16 { values, stride: weight.cols() }
                }
                Input::F32 => {
                    let values = ready.floats.range(0..ready.floats.len());
                    Activations::F32 { values, stride: ready.stride }
                }
            }
        };
        // SAFETY: this piece alone has these rows of this output.
        let mut y = unsafe { OutView::alias(to, stride) };
        self.core.kernels.matmul(&matrix, rows, &x, tokens, &mut y);
    }

    /// Where a term of an output goes, and how far its rows lie apart.
    fn target(&self, sink: Sink, term: usize) -> (SharedSlice<'static, f32>, usize) {
        let widths = &self.core.program.widths;
        match sink {
            Sink::Heads(side) => (self.heads[side].view(), widths.heads[side]),
            Sink::Hidden(_) if term == 0 => (self.hidden.view(), widths.hidden),
            Sink::Hidden(_) => (self.up.view(), widths.hidden),
            Sink::Stream { .. } | Sink::Branch => (self.branch.view(), widths.stream),
            Sink::Start => (self.stream.view(), widths.stream),
            Sink::Outer => (self.outer.view(), widths.outer),
            Sink::Scores => (self.scores.view(), widths.scores),
            Sink::Gate => (self.gates.view(), 1),
            Sink::Logits { .. } => (self.logits, self.core.spec.vocab),
        }
    }

    /// What follows a term's product `y`, which is `range` of its target.
    fn sink(&self, output: &Output, term: usize, range: Range<usize>, y: &mut [f32]) {
        let kernels = self.core.kernels;
        match output.sink {
            Sink::Hidden(activation) if output.terms.len() == 1 => kernels.activate(activation.into(), y),
            Sink::Hidden(activation) if term == 1 => {
                // SAFETY: this piece alone has these rows of both sides.
                let gate = unsafe { self.hidden.view().range_mut(range) };
                kernels.gate(activation.into(), gate, y);
            }
            Sink::Stream { scale } => {
                // SAFETY: this piece alone has these rows of the stream.
                kernels.axpy(unsafe { self.stream.view().range_mut(range) }, scale, y);
            }
            Sink::Logits { scale, cap } => {
                if scale != 1.0 {
                    kernels.scale(y, scale);
                }
                if let Some(cap) = cap {
                    kernels.softcap(y, cap);
                }
            }
            _ => {}
        }
    }
}
