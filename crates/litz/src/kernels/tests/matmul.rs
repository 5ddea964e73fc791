//! Matmuls against a plain definition in f64, and against themselves in every shape.

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
        for _ in 0..rows * cols / dtype.block().0 {
            match dtype {
                WeightDType::F32 => bytes.extend(random.normal().to_le_bytes()),
                WeightDType::F16 => bytes.extend(f16::from_f32(random.normal()).to_le_bytes()),
                WeightDType::BF16 => bytes.extend(bf16::from_f32(random.normal()).to_le_bytes()),
                _ => {
                    bytes.extend(f16::from_f32(random.normal() * 0.1).to_le_bytes());
                    if dtype == WeightDType::Q4_1 {
                        bytes.extend(f16::from_f32(random.normal()).to_le_bytes());
                    }
                    let codes = if dtype == WeightDType::Q8_0 { 32 } else { 16 };
                    bytes.extend((0..codes).map(|_| (random.bits() >> 33) as u8));
                }
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
    let nibbles = |from: usize| -> Vec<f64> {
        let low = block[from..].iter().map(|b| f64::from(b & 15));
        low.chain(block[from..].iter().map(|b| f64::from(b >> 4))).collect()
    };
    match dtype {
        WeightDType::F32 => vec![f64::from(f32::from_le_bytes(block.try_into().unwrap()))],
        WeightDType::F16 => vec![half(0)],
        WeightDType::BF16 => vec![f64::from(bf16::from_le_bytes([block[0], block[1]]))],
        WeightDType::Q8_0 => block[2..].iter().map(|&b| half(0) * f64::from(b as i8)).collect(),
        WeightDType::Q4_0 => nibbles(2).into_iter().map(|q| half(0) * (q - 8.0)).collect(),
        WeightDType::Q4_1 => nibbles(4).into_iter().map(|q| half(0) * q + half(2)).collect(),
    }
}

/// Rows of activations in both forms.
struct Rows {
    values: Vec<f32>,
    codes: Q8Buffer,
    cols: usize,
}

impl Rows {
    fn new(kernels: &Kernels, values: Vec<f32>, cols: usize) -> Self {
        let tokens = values.len() / cols;
        let mut codes = Q8Buffer::new(tokens, cols);
        for (t, row) in values.chunks_exact(cols).enumerate() {
            kernels.quantize_row(row, codes.row_mut(t));
        }
        Rows { values, codes, cols }
    }

    fn view(&self, input: Input) -> Activations<'_> {
        match input {
            Input::F32 => Activations::F32 { values: &self.values, stride: self.cols },
            Input::Q8 => Activations::Q8(self.codes.view()),
        }
    }

    /// The numbers that a matmul sees.
    fn seen(&self, input: Input) -> Vec<f64> {
        match input {
            Input::F32 => self.values.iter().map(|&v| f64::from(v)).collect(),
            Input::Q8 => {
                let view = self.codes.view();
                let scale = |i: usize| f64::from(view.scales[i / BLOCK]);
                view.codes.iter().enumerate().map(|(i, &c)| f64::from(c) * scale(i)).collect()
            }
        }
    }
}

fn product(kernels: &Kernels, w: &Weights, x: &Rows) -> Vec<f32> {
    let tokens = x.values.len() / x.cols;
    let mut y = vec![f32::NAN; tokens * w.rows];
    let mut out = OutView::new(&mut y, w.rows);
    kernels.matmul(&w.matrix(), 0..w.rows, &x.view(w.dtype.input()), 0..tokens, &mut out);
    y
}

fn reference(w: &Weights, x: &Rows) -> Vec<f64> {
    let x = x.seen(w.dtype.input());
    let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum();
    x.chunks_exact(w.cols).flat_map(|x| w.values.chunks_exact(w.cols).map(move |w| dot(x, w))).collect()
}

/// Widths with tails for floats, and odd numbers of blocks for the others.
fn widths(dtype: WeightDType) -> [usize; 5] {
    match dtype.input() {
        Input::F32 => [1, 15, 16, 83, 576],
        Input::Q8 => [32, 64, 96, 160, 576],
    }
}

#[test]
fn a_product_is_the_sum_of_products() {
    for kernels in all() {
        for dtype in WeightDType::ALL {
            for cols in widths(dtype) {
                let w = Weights::random(dtype, 37, cols);
                let x = Rows::new(kernels, Random(3).normals(19 * cols), cols);
                assert_close(&product(kernels, &w, &x), &reference(&w, &x), 2e-5);
            }
        }
    }
}

#[test]
fn every_shape_gives_the_bits_of_one_row_and_one_token() {
    for kernels in all() {
        for dtype in WeightDType::ALL {
            for cols in widths(dtype) {
                let w = Weights::random(dtype, 35, cols);
                let x = Rows::new(kernels, Random(5).normals(35 * cols), cols);
                shapes_agree(kernels, &w, &x);
            }
        }
    }
}

fn shapes_agree(kernels: &Kernels, w: &Weights, x: &Rows) {
    let (n, input) = (w.rows, w.dtype.input());
    let mut alone = vec![0f32; n * n];
    for t in 0..n {
        for r in 0..n {
            let mut out = OutView::new(&mut alone, n);
            kernels.matmul(&w.matrix(), r..r + 1, &x.view(input), t..t + 1, &mut out);
        }
    }
    for rows in [1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 34] {
        for tokens in [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 34] {
            let mut y = vec![f32::NAN; n * n];
            let mut out = OutView::new(&mut y, n);
            kernels.matmul(&w.matrix(), 1..1 + rows, &x.view(input), 1..1 + tokens, &mut out);
            for (i, (y, alone)) in y.iter().zip(&alone).enumerate() {
                let inside = (1..=tokens).contains(&(i / n)) && (1..=rows).contains(&(i % n));
                let name = (kernels.isa(), w.dtype, w.cols, rows, tokens);
                assert!(
                    if inside { y.to_bits() == alone.to_bits() } else { y.is_nan() },
                    "{name:?}: {y} {alone}"
                );
            }
        }
    }
}

#[test]
fn quantised_products_have_the_same_bits_with_avx2_and_with_avx512() {
    let (Ok(narrow), Ok(wide)) = (Kernels::new(Isa::Avx2), Kernels::new(Isa::Avx512)) else { return };
    for dtype in [WeightDType::Q8_0, WeightDType::Q4_0, WeightDType::Q4_1] {
        for tokens in [1, 2, 3, 5, 9] {
            let w = Weights::random(dtype, 21, 352);
            let x = Rows::new(narrow, Random(6).normals(tokens * 352), 352);
            let (a, b) = (product(narrow, &w, &x), product(wide, &w, &x));
            assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()), "{dtype:?} {tokens}");
        }
    }
}

#[test]
fn extreme_codes_are_summed_exactly() {
    let signs = |t: usize, i: usize| if (i >> t) % 2 == 0 { 127.0 } else { -127.0 };
    let values: Vec<f32> = (0..6).flat_map(|t| (0..64).map(move |i| signs(t, i))).collect();
    for kernels in all() {
        let x = Rows::new(kernels, values.clone(), 64);
        for (dtype, head, codes) in [
            (WeightDType::Q8_0, vec![0, 0x3c], vec![0x80, 0x7f, 0x81, 0x00, 0xff, 0x80]),
            (WeightDType::Q4_0, vec![0, 0x3c], vec![0x00, 0xff, 0x0f, 0xf0, 0x88]),
            (WeightDType::Q4_1, vec![0, 0x3c, 0, 0], vec![0x00, 0xff, 0x0f, 0xf0]),
        ] {
            let block = |code: u8| [head.clone(), vec![code; dtype.block().1 - head.len()]].concat();
            let row = |&code: &u8| [block(code), block(code)].concat();
            let bytes = std::iter::once(0).chain(codes.iter().flat_map(row)).collect();
            let w = Weights::new(dtype, codes.len(), 64, bytes);
            let expected: Vec<f32> = reference(&w, &x).iter().map(|&v| v as f32).collect();
            assert_eq!(product(kernels, &w, &x), expected, "{:?} {dtype:?}", kernels.isa());
        }
    }
}

#[test]
fn a_stored_minus_128_counts_as_such() {
    for kernels in all() {
        for sign in [1.0, -1.0] {
            let bytes = [vec![0, 0, 0x3c], vec![0x80; 32]].concat();
            let w = Weights::new(WeightDType::Q8_0, 1, 32, bytes);
            let x = Rows::new(kernels, vec![127.0 * sign; 32], 32);
            assert_eq!(product(kernels, &w, &x), [-128.0 * 127.0 * 32.0 * sign]);
        }
    }
}

#[test]
fn a_nan_or_an_infinity_reaches_its_own_outputs_only() {
    for kernels in all() {
        for dtype in WeightDType::ALL {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let w = Weights::random(dtype, 9, 64);
                let mut values = vec![1.0; 5 * 64];
                values[2 * 64 + 40] = bad;
                let y = product(kernels, &w, &Rows::new(kernels, values, 64));
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
        for dtype in WeightDType::ALL {
            for cols in widths(dtype) {
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
