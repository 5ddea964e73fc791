//! What an instruction set does for packed matmuls: a group of rows by a tile of tokens.

use std::mem::MaybeUninit;

use super::codes::span_of;
use super::format::{Format, FOURS, LINE};
use crate::kernels::layout::BLOCK;
use crate::kernels::simd::Simd;

/// Bytes of unpacked blocks: they should stay in a first-level cache.
const PANEL: usize = 32 * unpacked_bytes(1);

/// Bytes of an unpacked block: two lines of scales, and codes of `bytes`.
pub(super) const fn unpacked_bytes(bytes: usize) -> usize {
    (2 + bytes * FOURS) * LINE
}

/// Room for unpacked blocks.
#[repr(C, align(64))]
pub(in crate::kernels) struct Panel(pub(super) [MaybeUninit<u8>; PANEL]);

impl Panel {
    #[inline(always)]
    pub(super) fn new() -> Self {
        Panel([const { MaybeUninit::uninit() }; PANEL])
    }
}

/// A group of sixteen rows, or some blocks of one.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Group {
    pub(super) start: *const u8,
    pub(super) blocks: usize,
}

/// Where a tile's outputs go.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Out {
    /// The group's first row of the tile's first token, which need not be written, nor exist.
    pub(super) start: *mut f32,
    pub(super) stride: usize,
    /// Bit `i`: row `i` of the group is written.
    pub(super) rows: u16,
    /// Bit `i`: token `i` of the tile is written.
    pub(super) tokens: u8,
    /// Whether it holds the sums of the blocks before.
    pub(super) resumed: bool,
}

impl Out {
    /// Where token `t` goes, if it is wanted.
    #[inline(always)]
    pub(super) fn token(&self, t: usize) -> Option<*mut f32> {
        (self.tokens >> t & 1 != 0).then(|| self.start.wrapping_add(t * self.stride))
    }

    /// Where the sums of token `t` so far are, if there are any.
    #[inline(always)]
    pub(super) fn so_far(&self, t: usize) -> Option<*const f32> {
        self.token(t).filter(|_| self.resumed).map(<*mut f32>::cast_const)
    }
}

/// Whether a span ends with the block before `done`, counted from the first of a span.
#[inline(always)]
pub(super) fn ends_span<const BYTES: usize>(done: usize, blocks: usize) -> bool {
    done.is_multiple_of(span_of(BYTES)) || done == blocks
}

/// An instruction set's way of multiplying a group with a tile.
pub(in crate::kernels) trait MatmulQuant: Simd {
    /// Whether codes of 16 bits lie as pairs (columns 0 and 2, then 1 and 3 of four), or else as a plane of their upper
    /// bytes and a plane of the lower ones, which are signed.
    const PAIRS: bool;

    /// Writes a block's codes, integral and of `BYTES`, as `tile` reads them.
    ///
    /// # Safety
    /// `to` has room for them.
    #[inline(always)]
    unsafe fn store_codes<const BYTES: usize>(self, codes: [Self::F; 2], to: *mut u32) {
        let to = to.cast::<i8>();
        for (i, code) in codes.into_iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe {
                if BYTES == 1 {
                    self.store_i8(to.add(16 * i), code);
                    continue;
                }
                // A quarter more, so that no code is halfway between two upper bytes.
                let upper = self.round(self.fma(code, self.splat(1.0 / 256.0), self.splat(0.25 / 256.0)));
                self.store_i8(to.add(16 * i), upper);
                self.store_i8(to.add(BLOCK + 16 * i), self.fma(upper, self.splat(-256.0), code));
            }
        }
    }

    /// Blocks that a panel holds for activations of `BYTES`, whole units and spans.
    fn panel_blocks<const BYTES: usize>() -> usize {
        let bytes = if Self::PAIRS { BYTES } else { 1 };
        PANEL / unpacked_bytes(bytes) / 8 * 8
    }

    /// Sixteen rows for all tokens of a tile of `W`; writes what `out` says.
    ///
    /// # Safety
    /// The group is of this format, `x` has its blocks; `out` may be written where it says so.
    unsafe fn tile<F: Format, const BYTES: usize, const W: usize>(self, group: Group, x: &[u32], out: Out);

    /// Unpacks a group of at most `panel_blocks`.
    ///
    /// # Safety
    /// The group is of this format.
    unsafe fn unpack<F: Format, const BYTES: usize>(self, group: Group, panel: &mut Panel);

    /// `tile` of a whole tile with blocks that `unpack` left.
    ///
    /// # Safety
    /// The group is what `unpack` made of this format; the rest as `tile`.
    unsafe fn unpacked_tile<F: Format, const BYTES: usize>(self, group: Group, x: &[u32], out: Out);
}

/// Bytes ahead of the reading at which a group that is read for the first time is prefetched.
#[cfg(target_arch = "x86_64")]
const PREFETCH_BYTES: usize = 4096;

/// Prefetches some lines `PREFETCH_BYTES` bytes behind `lines`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) fn prefetch(lines: *const u8, count: usize) {
    use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
    for line in 0..count {
        // SAFETY: a prefetch reads nothing; every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(lines.wrapping_add(PREFETCH_BYTES + line * LINE).cast()) };
    }
}

/// Calls with each block of a group: the unit's scales, the block's place in the unit, its codes, and its words of a tile,
/// of which there are `$step`.
macro_rules! for_each_block {
    ($format:ident, $step:expr, $group:expr, $x:expr, |$head:ident, $at:ident, $codes:ident, $words:ident| $body:expr) => {
        let (mut $codes, mut $words, mut left) = ($group.start, $x, $group.blocks);
        while left > 0 {
            let ($head, count) = ($codes, left.min($format::Scales::UNIT));
            $codes = $codes.add($format::Scales::HEAD);
            for $at in 0..count {
                $body;
                $codes = $codes.add($format::Codes::LINES * LINE);
                $words = $words.add($step);
            }
            left -= count;
        }
    };
}
pub(super) use for_each_block;

/// The same code for each of a block's fours, whose number is a constant in it: shifts need one, and loops are not always unrolled.
#[cfg(target_arch = "x86_64")]
macro_rules! for_each_four {
    (|$four:ident| $body:expr) => {
        for_each_four!(|$four| $body, 0, 1, 2, 3, 4, 5, 6, 7)
    };
    (|$four:ident| $body:expr, $($n:literal),*) => {
        $({
            const $four: usize = $n;
            $body
        })*
    };
}
#[cfg(target_arch = "x86_64")]
pub(super) use for_each_four;
