//! Matmuls of F32, F16 and BF16 weights with f32 activations.
//!
//! An output is sixteen running sums, lane `i` over columns `i, i + 16, ...`, folded in one order; a register tile
//! computes several outputs side by side and changes none of them.

use std::ops::Range;

use super::convert::Float;
use super::lanes::{Simd, LANES};
use super::views::{Matrix, OutView};

/// Rows that are converted or streamed together: about this many elements, to stay in the second-level cache.
const BLOCK_ELEMENTS: usize = 64 * 1024;

/// What every tile of one call shares.
struct Job<'a> {
    cols: usize,
    weights: &'a [u8],
    x: *const f32,
    x_stride: usize,
    y: *mut f32,
    y_stride: usize,
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
    x: (&[f32], usize),
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    let block = (BLOCK_ELEMENTS / w.cols().max(1)).clamp(8, 256) / 4 * 4;
    let out = y.values.as_ptr();
    for start in rows.clone().step_by(block) {
        let part = start..rows.end.min(start + block);
        // SAFETY: the caller vouches for the first token and row, and strides lead to the others.
        unsafe {
            let job = Job {
                cols: w.cols(),
                weights: w.bytes(part.clone()),
                x: x.0.as_ptr().add(tokens.start * x.1),
                x_stride: x.1,
                y: out.add(tokens.start * y.stride + part.start),
                y_stride: y.stride,
            };
            block_matmul::<S, W>(s, &job, part.len(), tokens.len());
        }
    }
}

/// All tokens by one block of rows; the tile's shape is the instruction set's.
///
/// # Safety
/// As `matmul`.
#[inline(always)]
unsafe fn block_matmul<S: Simd, W: Float>(s: S, job: &Job<'_>, rows: usize, tokens: usize) {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        match S::TILE {
            (4, 4) => tiles::<S, W, 4, 4>(s, job, rows, tokens),
            (3, 2) => tiles::<S, W, 3, 2>(s, job, rows, tokens),
            _ => tiles::<S, W, 2, 2>(s, job, rows, tokens),
        }
    }
}

/// # Safety
/// As `matmul`.
#[inline(always)]
unsafe fn tiles<S: Simd, W: Float, const R: usize, const T: usize>(
    s: S,
    job: &Job<'_>,
    rows: usize,
    tokens: usize,
) {
    // SAFETY: every tile lies within rows and tokens.
    unsafe {
        let whole = tokens - tokens % T;
        for t in (0..whole).step_by(T) {
            let many = rows - rows % R;
            for r in (0..many).step_by(R) {
                tile::<S, W, R, T>(s, job, r, t);
            }
            for r in many..rows {
                tile::<S, W, 1, T>(s, job, r, t);
            }
        }
        for t in whole..tokens {
            let many = rows - rows % 4;
            for r in (0..many).step_by(4) {
                tile::<S, W, 4, 1>(s, job, r, t);
            }
            for r in many..rows {
                tile::<S, W, 1, 1>(s, job, r, t);
            }
        }
    }
}

/// `R` rows by `T` tokens.
///
/// # Safety
/// As `matmul`, for rows `r..r + R` of the block and tokens `t..t + T`.
#[inline(always)]
unsafe fn tile<S: Simd, W: Float, const R: usize, const T: usize>(s: S, job: &Job<'_>, r: usize, t: usize) {
    let (cols, row_bytes) = (job.cols, job.cols * W::BYTES);
    let whole = cols - cols % LANES;
    let mut sums = [[s.splat(0.0); R]; T];
    // SAFETY: rows and tokens are in range, and columns stop at `cols`.
    unsafe {
        let w: [*const u8; R] = std::array::from_fn(|i| job.weights.as_ptr().add((r + i) * row_bytes));
        let x: [*const f32; T] = std::array::from_fn(|i| job.x.add((t + i) * job.x_stride));
        let (mut wide, mut seen) = ([s.splat(0.0); R], [s.splat(0.0); T]);
        for k in (0..whole).step_by(LANES) {
            for j in 0..R {
                wide[j] = W::load(s, w[j].add(k * W::BYTES));
            }
            for i in 0..T {
                seen[i] = s.load(x[i].add(k));
            }
            step(s, &mut sums, &wide, &seen);
        }
        if whole < cols {
            for j in 0..R {
                wide[j] = W::load_tail(s, w[j].add(whole * W::BYTES), cols - whole);
            }
            for i in 0..T {
                seen[i] = s.load_tail(x[i].add(whole), cols - whole);
            }
            step(s, &mut sums, &wide, &seen);
        }
        for i in 0..T {
            for j in 0..R {
                *job.y.add((t + i) * job.y_stride + r + j) = s.sum(sums[i][j]);
            }
        }
    }
}

#[inline(always)]
fn step<S: Simd, const R: usize, const T: usize>(
    s: S,
    sums: &mut [[S::F; R]; T],
    w: &[S::F; R],
    x: &[S::F; T],
) {
    for i in 0..T {
        for j in 0..R {
            sums[i][j] = s.fma(w[j], x[i], sums[i][j]);
        }
    }
}
