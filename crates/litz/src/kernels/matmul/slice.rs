//! Rows of activations in slices that stay in the first-level cache, and the memory that conversions fill.

use std::cell::Cell;

/// Bytes of a slice of a row of activations: tiles of them, and of f32 rows, stay in the first-level cache.
pub(in crate::kernels) const SLICE: usize = 4096;
/// A cache line.
pub(super) const LINE: usize = 64;

/// Rows of activations: where the first starts, and bytes from one to the next.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Rows {
    pub(in crate::kernels) start: *const u8,
    pub(in crate::kernels) stride: usize,
}

impl Rows {
    #[inline(always)]
    pub(in crate::kernels) fn of<T>(values: &[T], stride: usize) -> Self {
        Rows { start: values.as_ptr().cast(), stride: stride * size_of::<T>() }
    }

    #[inline(always)]
    pub(in crate::kernels) fn row(self, token: usize) -> *const u8 {
        self.start.wrapping_add(token * self.stride)
    }
}

/// Columns of the slices that a row of elements of `bytes` is summed in; the last may have fewer.
///
/// Whole blocks of every storage, and whole registers.
#[inline(always)]
pub(in crate::kernels) fn slice_columns(cols: usize, bytes: usize) -> usize {
    let count = (cols * bytes).div_ceil(SLICE);
    cols.div_ceil(count.max(1)).next_multiple_of(256)
}

/// 64 bytes, aligned: a cache line and the widest register.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Line([u8; LINE]);

/// Memory that a thread keeps from one matmul to the next, so that no page of it is new.
#[derive(Default)]
pub(in crate::kernels) struct Scratch {
    pub(in crate::kernels) weights: Vec<Line>,
    pub(in crate::kernels) inputs: Vec<Line>,
}

impl Scratch {
    /// Room for `bytes`, at the start of a line; what it held stays.
    #[inline]
    pub(in crate::kernels) fn room(lines: &mut Vec<Line>, bytes: usize) -> *mut u8 {
        let count = bytes.div_ceil(LINE);
        if lines.len() < count {
            lines.resize(count, Line([0; LINE]));
        }
        lines.as_mut_ptr().cast()
    }
}

thread_local! {
    pub(super) static SCRATCH: Cell<Scratch> = const {
        Cell::new(Scratch { weights: Vec::new(), inputs: Vec::new() })
    };
}
