//! The steps on whole rows of the residual stream: embedding, positions, and norms in place.

use std::ops::Range;

use super::exec::row;
use super::program::{LearnedPositions, NormWeights};
use super::session::Session;
use super::weights::Weight;

impl Session {
    pub(super) fn embed(&self, weight: &Weight, scale: f32, tokens: Range<usize>) {
        let (rows, width) = if self.core.program.widths.outer > 0 {
            (self.outer.view(), self.core.program.widths.outer)
        } else {
            (self.stream.view(), self.core.program.widths.stream)
        };
        let weight = weight.matrix();
        for token in tokens {
            // SAFETY: this piece alone writes this token's row.
            let x = unsafe { rows.range_mut(row(token, width, width)) };
            self.core.kernels.dequantize_row(&weight, self.tokens[token] as usize, x);
            if scale != 1.0 {
                self.core.kernels.scale(x, scale);
            }
        }
    }

    /// Adds learned positions, and norms.
    pub(super) fn enter(
        &self,
        positions: Option<&LearnedPositions>,
        norm: Option<&NormWeights>,
        tokens: Range<usize>,
    ) {
        let width = self.core.program.widths.stream;
        for token in tokens {
            let range = row(token, width, width);
            // SAFETY: this piece alone touches this token's rows; nobody else uses the branch in this phase.
            let (x, y) =
                unsafe { (self.stream.view().range_mut(range.clone()), self.branch.view().range_mut(range)) };
            if let Some(LearnedPositions { weight, offset }) = positions {
                self.core.kernels.dequantize_row(&weight.matrix(), self.position_of(token) + offset, y);
                self.core.kernels.add(x, y);
            }
            if let Some(norm) = norm {
                self.norm_in_place(norm, x);
            }
        }
    }

    /// `x += scale * norm(branch)`
    pub(super) fn sum(&self, norm: &NormWeights, scale: f32, tokens: Range<usize>) {
        let width = self.core.program.widths.stream;
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
    pub(super) fn norm(&self, norm: &NormWeights, tokens: Range<usize>) {
        let width = self.core.program.widths.stream;
        for token in tokens {
            // SAFETY: this piece alone touches this token's row.
            let x = unsafe { self.stream.view().range_mut(row(token, width, width)) };
            self.norm_in_place(norm, x);
        }
    }
}
