//! The matmul of many tokens: a few rows are converted at a time to an aligned panel, and register tiles run over a block
//! of tokens whose slices the second-level cache holds.

use std::ops::Range;

use super::dot::{step, store, Dot};
use super::slice::{slice_columns, Line, Rows, Scratch, SCRATCH, SLICE};
use crate::kernels::convert::{self, F32};
use crate::kernels::simd::Simd;
use crate::kernels::views::{Matrix, OutView};

/// Rows of a tile.
const R: usize = 4;
/// Tokens that are multiplied with a panel before the next is filled.
const BLOCK_TOKENS: usize = 168;

/// `y[t][r] = dot(x[t], w[r])` in tiles of as many tokens as there are registers for.
///
/// # Safety
/// As `panels_of`.
#[inline(always)]
pub(super) unsafe fn panels<S: Simd, D: Dot<S>>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    let mut scratch = SCRATCH.take();
    // SAFETY: the caller's promise, passed on.
    unsafe {
        if S::WIDE {
            panels_of::<S, D, 6>(s, w, rows, x, tokens, y, &mut scratch);
        } else if S::VECTOR {
            panels_of::<S, D, 3>(s, w, rows, x, tokens, y, &mut scratch);
        } else {
            panels_of::<S, D, 1>(s, w, rows, x, tokens, y, &mut scratch);
        }
    }
    SCRATCH.set(scratch);
}

/// `y[t][r] = dot(x[t], w[r])` in tiles of `R` rows and `T` tokens.
///
/// # Safety
/// `x` holds `tokens` rows as `D` takes them, `y` holds `tokens` by `rows`; the matrix isn't packed.
#[inline(always)]
unsafe fn panels_of<S: Simd, D: Dot<S>, const T: usize>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
    scratch: &mut Scratch,
) {
    let cols = w.cols();
    let register = S::WIDTH * 4;
    let panel = Scratch::room(&mut scratch.weights, R * SLICE);
    let blocks = tokens.len().div_ceil(BLOCK_TOKENS);
    for some in parts(tokens.clone(), tokens.len().div_ceil(blocks).next_multiple_of(T)) {
        for columns in parts(0..cols, slice_columns(cols, D::BYTES)) {
            let bytes = columns.len() * D::BYTES;
            let mut x =
                Rows { start: x.row(some.start).wrapping_add(columns.start * D::BYTES), stride: x.stride };
            // SAFETY: the panel has room for `R` slices; the rest is the caller's promise.
            unsafe {
                if bytes % register != 0 {
                    x = padded(x, some.len(), bytes, bytes.next_multiple_of(register), &mut scratch.inputs);
                }
                for tile in parts(rows.clone(), R) {
                    fill::<S, D>(s, w, tile.clone(), columns.clone(), panel);
                    let block = PanelShape {
                        steps: bytes.div_ceil(register),
                        rows: tile.len(),
                        out: y.values.as_ptr().add(some.start * y.stride + tile.start),
                        stride: y.stride,
                        add: columns.start > 0,
                        ahead: NextPanel::new(w, tile.end, columns.clone()),
                    };
                    tiles::<S, D, T>(s, block, panel, (x, some.len()));
                }
            }
        }
    }
}

/// What the tiles of a panel have in common.
#[derive(Clone, Copy)]
struct PanelShape {
    /// Registers of a slice.
    steps: usize,
    /// Rows that are stored.
    rows: usize,
    /// Where the first row of the first token goes, and elements from one token to the next.
    out: *mut f32,
    stride: usize,
    /// Whether there are slices before this one.
    add: bool,
    ahead: NextPanel,
}

/// `range` in parts of `size`.
#[inline(always)]
fn parts(range: Range<usize>, size: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(size).map(move |start| start..end.min(start + size))
}

/// Rows of the panel: columns as `D` takes them, zeros up to a whole register.
///
/// # Safety
/// `panel` has room for the rows.
#[inline(always)]
unsafe fn fill<S: Simd, D: Dot<S>>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    columns: Range<usize>,
    panel: *mut u8,
) {
    let bytes = columns.len() * D::BYTES;
    for (i, r) in rows.enumerate() {
        // SAFETY: a slice and its padding are at most `SLICE` bytes.
        unsafe {
            let out = panel.add(i * SLICE);
            if D::BYTES == 4 {
                let out = std::slice::from_raw_parts_mut(out.cast::<f32>(), columns.len());
                convert::dequantize_columns(s, w, r, columns.start, out);
            } else {
                std::ptr::copy_nonoverlapping(w.row(r).add(columns.start * D::BYTES), out, bytes);
            }
            let padding = bytes.next_multiple_of(S::WIDTH * 4) - bytes;
            std::ptr::write_bytes(out.add(bytes), 0, padding);
        }
    }
}

/// The tokens' slices with zeros up to a whole register.
///
/// # Safety
/// `bytes` of each of `count` rows may be read.
#[inline(always)]
unsafe fn padded(x: Rows, count: usize, bytes: usize, stride: usize, lines: &mut Vec<Line>) -> Rows {
    let start = Scratch::room(lines, count * stride);
    for t in 0..count {
        // SAFETY: the caller's promise; there is room for `count` strides.
        unsafe {
            let out = start.add(t * stride);
            std::ptr::copy_nonoverlapping(x.row(t), out, bytes);
            std::ptr::write_bytes(out.add(bytes), 0, stride - bytes);
        }
    }
    Rows { start, stride }
}

/// What the next panel is filled from: where it starts, bytes from one row to the next, and bytes of a row.
#[derive(Clone, Copy)]
struct NextPanel {
    start: *const u8,
    stride: usize,
    bytes: usize,
}

impl NextPanel {
    fn new(w: &Matrix<'_>, row: usize, columns: Range<usize>) -> Self {
        let (elements, size) = w.dtype().block();
        let start = w.row(0).wrapping_add(row * w.row_bytes() + columns.start / elements * size);
        NextPanel { start, stride: w.row_bytes(), bytes: columns.len() / elements * size }
    }

    /// What tile `i` of `count` prefetches: from where, and bytes from step to step.
    #[inline(always)]
    fn part(self, i: usize, count: usize, steps: usize) -> (*const u8, usize) {
        let (row, rest) = (i * R / count, i * R % count);
        let start = self.start.wrapping_add(row * self.stride + rest * self.bytes / count);
        (start, R * self.bytes / (count * steps))
    }
}

/// A panel with all tokens.
///
/// # Safety
/// `x` has `tokens` rows of `block.steps` registers; `block.out` has room.
#[inline(always)]
unsafe fn tiles<S: Simd, D: Dot<S>, const T: usize>(
    s: S,
    block: PanelShape,
    panel: *const u8,
    (x, tokens): (Rows, usize),
) {
    let count = tokens.div_ceil(T);
    for (i, t) in parts(0..tokens, T).enumerate() {
        let next = block.ahead.part(i, count, block.steps);
        let x = Rows { start: x.row(t.start), stride: x.stride };
        // SAFETY: rows beyond the last are in the panel's memory; they are computed and not stored.
        unsafe {
            let block = PanelShape { out: block.out.add(t.start * block.stride), ..block };
            match t.len() {
                n if n == T => tile::<S, D, T>(s, block, panel, x, next),
                1 => tile::<S, D, 1>(s, block, panel, x, next),
                2 => tile::<S, D, 2>(s, block, panel, x, next),
                3 => tile::<S, D, 3>(s, block, panel, x, next),
                4 => tile::<S, D, 4>(s, block, panel, x, next),
                _ => tile::<S, D, 5>(s, block, panel, x, next),
            }
        }
    }
}

/// A panel with `T` tokens.
///
/// # Safety
/// As `tiles`.
#[inline(always)]
unsafe fn tile<S: Simd, D: Dot<S>, const T: usize>(
    s: S,
    block: PanelShape,
    w: *const u8,
    x: Rows,
    (mut next, advance): (*const u8, usize),
) {
    let x: [*const u8; T] = std::array::from_fn(|i| x.row(i));
    let mut sums = [[s.dot_zero(); R]; T];
    // SAFETY: the caller's promise.
    unsafe {
        for k in 0..block.steps {
            let k = k * S::WIDTH * 4;
            s.prefetch_far(next);
            next = next.wrapping_add(advance);
            let w = std::array::from_fn(|j| w.add(j * SLICE + k));
            step::<S, F32, D, R, T>(s, &mut sums, w, x.map(|x| x.add(k)));
        }
        store(s, sums, block.out, (block.stride, block.rows), block.add);
    }
}
