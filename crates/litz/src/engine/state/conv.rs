//! The last inputs of a short convolution: a ring of rows, one for each of the latest positions.

use std::ops::Range;

use crate::kernels::SharedSlice;
use crate::shared::Buffer;

/// Positions that a sequence can go back by: the last token of a prompt that is read anew, tokens that were proposed and
/// rejected. A row each is kept beyond those that the convolution reads.
const BACK: usize = 8;

/// What is kept of a position, and how far back the convolution reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct ConvShape {
    pub(in crate::engine) channels: usize,
    pub(in crate::engine) kernel: usize,
}

impl ConvShape {
    fn rows(self) -> usize {
        self.kernel + BACK
    }

    /// Bytes that a sequence keeps.
    pub(super) fn bytes(self) -> usize {
        4 * self.rows() * self.channels
    }
}

/// A ring in which the row of position `p` is `p % rows`.
pub(in crate::engine) struct ConvWindow {
    shape: ConvShape,
    rows: Buffer<f32>,
    /// The first position whose row was not overwritten.
    oldest: usize,
}

impl ConvWindow {
    pub(super) fn new(shape: ConvShape) -> Self {
        Self { shape, rows: Buffer::new(shape.rows() * shape.channels), oldest: 0 }
    }

    /// The rows, for the positions that a pass computes.
    pub(in crate::engine) fn ring(&self) -> Ring {
        let ConvShape { channels, .. } = self.shape;
        Ring { rows: self.rows.view(), count: self.shape.rows(), channels }
    }

    /// Notes that the positions `from..to` are to be written.
    pub(super) fn advance(&mut self, from: usize, to: usize) {
        let oldest = if from == 0 { 0 } else { self.oldest };
        self.oldest = oldest.max(to.saturating_sub(self.shape.rows()));
    }

    /// How many positions are left where `to` are wanted: those, or none, if a row that the next one reads is gone.
    pub(super) fn reachable(&self, to: usize) -> usize {
        let first = (to + 1).saturating_sub(self.shape.kernel);
        if first >= self.oldest {
            to
        } else {
            0
        }
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        let (from, to) = (other.rows.view(), self.rows.view());
        // SAFETY: no region runs on a sequence that is borrowed; this one is new, and ours alone.
        unsafe { to.range_mut(0..to.len()).copy_from_slice(from.range(0..from.len())) };
        self.oldest = other.oldest;
    }
}

/// The rows of a window, under the rule of `shared`.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Ring {
    rows: SharedSlice<'static, f32>,
    count: usize,
    channels: usize,
}

impl Ring {
    /// Some channels of a position.
    ///
    /// # Safety
    /// Nobody writes them for as long as the result lives.
    pub(in crate::engine) unsafe fn get(&self, position: usize, channels: &Range<usize>) -> &'static [f32] {
        // SAFETY: the caller's promise.
        unsafe { self.rows.range(self.range(position, channels)) }
    }

    /// Some channels of a position, to be written.
    ///
    /// # Safety
    /// Nobody else reads or writes them for as long as the result lives.
    pub(in crate::engine) unsafe fn get_mut(
        &self,
        position: usize,
        channels: &Range<usize>,
    ) -> &'static mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { self.rows.range_mut(self.range(position, channels)) }
    }

    fn range(&self, position: usize, channels: &Range<usize>) -> Range<usize> {
        let start = position % self.count * self.channels;
        start + channels.start..start + channels.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ConvShape = ConvShape { channels: 1, kernel: 3 };

    #[test]
    fn a_window_goes_back_as_far_as_its_rows_do_and_else_to_the_beginning() {
        let mut window = ConvWindow::new(SHAPE);
        window.advance(0, 40);
        assert_eq!([40, 39, 32, 31, 30, 1, 0].map(|to| window.reachable(to)), [40, 39, 32, 31, 0, 0, 0]);
    }

    #[test]
    fn what_was_overwritten_stays_lost_after_going_back() {
        let mut window = ConvWindow::new(SHAPE);
        window.advance(0, 40);
        window.advance(32, 33);
        assert_eq!([33, 32, 31, 30].map(|to| window.reachable(to)), [33, 32, 31, 0]);
        window.advance(0, 4);
        assert_eq!([4, 3, 2, 1, 0].map(|to| window.reachable(to)), [4, 3, 2, 1, 0]);
    }

    #[test]
    fn a_copy_reaches_no_further_than_its_source() {
        let (mut window, mut copy) = (ConvWindow::new(SHAPE), ConvWindow::new(SHAPE));
        window.advance(0, 40);
        copy.copy_from(&window);
        assert_eq!([31, 30].map(|to| copy.reachable(to)), [31, 0]);
    }
}
