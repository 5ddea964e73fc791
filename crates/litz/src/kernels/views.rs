//! What the kernels read and write: weight matrices as stored, activations, outputs.

use std::marker::PhantomData;
use std::ops::Range;

use super::pack::GROUP;
use crate::{Error, Result};

/// Elements in a block of quantised weights or activations.
pub const BLOCK: usize = 32;

/// How a weight matrix is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(non_camel_case_types)] // the names that GGUF gives them
pub enum WeightDType {
    /// IEEE single.
    F32,
    /// IEEE half.
    F16,
    /// The upper half of an IEEE single.
    BF16,
    /// 32 signed bytes and an f16 scale: `d * q`.
    Q8_0,
    /// 32 nibbles and an f16 scale: `d * (q - 8)`.
    Q4_0,
    /// 32 nibbles, an f16 scale and an f16 minimum: `d * q + m`.
    Q4_1,
}

/// What a matmul wants its activations to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// `f32` rows.
    F32,
    /// Rows quantised with `Kernels::quantize_row`.
    Q8,
}

impl WeightDType {
    /// Every storage, for tests and messages.
    pub const ALL: [WeightDType; 6] = [
        WeightDType::F32,
        WeightDType::F16,
        WeightDType::BF16,
        WeightDType::Q8_0,
        WeightDType::Q4_0,
        WeightDType::Q4_1,
    ];

    /// Elements and bytes of one block.
    pub fn block(self) -> (usize, usize) {
        match self {
            WeightDType::F32 => (1, 4),
            WeightDType::F16 | WeightDType::BF16 => (1, 2),
            WeightDType::Q8_0 => (BLOCK, 34),
            WeightDType::Q4_0 => (BLOCK, 18),
            WeightDType::Q4_1 => (BLOCK, 20),
        }
    }

    /// What activations a matmul with these weights takes.
    pub fn input(self) -> Input {
        match self {
            WeightDType::F32 | WeightDType::F16 | WeightDType::BF16 => Input::F32,
            WeightDType::Q8_0 | WeightDType::Q4_0 | WeightDType::Q4_1 => Input::Q8,
        }
    }

    /// Bytes of a row of `cols`; `None` if `cols` is not whole blocks.
    pub fn row_bytes(self, cols: usize) -> Option<usize> {
        let (elements, bytes) = self.block();
        if cols.is_multiple_of(elements) {
            (cols / elements).checked_mul(bytes)
        } else {
            None
        }
    }
}

/// A weight matrix: as its file stores it (row-major, at any alignment), or packed in groups of rows.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    dtype: WeightDType,
    rows: usize,
    cols: usize,
    row_bytes: usize,
    packed: bool,
    bytes: &'a [u8],
}

impl<'a> Matrix<'a> {
    /// `bytes` must be exactly `rows` rows of `cols`.
    pub fn new(dtype: WeightDType, rows: usize, cols: usize, bytes: &'a [u8]) -> Result<Self> {
        let row_bytes = dtype.row_bytes(cols).ok_or_else(|| {
            Error::Format(format!("a {dtype:?} row has {cols} columns, expected a multiple of {BLOCK}"))
        })?;
        if row_bytes.checked_mul(rows) != Some(bytes.len()) {
            let found = bytes.len();
            return Err(Error::Format(format!(
                "a {dtype:?} matrix of {rows} x {cols} has {found} bytes, expected {rows} rows of {row_bytes}"
            )));
        }
        Ok(Matrix { dtype, rows, cols, row_bytes, packed: false, bytes })
    }

    /// `bytes` must be the groups that `Kernels::pack_group` made of the rows.
    pub fn packed(dtype: WeightDType, rows: usize, cols: usize, bytes: &'a [u8]) -> Result<Self> {
        let sizes = dtype.row_bytes(cols).zip(dtype.group_bytes(cols));
        let (row_bytes, group_bytes) = sizes
            .ok_or_else(|| Error::Format(format!("a {dtype:?} row of {cols} columns cannot be packed")))?;
        if group_bytes.checked_mul(rows.div_ceil(GROUP)) != Some(bytes.len()) {
            let found = bytes.len();
            return Err(Error::Format(format!(
                "packed {dtype:?} rows {rows} x {cols} have {found} bytes, expected groups of {group_bytes}"
            )));
        }
        Ok(Matrix { dtype, rows, cols, row_bytes, packed: true, bytes })
    }

    /// Whether the rows are packed.
    pub fn is_packed(&self) -> bool {
        self.packed
    }

    /// How it is stored.
    pub fn dtype(&self) -> WeightDType {
        self.dtype
    }

    /// Output features.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Input features.
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Bytes of one row.
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Where row `r` starts.
    #[inline]
    pub(super) fn row(&self, r: usize) -> *const u8 {
        self.bytes[r * self.row_bytes..].as_ptr()
    }

    /// The rows of `range`, as stored.
    pub fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        &self.bytes[range.start * self.row_bytes..range.end * self.row_bytes]
    }
}

/// The rows that a matmul multiplies with.
#[derive(Clone, Copy, Debug)]
pub enum Activations<'a> {
    /// Row `t` starts at `values[t * stride]`.
    F32 {
        /// All rows.
        values: &'a [f32],
        /// Elements from one row to the next, at least the columns.
        stride: usize,
    },
    /// Rows of 8-bit codes.
    Q8(Q8View<'a>),
}

impl Activations<'_> {
    /// Panics unless these are what `w` wants, for all tokens before `end`.
    pub(super) fn check(&self, w: &Matrix<'_>, end: usize) {
        match (w.dtype.input(), self) {
            (Input::F32, Activations::F32 { values, stride }) => {
                let last = (end - 1).checked_mul(*stride).and_then(|start| start.checked_add(w.cols));
                assert!(
                    last.is_some_and(|n| n <= values.len()),
                    "{} activations for {end} tokens",
                    values.len()
                );
            }
            (Input::Q8, Activations::Q8(x)) => {
                assert_eq!(x.blocks * BLOCK, w.cols, "activations of other columns");
                assert!(
                    end.checked_mul(x.blocks).is_some_and(|n| n <= x.scales.len()),
                    "fewer than {end} tokens"
                );
            }
            (wanted, _) => panic!("{:?} weights want {wanted:?} activations", w.dtype),
        }
    }
}

/// Rows quantised to 8 bits: `x[i] ~ scale[i / 32] * code[i]`, codes within -127..=127.
#[derive(Clone, Copy, Debug)]
pub struct Q8View<'a> {
    pub(super) blocks: usize,
    pub(super) codes: &'a [i8],
    pub(super) scales: &'a [f32],
    pub(super) sums: &'a [f32],
    pub(super) code_sums: &'a [i32],
}

/// One row of a `Q8Buffer`, to be filled by `Kernels::quantize_row`.
#[derive(Debug)]
pub struct Q8RowMut<'a> {
    pub(super) codes: &'a mut [i8],
    pub(super) scales: &'a mut [f32],
    pub(super) sums: &'a mut [f32],
    pub(super) code_sums: &'a mut [i32],
}

/// Memory for `Q8View`. A block has its scale, its codes' sum, and the product of the two.
#[derive(Debug, Default)]
pub struct Q8Buffer {
    blocks: usize,
    codes: Vec<i8>,
    scales: Vec<f32>,
    sums: Vec<f32>,
    code_sums: Vec<i32>,
}

impl Q8Buffer {
    /// Room for `tokens` rows of `cols`, a multiple of 32 or rounded up to one.
    pub fn new(tokens: usize, cols: usize) -> Self {
        let mut buffer = Q8Buffer::default();
        buffer.resize(tokens, cols);
        buffer
    }

    /// Makes room for `tokens` rows of `cols`; what the rows held is lost. Never shrinks the memory.
    pub fn resize(&mut self, tokens: usize, cols: usize) {
        self.blocks = cols.div_ceil(BLOCK);
        let blocks = tokens * self.blocks;
        self.codes.resize(blocks * BLOCK, 0);
        self.scales.resize(blocks, 0.0);
        self.sums.resize(blocks, 0.0);
        self.code_sums.resize(blocks, 0);
    }

    /// Row `token`, to be filled.
    pub fn row_mut(&mut self, token: usize) -> Q8RowMut<'_> {
        let blocks = token * self.blocks..(token + 1) * self.blocks;
        Q8RowMut {
            codes: &mut self.codes[blocks.start * BLOCK..blocks.end * BLOCK],
            scales: &mut self.scales[blocks.clone()],
            sums: &mut self.sums[blocks.clone()],
            code_sums: &mut self.code_sums[blocks],
        }
    }

    /// All rows, to be read.
    pub fn view(&self) -> Q8View<'_> {
        Q8View {
            blocks: self.blocks,
            codes: &self.codes,
            scales: &self.scales,
            sums: &self.sums,
            code_sums: &self.code_sums,
        }
    }

    /// All rows, for threads that fill different ones and then read all.
    pub fn share(&mut self) -> Q8Shared<'_> {
        Q8Shared {
            blocks: self.blocks,
            codes: SharedSlice::new(&mut self.codes),
            scales: SharedSlice::new(&mut self.scales),
            sums: SharedSlice::new(&mut self.sums),
            code_sums: SharedSlice::new(&mut self.code_sums),
        }
    }
}

/// A `Q8Buffer` that several threads hold.
#[derive(Clone, Copy, Debug)]
pub struct Q8Shared<'a> {
    blocks: usize,
    codes: SharedSlice<'a, i8>,
    scales: SharedSlice<'a, f32>,
    sums: SharedSlice<'a, f32>,
    code_sums: SharedSlice<'a, i32>,
}

impl<'a> Q8Shared<'a> {
    /// Rows `first..first + count` by themselves. What is written through a part is read through the same part; the
    /// first row is a multiple of 8.
    pub fn part(self, first: usize, count: usize) -> Self {
        let blocks = first * self.blocks..(first + count) * self.blocks;
        Q8Shared {
            blocks: self.blocks,
            codes: self.codes.part(blocks.start * BLOCK..blocks.end * BLOCK),
            scales: self.scales.part(blocks.clone()),
            sums: self.sums.part(blocks.clone()),
            code_sums: self.code_sums.part(blocks),
        }
    }

    /// Row `token`, to be filled.
    ///
    /// # Safety
    /// Nobody else holds this row, nor a view, for as long as the result lives.
    pub unsafe fn row_mut(&self, token: usize) -> Q8RowMut<'a> {
        let blocks = token * self.blocks..(token + 1) * self.blocks;
        // SAFETY: the caller's promise, passed on.
        unsafe {
            Q8RowMut {
                codes: self.codes.range_mut(blocks.start * BLOCK..blocks.end * BLOCK),
                scales: self.scales.range_mut(blocks.clone()),
                sums: self.sums.range_mut(blocks.clone()),
                code_sums: self.code_sums.range_mut(blocks),
            }
        }
    }

    /// All rows, to be read.
    ///
    /// # Safety
    /// Nobody fills a row for as long as the result lives.
    pub unsafe fn view(&self) -> Q8View<'a> {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            Q8View {
                blocks: self.blocks,
                codes: self.codes.range(0..self.codes.len),
                scales: self.scales.range(0..self.scales.len),
                sums: self.sums.range(0..self.sums.len),
                code_sums: self.code_sums.range(0..self.code_sums.len),
            }
        }
    }
}

/// A mutable slice that several threads hold, each promising to touch its own part.
#[derive(Debug)]
pub struct SharedSlice<'a, T> {
    start: *mut T,
    len: usize,
    owner: PhantomData<&'a mut [T]>,
}

impl<T> Clone for SharedSlice<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedSlice<'_, T> {}

// SAFETY: it is a `&mut [T]` in parts; who takes parts promises that they don't overlap.
unsafe impl<T: Send> Send for SharedSlice<'_, T> {}
// SAFETY: as above; nothing is reached through a shared reference but by those promises.
unsafe impl<T: Send + Sync> Sync for SharedSlice<'_, T> {}

impl<'a, T> SharedSlice<'a, T> {
    /// Borrows `slice` for as long as any copy lives.
    pub fn new(slice: &'a mut [T]) -> Self {
        SharedSlice { start: slice.as_mut_ptr(), len: slice.len(), owner: PhantomData }
    }

    pub(super) fn as_ptr(&self) -> *mut T {
        self.start
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn check(&self, range: &Range<usize>) {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {} elements", self.len);
    }

    /// Part of it, still shared.
    pub fn part(self, range: Range<usize>) -> Self {
        self.check(&range);
        // SAFETY: inside the slice, or at its end.
        SharedSlice { start: unsafe { self.start.add(range.start) }, len: range.len(), owner: PhantomData }
    }

    /// All from `start` on, still shared.
    pub fn from(self, start: usize) -> Self {
        self.part(start..self.len)
    }

    /// Part of it, to be written.
    ///
    /// # Safety
    /// Nobody reads or writes any of it elsewhere for as long as the result lives.
    pub unsafe fn range_mut(&self, range: Range<usize>) -> &'a mut [T] {
        self.check(&range);
        // SAFETY: inside the slice, and exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Part of it, to be read.
    ///
    /// # Safety
    /// Nobody writes any of it for as long as the result lives.
    pub unsafe fn range(&self, range: Range<usize>) -> &'a [T] {
        self.check(&range);
        // SAFETY: inside the slice, and not written by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(range.start), range.len()) }
    }
}

/// Where a matmul writes: output `r` of token `t` goes to `values[t * stride + r]`.
#[derive(Debug)]
pub struct OutView<'a> {
    pub(super) values: SharedSlice<'a, f32>,
    pub(super) stride: usize,
}

impl<'a> OutView<'a> {
    /// Rows of `stride` elements.
    pub fn new(values: &'a mut [f32], stride: usize) -> Self {
        OutView { values: SharedSlice::new(values), stride }
    }

    /// Panics unless these rows of all tokens before `end` are within.
    pub(super) fn check(&self, rows: &Range<usize>, end: usize) {
        let last = (end - 1).checked_mul(self.stride).and_then(|start| start.checked_add(rows.end));
        let len = self.values.len;
        assert!(rows.end <= self.stride && last.is_some_and(|n| n <= len), "{len} outputs for {end} tokens");
    }

    /// The same memory again, for another thread.
    ///
    /// # Safety
    /// No two threads may be given the same token and row while both are at work.
    pub unsafe fn alias(values: SharedSlice<'a, f32>, stride: usize) -> Self {
        OutView { values, stride }
    }
}
