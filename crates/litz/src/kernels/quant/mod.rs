//! Matmuls of packed quantised weights with activations as codes of 8 or 16 bits.
//!
//! Within a block of 32 columns (half a block, where each half has a scale of its own) the products of codes are summed as
//! integers, exactly. An output is one f32 running sum over the spans of blocks that share a scale, in their order, and a span
//! is a running sum over its blocks. So any shape of loop and any instruction set gives the same bits. `BYTES` are those of
//! an activation's code.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod dequantize;
pub(super) mod format;
mod portable;
pub(super) mod stored;

use std::mem::MaybeUninit;
use std::ops::Range;

pub(super) use self::dequantize::dequantize;
use self::format::{Format, FOURS, LINE};
use self::stored::with_format;
use super::codes::{span_of, words_of, CodeTile, CodeView, CodeWidth, TILE};
use super::lanes::Simd;
use super::pack::GROUP;
use super::views::{Matrix, OutView, BLOCK};

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

/// Bytes of unpacked blocks: they should stay in a first-level cache.
const PANEL: usize = 32 * unpacked_bytes(1);

/// Bytes of an unpacked block: two lines of scales, and codes of `bytes`.
const fn unpacked_bytes(bytes: usize) -> usize {
    (2 + bytes * FOURS) * LINE
}

/// Room for unpacked blocks.
#[repr(C, align(64))]
pub(super) struct Panel([MaybeUninit<u8>; PANEL]);

impl Panel {
    #[inline(always)]
    fn new() -> Self {
        Panel([const { MaybeUninit::uninit() }; PANEL])
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

/// Whether a span ends with the block before `done`, counted from the first of a span.
#[inline(always)]
fn ends_span<const BYTES: usize>(done: usize, blocks: usize) -> bool {
    done.is_multiple_of(span_of(BYTES)) || done == blocks
}

/// An instruction set's way of multiplying a group with a tile.
pub(super) trait MatmulQuant: Simd {
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

/// `y[t][r] = dot(x[t], w[r])`.
///
/// # Safety
/// `w` is packed, `x` holds `tokens` rows of its columns, `y` holds `tokens` by `rows`.
#[inline(always)]
pub(super) unsafe fn matmul<S: MatmulQuant>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: &CodeView<'_>,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    with_format!(
        w.dtype(),
        // SAFETY: the caller's promise, passed on.
        |F| unsafe {
            match x.width() {
                CodeWidth::Bits8 => groups::<S, F, 1>(s, w, rows, x, tokens, y),
                CodeWidth::Bits16 => groups::<S, F, 2>(s, w, rows, x, tokens, y),
            }
        },
        unreachable!("never packed")
    )
}

/// Group after group meets as many tokens as a cache holds.
///
/// # Safety
/// As `matmul`.
#[inline(always)]
unsafe fn groups<S: MatmulQuant, F: Format, const BYTES: usize>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: &CodeView<'_>,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    let step = (NEAR / (x.blocks() * words_of(BYTES) * TILE)).max(2) * TILE;
    let mut panel = Panel::new();
    let mut start = tokens.start;
    while start < tokens.end {
        let some = start..tokens.end.min(start / TILE * TILE + step);
        let full = full_tiles(x, &some);
        for first in (rows.start / GROUP * GROUP..rows.end).step_by(GROUP) {
            let group = Group { start: w.group(first / GROUP), blocks: x.blocks() };
            let out = |tile: &CodeTile<'_>| out(y, first, &rows, tile, &some);
            // SAFETY: the caller's promise; `out` marks what is in both ranges.
            unsafe {
                if !full.is_empty() {
                    unpack_and_multiply::<S, F, BYTES>(s, group, x, full.clone(), &mut panel, out);
                }
                multiply::<S, F, BYTES>(s, group, x, full.end..some.end, out);
            }
        }
        start = some.end;
    }
}

/// The tokens of full tiles that `tokens` touches, if there are at least two: the others are not worth unpacking for.
#[inline(always)]
fn full_tiles(x: &CodeView<'_>, tokens: &Range<usize>) -> Range<usize> {
    let first = tokens.start / TILE * TILE;
    let end = tokens.end.next_multiple_of(TILE).min(x.tokens() / TILE * TILE);
    first..if end > first + TILE { end } else { first }
}

/// A group meets full tiles, unpacked once for all of them.
///
/// # Safety
/// The group is of this format and has the activations' blocks; `out` may be written where it says so.
#[inline(always)]
unsafe fn unpack_and_multiply<S: MatmulQuant, F: Format, const BYTES: usize>(
    s: S,
    group: Group,
    x: &CodeView<'_>,
    tokens: Range<usize>,
    panel: &mut Panel,
    out: impl Fn(&CodeTile<'_>) -> Out,
) {
    let most = S::panel_blocks::<BYTES>();
    for block in (0..group.blocks).step_by(most) {
        let blocks = most.min(group.blocks - block);
        // SAFETY: the caller's promise; the blocks are in the group, and in the panel once they are unpacked.
        unsafe {
            s.unpack::<F, BYTES>(Group { start: group.start.add(format::offset::<F>(block)), blocks }, panel);
            let unpacked = Group { start: panel.0.as_ptr().cast(), blocks };
            for token in tokens.clone().step_by(TILE) {
                let tile = x.tile(token);
                let out = Out { resumed: block > 0, ..out(&tile) };
                s.unpacked_tile::<F, BYTES>(unpacked, &tile.words[block * words_of(BYTES) * TILE..], out);
            }
        }
    }
}

/// A group meets tiles of any width, unpacked on the way.
///
/// # Safety
/// As `unpack_and_multiply`.
#[inline(always)]
unsafe fn multiply<S: MatmulQuant, F: Format, const BYTES: usize>(
    s: S,
    group: Group,
    x: &CodeView<'_>,
    tokens: Range<usize>,
    out: impl Fn(&CodeTile<'_>) -> Out,
) {
    let mut token = tokens.start;
    while token < tokens.end {
        let tile = x.tile(token);
        // SAFETY: the caller's promise, passed on.
        unsafe {
            match tile.width {
                1 => s.tile::<F, BYTES, 1>(group, tile.words, out(&tile)),
                2 => s.tile::<F, BYTES, 2>(group, tile.words, out(&tile)),
                4 => s.tile::<F, BYTES, 4>(group, tile.words, out(&tile)),
                _ => s.tile::<F, BYTES, TILE>(group, tile.words, out(&tile)),
            }
        }
        token = tile.first + tile.width;
    }
}

/// Marks the rows and tokens of a group and a tile that are wanted.
#[inline(always)]
fn out(
    y: &OutView<'_>,
    first: usize,
    rows: &Range<usize>,
    tile: &CodeTile<'_>,
    tokens: &Range<usize>,
) -> Out {
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
