//! Matmuls of floats against a plain definition in f64, and against themselves in every shape.

use half::{bf16, f16};

use super::super::*;
use super::{all, assert_close, Random};

/// A matrix's bytes, one byte off any alignment, and what its elements are.
struct Weights {
    dtype: WeightDType,
    rows: usize,
    cols: usize,
    bytes: Vec<u8>,
    values: Vec<f64>,
}

impl Weights {
    fn random(dtype: WeightDType, rows: usize, cols: usize) -> Self {
        let mut random = Random(7 + rows as u64 * 1000 + cols as u64);
        let mut bytes = vec![0u8];
        for _ in 0..rows * cols {
            match dtype {
                WeightDType::F32 => bytes.extend(random.normal().to_le_bytes()),
                WeightDType::F16 => bytes.extend(f16::from_f32(random.normal()).to_le_bytes()),
                WeightDType::BF16 => bytes.extend(bf16::from_f32(random.normal()).to_le_bytes()),
                _ => unreachable!("not a float"),
            }
        }
        Weights::new(dtype, rows, cols, bytes)
    }

    /// `bytes[0]` is padding.
    fn new(dtype: WeightDType, rows: usize, cols: usize, bytes: Vec<u8>) -> Self {
        let values =
            bytes[1..].chunks_exact(dtype.block().1).flat_map(|block| elements(dtype, block)).collect();
        Weights { dtype, rows, cols, bytes, values }
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix::new(self.dtype, self.rows, self.cols, &self.bytes[1..]).unwrap()
    }
}

/// The definition of each storage, in f64.
fn elements(dtype: WeightDType, block: &[u8]) -> Vec<f64> {
    let half = |i: usize| f64::from(f16::from_le_bytes([block[i], block[i + 1]]));
    match dtype {
        WeightDType::F32 => vec![f64::from(f32::from_le_bytes(block.try_into().unwrap()))],
        WeightDType::F16 => vec![half(0)],
        WeightDType::BF16 => vec![f64::from(bf16::from_le_bytes([block[0], block[1]]))],
        _ => unreachable!("not a float"),
    }
}

fn product(kernels: &Kernels, w: &Weights, x: &[f32]) -> Vec<f32> {
    let tokens = x.len() / w.cols;
    let mut y = vec![f32::NAN; tokens * w.rows];
    let mut out = OutView::new(&mut y, w.rows);
    let x = Activations::F32 { values: x, stride: w.cols };
    kernels.matmul(&w.matrix(), 0..w.rows, &x, 0..tokens, &mut out);
    y
}

fn reference(w: &Weights, x: &[f32]) -> Vec<f64> {
    let dot = |x: &[f32], w: &[f64]| x.iter().zip(w).map(|(&x, w)| f64::from(x) * w).sum();
    x.chunks_exact(w.cols).flat_map(|x| w.values.chunks_exact(w.cols).map(move |w| dot(x, w))).collect()
}

const FLOATS: [WeightDType; 3] = [WeightDType::F32, WeightDType::F16, WeightDType::BF16];

/// Widths with tails, and one of several slices.
const WIDTHS: [usize; 6] = [1, 15, 16, 83, 576, 2100];

#[test]
fn a_product_is_the_sum_of_products() {
    for kernels in all() {
        for dtype in FLOATS {
            for cols in WIDTHS {
                let w = Weights::random(dtype, 37, cols);
                let x = Random(3).normals(19 * cols);
                assert_close(&product(kernels, &w, &x), &reference(&w, &x), 2e-5);
            }
        }
    }
}

#[test]
fn every_shape_gives_the_bits_of_one_row_and_one_token() {
    for kernels in all() {
        for dtype in FLOATS {
            for cols in WIDTHS {
                let w = Weights::random(dtype, 35, cols);
                let x = Random(5).normals(35 * cols);
                shapes_agree(kernels, &w.matrix(), &Activations::F32 { values: &x, stride: cols });
            }
        }
    }
}

/// As many rows as tokens.
pub(super) fn shapes_agree(kernels: &Kernels, w: &Matrix<'_>, x: &Activations<'_>) {
    let n = w.rows();
    let mut alone = vec![0f32; n * n];
    for t in 0..n {
        for r in 0..n {
            let mut out = OutView::new(&mut alone, n);
            kernels.matmul(w, r..r + 1, x, t..t + 1, &mut out);
        }
    }
    for rows in [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 34] {
        for tokens in [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 34] {
            let mut y = vec![f32::NAN; n * n];
            let mut out = OutView::new(&mut y, n);
            kernels.matmul(w, 1..1 + rows, x, 1..1 + tokens, &mut out);
            for (i, (y, alone)) in y.iter().zip(&alone).enumerate() {
                let inside = (1..=tokens).contains(&(i / n)) && (1..=rows).contains(&(i % n));
                let name = (kernels.isa(), w.dtype(), w.cols(), rows, tokens);
                assert!(
                    if inside { y.to_bits() == alone.to_bits() } else { y.is_nan() },
                    "{name:?}: {y} {alone}"
                );
            }
        }
    }
}

#[test]
fn hundreds_of_tokens_give_the_bits_of_a_few() {
    const TOKENS: usize = 401;
    for kernels in all() {
        for (dtype, cols) in [(WeightDType::F32, 1100), (WeightDType::F16, 130), (WeightDType::BF16, 64)] {
            let w = Weights::random(dtype, 6, cols);
            let x = Random(9).normals(TOKENS * cols);
            let (whole, view) = (product(kernels, &w, &x), Activations::F32 { values: &x, stride: cols });
            for size in [7, 60, 190] {
                let mut y = vec![f32::NAN; TOKENS * 6];
                let mut out = OutView::new(&mut y, 6);
                for start in (0..TOKENS).step_by(size) {
                    let tokens = start..TOKENS.min(start + size);
                    kernels.matmul(&w.matrix(), 0..6, &view, tokens, &mut out);
                }
                let same = y.iter().zip(&whole).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same, "{:?} {dtype:?} {size}", kernels.isa());
            }
        }
    }
}

#[test]
fn a_nan_or_an_infinity_reaches_its_own_outputs_only() {
    for kernels in all() {
        for dtype in FLOATS {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let w = Weights::random(dtype, 9, 64);
                let mut values = vec![1.0; 5 * 64];
                values[2 * 64 + 40] = bad;
                let y = product(kernels, &w, &values);
                for (t, y) in y.chunks_exact(9).enumerate() {
                    assert!(
                        y.iter().all(|v| v.is_finite() == (t != 2)),
                        "{:?} {dtype:?} {bad}",
                        kernels.isa()
                    );
                }
            }
        }
    }
}

#[test]
fn a_matrix_of_the_wrong_size_is_refused() {
    let bytes = [0u8; 64];
    assert!(Matrix::new(WeightDType::F32, 2, 8, &bytes).is_ok());
    assert!(Matrix::new(WeightDType::F32, 2, 7, &bytes).is_err());
    assert!(Matrix::new(WeightDType::Q4_0, 1, 33, &bytes).is_err());
    assert!(Matrix::new(WeightDType::F32, usize::MAX, 8, &bytes).is_err());
}

#[test]
fn rows_dequantise_to_their_definition() {
    for kernels in all() {
        for dtype in FLOATS {
            for cols in WIDTHS {
                let w = Weights::random(dtype, 3, cols);
                for r in 0..3 {
                    let mut out = vec![f32::NAN; cols];
                    kernels.dequantize_row(&w.matrix(), r, &mut out);
                    assert_close(&out, &w.values[r * cols..(r + 1) * cols], 1e-6);
                }
            }
        }
    }
}
