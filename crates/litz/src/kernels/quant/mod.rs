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
pub(super) mod codes;
mod dequantize;
mod format;
pub(super) mod pack;
mod portable;
pub(super) mod quantize;
mod registers;
pub(super) mod stored;
mod tile;

use std::ops::Range;

pub(super) use self::dequantize::dequantize;
pub(super) use self::tile::MatmulQuant;

use self::codes::{words_of, CodeTile, CodeView, CodeWidth};
use self::format::Format;
use self::stored::with_format;
use self::tile::{Group, Out, Panel};
use super::layout::{GROUP, TILE};
use super::views::{Matrix, OutView};

/// Words of activations that a group of rows is multiplied with before the next group: they should stay in a
/// second-level cache.
const CACHED_WORDS: usize = 96 << 10;

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

/// Multiplies each group with as many tokens as a cache holds before the next.
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
    let step = (CACHED_WORDS / (x.blocks() * words_of(BYTES) * TILE)).max(2) * TILE;
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

/// Multiplies a group with full tiles; it is unpacked once for all of them.
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

/// Multiplies a group with tiles of any width; it is unpacked in registers.
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
