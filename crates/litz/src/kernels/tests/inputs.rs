//! Quantised rows with f32 activations, and bfloat rows with bfloat activations.

use half::bf16;

use super::super::*;
use super::matmul::shapes_agree;
use super::quant::{Weights, DTYPES};
use super::{all, assert_close, Random};

const ROWS: usize = 35;

/// The kernels that take bfloat activations, by default or on request.
fn with_bfloats() -> Vec<&'static Kernels> {
    all().into_iter().chain(Kernels::new(Isa::Avx512Bf16).ok()).collect()
}

fn bfloats(values: &[f32]) -> Vec<u16> {
    values.iter().map(|&v| bf16::from_f32(v).to_bits()).collect()
}

fn product(kernels: &Kernels, w: &Matrix<'_>, x: &Activations<'_>, tokens: usize) -> Vec<f32> {
    let mut y = vec![f32::NAN; tokens * w.rows()];
    kernels.matmul(w, 0..w.rows(), x, 0..tokens, &mut OutView::new(&mut y, w.rows()));
    y
}

#[test]
fn a_quantised_row_with_f32_gives_the_bits_of_the_row_that_it_stands_for() {
    for kernels in all() {
        for dtypes in DTYPES {
            let cols = dtypes.0.block().0 * if dtypes.0.block().0 == 256 { 5 } else { 41 };
            let w = Weights::random(dtypes, ROWS, cols);
            let floats: Vec<u8> = w.values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let floats = Matrix::new(WeightDType::F32, ROWS, cols, &floats).unwrap();
            let stored = Matrix::new(dtypes.0, ROWS, cols, &w.stored).unwrap();
            let x = Random(3).normals(19 * cols);
            let x = Activations::F32 { values: &x, stride: cols };
            for tokens in [1, 3, 15, 16, 19] {
                let pair = [&stored, &floats].map(|w| product(kernels, w, &x, tokens));
                let same = pair[0].iter().zip(&pair[1]).all(|(a, b)| a.to_bits() == b.to_bits());
                assert!(same, "{:?} {dtypes:?} {tokens}", kernels.isa());
            }
        }
    }
}

#[test]
fn every_shape_of_quantised_rows_with_f32_gives_the_same_bits() {
    for kernels in all() {
        for dtypes in [DTYPES[1], DTYPES[6]] {
            let w = Weights::random(dtypes, ROWS, 512);
            let x = Random(5).normals(ROWS * 512);
            let stored = Matrix::new(dtypes.0, ROWS, 512, &w.stored).unwrap();
            shapes_agree(kernels, &stored, &Activations::F32 { values: &x, stride: 512 });
        }
    }
}

#[test]
fn bfloat_activations_are_rounded_once_and_their_products_summed() {
    for kernels in with_bfloats() {
        for cols in [1, 2, 31, 32, 33, 83, 576, 2100] {
            let (w, x) = (bfloats(&Random(7).normals(ROWS * cols)), bfloats(&Random(8).normals(ROWS * cols)));
            let bytes: Vec<u8> = std::iter::once(0).chain(w.iter().flat_map(|v| v.to_le_bytes())).collect();
            let matrix = Matrix::new(WeightDType::BF16, ROWS, cols, &bytes[1..]).unwrap();
            let view = Activations::Bf16 { values: &x, stride: cols };
            let wide = |v: &[u16]| v.iter().map(|&v| f64::from(bf16::from_bits(v))).collect::<Vec<_>>();
            let (w, x) = (wide(&w), wide(&x));
            let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
            let expected: Vec<f64> =
                x.chunks_exact(cols).flat_map(|x| w.chunks_exact(cols).map(move |w| dot(x, w))).collect();
            assert_close(&product(kernels, &matrix, &view, ROWS), &expected, 2e-5);
            shapes_agree(kernels, &matrix, &view);
        }
    }
}

#[test]
fn bfloats_are_asked_for_where_speed_is_and_the_cpu_multiplies_them() {
    let bytes = [0; 64];
    let (bfloats, halves) = (WeightDType::BF16, WeightDType::F16);
    let matrix = |dtype| Matrix::new(dtype, 1, 32, &bytes).unwrap();
    for kernels in with_bfloats() {
        let expected = if kernels.isa() == Isa::Avx512Bf16 { Input::Bf16 } else { Input::F32 };
        assert_eq!(kernels.fast_input(&matrix(bfloats)), expected);
        assert_eq!(kernels.fast_input(&matrix(halves)), Input::F32);
        assert_eq!(matrix(bfloats).input(), Input::F32);
    }
}
