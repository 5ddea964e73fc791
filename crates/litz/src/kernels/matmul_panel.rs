//! The matmul of many tokens: a block of rows is converted to aligned panels that the second-level cache holds, and
//! register tiles run over it, a few tokens at a time, whose slices the first-level cache holds.

use std::ops::Range;

use super::convert::{self, F32};
use super::lanes::Simd;
use super::matmul_float::{slice_columns, step, store, Dot, Rows, Scratch, LINE};
use super::views::{Matrix, OutView};

/// Rows of a tile.
const R: usize = 4;
/// Rows that all tokens meet before the next: a slice of each is at most 4 KB.
const BLOCK_ROWS: usize = 48;

/// `y[t][r] = dot(x[t], w[r])` in tiles of `R` rows and `T` tokens.
///
/// # Safety
/// `x` holds `tokens` rows as `D` takes them, `y` holds `tokens` by `rows`; the matrix isn't packed.
#[inline(always)]
pub(super) unsafe fn many_tokens<S: Simd, D: Dot<S>, const T: usize>(
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
    for some in parts(rows, BLOCK_ROWS) {
        for columns in parts(0..cols, slice_columns(cols, D::BYTES)) {
            let bytes = columns.len() * D::BYTES;
            // A line more than needed: rows that lie 4 KB apart would meet in one set of the cache.
            let stride = bytes.next_multiple_of(register) + LINE;
            let panel = Scratch::room(&mut scratch.weights, BLOCK_ROWS * stride);
            let mut x =
                Rows { start: x.row(tokens.start).wrapping_add(columns.start * D::BYTES), stride: x.stride };
            // SAFETY: the panel has room for the rows; the rest is the caller's promise.
            unsafe {
                if bytes % register != 0 {
                    x = padded(x, tokens.len(), bytes, bytes.next_multiple_of(register), &mut scratch.inputs);
                }
                fill::<S, D>(s, w, some.clone(), columns.clone(), (panel, stride));
                let block = Block {
                    steps: bytes.div_ceil(register),
                    panel: Rows { start: panel, stride },
                    rows: some.len(),
                    out: y.values.as_ptr().add(tokens.start * y.stride + some.start),
                    stride: y.stride,
                    add: columns.start > 0,
                    ahead: Ahead::new(w, some.end, columns.clone()),
                };
                tiles::<S, D, T>(s, block, (x, tokens.len()));
            }
        }
    }
}

/// What the tiles of a block of rows have in common.
#[derive(Clone, Copy)]
struct Block {
    /// Registers of a slice.
    steps: usize,
    /// The rows' slices.
    panel: Rows,
    /// Rows that are stored.
    rows: usize,
    /// Where the first row of the first token goes, and elements from one token to the next.
    out: *mut f32,
    stride: usize,
    /// Whether there are slices before this one.
    add: bool,
    ahead: Ahead,
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
    (panel, stride): (*mut u8, usize),
) {
    let bytes = columns.len() * D::BYTES;
    for (i, r) in rows.enumerate() {
        // SAFETY: a slice and its padding are less than the stride.
        unsafe {
            let out = panel.add(i * stride);
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
unsafe fn padded(
    x: Rows,
    count: usize,
    bytes: usize,
    stride: usize,
    lines: &mut Vec<super::matmul_float::Line>,
) -> Rows {
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

/// What the next block is filled from: where it starts, bytes from one row to the next, and bytes of a row's slice.
#[derive(Clone, Copy)]
struct Ahead {
    start: *const u8,
    stride: usize,
    bytes: usize,
}

impl Ahead {
    fn new(w: &Matrix<'_>, row: usize, columns: Range<usize>) -> Self {
        let (elements, size) = w.dtype().block();
        let start = w.row(0).wrapping_add(row * w.row_bytes() + columns.start / elements * size);
        Ahead { start, stride: w.row_bytes(), bytes: columns.len() / elements * size }
    }

    /// What tile `i` of `count` asks for: from where, and bytes from step to step.
    #[inline(always)]
    fn part(self, i: usize, count: usize, steps: usize) -> (*const u8, usize) {
        let (row, rest) = (i * BLOCK_ROWS / count, i * BLOCK_ROWS % count);
        let start = self.start.wrapping_add(row * self.stride + rest * self.bytes / count);
        (start, BLOCK_ROWS * self.bytes / (count * steps))
    }
}

/// A block of rows with all tokens.
///
/// # Safety
/// `x` has `tokens` rows of `block.steps` registers; `block.out` has room.
#[inline(always)]
unsafe fn tiles<S: Simd, D: Dot<S>, const T: usize>(s: S, block: Block, (x, tokens): (Rows, usize)) {
    let count = tokens.div_ceil(T);
    for (i, t) in parts(0..tokens, T).enumerate() {
        let x = Rows { start: x.row(t.start), stride: x.stride };
        // SAFETY: the caller's promise.
        unsafe {
            let block = Block { out: block.out.add(t.start * block.stride), ..block };
            match t.len() {
                n if n == T => column::<S, D, T>(s, block, x, (i, count)),
                1 => column::<S, D, 1>(s, block, x, (i, count)),
                2 => column::<S, D, 2>(s, block, x, (i, count)),
                3 => column::<S, D, 3>(s, block, x, (i, count)),
                4 => column::<S, D, 4>(s, block, x, (i, count)),
                _ => column::<S, D, 5>(s, block, x, (i, count)),
            }
        }
    }
}

/// A block of rows with `T` tokens, which are the `i`-th of `count`.
///
/// # Safety
/// As `tiles`.
#[inline(always)]
unsafe fn column<S: Simd, D: Dot<S>, const T: usize>(
    s: S,
    block: Block,
    x: Rows,
    (i, count): (usize, usize),
) {
    let tiles = block.rows.div_ceil(R);
    for (j, rows) in parts(0..block.rows, R).enumerate() {
        let next = block.ahead.part(i * tiles + j, count * tiles, block.steps);
        let out = block.out.wrapping_add(rows.start);
        let w = Rows { start: block.panel.row(rows.start), stride: block.panel.stride };
        // SAFETY: rows beyond the last are in the panel's memory; they are computed and not stored.
        unsafe { tile::<S, D, T>(s, Block { out, rows: rows.len(), ..block }, w, x, next) };
    }
}

/// `R` rows with `T` tokens.
///
/// # Safety
/// As `tiles`.
#[inline(always)]
unsafe fn tile<S: Simd, D: Dot<S>, const T: usize>(
    s: S,
    block: Block,
    w: Rows,
    x: Rows,
    (mut next, advance): (*const u8, usize),
) {
    let w: [*const u8; R] = std::array::from_fn(|j| w.row(j));
    let x: [*const u8; T] = std::array::from_fn(|i| x.row(i));
    let mut sums = [[s.dot_zero(); R]; T];
    // SAFETY: the caller's promise.
    unsafe {
        for k in 0..block.steps {
            let k = k * S::WIDTH * 4;
            s.prefetch_far(next);
            next = next.wrapping_add(advance);
            step::<S, F32, D, R, T>(s, &mut sums, w.map(|w| w.add(k)), x.map(|x| x.add(k)));
        }
        store(s, sums, block.out, (block.stride, block.rows), block.add);
    }
}
