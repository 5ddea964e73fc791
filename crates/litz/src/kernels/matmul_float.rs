//! Matmuls of F32, F16 and BF16 weights with f32 activations.
//!
//! An output is `S::WIDTH` running sums, lane `i` over columns `i, i + WIDTH, ...`, folded in one order. Few tokens read
//! the rows as they are stored; many share rows converted to aligned f32 and a register tile. Neither changes the order.

use std::ops::Range;

use super::convert::Float;
use super::lanes::{Simd, LANES};
use super::views::{Matrix, OutView};

/// Fewer tokens than this are not worth a converted block.
const MANY: usize = 4;
/// Elements of converted rows, and of copied activations, that the second-level cache is to hold.
const ROW_ELEMENTS: usize = 64 * 1024;
const TOKEN_ELEMENTS: usize = 128 * 1024;

/// Rows of activations: the first, and elements from one to the next.
#[derive(Clone, Copy)]
pub(super) struct Activations<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
}

/// `y[t][r] = dot(x[t], w[r])`.
///
/// # Safety
/// `x` holds `tokens` rows, `y` holds `tokens` by `rows`.
#[inline(always)]
pub(super) unsafe fn matmul<S: Simd, W: Float>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Activations<'_>,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        if tokens.len() >= MANY {
            return match S::TILE {
                (6, 4) => many_tokens::<S, W, 6, 4>(s, w, rows, x, tokens, y),
                (4, 3) => many_tokens::<S, W, 4, 3>(s, w, rows, x, tokens, y),
                _ => many_tokens::<S, W, 2, 2>(s, w, rows, x, tokens, y),
            };
        }
        let whole = rows.start + rows.len() / 4 * 4;
        for r in (rows.start..whole).step_by(4) {
            for t in tokens.clone() {
                stored_rows::<S, W, 4>(
                    s,
                    w,
                    r,
                    &x.values[t * x.stride..],
                    y.values.as_ptr().add(t * y.stride + r),
                );
            }
        }
        for r in whole..rows.end {
            for t in tokens.clone() {
                stored_rows::<S, W, 1>(
                    s,
                    w,
                    r,
                    &x.values[t * x.stride..],
                    y.values.as_ptr().add(t * y.stride + r),
                );
            }
        }
    }
}

/// `R` rows as they are stored, for one token.
///
/// # Safety
/// The rows exist, `x` has their columns, `R` elements may be written.
#[inline(always)]
unsafe fn stored_rows<S: Simd, W: Float, const R: usize>(
    s: S,
    w: &Matrix<'_>,
    r: usize,
    x: &[f32],
    out: *mut f32,
) {
    let cols = w.cols();
    let whole = cols - cols % S::WIDTH;
    let mut sums = [s.dot_zero(); R];
    // SAFETY: columns stop at `cols`; the tail is copied to where a whole register may be read.
    unsafe {
        let rows: [*const u8; R] = std::array::from_fn(|i| w.row(r + i));
        for k in (0..whole).step_by(S::WIDTH) {
            let x = s.dot_load(x.as_ptr().add(k));
            for i in 0..R {
                sums[i] = s.dot_add(W::dot_load(s, rows[i].add(k * W::BYTES)), x, sums[i]);
            }
        }
        if whole < cols {
            let mut tail = [0f32; LANES];
            tail[..cols - whole].copy_from_slice(&x[whole..cols]);
            let x = s.dot_load(tail.as_ptr());
            for i in 0..R {
                let mut bytes = [0u8; 4 * LANES];
                std::ptr::copy_nonoverlapping(
                    rows[i].add(whole * W::BYTES),
                    bytes.as_mut_ptr(),
                    (cols - whole) * W::BYTES,
                );
                sums[i] = s.dot_add(W::dot_load(s, bytes.as_ptr()), x, sums[i]);
            }
        }
        for i in 0..R {
            *out.add(i) = s.dot_sum(sums[i]);
        }
    }
}

/// A cache line of f32.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
struct Line([f32; LANES]);

/// Rows of whole lines, zeros behind each row's columns and in rows beyond the last.
struct Lines {
    lines: Vec<Line>,
    per_row: usize,
}

impl Lines {
    fn new(rows: usize, cols: usize) -> Self {
        let per_row = cols.div_ceil(LANES);
        Lines { lines: vec![Line([0.0; LANES]); rows * per_row], per_row }
    }

    #[inline(always)]
    fn row(&self, row: usize) -> *const f32 {
        self.lines[row * self.per_row..].as_ptr().cast()
    }

    /// # Safety
    /// `cols` elements of `W` may be read.
    #[inline(always)]
    unsafe fn fill<S: Simd, W: Float>(&mut self, s: S, row: usize, from: *const u8, cols: usize) {
        let lines = &mut self.lines[row * self.per_row..(row + 1) * self.per_row];
        for (i, line) in lines.iter_mut().enumerate() {
            let left = cols - i * LANES;
            // SAFETY: the caller's promise; a line has room for a register.
            unsafe {
                let from = from.add(i * LANES * W::BYTES);
                let lanes = if left >= LANES { W::load(s, from) } else { W::load_tail(s, from, left) };
                s.store(line.0.as_mut_ptr(), lanes);
            }
        }
    }
}

/// Converts a block of rows once for all of a block of tokens.
///
/// # Safety
/// As `matmul`.
#[inline(always)]
unsafe fn many_tokens<S: Simd, W: Float, const R: usize, const T: usize>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Activations<'_>,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    let width = w.cols().next_multiple_of(LANES);
    let row_step = (ROW_ELEMENTS / width / R).clamp(1, 64) * R;
    let token_step = (TOKEN_ELEMENTS / width / T).clamp(4, 64) * T;
    let mut weights = Lines::new(row_step.min(rows.len().next_multiple_of(R)), w.cols());
    let mut inputs = Lines::new(token_step.min(tokens.len().next_multiple_of(T)), w.cols());
    for first in tokens.clone().step_by(token_step) {
        let some = first..tokens.end.min(first + token_step);
        // SAFETY: the caller vouches for rows and tokens; those beyond the last are computed and not stored.
        unsafe {
            for (i, t) in some.clone().enumerate() {
                inputs.fill::<S, super::convert::F32>(
                    s,
                    i,
                    x.values[t * x.stride..].as_ptr().cast(),
                    w.cols(),
                );
            }
            for start in rows.clone().step_by(row_step) {
                let part = start..rows.end.min(start + row_step);
                for (i, r) in part.clone().enumerate() {
                    weights.fill::<S, W>(s, i, w.row(r), w.cols());
                }
                let out = Out {
                    start: y.values.as_ptr().add(some.start * y.stride + part.start),
                    stride: y.stride,
                };
                tiles::<S, R, T>(s, w.cols(), (&weights, part.len()), (&inputs, some.len()), out);
            }
        }
    }
}

/// Where the first row of the first token goes, and elements from one token to the next.
#[derive(Clone, Copy)]
struct Out {
    start: *mut f32,
    stride: usize,
}

/// # Safety
/// Both have as many rows as said, rounded up to whole tiles; `out` has room for those that are said.
#[inline(always)]
unsafe fn tiles<S: Simd, const R: usize, const T: usize>(
    s: S,
    cols: usize,
    (weights, rows): (&Lines, usize),
    (inputs, tokens): (&Lines, usize),
    out: Out,
) {
    for t in (0..tokens).step_by(T) {
        for r in (0..rows).step_by(R) {
            let w: [*const f32; R] = std::array::from_fn(|i| weights.row(r + i));
            let x: [*const f32; T] = std::array::from_fn(|i| inputs.row(t + i));
            // SAFETY: a row has whole lines; only rows and tokens that exist are stored.
            unsafe {
                let sums = tile::<S, R, T>(s, w, x, cols.next_multiple_of(S::WIDTH));
                for i in 0..T.min(tokens - t) {
                    for j in 0..R.min(rows - r) {
                        *out.start.add((t + i) * out.stride + r + j) = sums[i][j];
                    }
                }
            }
        }
    }
}

/// # Safety
/// `n` elements of each, a multiple of `S::WIDTH`, may be read.
#[inline(always)]
unsafe fn tile<S: Simd, const R: usize, const T: usize>(
    s: S,
    w: [*const f32; R],
    x: [*const f32; T],
    n: usize,
) -> [[f32; R]; T] {
    let mut sums = [[s.dot_zero(); R]; T];
    for k in (0..n).step_by(S::WIDTH) {
        let mut lanes = [s.dot_zero(); T];
        for i in 0..T {
            // SAFETY: the caller's promise.
            lanes[i] = unsafe { s.dot_load(x[i].add(k)) };
        }
        for j in 0..R {
            // SAFETY: the caller's promise.
            let w = unsafe { s.dot_load(w[j].add(k)) };
            for i in 0..T {
                sums[i][j] = s.dot_add(w, lanes[i], sums[i][j]);
            }
        }
    }
    let mut out = [[0.0; R]; T];
    for i in 0..T {
        for j in 0..R {
            out[i][j] = s.dot_sum(sums[i][j]);
        }
    }
    out
}
