//! Quantised rows packed in groups, so that a matmul reads one stream of memory and needs no shuffle.

use super::views::WeightDType;
use super::Kernels;

/// Rows of a group.
pub const GROUP: usize = 16;

impl WeightDType {
    /// Bytes of a packed group of rows of `cols`; `None` for what is never packed, or if `cols` is not whole blocks.
    pub fn group_bytes(self, cols: usize) -> Option<usize> {
        match self {
            WeightDType::F32 | WeightDType::F16 | WeightDType::BF16 => None,
            _ => self.row_bytes(cols).and_then(|bytes| bytes.checked_mul(GROUP)),
        }
    }
}

impl Kernels {
    /// Packs up to sixteen rows as they are stored; what a group lacks is zeros. The values stay what they are.
    ///
    /// Panics if `out` is not `group_bytes` long, or the rows are not of one length.
    pub fn pack_group(&self, dtype: WeightDType, cols: usize, rows: &[&[u8]], out: &mut [u8]) {
        assert_eq!(Some(out.len()), dtype.group_bytes(cols), "a group of {cols} {dtype:?} columns");
        assert!(rows.len() <= GROUP && rows.iter().all(|row| Some(row.len()) == dtype.row_bytes(cols)));
        let row_bytes = out.len() / GROUP;
        out.fill(0);
        for (out, row) in out.chunks_exact_mut(row_bytes).zip(rows) {
            out.copy_from_slice(row);
        }
    }
}
