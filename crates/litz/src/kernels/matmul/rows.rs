//! The matmul of few tokens: rows are read as they are stored, once; quantised rows are converted four at a time.

use std::ops::Range;

use super::dot::{step, store, Dot, Singles};
use super::slice::{slice_columns, Rows, Scratch, LINE, SCRATCH};
use crate::kernels::convert::{self, Float, F32};
use crate::kernels::simd::Simd;
use crate::kernels::views::{Matrix, OutView};

/// Bytes beyond the next rows at which memory is prefetched.
const PREFETCH_BYTES: usize = 4096;

/// Reads the rows as they are stored, once.
///
/// # Safety
/// As `matmul`; the storage is `W`.
#[inline(always)]
pub(super) unsafe fn as_stored<S: Simd, W: Float, D: Dot<S>>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    let whole = rows.start + rows.len() / 4 * 4;
    let bytes = (w.row_bytes(), w.cols() * D::BYTES);
    // SAFETY: the caller's promise, passed on.
    unsafe {
        for r in (rows.start..whole).step_by(4) {
            let stored = std::array::from_fn(|i| w.row(r + i));
            stored_rows::<S, W, D, 4>(s, stored, bytes, x, tokens.clone(), (y, r));
        }
        for r in whole..rows.end {
            for t in tokens.clone() {
                stored_tile::<S, W, D, 1, 1>(s, [w.row(r)], bytes, x, t, (y, r));
            }
        }
    }
}

/// Converts a few rows at a time, which then are stored singles.
///
/// # Safety
/// As `matmul`.
#[inline(always)]
pub(super) unsafe fn as_converted<S: Simd>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    let mut scratch = SCRATCH.take();
    let bytes = w.cols() * 4;
    let start = Scratch::room(&mut scratch.weights, 4 * bytes);
    let row = |i: usize| start.wrapping_add(i * bytes);
    for r in rows.clone().step_by(4) {
        let count = (rows.end - r).min(4);
        // SAFETY: four rows have room; the rest is the caller's promise.
        unsafe {
            for i in 0..count {
                let out = std::slice::from_raw_parts_mut(row(i).cast::<f32>(), w.cols());
                convert::dequantize_row(s, w, r + i, out);
            }
            let stored: [*const u8; 4] = std::array::from_fn(|i| row(i).cast_const());
            if count == 4 {
                stored_rows::<S, F32, Singles, 4>(s, stored, (bytes, bytes), x, tokens.clone(), (y, r));
                continue;
            }
            for i in 0..count {
                for t in tokens.clone() {
                    stored_tile::<S, F32, Singles, 1, 1>(s, [stored[i]], (bytes, bytes), x, t, (y, r + i));
                }
            }
        }
    }
    SCRATCH.set(scratch);
}

/// `R` rows for all tokens, as many at once as there are registers for.
///
/// # Safety
/// The rows have as many bytes as `bytes.0` says, those of the tokens `bytes.1`; `y` holds `R` rows from its second on.
#[inline(always)]
unsafe fn stored_rows<S: Simd, W: Float, D: Dot<S>, const R: usize>(
    s: S,
    w: [*const u8; R],
    bytes: (usize, usize),
    x: Rows,
    tokens: Range<usize>,
    y: (&OutView<'_>, usize),
) {
    let mut t = tokens.start;
    // SAFETY: the caller's promise, passed on.
    unsafe {
        while t < tokens.end {
            let left = tokens.end - t;
            t += match left {
                1 => stored_tile::<S, W, D, R, 1>(s, w, bytes, x, t, y),
                2 => stored_tile::<S, W, D, R, 2>(s, w, bytes, x, t, y),
                3 => stored_tile::<S, W, D, R, 3>(s, w, bytes, x, t, y),
                4 | 7 | 8 if S::WIDE => stored_tile::<S, W, D, R, 4>(s, w, bytes, x, t, y),
                5 | 9 | 10 if S::WIDE => stored_tile::<S, W, D, R, 5>(s, w, bytes, x, t, y),
                _ if S::WIDE => stored_tile::<S, W, D, R, 6>(s, w, bytes, x, t, y),
                4 => stored_tile::<S, W, D, R, 2>(s, w, bytes, x, t, y),
                _ => stored_tile::<S, W, D, R, 3>(s, w, bytes, x, t, y),
            };
        }
    }
}

/// `R` rows for `T` tokens, which it returns.
///
/// # Safety
/// As `stored_rows`.
#[inline(always)]
unsafe fn stored_tile<S: Simd, W: Float, D: Dot<S>, const R: usize, const T: usize>(
    s: S,
    w: [*const u8; R],
    (row_bytes, x_bytes): (usize, usize),
    x: Rows,
    t: usize,
    (y, r): (&OutView<'_>, usize),
) -> usize {
    let (w_step, x_step) = (S::WIDTH * W::BYTES, S::WIDTH * 4);
    let slice = slice_columns(x_bytes / D::BYTES, D::BYTES) * D::BYTES / x_step;
    let whole = row_bytes / w_step;
    let x: [*const u8; T] = std::array::from_fn(|i| x.row(t + i));
    let mut first = 0;
    // SAFETY: steps stop at the rows' ends; the tail is copied to where a whole register may be read.
    unsafe {
        while first * x_step < x_bytes {
            let mut sums = [[s.dot_zero(); R]; T];
            for k in first..whole.min(first + slice) {
                if W::BYTES < 4 {
                    // The next rows usually follow in memory. They are prefetched in that order, early enough for the last.
                    for line in (0..R * w_step).step_by(LINE) {
                        s.prefetch(w[0].wrapping_add(R * (row_bytes + k * w_step) + PREFETCH_BYTES + line));
                    }
                }
                step::<S, W, D, R, T>(
                    s,
                    &mut sums,
                    w.map(|w| w.add(k * w_step)),
                    x.map(|x| x.add(k * x_step)),
                );
            }
            if first + slice > whole && whole * x_step < x_bytes {
                let (w_left, x_left) = (row_bytes - whole * w_step, x_bytes - whole * x_step);
                let (mut w_tails, mut x_tails) = ([[0u8; LINE]; R], [[0u8; LINE]; T]);
                for i in 0..R {
                    std::ptr::copy_nonoverlapping(w[i].add(whole * w_step), w_tails[i].as_mut_ptr(), w_left);
                }
                for i in 0..T {
                    std::ptr::copy_nonoverlapping(x[i].add(whole * x_step), x_tails[i].as_mut_ptr(), x_left);
                }
                let w = std::array::from_fn(|i| w_tails[i].as_ptr());
                step::<S, W, D, R, T>(s, &mut sums, w, std::array::from_fn(|i| x_tails[i].as_ptr()));
            }
            store(s, sums, y.values.as_ptr().add(t * y.stride + r), (y.stride, R), first > 0);
            first += slice;
        }
    }
    T
}
