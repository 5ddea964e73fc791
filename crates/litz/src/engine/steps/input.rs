//! How matrices read: rows of a buffer, normed, in the forms that the matrices take.

use std::ops::Range;
use std::sync::Arc;

use super::norm::Norm;
use crate::engine::buffers::{BufferId, BufferSpec, Forms, RowsPer};
use crate::engine::pass::{Pass, Prepared, RowBuffer, Rows};
use crate::kernels::{Activations, Input, OutView};
use crate::weights::Weight;

/// `norm(source)`, prepared in the buffer `input`.
#[derive(Clone)]
pub(in crate::engine) struct Read {
    pub(in crate::engine) source: BufferId,
    pub(in crate::engine) norm: Option<Arc<Norm>>,
    pub(in crate::engine) input: BufferId,
    /// Columns of the matrices.
    pub(in crate::engine) cols: usize,
    /// Of what there is one row each.
    pub(in crate::engine) rows: RowsPer,
    /// In which forms the matrices take it, known when loading is over.
    pub(in crate::engine) forms: Forms,
    /// The source has a row for every token, but only those whose outputs are wanted are read.
    pub(in crate::engine) gathers: bool,
}

impl Read {
    /// Matrices of floats read the source itself: its rows are what they take.
    fn is_direct(&self) -> bool {
        self.norm.is_none() && !self.gathers
    }

    /// Sets the forms to what these matrices take.
    pub(super) fn resolve(&mut self, wanted: impl IntoIterator<Item = Input>, buffers: &mut [BufferSpec]) {
        self.forms = Forms::of(wanted);
        let floats = self.norm.is_some() || self.forms.floats && !self.is_direct();
        buffers[self.input.0].forms.add(Forms { floats, ..self.forms });
    }

    /// Norms rows of the source and leaves them in the forms that the matrices take.
    pub(super) fn prepare(&self, pass: &Pass, rows: Range<usize>, buffers: &[RowBuffer]) {
        let kernels = pass.kernels();
        let (source, input) = (pass.rows(self.source), &buffers[self.input.0]);
        let codes = input.part(0, pass.chunk.count(self.rows)).codes;
        for row in rows {
            let token = if self.gathers { pass.chunk.outputs[row] } else { row };
            // SAFETY: nobody writes the source in this phase; this piece (or worker) alone writes this row of the input.
            let x = unsafe { source.get(token, 0..self.cols) };
            // SAFETY: as above.
            let out = || unsafe { input.rows().get_mut(row, 0..self.cols) };
            let ready: &[f32] = match &self.norm {
                Some(norm) => {
                    let out = out();
                    norm.apply(kernels, x, out);
                    out
                }
                None if self.forms.floats && !self.is_direct() => {
                    let out = out();
                    out.copy_from_slice(x);
                    out
                }
                None => x,
            };
            if self.forms.codes {
                // SAFETY: as above.
                kernels.quantize_row(ready, unsafe { codes.row_mut(row) });
            }
            if self.forms.bfloats {
                let range = row * self.cols..(row + 1) * self.cols;
                // SAFETY: as above.
                kernels.f32_to_bf16(ready, unsafe { input.bfloats().range_mut(range) });
            }
        }
    }

    /// What `prepare` left of the first `rows` rows.
    pub(super) fn prepared(&self, pass: &Pass, rows: usize, buffers: &[RowBuffer]) -> Prepared {
        let prepared = buffers[self.input.0].part(0, rows);
        match self.is_direct() {
            true => Prepared { floats: pass.rows(self.source), ..prepared },
            false => prepared,
        }
    }
}

/// Rows of a matrix for some tokens: `to[token][row] = weight[row] * x[token]`.
pub(super) fn multiply(
    pass: &Pass,
    weight: &Weight,
    rows: Range<usize>,
    x: &Prepared,
    tokens: Range<usize>,
    to: Rows,
) {
    let matrix = weight.matrix();
    // SAFETY: the inputs were written in an earlier phase, or by this worker; nobody writes them now.
    let x = unsafe {
        match pass.input(&matrix) {
            Input::Codes => Activations::Codes(x.codes.view()),
            Input::Bf16 => {
                let values = x.bfloats.range(0..x.bfloats.len());
                Activations::Bf16 { values, stride: weight.cols() }
            }
            Input::F32 => {
                let values = x.floats.floats.range(0..x.floats.floats.len());
                Activations::F32 { values, stride: x.floats.stride }
            }
        }
    };
    // SAFETY: this piece alone has these rows of this output.
    let mut y = unsafe { OutView::alias(to.floats, to.stride) };
    pass.kernels().matmul(&matrix, rows, &x, tokens, &mut y);
}
