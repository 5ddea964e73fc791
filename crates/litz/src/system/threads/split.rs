//! How many pieces a phase has.

/// How a number of equal units is cut into pieces. Results never depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    units: usize,
    size: usize,
}

impl Split {
    /// Cuts `units` into as few equal pieces for each thread as keep them within `most` units; sizes are multiples of `align`.
    ///
    /// Few, because claiming a piece and starting on its memory costs about half a microsecond.
    pub fn new(units: usize, align: usize, most: usize, threads: usize) -> Self {
        let rounds = if threads == 1 { 1 } else { units.div_ceil(threads * most.max(1)).max(1) };
        let size = units.div_ceil(threads * rounds).max(1).next_multiple_of(align.max(1));
        Self { units, size }
    }

    /// How many pieces there are.
    pub fn pieces(&self) -> usize {
        self.units.div_ceil(self.size)
    }

    /// The units of one piece.
    pub fn range(&self, piece: usize) -> std::ops::Range<usize> {
        let start = piece * self.size;
        start..self.units.min(start + self.size)
    }
}
