//! Weights that no kernel reads as stored, in the narrowest storage that holds every value exactly.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use half::{bf16, f16};

use super::sources::StoredRows;
use crate::formats::{dequantize, DType};
use crate::kernels::WeightDType;
use crate::threads::{Pool, Region};
use crate::{Error, Result};

/// Converts whole rows of `cols` to a float that holds their values.
pub(super) fn rows(stored: DType, to: WeightDType, bytes: &[u8], cols: usize, out: &mut [u8]) -> Result<()> {
    let row_bytes = stored.bytes_for(cols).filter(|&size| size > 0).ok_or_else(|| {
        Error::Format(format!("rows of {cols} {} elements end inside a block", stored.name()))
    })?;
    let mut row = vec![0.0_f32; cols];
    let size = to.block().1;
    for (stored_row, out) in bytes.chunks_exact(row_bytes).zip(out.chunks_exact_mut(cols * size)) {
        dequantize(stored, stored_row, &mut row)?;
        for (&value, out) in row.iter().zip(out.chunks_exact_mut(size)) {
            match to {
                WeightDType::BF16 => out.copy_from_slice(&bf16::from_f32(value).to_le_bytes()),
                WeightDType::F16 => out.copy_from_slice(&f16::from_f32(value).to_le_bytes()),
                _ => out.copy_from_slice(&value.to_le_bytes()),
            }
        }
    }
    Ok(())
}

/// Rows that are looked at together.
const ROWS: usize = 64;

/// Which floats hold every value of some matrices; rows are left out once nothing but F32 can.
struct Scan {
    matrices: Vec<Arc<StoredRows>>,
    /// For each matrix, whether values were found that BF16 (first) or F16 lacks.
    lacking: Vec<[AtomicBool; 2]>,
    pieces: Vec<(usize, usize)>, // matrix, first row
    failure: Mutex<Option<Error>>,
}

impl Scan {
    fn scan_rows(&self, matrix: &StoredRows, first: usize, lacking: &[AtomicBool; 2]) -> Result<()> {
        let mut row = vec![0.0_f32; matrix.cols];
        for index in first..matrix.rows.min(first + ROWS) {
            if lacking.iter().all(|flag| flag.load(Ordering::Relaxed)) {
                return Ok(());
            }
            dequantize(matrix.dtype, &matrix.bytes(index..index + 1), &mut row)?;
            let exact = |narrow: fn(f32) -> f32| row.iter().all(|&x| narrow(x).to_bits() == x.to_bits());
            for (flag, narrow) in
                lacking.iter().zip([|x| bf16::from_f32(x).to_f32(), |x| f16::from_f32(x).to_f32()])
            {
                if !exact(narrow) {
                    flag.store(true, Ordering::Relaxed);
                }
            }
        }
        Ok(())
    }
}

impl Region for Scan {
    fn phases(&self) -> usize {
        1
    }

    fn pieces(&self, _: usize) -> usize {
        self.pieces.len()
    }

    fn run(&self, _: usize, piece: usize, _: usize) {
        let (matrix, first) = self.pieces[piece];
        if let Err(error) = self.scan_rows(&self.matrices[matrix], first, &self.lacking[matrix]) {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}

/// BF16 or F16 for each matrix whose values it all holds, else F32; for most matrices the first row decides.
pub(super) fn narrowest(matrices: &[Arc<StoredRows>], pool: &Pool) -> Result<Vec<WeightDType>> {
    let starts = |matrix: usize| (0..matrices[matrix].rows).step_by(ROWS).map(move |row| (matrix, row));
    let work = Arc::new(Scan {
        matrices: matrices.to_vec(),
        lacking: matrices.iter().map(|_| Default::default()).collect(),
        pieces: (0..matrices.len()).flat_map(starts).collect(),
        failure: Mutex::new(None),
    });
    pool.run(work.clone())?;
    if let Some(error) = work.failure.lock().unwrap_or_else(PoisonError::into_inner).take() {
        return Err(error);
    }
    let choose =
        |[bf16, f16]: &[AtomicBool; 2]| match (bf16.load(Ordering::Acquire), f16.load(Ordering::Acquire)) {
            (false, _) => WeightDType::BF16,
            (true, false) => WeightDType::F16,
            (true, true) => WeightDType::F32,
        };
    Ok(work.lacking.iter().map(choose).collect())
}

#[cfg(test)]
mod tests {
    use super::super::sources::{Part, WeightSource};
    use super::*;
    use crate::engine::tests::file::Tensors;

    fn values(dtype: DType, bytes: &[u8], count: usize) -> Vec<f32> {
        let mut out = vec![0.0; count];
        dequantize(dtype, bytes, &mut out).unwrap();
        out
    }

    fn stored(dtype: WeightDType) -> DType {
        match dtype {
            WeightDType::F32 => DType::F32,
            WeightDType::F16 => DType::F16,
            WeightDType::BF16 => DType::BF16,
            _ => unreachable!("not a float"),
        }
    }

    /// Bytes that look random, with the scales of 32-blocks kept finite.
    fn blocks(dtype: DType, count: usize) -> Vec<u8> {
        let (_, size) = dtype.block();
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let mut bytes: Vec<u8> = (0..count * size).map(|_| next()).collect();
        for block in bytes.chunks_exact_mut(size) {
            block[..2].copy_from_slice(&f16::from_f32(0.01).to_le_bytes());
            if dtype == DType::Q5_1 {
                block[2..4].copy_from_slice(&f16::from_f32(-0.3).to_le_bytes());
            }
        }
        bytes
    }

    /// One matrix with rows of `cols`, in a file of its own.
    fn matrix(dtype: DType, bytes: Vec<u8>, cols: usize) -> Arc<StoredRows> {
        let mut tensors = Tensors::default();
        let rows = bytes.len() / dtype.bytes_for(cols).unwrap();
        tensors.raw("t", &[rows, cols], dtype, bytes);
        let part = Part::new(0, "t", 0, rows);
        let source = WeightSource { name: "w".to_owned(), parts: vec![part], transposed: false };
        Arc::new(StoredRows::matrix(&[tensors.gguf()], &source, rows, cols).unwrap())
    }

    fn converted(matrix: &StoredRows, to: WeightDType) -> Vec<f32> {
        let mut out = vec![0; matrix.rows * to.row_bytes(matrix.cols).unwrap()];
        rows(matrix.dtype, to, &matrix.bytes(0..matrix.rows), matrix.cols, &mut out).unwrap();
        values(stored(to), &out, matrix.rows * matrix.cols)
    }

    #[test]
    fn every_value_is_the_same_in_the_new_storage() {
        for dtype in [DType::Q5_0, DType::IQ4NL, DType::Q5_1] {
            let matrix = matrix(dtype, blocks(dtype, 6), 64);
            let expected = values(dtype, &matrix.bytes(0..3), 192);
            let narrow = narrowest(&[Arc::clone(&matrix)], &Pool::new(2)).unwrap();
            assert_eq!(narrow, [WeightDType::F32]);
            assert_eq!(converted(&matrix, WeightDType::F32), expected);
        }
    }

    #[test]
    fn doubles_become_the_narrowest_exact_float() {
        let lists: [(&[f64], WeightDType); 3] = [
            (&[1.0, -0.5, 2_f64.powi(100)], WeightDType::BF16),
            (&[1.0, 1.0 + 1.0 / 1024.0, 0.0], WeightDType::F16),
            (&[1.0 + 1.0 / 1024.0, 1e9, 0.0], WeightDType::F32),
        ];
        let bytes = |list: &[f64]| list.iter().flat_map(|value| value.to_le_bytes()).collect();
        let matrices: Vec<_> = lists.iter().map(|(list, _)| matrix(DType::F64, bytes(list), 1)).collect();
        let narrow = narrowest(&matrices, &Pool::new(3)).unwrap();
        for ((matrix, narrow), (list, expected)) in matrices.iter().zip(narrow).zip(lists) {
            assert_eq!(narrow, expected);
            assert_eq!(converted(matrix, narrow), list.iter().map(|&x| x as f32).collect::<Vec<_>>());
        }
    }

    #[test]
    fn one_value_anywhere_decides() {
        let mut list = vec![1.0_f64; 1000];
        list[997] = 1.0 + 1.0 / 1024.0;
        let bytes = list.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(narrowest(&[matrix(DType::F64, bytes, 4)], &Pool::new(2)).unwrap(), [WeightDType::F16]);
    }
}
