//! Matmuls of float rows, and of quantised rows taken as floats, with float activations.
//!
//! An output is `S::WIDTH` running sums over its columns in their order, folded in one order. Few tokens read the rows
//! as they are stored; many share rows converted to an aligned panel. Neither changes the order.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m512, __m512bh, _mm512_dpbf16_ps};
use std::cell::Cell;
use std::ops::Range;

use super::convert::{self, Float, BF16, F16, F32};
#[cfg(target_arch = "x86_64")]
use super::lanes::Avx512;
use super::lanes::Simd;
use super::matmul_panel::many_tokens;
use super::views::{Matrix, OutView, WeightDType};

/// From this many tokens on, a converted panel pays.
const MANY: usize = 16;
/// Bytes beyond the next rows at which memory is prefetched.
const EARLY: usize = 4096;
/// Bytes of a slice of a row of activations: tiles of them, and of f32 rows, stay in the first-level cache.
pub(super) const SLICE: usize = 4096;
/// A cache line.
const LINE: usize = 64;

/// How a register of weights meets one of activations.
pub(super) trait Dot<S: Simd> {
    /// Bytes of an activation.
    const BYTES: usize;
    /// `sum + w * x`, lane by lane.
    fn add(s: S, w: S::V, x: S::V, sum: S::V) -> S::V;
}

/// A lane is one f32.
pub(super) struct Singles;
/// A lane is two bfloats: the odd column is added first.
pub(super) struct Pairs;

impl<S: Simd> Dot<S> for Singles {
    const BYTES: usize = 4;
    #[inline(always)]
    fn add(s: S, w: S::V, x: S::V, sum: S::V) -> S::V {
        s.dot_add(w, x, sum)
    }
}

impl<S: Simd> Dot<S> for Pairs {
    const BYTES: usize = 2;
    #[inline(always)]
    fn add(s: S, w: S::V, x: S::V, sum: S::V) -> S::V {
        let sum = s.dot_add(s.dot_odd(w), s.dot_odd(x), sum);
        s.dot_add(s.dot_even(w), s.dot_even(x), sum)
    }
}

/// A lane is two bfloats, in one instruction, which takes subnormals for zeros.
#[cfg(target_arch = "x86_64")]
pub(super) struct NativePairs;

#[cfg(target_arch = "x86_64")]
impl Dot<Avx512> for NativePairs {
    const BYTES: usize = 2;
    #[inline(always)]
    fn add(_: Avx512, w: __m512, x: __m512, sum: __m512) -> __m512 {
        // SAFETY: only the table for CPUs with AVX-512 BF16 is made with this.
        unsafe {
            _mm512_dpbf16_ps(
                sum,
                std::mem::transmute::<__m512, __m512bh>(w),
                std::mem::transmute::<__m512, __m512bh>(x),
            )
        }
    }
}

/// Rows of activations: where the first starts, and bytes from one to the next.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub(super) start: *const u8,
    pub(super) stride: usize,
}

impl Rows {
    #[inline(always)]
    pub(super) fn of<T>(values: &[T], stride: usize) -> Self {
        Rows { start: values.as_ptr().cast(), stride: stride * size_of::<T>() }
    }

    #[inline(always)]
    pub(super) fn row(self, token: usize) -> *const u8 {
        self.start.wrapping_add(token * self.stride)
    }
}

/// Columns of the slices that a row of elements of `bytes` is summed in; the last may have fewer.
///
/// Whole blocks of every storage, and whole registers.
#[inline(always)]
pub(super) fn slice_columns(cols: usize, bytes: usize) -> usize {
    let count = (cols * bytes).div_ceil(SLICE);
    cols.div_ceil(count.max(1)).next_multiple_of(256)
}

/// 64 bytes, aligned: a cache line and the widest register.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Line([u8; LINE]);

/// Memory that a thread keeps from one matmul to the next, so that no page of it is new.
#[derive(Default)]
pub(super) struct Scratch {
    pub(super) weights: Vec<Line>,
    pub(super) inputs: Vec<Line>,
}

impl Scratch {
    /// Room for `bytes`, at the start of a line; what it held stays.
    #[inline]
    pub(super) fn room(lines: &mut Vec<Line>, bytes: usize) -> *mut u8 {
        let count = bytes.div_ceil(LINE);
        if lines.len() < count {
            lines.resize(count, Line([0; LINE]));
        }
        lines.as_mut_ptr().cast()
    }
}

thread_local! {
    static SCRATCH: Cell<Scratch> = const {
        Cell::new(Scratch { weights: Vec::new(), inputs: Vec::new() })
    };
}

/// `y[t][r] = dot(x[t], w[r])`, rows of any storage as floats.
///
/// # Safety
/// `x` holds `tokens` rows of floats, `y` holds `tokens` by `rows`; the matrix isn't packed.
#[inline(always)]
pub(super) unsafe fn matmul<S: Simd>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    // SAFETY: the caller's promise, passed on; the storages are those of the rows.
    unsafe {
        if tokens.len() >= MANY {
            return many::<S, Singles>(s, w, rows, x, tokens, y);
        }
        match w.dtype() {
            WeightDType::F32 => few::<S, F32, Singles>(s, w, rows, x, tokens, y),
            WeightDType::F16 => few::<S, F16, Singles>(s, w, rows, x, tokens, y),
            WeightDType::BF16 => few::<S, BF16, Singles>(s, w, rows, x, tokens, y),
            _ => few_converted(s, w, rows, x, tokens, y),
        }
    }
}

/// `y[t][r] = dot(x[t], w[r])`, bfloat rows with bfloat activations, as every CPU can.
///
/// # Safety
/// As `matmul`.
#[inline(always)]
pub(super) unsafe fn matmul_bf16<S: Simd>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    // SAFETY: the caller's promise, passed on.
    unsafe { matmul_pairs::<S, Pairs>(s, w, rows, x, tokens, y) }
}

/// `y[t][r] = dot(x[t], w[r])`, bfloat rows with bfloat activations.
///
/// # Safety
/// As `matmul`, and `D` is a way of taking bfloats.
#[inline(always)]
pub(super) unsafe fn matmul_pairs<S: Simd, D: Dot<S>>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    // SAFETY: the caller's promise, passed on. Two bfloats lie as one F32 does.
    unsafe {
        match tokens.len() {
            MANY.. => many::<S, D>(s, w, rows, x, tokens, y),
            _ => few::<S, F32, D>(s, w, rows, x, tokens, y),
        }
    }
}

/// # Safety
/// As `matmul`.
#[inline(always)]
unsafe fn many<S: Simd, D: Dot<S>>(
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
            many_tokens::<S, D, 6>(s, w, rows, x, tokens, y, &mut scratch);
        } else if S::VECTOR {
            many_tokens::<S, D, 3>(s, w, rows, x, tokens, y, &mut scratch);
        } else {
            many_tokens::<S, D, 1>(s, w, rows, x, tokens, y, &mut scratch);
        }
    }
    SCRATCH.set(scratch);
}

/// Reads the rows as they are stored, once.
///
/// # Safety
/// As `matmul`; the storage is `W`.
#[inline(always)]
unsafe fn few<S: Simd, W: Float, D: Dot<S>>(
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
unsafe fn few_converted<S: Simd>(
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
                    // The next rows usually follow in memory. Asked for in their order there, and early enough for the last.
                    for line in (0..R * w_step).step_by(LINE) {
                        s.prefetch(w[0].wrapping_add(R * (row_bytes + k * w_step) + EARLY + line));
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

/// One register of columns of every row and token.
///
/// # Safety
/// A register of each may be read.
#[inline(always)]
pub(super) unsafe fn step<S: Simd, W: Float, D: Dot<S>, const R: usize, const T: usize>(
    s: S,
    sums: &mut [[S::V; R]; T],
    w: [*const u8; R],
    x: [*const u8; T],
) {
    let mut lanes = [s.dot_zero(); T];
    for i in 0..T {
        // SAFETY: the caller's promise.
        lanes[i] = unsafe { s.dot_load(x[i].cast()) };
    }
    for j in 0..R {
        // SAFETY: the caller's promise.
        let w = unsafe { W::dot_load(s, w[j]) };
        for i in 0..T {
            sums[i][j] = D::add(s, w, lanes[i], sums[i][j]);
        }
    }
}

/// Folds the sums: the first `kept` rows of token `i` go to `out[i * stride..]`, or are added to what is there.
///
/// # Safety
/// They may be written.
#[inline(always)]
pub(super) unsafe fn store<S: Simd, const R: usize, const T: usize>(
    s: S,
    sums: [[S::V; R]; T],
    out: *mut f32,
    (stride, kept): (usize, usize),
    add: bool,
) {
    for i in (0..T).step_by(2) {
        let fours = |i: usize| std::array::from_fn(|j| sums[i][j % R]);
        let pair = i + 1 < T;
        let folded = match (R, pair) {
            (1, _) => std::array::from_fn(|j| [s.dot_sum(sums[(i + j) % T][0]); 4]),
            (_, true) => s.dot_eight([fours(i), fours(i + 1)]),
            (_, false) => [s.dot_four(fours(i)); 2],
        };
        for (i, row) in folded.iter().enumerate().take(1 + usize::from(pair)).map(|(j, row)| (i + j, row)) {
            let mut row = *row;
            // SAFETY: the caller's promise.
            unsafe {
                let to = out.add(i * stride);
                if kept == 4 {
                    let to = to.cast::<[f32; 4]>();
                    if add {
                        let before = to.read_unaligned();
                        row = std::array::from_fn(|j| before[j] + row[j]);
                    }
                    to.write_unaligned(row);
                } else {
                    for j in 0..kept {
                        *to.add(j) = if add { *to.add(j) + row[j] } else { row[j] };
                    }
                }
            }
        }
    }
}
