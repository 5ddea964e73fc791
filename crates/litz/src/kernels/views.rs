//! What the kernels read and write: weight matrices as stored, activations, outputs.

use std::ops::Range;

use super::layout::{BLOCK, GROUP};
use super::quant::codes::CodeView;
use super::shared_slice::SharedSlice;
use crate::{Error, Result};

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
    /// 32 codes of five bits and an f16 scale: `d * (q - 16)`.
    Q5_0,
    /// 32 codes of five bits, an f16 scale and an f16 minimum: `d * q + m`.
    Q5_1,
    /// 256 nibbles, two f16 scales, and 6-bit scales and minima of 32: `d * s * q - dmin * m`.
    Q4_K,
    /// As `Q4_K`, with codes of five bits.
    Q5_K,
    /// 256 codes of six bits, an f16 scale, and 8-bit scales of 16: `d * s * (q - 32)`.
    Q6_K,
    /// 32 nibbles and an f16 scale: `d * LEVELS[q]`.
    IQ4_NL,
    /// 32 floats of four bits, and the exponent of their scale.
    MXFP4,
}

/// The kind of activations that a matmul takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// `f32` rows.
    F32,
    /// Rows of bfloats, as `Kernels::f32_to_bf16` rounds them.
    Bf16,
    /// Rows of codes, as `Kernels::quantize_row` makes them.
    Codes,
}

impl WeightDType {
    /// Every storage, for tests and messages.
    pub const ALL: [WeightDType; 13] = [
        WeightDType::F32,
        WeightDType::F16,
        WeightDType::BF16,
        WeightDType::Q8_0,
        WeightDType::Q4_0,
        WeightDType::Q4_1,
        WeightDType::Q5_0,
        WeightDType::Q5_1,
        WeightDType::Q4_K,
        WeightDType::Q5_K,
        WeightDType::Q6_K,
        WeightDType::IQ4_NL,
        WeightDType::MXFP4,
    ];

    /// Elements and bytes of one block.
    pub fn block(self) -> (usize, usize) {
        match self {
            WeightDType::F32 => (1, 4),
            WeightDType::F16 | WeightDType::BF16 => (1, 2),
            WeightDType::Q8_0 => (BLOCK, 34),
            WeightDType::Q4_0 | WeightDType::IQ4_NL => (BLOCK, 18),
            WeightDType::MXFP4 => (BLOCK, 17),
            WeightDType::Q4_1 => (BLOCK, 20),
            WeightDType::Q5_0 => (BLOCK, 22),
            WeightDType::Q5_1 => (BLOCK, 24),
            WeightDType::Q4_K => (256, 144),
            WeightDType::Q5_K => (256, 176),
            WeightDType::Q6_K => (256, 210),
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
            Error::Format(format!(
                "a {dtype:?} row has {cols} columns, expected a multiple of {}",
                dtype.block().0
            ))
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

    /// What activations a matmul with these weights takes in every form.
    pub fn input(&self) -> Input {
        match self.packed && self.dtype != WeightDType::F32 {
            true => Input::Codes,
            false => Input::F32,
        }
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

    /// Where a packed group starts.
    #[inline]
    pub(super) fn group(&self, group: usize) -> *const u8 {
        debug_assert!(self.packed);
        let bytes = self.bytes.len() / self.rows.div_ceil(GROUP);
        self.bytes[group * bytes..].as_ptr()
    }

    /// Where a stored row `r` starts.
    #[inline]
    pub(super) fn row(&self, r: usize) -> *const u8 {
        debug_assert!(!self.packed);
        self.bytes[r * self.row_bytes..].as_ptr()
    }

    /// The rows of `range`, as stored.
    ///
    /// Panics if they are packed.
    pub fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        assert!(!self.packed, "packed rows have no bytes of their own");
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
    /// bfloats; row `t` starts at `values[t * stride]`.
    Bf16 {
        /// All rows.
        values: &'a [u16],
        /// Elements from one row to the next, at least the columns.
        stride: usize,
    },
    /// Rows of codes, of either width.
    Codes(CodeView<'a>),
}

impl Activations<'_> {
    /// Panics unless `w` takes these, for all tokens before `end`.
    pub(super) fn check(&self, w: &Matrix<'_>, end: usize) {
        let enough = |len: usize, stride: usize| {
            let last = (end - 1).checked_mul(stride).and_then(|start| start.checked_add(w.cols));
            assert!(last.is_some_and(|n| n <= len), "{len} activations for {end} tokens");
        };
        match (w.input(), self) {
            (Input::F32, Activations::F32 { values, stride }) => enough(values.len(), *stride),
            (Input::F32, Activations::Bf16 { values, stride }) if w.dtype == WeightDType::BF16 => {
                enough(values.len(), *stride);
            }
            (Input::Codes, Activations::Codes(x)) => {
                assert_eq!(x.blocks() * BLOCK, w.cols, "activations of other columns");
                assert!(end <= x.tokens(), "{} tokens, expected {end}", x.tokens());
            }
            (wanted, _) => panic!("{:?} weights take {wanted:?} activations", w.dtype),
        }
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
        let len = self.values.len();
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
