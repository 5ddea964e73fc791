//! Rows packed in groups, so that a matmul reads one stream of memory and needs no shuffle.

use super::format::{self, Codes, PackCodes, PackScales, Scales, Stored, FOURS, LINE};
use super::stored::with_format;
use crate::kernels::layout::{BLOCK, GROUP};
use crate::kernels::simd::Simd;
use crate::kernels::views::WeightDType;

impl WeightDType {
    /// Bytes of a packed group of rows of `cols`, whole lines of 64; `None` for what is never packed, or if `cols` is not
    /// whole blocks.
    pub fn group_bytes(self, cols: usize) -> Option<usize> {
        if self == WeightDType::F32 {
            return cols.checked_mul(GROUP * 4);
        }
        self.row_bytes(cols)?;
        with_format!(self, |F| format::group_bytes::<F>(cols / BLOCK), None)
    }
}

/// `Kernels::pack_group` once the sizes are checked.
#[inline(always)]
pub(in crate::kernels) fn pack_group<S: Simd>(_: S, dtype: WeightDType, rows: &[&[u8]], out: &mut [u8]) {
    if dtype == WeightDType::F32 {
        return pack_floats(rows, out);
    }
    with_format!(dtype, |F| pack::<F>(rows, out), ())
}

/// `(cols, 16)`: the lanes of a register are a group's rows.
#[inline(always)]
fn pack_floats(rows: &[&[u8]], out: &mut [u8]) {
    out.fill(0);
    for (r, row) in rows.iter().enumerate() {
        for (value, lanes) in row.chunks_exact(4).zip(out.chunks_exact_mut(4 * GROUP)) {
            lanes[4 * r..4 * r + 4].copy_from_slice(value);
        }
    }
}

#[inline(always)]
fn pack<F: Stored>(rows: &[&[u8]], out: &mut [u8]) {
    let (lines, head) = (F::Codes::LINES * LINE, F::Scales::HEAD);
    let (elements, bytes) = F::BLOCK;
    out.fill(0);
    for (u, unit) in out.chunks_mut(head + F::Scales::UNIT * lines).enumerate() {
        let (head, codes) = unit.split_at_mut(head);
        for (at, codes) in codes.chunks_exact_mut(lines).enumerate() {
            let column = (u * F::Scales::UNIT + at) * BLOCK;
            for (r, row) in rows.iter().enumerate() {
                let block = &row[column / elements * bytes..][..bytes];
                if column.is_multiple_of(elements) {
                    F::Scales::pack(block, head, at, r);
                }
                let words: [u32; FOURS] = F::Codes::pack(F::codes(block, column % elements / BLOCK));
                for (word, line) in words.iter().zip(codes.chunks_exact_mut(LINE)) {
                    line[4 * r..4 * r + 4].copy_from_slice(&word.to_le_bytes());
                }
            }
        }
    }
}
