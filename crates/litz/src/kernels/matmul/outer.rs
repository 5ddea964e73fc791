//! The matmul of floats that were packed in groups of sixteen rows: each output is one running sum over the columns.
//!
//! A group lies as `(cols, 16)`, so that sixteen outputs are the lanes of a register, and no register is summed up at
//! the end. Where rows are short, as in small encoders, that is a quarter of a dot product's time.

use std::ops::Range;

use super::slice::Rows;
use crate::kernels::layout::GROUP;
use crate::kernels::simd::Simd;
use crate::kernels::views::{Matrix, OutView};

/// Columns that are multiplied before the next are begun: two groups of so many stay in the first-level cache.
const COLUMNS: usize = 384;

/// `y[t][r] = dot(x[t], w[r])`.
///
/// # Safety
/// The matrix is packed floats, `rows` begin a group, `x` holds `tokens` rows, `y` holds `tokens` by `rows`.
#[inline(always)]
pub(super) unsafe fn outer<S: Simd>(
    s: S,
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: Rows,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        for first in (rows.start..rows.end).step_by(2 * GROUP) {
            let left = (rows.end - first).min(2 * GROUP);
            for start in (0..w.cols()).step_by(COLUMNS) {
                let columns = start..w.cols().min(start + COLUMNS);
                let panel =
                    Panel { w: w.group(first / GROUP).cast(), group: GROUP * w.cols(), columns, rows: left };
                let mut t = tokens.start;
                while t < tokens.end {
                    let out = (y.values.as_ptr().add(t * y.stride + first), y.stride);
                    let x = Rows { start: x.row(t), stride: x.stride };
                    t += panel.some_tokens(s, x, tokens.end - t, out);
                }
            }
        }
    }
}

/// One or two groups of rows, over some columns.
struct Panel {
    w: *const f32,
    /// Elements from one group to the next.
    group: usize,
    columns: Range<usize>,
    rows: usize,
}

impl Panel {
    /// As many of the first tokens as there are registers for, which it returns.
    ///
    /// # Safety
    /// As `outer`.
    #[inline(always)]
    unsafe fn some_tokens<S: Simd>(&self, s: S, x: Rows, left: usize, out: (*mut f32, usize)) -> usize {
        // SAFETY: the caller's promise: there are `left` tokens.
        unsafe {
            match (left, self.rows > GROUP) {
                (12.., true) if S::WIDE => self.tile::<S, 12, 2>(s, x, out),
                (6.., true) if S::WIDE => self.tile::<S, 6, 2>(s, x, out),
                (3.., true) if S::WIDE => self.tile::<S, 3, 2>(s, x, out),
                (_, true) if S::WIDE => self.tile::<S, 1, 2>(s, x, out),
                (12.., false) if S::WIDE => self.tile::<S, 12, 1>(s, x, out),
                (6.., false) if S::VECTOR => self.tile::<S, 6, 1>(s, x, out),
                (3.., false) if S::VECTOR => self.tile::<S, 3, 1>(s, x, out),
                (_, false) => self.tile::<S, 1, 1>(s, x, out),
                (count, true) => self.groups_apart(s, x, count, out),
            }
        }
    }

    /// Two groups one after the other, where registers are few.
    ///
    /// # Safety
    /// As `some_tokens`.
    #[inline(always)]
    unsafe fn groups_apart<S: Simd>(&self, s: S, x: Rows, left: usize, out: (*mut f32, usize)) -> usize {
        let columns = || self.columns.clone();
        let one = Panel { columns: columns(), rows: GROUP, ..*self };
        let w = self.w.wrapping_add(self.group);
        let other = Panel { w, columns: columns(), rows: self.rows - GROUP, ..*self };
        let next = (out.0.wrapping_add(GROUP), out.1);
        // SAFETY: the caller's promise.
        unsafe {
            match left {
                6.. if S::VECTOR => one.tile::<S, 6, 1>(s, x, out).min(other.tile::<S, 6, 1>(s, x, next)),
                3.. if S::VECTOR => one.tile::<S, 3, 1>(s, x, out).min(other.tile::<S, 3, 1>(s, x, next)),
                _ => one.tile::<S, 1, 1>(s, x, out).min(other.tile::<S, 1, 1>(s, x, next)),
            }
        }
    }

    /// `G` groups with `T` tokens, which it returns.
    ///
    /// # Safety
    /// As `some_tokens`.
    #[inline(always)]
    unsafe fn tile<S: Simd, const T: usize, const G: usize>(
        &self,
        s: S,
        x: Rows,
        (out, stride): (*mut f32, usize),
    ) -> usize {
        let mut sums = [[s.splat(0.0); G]; T];
        // SAFETY: the caller's promise.
        unsafe {
            if self.columns.start > 0 {
                for t in 0..T {
                    for g in 0..G {
                        let place = out.add(t * stride + g * GROUP);
                        sums[t][g] = match self.rows - g * GROUP {
                            GROUP.. => s.load(place),
                            left => s.load_tail(place, left),
                        };
                    }
                }
            }
            let mut w = self.w.add(self.columns.start * GROUP);
            // A pointer for every third token: the others are one or two strides further.
            let step = x.stride / 4;
            let start = x.start.cast::<f32>().add(self.columns.start);
            let mut x: [*const f32; 4] = std::array::from_fn(|i| start.wrapping_add(3 * i * step));
            for _ in self.columns.clone() {
                let mut lanes = [s.splat(0.0); G];
                for g in 0..G {
                    lanes[g] = s.load(w.add(g * self.group));
                }
                for t in 0..T {
                    let x = s.splat(*x[t / 3].add(t % 3 * step));
                    for g in 0..G {
                        sums[t][g] = s.fma(x, lanes[g], sums[t][g]);
                    }
                }
                w = w.wrapping_add(GROUP);
                x = x.map(|x| x.wrapping_add(1));
            }
            for t in 0..T {
                for g in 0..G {
                    let place = out.add(t * stride + g * GROUP);
                    match self.rows - g * GROUP {
                        GROUP.. => s.store(place, sums[t][g]),
                        left => s.store_tail(place, left, sums[t][g]),
                    }
                }
            }
        }
        T
    }
}
