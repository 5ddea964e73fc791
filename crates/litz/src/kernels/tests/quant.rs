//! Packed matmuls against their definition on dequantised weights, and against themselves in every shape.

use half::f16;

use super::super::quant::codes::{CodeTile, CODES, CODE_WORDS, SCALE};

use super::super::*;
use super::{all, assert_close, Random};
use crate::formats::{dequantize, DType};

/// Every dtype that is packed, and its name in a file.
pub(super) const DTYPES: [(WeightDType, DType); 10] = [
    (WeightDType::Q8_0, DType::Q8_0),
    (WeightDType::Q4_0, DType::Q4_0),
    (WeightDType::Q4_1, DType::Q4_1),
    (WeightDType::Q5_0, DType::Q5_0),
    (WeightDType::Q5_1, DType::Q5_1),
    (WeightDType::Q4_K, DType::Q4K),
    (WeightDType::Q5_K, DType::Q5K),
    (WeightDType::Q6_K, DType::Q6K),
    (WeightDType::IQ4_NL, DType::IQ4NL),
    (WeightDType::MXFP4, DType::MXFP4),
];

/// Where a stored block has its halves.
fn halves(dtype: WeightDType) -> &'static [usize] {
    match dtype {
        WeightDType::Q6_K => &[208],
        WeightDType::MXFP4 => &[],
        WeightDType::Q4_1 | WeightDType::Q5_1 | WeightDType::Q4_K | WeightDType::Q5_K => &[0, 2],
        _ => &[0],
    }
}

/// A matrix as stored, packed, and dequantised.
pub(super) struct Weights {
    dtype: WeightDType,
    rows: usize,
    cols: usize,
    pub(super) stored: Vec<u8>,
    packed: Vec<u8>,
    pub(super) values: Vec<f32>,
}

impl Weights {
    /// Any codes and small scales; halves that are finite.
    pub(super) fn random(dtypes: (WeightDType, DType), rows: usize, cols: usize) -> Self {
        let mut random = Random(7 + rows as u64 * 1000 + cols as u64);
        let (elements, bytes) = dtypes.0.block();
        let mut stored: Vec<u8> =
            (0..rows * cols / elements * bytes).map(|_| (random.bits() >> 33) as u8).collect();
        for block in stored.chunks_exact_mut(bytes) {
            if dtypes.0 == WeightDType::MXFP4 {
                block[0] = 120 + block[0] % 8;
            }
            for &at in halves(dtypes.0) {
                let half = f16::from_f32(random.normal() * 0.1);
                block[at..at + 2].copy_from_slice(&half.to_le_bytes());
            }
        }
        Weights::new(dtypes, rows, cols, stored)
    }

    fn new((dtype, stored_as): (WeightDType, DType), rows: usize, cols: usize, stored: Vec<u8>) -> Self {
        let mut values = vec![f32::NAN; rows * cols];
        dequantize(stored_as, &stored, &mut values).unwrap();
        let packed = pack(Kernels::new(Isa::Portable).unwrap(), dtype, cols, &stored);
        Weights { dtype, rows, cols, stored, packed, values }
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix::packed(self.dtype, self.rows, self.cols, &self.packed).unwrap()
    }
}

fn pack(kernels: &Kernels, dtype: WeightDType, cols: usize, stored: &[u8]) -> Vec<u8> {
    let rows: Vec<&[u8]> = stored.chunks_exact(dtype.row_bytes(cols).unwrap()).collect();
    let bytes = dtype.group_bytes(cols).unwrap();
    let mut packed = vec![0xa5; rows.len().div_ceil(GROUP) * bytes];
    for (group, rows) in packed.chunks_exact_mut(bytes).zip(rows.chunks(GROUP)) {
        kernels.pack_group(dtype, cols, rows, group);
    }
    packed
}

/// Both widths of codes, and the greatest code.
pub(super) const CODE_WIDTHS: [(CodeWidth, i32); 2] = [(CodeWidth::Bits8, 127), (CodeWidth::Bits16, 32639)];

/// The code of a column, wherever the kernels keep it.
pub(super) fn code(
    kernels: &Kernels,
    width: CodeWidth,
    tile: &CodeTile<'_>,
    token: usize,
    col: usize,
) -> i32 {
    let (block, four, at) = (col / BLOCK, col % BLOCK / 4, col % 4);
    let word = |word: usize| tile.word(width.bytes(), block, CODES + word, token).to_le_bytes();
    let byte = |plane: usize| i32::from(word(plane * CODE_WORDS + four)[at] as i8);
    match width {
        CodeWidth::Bits8 => byte(0),
        CodeWidth::Bits16 if kernels.isa() == Isa::Avx2 => {
            let pair = word(2 * four + at % 2);
            i32::from(i16::from_le_bytes([pair[at / 2 * 2], pair[at / 2 * 2 + 1]]))
        }
        CodeWidth::Bits16 => 256 * byte(0) + byte(1),
    }
}

/// Quantised rows, and the numbers that their codes stand for.
struct Rows {
    codes: CodeBuffer,
    values: Vec<f64>,
    tokens: usize,
}

impl Rows {
    fn new(kernels: &Kernels, width: CodeWidth, values: &[f32], cols: usize) -> Self {
        let tokens = values.len() / cols;
        let mut codes = CodeBuffer::new(width, tokens, cols);
        for (t, row) in values.chunks_exact(cols).enumerate() {
            kernels.quantize_row(row, codes.row_mut(t));
        }
        let view = codes.view();
        let value = |t: usize, col: usize| {
            let (tile, block) = (view.tile(t), col / BLOCK);
            let code = code(kernels, width, &tile, t - tile.first, col);
            f64::from(tile.float(width.bytes(), block, SCALE, t - tile.first)) * f64::from(code)
        };
        let values = (0..tokens).flat_map(|t| (0..cols).map(move |col| (t, col)));
        let values = values.map(|(t, col)| value(t, col)).collect();
        Rows { codes, values, tokens }
    }

    fn random(kernels: &Kernels, width: CodeWidth, tokens: usize, cols: usize) -> Self {
        Rows::new(kernels, width, &Random(3).normals(tokens * cols), cols)
    }
}

fn product(kernels: &Kernels, w: &Weights, x: &Rows) -> Vec<f32> {
    let mut y = vec![f32::NAN; x.tokens * w.rows];
    let x_view = Activations::Codes(x.codes.view());
    kernels.matmul(&w.matrix(), 0..w.rows, &x_view, 0..x.tokens, &mut OutView::new(&mut y, w.rows));
    y
}

fn reference(w: &Weights, x: &Rows) -> Vec<f64> {
    let dot = |x: &[f64], w: &[f32]| x.iter().zip(w).map(|(x, &w)| x * f64::from(w)).sum();
    let rows = |x| w.values.chunks_exact(w.cols).map(move |w| dot(x, w)).collect::<Vec<f64>>();
    x.values.chunks_exact(w.cols).flat_map(rows).collect()
}

/// The terms of a sum may be far greater than the sum.
fn assert_near(found: &[f32], w: &Weights, x: &Rows) {
    let size = x.values.iter().fold(0.0f64, |a, b| a.max(b.abs()))
        * w.values.iter().fold(0.0f64, |a, &b| a.max(f64::from(b).abs()))
        * w.cols as f64;
    let scaled: Vec<f32> = found.iter().map(|&y| (f64::from(y) / size) as f32).collect();
    let expected: Vec<f64> = reference(w, x).iter().map(|y| y / size).collect();
    assert_close(&scaled, &expected, 3e-7);
}

/// Every instruction set with every width of codes.
fn forms() -> impl Iterator<Item = (&'static Kernels, CodeWidth)> {
    all().into_iter().flat_map(|kernels| CODE_WIDTHS.map(|(width, _)| (kernels, width)))
}

/// One block, an odd and an even number of them, more than a chunk of a panel.
fn widths(dtype: WeightDType) -> [usize; 4] {
    match dtype.block().0 {
        32 => [32, 96, 576, 1248],
        _ => [256, 512, 768, 1280],
    }
}

#[test]
fn a_product_is_the_sum_of_products() {
    for (kernels, width) in forms() {
        for dtype in DTYPES {
            for cols in widths(dtype.0) {
                for (rows, tokens) in [(1, 1), (5, 19), (16, 2), (17, 4), (33, 9)] {
                    let w = Weights::random(dtype, rows, cols);
                    let x = Rows::random(kernels, width, tokens, cols);
                    assert_near(&product(kernels, &w, &x), &w, &x);
                }
            }
        }
    }
}

#[test]
fn every_shape_gives_the_bits_of_one_row_and_one_token() {
    for (kernels, width) in forms() {
        for dtype in DTYPES {
            for cols in [widths(dtype.0)[0], widths(dtype.0)[3]] {
                let w = Weights::random(dtype, 35, cols);
                shapes_agree(kernels, width, &w, &Random(5).normals(26 * cols));
            }
        }
    }
}

fn shapes_agree(kernels: &Kernels, width: CodeWidth, w: &Weights, values: &[f32]) {
    let (n, cols) = (w.rows, w.cols);
    let mut alone = Vec::new();
    for row in values.chunks_exact(cols) {
        alone.extend(product(kernels, w, &Rows::new(kernels, width, row, cols)));
    }
    for all_tokens in [1, 2, 3, 4, 5, 8, 9, 13, 26] {
        let x = Rows::new(kernels, width, &values[..all_tokens * cols], cols);
        for (first, tokens) in [(0, 1), (0, 3), (0, 8), (0, 26), (1, 2), (3, 9), (7, 2), (8, 18), (12, 1)] {
            for rows in [0..35, 1..2, 3..30, 16..33, 34..35] {
                if first + tokens > all_tokens {
                    continue;
                }
                let mut y = vec![f32::NAN; all_tokens * n];
                let mut out = OutView::new(&mut y, n);
                let (x, range) = (Activations::Codes(x.codes.view()), first..first + tokens);
                kernels.matmul(&w.matrix(), rows.clone(), &x, range.clone(), &mut out);
                for (i, (y, alone)) in y.iter().zip(&alone).enumerate() {
                    let inside = range.contains(&(i / n)) && rows.contains(&(i % n));
                    let name = (kernels.isa(), width, w.dtype, cols, &rows, &range, all_tokens, i);
                    let right = if inside { y.to_bits() == alone.to_bits() } else { y.is_nan() };
                    assert!(right, "{name:?}: {y} {alone}");
                }
            }
        }
    }
}

#[test]
fn products_have_the_same_bits_with_avx2_and_with_avx512() {
    let (Ok(narrow), Ok(wide)) = (Kernels::new(Isa::Avx2), Kernels::new(Isa::Avx512)) else { return };
    for dtype in DTYPES {
        for (tokens, (bits, _)) in [1, 2, 3, 5, 9, 19].into_iter().flat_map(|t| CODE_WIDTHS.map(|w| (t, w))) {
            let w = Weights::random(dtype, 21, 768);
            let [a, b] = [narrow, wide].map(|k| product(k, &w, &Rows::random(k, bits, tokens, 768)));
            assert!(a.iter().zip(&b).all(|(a, b)| a.to_bits() == b.to_bits()), "{dtype:?} {bits:?} {tokens}");
        }
    }
}

#[test]
fn packing_is_the_same_everywhere_and_keeps_its_size() {
    for kernels in all() {
        for dtype in DTYPES {
            for cols in [768, 2048] {
                let w = Weights::random(dtype, 32, cols);
                assert_eq!(pack(kernels, w.dtype, cols, &w.stored), w.packed);
                assert!(w.packed.len() as f64 <= w.stored.len() as f64 * 1.03, "{dtype:?}");
            }
        }
    }
}

#[test]
fn packing_keeps_every_value() {
    // A token that is 127 in one column and 0 elsewhere has one code, which picks that column out of every row.
    for (kernels, width) in forms() {
        for dtype in DTYPES {
            let cols = dtype.0.block().0.max(64);
            let w = Weights::random(dtype, 19, cols);
            let values: Vec<f32> =
                (0..cols * cols).map(|i| if i / cols == i % cols { 127.0 } else { 0.0 }).collect();
            let y = product(kernels, &w, &Rows::new(kernels, width, &values, cols));
            for (i, &y) in y.iter().enumerate() {
                let (token, row) = (i / w.rows, i % w.rows);
                let expected = w.values[row * cols + token];
                let scale = w.values.iter().fold(0.0f32, |a, b| a.max(b.abs()));
                assert!((y / 127.0 - expected).abs() <= 1e-6 * scale, "{dtype:?}: {y} for {expected}");
            }
        }
    }
}

/// A stored block whose halves are 1 (and 0), with this byte everywhere else.
fn constant_block(dtype: WeightDType, byte: u8) -> Vec<u8> {
    let mut block = vec![byte; dtype.block().1];
    if dtype == WeightDType::MXFP4 {
        block[0] = 128; // twice the values that codes stand for, times a half of 2
    }
    for (i, &at) in halves(dtype).iter().enumerate() {
        let half = f16::from_f32(if i == 0 { 1.0 } else { 0.0 });
        block[at..at + 2].copy_from_slice(&half.to_le_bytes());
    }
    block
}

#[test]
fn extreme_codes_are_summed_exactly() {
    let signs = |t: usize, i: usize| if (i >> t).is_multiple_of(2) { 1.0 } else { -1.0 };
    let bytes = [0x00, 0xff, 0x0f, 0xf0, 0x80, 0x7f, 0x81, 0x88];
    for (kernels, width) in forms() {
        for dtype in DTYPES {
            let cols = dtype.0.block().0;
            let most = CODE_WIDTHS[width.bytes() - 1].1 as f32;
            let values: Vec<f32> = (0..10).flat_map(|t| (0..cols).map(move |i| most * signs(t, i))).collect();
            let x = Rows::new(kernels, width, &values, cols);
            let stored = bytes.iter().flat_map(|&byte| constant_block(dtype.0, byte)).collect();
            let w = Weights::new(dtype, bytes.len(), cols, stored);
            let expected: Vec<f32> = reference(&w, &x).iter().map(|&v| v as f32).collect();
            let found = product(kernels, &w, &x);
            if width == CodeWidth::Bits16 && cols > 32 {
                assert_near(&found, &w, &x); // sums of several blocks pass what a float holds
            } else {
                assert_eq!(found, expected, "{:?} {width:?} {dtype:?}", kernels.isa());
            }
        }
    }
}

#[test]
fn a_stored_minus_128_counts_as_such() {
    for (kernels, width) in forms() {
        for sign in [1.0, -1.0] {
            let stored = constant_block(WeightDType::Q8_0, 0x80);
            let w = Weights::new(DTYPES[0], 1, 32, stored);
            let most = CODE_WIDTHS[width.bytes() - 1].1 as f32;
            let x = Rows::new(kernels, width, &[most * sign; 32], 32);
            assert_eq!(product(kernels, &w, &x), [-128.0 * most * 32.0 * sign]);
        }
    }
}

#[test]
fn a_nan_or_an_infinity_reaches_its_own_outputs_only() {
    for (kernels, width) in forms() {
        for dtype in DTYPES {
            for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let w = Weights::random(dtype, 9, 256);
                let mut values = vec![1.0; 5 * 256];
                values[2 * 256 + 40] = bad;
                let y = product(kernels, &w, &Rows::new(kernels, width, &values, 256));
                for (t, y) in y.chunks_exact(9).enumerate() {
                    assert!(y.iter().all(|v| v.is_finite() == (t != 2)), "{:?} {dtype:?}", kernels.isa());
                }
            }
        }
    }
}

#[test]
fn a_scale_that_is_nan_infinite_or_zero_reaches_its_own_row_only() {
    for (kernels, width) in forms() {
        for dtype in DTYPES {
            for scale in [f16::NAN, f16::INFINITY, f16::ZERO] {
                let mut w = Weights::random(dtype, 18, 256);
                let row = dtype.0.row_bytes(256).unwrap();
                let Some(&first) = halves(dtype.0).first() else { continue };
                let at = 17 * row + first;
                w.stored[at..at + 2].copy_from_slice(&scale.to_le_bytes());
                let w = Weights::new(dtype, 18, 256, w.stored);
                for tokens in [1, 11] {
                    let y = product(kernels, &w, &Rows::random(kernels, width, tokens, 256));
                    let good = |(i, y): (usize, &f32)| y.is_finite() == (scale == f16::ZERO || i % 18 != 17);
                    assert!(y.iter().enumerate().all(good), "{:?} {dtype:?} {scale}", kernels.isa());
                }
            }
        }
    }
}

#[test]
fn every_exponent_is_the_scale_that_it_stands_for() {
    let dtype = (WeightDType::MXFP4, DType::MXFP4);
    // One block a row: its exponent, then the code of 1 in the first column and of 0 in the others.
    let stored: Vec<u8> = (0..=255).flat_map(|exponent| [&[exponent, 2][..], &[0; 15]].concat()).collect();
    let w = Weights::new(dtype, 256, 32, stored);
    let x: Vec<f32> = (0..32).map(|column| if column == 0 { 127.0 } else { 0.0 }).collect();
    let expected: Vec<f32> =
        (0..256).map(|exponent| 127.0 * 2_f64.powi(exponent - 127)).map(|y| y as f32).collect();
    for (kernels, width) in forms() {
        let found = product(kernels, &w, &Rows::new(kernels, width, &x, 32));
        // Beyond these, products of codes of 16 bits pass what a float holds.
        for (exponent, (found, expected)) in found.iter().zip(&expected).enumerate().take(231) {
            let close = (found - expected).abs() <= 1e-6 * expected.abs();
            assert!(close, "{:?} {width:?} {exponent}: {found} for {expected}", kernels.isa());
        }
    }
    let mut floats = vec![0.0; 32];
    for kernels in all() {
        for exponent in 0..256 {
            let matrix = Matrix::new(WeightDType::MXFP4, 256, 32, &w.stored).unwrap();
            kernels.dequantize_row(&matrix, exponent, &mut floats);
            assert_eq!(floats[0], w.values[32 * exponent], "{:?} {exponent}", kernels.isa());
        }
    }
}

#[test]
fn fewer_rows_lie_closer_in_the_same_memory() {
    let kernels = Kernels::new(Isa::Portable).unwrap();
    let (w, values) = (Weights::random(DTYPES[1], 16, 64), Random(8).normals(64));
    let width = CodeWidth::Bits16;
    let mut room = CodeBuffer::new(width, 9, 64);
    let shared = room.share().part(0, 1);
    // SAFETY: nobody else has the buffer.
    let view = unsafe {
        kernels.quantize_row(&values, shared.row_mut(0));
        shared.view()
    };
    assert_eq!(view.tile(0).width, 1);
    let mut y = vec![0.0; 16];
    kernels.matmul(&w.matrix(), 0..16, &Activations::Codes(view), 0..1, &mut OutView::new(&mut y, 16));
    assert_eq!(y, product(kernels, &w, &Rows::new(kernels, width, &values, 64)));
}

#[test]
fn a_packed_matrix_of_the_wrong_size_is_refused() {
    let bytes = vec![0; WeightDType::Q4_0.group_bytes(64).unwrap()];
    assert!(Matrix::packed(WeightDType::Q4_0, 16, 64, &bytes).is_ok());
    assert!(Matrix::packed(WeightDType::Q4_0, 17, 64, &bytes).is_err());
    assert!(Matrix::packed(WeightDType::Q4_0, 16, 65, &bytes).is_err());
    assert!(Matrix::packed(WeightDType::F16, 16, 64, &bytes).is_err());
    assert!(Matrix::packed(WeightDType::Q4_K, 16, 64, &bytes).is_err());
    assert_eq!(WeightDType::Q4_0.group_bytes(usize::MAX / 64 * 32), None);
}

#[test]
fn stored_rows_dequantise_to_their_definition() {
    for kernels in all() {
        for dtype in DTYPES {
            let w = Weights::random(dtype, 3, 512);
            let matrix = Matrix::new(dtype.0, 3, 512, &w.stored).unwrap();
            for r in 0..3 {
                let mut out = vec![f32::NAN; 512];
                kernels.dequantize_row(&matrix, r, &mut out);
                let expected = &w.values[r * 512..(r + 1) * 512];
                assert!(out.iter().zip(expected).all(|(a, b)| a.to_bits() == b.to_bits()), "{dtype:?}");
            }
        }
    }
}
