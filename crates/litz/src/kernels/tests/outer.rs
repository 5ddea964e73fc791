//! Matmuls of packed floats against their definition in f64, and against themselves in every shape.

use super::super::*;
use super::{all, assert_close, Random};

/// Rows and columns that fill groups and blocks of columns, and that fill none.
const SHAPES: [(usize, usize); 6] = [(16, 16), (33, 5), (48, 384), (70, 400), (1, 9), (64, 1536)];

fn packed(kernels: &Kernels, (rows, cols): (usize, usize), values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let stored: Vec<&[u8]> = bytes.chunks_exact(4 * cols).collect();
    let group = WeightDType::F32.group_bytes(cols).unwrap();
    let mut out = vec![0xff; rows.div_ceil(GROUP) * group];
    for (rows, out) in stored.chunks(GROUP).zip(out.chunks_exact_mut(group)) {
        kernels.pack_group(WeightDType::F32, cols, rows, out);
    }
    out
}

fn product(kernels: &Kernels, w: &Matrix<'_>, x: &[f32], pieces: usize) -> Vec<f32> {
    let (tokens, stride) = (x.len() / w.cols(), w.rows());
    let mut y = vec![f32::NAN; tokens * stride];
    for start in (0..w.rows()).step_by(pieces) {
        let mut out = OutView::new(&mut y, stride);
        let x = Activations::F32 { values: x, stride: w.cols() };
        kernels.matmul(w, start..w.rows().min(start + pieces), &x, 0..tokens, &mut out);
    }
    y
}

#[test]
fn a_product_of_packed_floats_is_the_sum_of_products() {
    for kernels in all() {
        for (rows, cols) in SHAPES {
            let (values, x) = (Random(3).normals(rows * cols), Random(5).normals(29 * cols));
            let bytes = packed(kernels, (rows, cols), &values);
            let w = Matrix::packed(WeightDType::F32, rows, cols, &bytes).unwrap();
            let dot = |x: &[f32], w: &[f32]| -> f64 {
                x.iter().zip(w).map(|(&x, &w)| f64::from(x) * f64::from(w)).sum()
            };
            let expected: Vec<f64> =
                x.chunks(cols).flat_map(|x| values.chunks(cols).map(move |w| dot(x, w))).collect();
            assert_close(&product(kernels, &w, &x, rows), &expected, 1e-4);
        }
    }
}

#[test]
fn an_outputs_bits_do_not_depend_on_the_tokens_and_rows_beside_it() {
    for kernels in all() {
        for (rows, cols) in SHAPES {
            let (values, x) = (Random(3).normals(rows * cols), Random(5).normals(29 * cols));
            let bytes = packed(kernels, (rows, cols), &values);
            let w = Matrix::packed(WeightDType::F32, rows, cols, &bytes).unwrap();
            let whole = product(kernels, &w, &x, rows);
            assert!(product(kernels, &w, &x, 16) == whole, "in groups");
            for (token, expected) in whole.chunks(rows).enumerate() {
                let alone = product(kernels, &w, &x[token * cols..(token + 1) * cols], rows);
                assert!(alone == expected, "{:?}: token {token} of {rows} x {cols}", kernels.isa());
            }
        }
    }
}
