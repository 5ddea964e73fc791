//! The step of a short convolution between its matrices.

use std::ops::Range;

use super::step::Step;
use crate::engine::buffers::{BufferId, SlotId};
use crate::engine::pass::{Chunk, Pass, Plan, Span, Worker};
use crate::threads::Split;

/// Channels of a piece: whole cache lines, and at most so many that the ring's rows of them stay in the cache.
const LINE: usize = 16;
const CHANNELS: usize = 256;

/// `c *= conv(b * v) + bias`: each channel over its own last positions, which the sequence keeps.
pub(in crate::engine) struct ShortConv {
    pub(in crate::engine) b: BufferId,
    pub(in crate::engine) c: BufferId,
    pub(in crate::engine) v: BufferId,
    pub(in crate::engine) window: SlotId,
    /// For each position that it sees, first the farthest, a factor for each channel.
    pub(in crate::engine) taps: Vec<Vec<f32>>,
    pub(in crate::engine) bias: Option<Vec<f32>>,
    pub(in crate::engine) channels: usize,
}

impl ShortConv {
    /// Some channels of a sequence's tokens, one after the other: so a sum is the same however they came.
    fn convolve(&self, pass: &Pass, span: &Span, channels: &Range<usize>) {
        let ring = span.slots.conv(self.window);
        let (b, c, v) = (pass.rows(self.b), pass.rows(self.c), pass.rows(self.v));
        for index in 0..span.len {
            let (token, position) = (span.row + index, span.position + index);
            // SAFETY: this piece alone touches these channels of the rows and of the ring.
            let (newest, b, c, sum) = unsafe {
                let own = || channels.clone();
                let newest = ring.get_mut(position, channels);
                (newest, b.get(token, own()), c.get_mut(token, own()), v.get_mut(token, own()))
            };
            for ((newest, b), v) in newest.iter_mut().zip(b).zip(sum.iter()) {
                *newest = b * v;
            }
            match &self.bias {
                Some(bias) => sum.copy_from_slice(&bias[channels.clone()]),
                None => sum.fill(0.0),
            }
            let first = (position + 1).saturating_sub(self.taps.len());
            let taps = &self.taps[self.taps.len() - (position + 1 - first)..];
            for (tap, position) in taps.iter().zip(first..) {
                // SAFETY: as above; nobody holds the newest row any more.
                let x = unsafe { ring.get(position, channels) };
                for ((sum, tap), x) in sum.iter_mut().zip(&tap[channels.clone()]).zip(x) {
                    *sum += tap * x;
                }
            }
            c.iter_mut().zip(sum).for_each(|(c, sum)| *c *= *sum);
        }
    }
}

impl Step for ShortConv {
    fn plan(&self, _: &Chunk, plan: &mut Plan<'_>) {
        plan.stage(0, Split::new(self.channels, LINE, CHANNELS, plan.threads()));
    }

    fn run(&self, pass: &Pass, _: u8, channels: Range<usize>, _: &mut Worker) {
        pass.chunk.spans.iter().for_each(|span| self.convolve(pass, span, &channels));
    }
}
