//! The executor: what each stage of each step does with its piece.
//!
//! Every `unsafe` block relies on the discipline of `shared`: the plan gives no element to two pieces of a phase.

use std::ops::Range;

use super::program::{Linear, NormWeights, Sink, Step};
use super::session::{forms, Inputs, Phase, Session, Stage};
use super::spec::NormKind;
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
        match &self.core.program.steps[*step] {
            Step::Embed { weight, scale } => self.embed(&weight.matrix(), *scale, units),
            Step::Sum { norm, scale } => self.sum(norm, *scale, units),
            Step::Linear(linear) => self.linear(linear, *stage, units, phase, worker),
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
    fn embed(&self, weight: &crate::kernels::Matrix<'_>, scale: f32, tokens: Range<usize>) {
        let width = self.core.spec.width;
        for token in tokens {
            // SAFETY: this piece alone writes this token's row.
            let x = unsafe { self.stream.view().range_mut(row(token, width, width)) };
            self.core.kernels.dequantize_row(weight, self.tokens[token] as usize, x);
            if scale != 1.0 {
                self.core.kernels.scale(x, scale);
            }
        }
    }

    fn sum(&self, norm: &NormWeights, scale: f32, tokens: Range<usize>) {
        let width = self.core.spec.width;
        for token in tokens {
            let range = row(token, width, width);
            // SAFETY: this piece alone touches this token's rows.
            let (x, y) =
                unsafe { (self.stream.view().range_mut(range.clone()), self.branch.view().range_mut(range)) };
            self.norm_in_place(norm, y);
            self.core.kernels.axpy(x, scale, y);
        }
    }

    /// `x = norm(x)`
    pub(super) fn norm_in_place(&self, norm: &NormWeights, x: &mut [f32]) {
        let kernels = self.core.kernels;
        match norm.kind {
            NormKind::Rms => kernels.rms_norm_in_place(x, &norm.weight, norm.eps, norm.offset),
            NormKind::Layer => {
                let copy = x.to_vec();
                kernels.layer_norm(&copy, &norm.weight, norm.bias.as_deref(), norm.eps, x);
            }
        }
    }

    fn linear(&self, linear: &Linear, stage: Stage, units: Range<usize>, phase: usize, worker: usize) {
        match stage {
            Stage::Prepare => self.prepare(linear, units, &self.inputs[linear.input]),
            Stage::Multiply => self.multiply(linear, units, &self.inputs[linear.input]),
            _ => {
                // SAFETY: this piece runs on this worker.
                let own = unsafe { self.worker(worker) };
                let inputs = &own.inputs[linear.input];
                if own.prepared != phase + 1 {
                    self.prepare(linear, 0..self.rows_of(linear), inputs);
                    own.prepared = phase + 1;
                }
                self.multiply(linear, units, inputs);
            }
        }
    }

    /// Norms rows of the source and leaves them in the forms that the matrices want.
    fn prepare(&self, linear: &Linear, rows: Range<usize>, inputs: &Inputs) {
        let kernels = self.core.kernels;
        let (source, stride) = self.source(linear.source);
        let cols = self.core.program.inputs[linear.input];
        let (codes, floats) = forms(linear);
        for index in rows {
            let token = if linear.is_last() { self.outputs[index] } else { index };
            // SAFETY: nobody writes the source in this phase; this piece (or worker) alone writes this row of the inputs.
            let (x, out) = unsafe {
                (
                    source.range(row(token, stride, cols)),
                    inputs.floats.view().range_mut(row(index, cols, cols)),
                )
            };
            let ready: &[f32] = match &linear.norm {
                Some(norm) => {
                    normed(kernels, norm, x, out);
                    out
                }
                None if floats => {
                    out.copy_from_slice(x);
                    out
                }
                None => x,
            };
            if codes {
                // SAFETY: as above.
                kernels.quantize_row(ready, unsafe {
                    inputs.codes.view().of(self.rows_of(linear)).row_mut(index)
                });
            }
        }
    }

    /// Some rows of a linear step's matrices for all tokens.
    fn multiply(&self, linear: &Linear, rows: Range<usize>, inputs: &Inputs) {
        if let Sink::Hidden(activation) = linear.sink {
            for part in 0..linear.parts.len() {
                self.matmul(linear, part, rows.clone(), inputs);
            }
            let width = self.core.program.hidden_width;
            for token in 0..self.tokens.len() {
                let range = row(token, width, 0).start + rows.start..row(token, width, 0).start + rows.end;
                // SAFETY: this piece alone touches these rows of both outputs.
                let (hidden, up) =
                    unsafe { (self.hidden.view().range_mut(range.clone()), self.up.view().range(range)) };
                match linear.parts.len() {
                    1 => self.core.kernels.activate(activation.into(), hidden),
                    _ => self.core.kernels.gate(activation.into(), hidden, up),
                }
            }
            return;
        }
        let mut before = 0;
        for (part, matrix) in linear.parts.iter().enumerate() {
            let count = matrix.weight.rows();
            let (start, end) = (rows.start.max(before), rows.end.min(before + count));
            if start < end {
                let own = start - before..end - before;
                self.matmul(linear, part, own.clone(), inputs);
                self.sink(linear, own);
            }
            before += count;
        }
    }

    /// Rows of one matrix for all tokens, bias included, to where `output` says.
    fn matmul(&self, linear: &Linear, part: usize, rows: Range<usize>, inputs: &Inputs) {
        let (weight, bias) = (&linear.parts[part].weight, &linear.parts[part].bias);
        let (output, stride) = self.output(linear, part);
        let tokens = self.rows_of(linear);
        // SAFETY: the inputs were written in an earlier phase, or by this worker; nobody writes them now.
        let x = unsafe {
            match weight.matrix().input() {
                Input::Q8 => Activations::Q8(inputs.codes.view().of(tokens).view()),
                Input::F32 => {
                    let values = inputs.floats.view();
                    Activations::F32 { values: values.range(0..values.len()), stride: weight.cols() }
                }
            }
        };
        // SAFETY: this piece alone has these rows of this output.
        let mut y = unsafe { OutView::alias(output, stride) };
        self.core.kernels.matmul(&weight.matrix(), rows.clone(), &x, 0..tokens, &mut y);
        let Some(bias) = bias else { return };
        for token in 0..tokens {
            // SAFETY: as above.
            let y = unsafe { output.range_mut(token * stride + rows.start..token * stride + rows.end) };
            self.core.kernels.add(y, &bias[rows.clone()]);
        }
    }

    fn output(&self, linear: &Linear, part: usize) -> (SharedSlice<'static, f32>, usize) {
        let program = &self.core.program;
        match linear.sink {
            Sink::Heads => (self.heads[part].view(), program.heads_widths[part]),
            Sink::Hidden(_) if part == 0 => (self.hidden.view(), program.hidden_width),
            Sink::Hidden(_) => (self.up.view(), program.hidden_width),
            Sink::Stream { .. } | Sink::Branch => (self.branch.view(), self.core.spec.width),
            Sink::Logits { .. } => (self.logits, self.core.spec.vocab),
        }
    }

    /// What follows the product, for the rows that this piece has just written.
    fn sink(&self, linear: &Linear, rows: Range<usize>) {
        let kernels = self.core.kernels;
        let (output, stride) = self.output(linear, 0);
        for token in 0..self.rows_of(linear) {
            let range = token * stride + rows.start..token * stride + rows.end;
            match linear.sink {
                Sink::Stream { scale } => {
                    // SAFETY: this piece alone has these rows of the branch and of the stream.
                    let (x, y) =
                        unsafe { (self.stream.view().range_mut(range.clone()), output.range(range)) };
                    kernels.axpy(x, scale, y);
                }
                Sink::Logits { scale, cap } => {
                    // SAFETY: this piece alone has these rows of the logits.
                    let logits = unsafe { output.range_mut(range) };
                    if scale != 1.0 {
                        kernels.scale(logits, scale);
                    }
                    if let Some(cap) = cap {
                        kernels.softcap(logits, cap);
                    }
                }
                Sink::Heads | Sink::Hidden(_) | Sink::Branch => return,
            }
        }
    }
}
