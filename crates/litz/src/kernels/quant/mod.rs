//! Matmuls of packed quantised weights with 8-bit activations.
//!
//! An output is one f32 running sum over the blocks of 32 columns in their order; within a block (half a block, where each half
//! has a scale of its own) the products of codes are summed as integers, exactly, so that any shape of loop gives the same bits.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(super) mod format;
mod portable;
pub(super) mod stored;

use std::mem::MaybeUninit;
use std::ops::Range;

use self::format::{Format, Unpacked, FOURS, LINE};
use self::stored::with_format;
use super::lanes::Simd;
use super::pack::GROUP;
use super::q8::{Q8Tile, Q8View, TILE, WORDS};
use super::views::{Matrix, OutView};

/// Words of the activations that a group of rows meets before the next group: they should stay in a second-level cache.
const NEAR: usize = 96 << 10;

/// Codes that every instruction set can load.
#[cfg(target_arch = "x86_64")]
pub(super) trait CodeRegisters: avx2::CodeRegisters + avx512::CodeRegisters {}
#[cfg(target_arch = "x86_64")]
impl<C: avx2::CodeRegisters + avx512::CodeRegisters> CodeRegisters for C {}
#[cfg(not(target_arch = "x86_64"))]
pub(super) trait CodeRegisters {}
#[cfg(not(target_arch = "x86_64"))]
impl<C> CodeRegisters for C {}

/// Scales that every instruction set can load.
#[cfg(target_arch = "x86_64")]
pub(super) trait ScaleRegisters: avx2::ScaleRegisters + avx512::ScaleRegisters {}
#[cfg(target_arch = "x86_64")]
impl<S: avx2::ScaleRegisters + avx512::ScaleRegisters> ScaleRegisters for S {}
#[cfg(not(target_arch = "x86_64"))]
pub(super) trait ScaleRegisters {}
#[cfg(not(target_arch = "x86_64"))]
impl<S> ScaleRegisters for S {}

/// Blocks that are unpacked at once: they should stay in a first-level cache.
const CHUNK: usize = 32;

/// Bytes of a block of any `Unpacked` format.
const UNPACKED: usize = (2 + FOURS) * LINE;

/// Room for `CHUNK` blocks of any `Unpacked` format.
#[repr(C, align(64))]
pub(super) struct Panel([MaybeUninit<u8>; CHUNK * UNPACKED]);

impl Panel {
    #[inline(always)]
    fn new() -> Self {
        Panel([const { MaybeUninit::uninit() }; CHUNK * UNPACKED])
    }
}

/// A group of sixteen rows, or some blocks of one.
#[derive(Clone, Copy)]
pub(super) struct Group {
    start: *const u8,
    blocks: usize,
}

/// Where a tile's outputs go.
#[derive(Clone, Copy)]
pub(super) struct Out {
    /// The group's first row of the tile's first token, which need not be written, nor exist.
    start: *mut f32,
    stride: usize,
    /// Bit `i`: row `i` of the group is written.
    rows: u16,
    /// Bit `i`: token `i` of the tile is written.
    tokens: u8,
    /// Whether it holds the sums of the blocks before.
    resumed: bool,
}

impl Out {
    /// Where token `t` goes, if it is wanted.
    #[inline(always)]
    fn token(&self, t: usize) -> Option<*mut f32> {
        (self.tokens >> t & 1 != 0).then(|| self.start.wrapping_add(t * self.stride))
    }

    /// Where the sums of token `t` so far are, if there are any.
    #[inline(always)]
    fn so_far(&self, t: usize) -> Option<*const f32> {
        self.token(t).filter(|_| self.resumed).map(<*mut f32>::cast_const)
    }
}

/// An instruction set's way of multiplying a group with a tile.
pub(super) trait MatmulQuant: Simd {
    /// Sixteen rows for all tokens of a tile of `W`; writes what `out` says.
    ///
    /// # Safety
    /// The group is of this format, `x` has its blocks; `out` may be written where it says so.
    unsafe fn tile<F: Format, const W: usize>(self, group: Group, x: &[u32], out: Out);

    /// Unpacks a group of at most `CHUNK` blocks.
    ///
    /// # Safety
    /// The group is of this format.
    unsafe fn unpack<F: Format>(self, group: Group, panel: &mut Panel);
}

/// `y[t][r] = dot(x[t], w[r])`.
///
/// # Safety
/// `w` is packed, `x` holds `tokens` rows of its columns, `y` holds `tokens` by `rows`.
#[inline(always)]
pub(super) unsafe fn matmul<S: MatmulQuant>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: &Q8View<'_>,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    with_format!(
        w.dtype(),
        // SAFETY: the caller's promise, passed on.
        |F| unsafe { groups::<S, F>(s, w, rows, x, tokens, y) },
        unreachable!("never packed")
    )
}

/// Group after group meets as many tokens as a cache holds.
///
/// # Safety
/// As `matmul`.
#[inline(always)]
unsafe fn groups<S: MatmulQuant, F: Format>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: &Q8View<'_>,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    let step = (NEAR / (x.blocks() * WORDS * TILE)).max(2) * TILE;
    let mut panel = Panel::new();
    let mut start = tokens.start;
    while start < tokens.end {
        let some = start..tokens.end.min(start / TILE * TILE + step);
        let full = full_tiles(x, &some);
        for first in (rows.start / GROUP * GROUP..rows.end).step_by(GROUP) {
            let group = Group { start: w.group(first / GROUP), blocks: x.blocks() };
            let out = |tile: &Q8Tile<'_>| out(y, first, &rows, tile, &some);
            // SAFETY: the caller's promise; `out` marks what is in both ranges.
            unsafe {
                if !full.is_empty() {
                    unpack_and_multiply::<S, F>(s, group, x, full.clone(), &mut panel, out);
                }
                multiply::<S, F>(s, group, x, full.end..some.end, out);
            }
        }
        start = some.end;
    }
}

/// The tokens of full tiles that `tokens` touches, if there are at least two: the others are not worth unpacking for.
#[inline(always)]
fn full_tiles(x: &Q8View<'_>, tokens: &Range<usize>) -> Range<usize> {
    let first = tokens.start / TILE * TILE;
    let end = tokens.end.next_multiple_of(TILE).min(x.tokens() / TILE * TILE);
    first..if end > first + TILE { end } else { first }
}

/// A group meets full tiles, unpacked once for all of them.
///
/// # Safety
/// The group is of this format and has the activations' blocks; `out` may be written where it says so.
#[inline(always)]
unsafe fn unpack_and_multiply<S: MatmulQuant, F: Format>(
    s: S,
    group: Group,
    x: &Q8View<'_>,
    tokens: Range<usize>,
    panel: &mut Panel,
    out: impl Fn(&Q8Tile<'_>) -> Out,
) {
    for block in (0..group.blocks).step_by(CHUNK) {
        let blocks = CHUNK.min(group.blocks - block);
        // SAFETY: the caller's promise; the blocks are in the group, and in the panel once they are unpacked.
        unsafe {
            s.unpack::<F>(Group { start: group.start.add(format::offset::<F>(block)), blocks }, panel);
            let unpacked = Group { start: panel.0.as_ptr().cast(), blocks };
            for token in tokens.clone().step_by(TILE) {
                let tile = x.tile(token);
                let out = Out { resumed: block > 0, ..out(&tile) };
                s.tile::<Unpacked<F>, TILE>(unpacked, &tile.words[block * WORDS * TILE..], out);
            }
        }
    }
}

/// A group meets tiles of any width, unpacked on the way.
///
/// # Safety
/// As `unpack_and_multiply`.
#[inline(always)]
unsafe fn multiply<S: MatmulQuant, F: Format>(
    s: S,
    group: Group,
    x: &Q8View<'_>,
    tokens: Range<usize>,
    out: impl Fn(&Q8Tile<'_>) -> Out,
) {
    let mut token = tokens.start;
    while token < tokens.end {
        let tile = x.tile(token);
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match tile.width {
                1 => s.tile::<F, 1>(group, tile.words, out(&tile)),
                2 => s.tile::<F, 2>(group, tile.words, out(&tile)),
                4 => s.tile::<F, 4>(group, tile.words, out(&tile)),
                _ => s.tile::<F, TILE>(group, tile.words, out(&tile)),
            }
        }
        token = tile.first + tile.width;
    }
}

/// Marks the rows and tokens of a group and a tile that are wanted.
#[inline(always)]
fn out(y: &OutView<'_>, first: usize, rows: &Range<usize>, tile: &Q8Tile<'_>, tokens: &Range<usize>) -> Out {
    let below = |n: usize| (1u32 << n.min(GROUP)) - 1;
    let marks = |from: usize, wanted: &Range<usize>| {
        below(wanted.end - from) & !below(wanted.start.saturating_sub(from))
    };
    Out {
        start: y.values.as_ptr().wrapping_add(tile.first * y.stride + first),
        stride: y.stride,
        rows: marks(first, rows) as u16,
        tokens: marks(tile.first, tokens) as u8,
        resumed: false,
    }
}

/// Bytes ahead of the reading at which a group that nobody has read before is asked for.
#[cfg(target_arch = "x86_64")]
const EARLY: usize = 4096;

/// Asks for some lines `EARLY` bytes behind `lines`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch(lines: *const u8, count: usize) {
    use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
    for line in 0..count {
        // SAFETY: a prefetch reads nothing; every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(lines.wrapping_add(EARLY + line * format::LINE).cast()) };
    }
}

/// Calls with each block of a group: the unit's scales, the block's place in the unit, its codes, and its words of a tile of `W`.
macro_rules! for_each_block {
    ($format:ident, $width:expr, $group:expr, $x:expr, |$head:ident, $at:ident, $codes:ident, $words:ident| $body:expr) => {
        let (mut $codes, mut $words, mut left) = ($group.start, $x, $group.blocks);
        while left > 0 {
            let ($head, count) = ($codes, left.min($format::Scales::UNIT));
            $codes = $codes.add($format::Scales::HEAD);
            for $at in 0..count {
                $body;
                $codes = $codes.add($format::Codes::LINES * LINE);
                $words = $words.add(WORDS * $width);
            }
            left -= count;
        }
    };
}
use for_each_block;

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
use for_each_four;
