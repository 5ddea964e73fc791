//! What quantising keeps of numbers, and what it refuses.

use crate::formats::*;

/// Sums of uniform numbers: bell-shaped, of about this deviation, the same at every run.
fn bell(count: usize, deviation: f32, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut uniform = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| (0..12).map(|_| uniform()).sum::<f32>() * deviation).collect()
}

fn stored(dtype: DType, values: &[f32]) -> Vec<f32> {
    let mut blocks = vec![0; dtype.bytes_for(values.len()).unwrap()];
    quantize(dtype, values, &mut blocks).unwrap();
    let mut back = vec![f32::NAN; values.len()];
    dequantize(dtype, &blocks, &mut back).unwrap();
    back
}

/// The squared error, relative to the numbers' own squares.
fn relative_error(values: &[f32], back: &[f32]) -> f64 {
    let squares = |numbers: &mut dyn Iterator<Item = f32>| numbers.map(|x| f64::from(x).powi(2)).sum::<f64>();
    let error = squares(&mut values.iter().zip(back).map(|(a, b)| a - b));
    error / squares(&mut values.iter().copied())
}

/// What a type may lose of bell-shaped numbers.
fn tolerance(dtype: DType) -> f64 {
    match dtype {
        DType::F32 => 0.0,
        DType::F16 => 1e-7,
        DType::BF16 => 4e-6,
        DType::Q8_0 => 3.2e-5,
        DType::Q6K => 2.95e-4,
        DType::Q5K => 1.25e-3,
        DType::Q5_0 | DType::Q5_1 => 2e-3,
        DType::Q4K => 5.05e-3,
        DType::IQ4NL => 5.6e-3,
        _ => 8e-3,
    }
}

#[test]
fn every_type_keeps_numbers_of_any_size() {
    for deviation in [0.02, 1.0, 3e3] {
        let values = bell(256 * 64, deviation, 7);
        for dtype in QUANTIZABLE {
            let error = relative_error(&values, &stored(dtype, &values));
            assert!(error <= tolerance(dtype), "{dtype} of deviation {deviation} loses {error:e}");
        }
    }
}

#[test]
fn zeros_stay_zeros_and_constants_stay_near() {
    for dtype in QUANTIZABLE {
        assert!(stored(dtype, &[0.0; 256]).iter().all(|&x| x == 0.0), "{dtype}");
        assert!(stored(dtype, &[-0.0; 256]).iter().all(|&x| x == 0.0), "{dtype}");
        for constant in [1.0_f32, -1.0, 0.37, -250.0] {
            let back = stored(dtype, &[constant; 256]);
            assert!(back.iter().all(|x| (x - constant).abs() <= 0.01 * constant.abs()), "{dtype} {constant}");
        }
    }
}

#[test]
fn a_single_number_among_zeros_is_kept() {
    for dtype in QUANTIZABLE {
        // The table of IQ4_NL has no zero: beside a number of 113 units the least is 1.
        let most = if dtype == DType::IQ4NL { 32.0 / 113.0 / 113.0 } else { 1e-3 };
        for value in [5.0_f32, -5.0] {
            for place in [0, 17, 255] {
                let mut values = [0.0; 256];
                values[place] = value;
                let back = stored(dtype, &values);
                assert!((back[place] - value).abs() < 0.05, "{dtype} {value} at {place}: {}", back[place]);
                assert!(relative_error(&values, &back) < most, "{dtype} {value} at {place}");
            }
        }
    }
}

#[test]
fn numbers_below_the_least_scale_become_zero_and_never_nan() {
    for dtype in QUANTIZABLE {
        for size in [f32::from_bits(1), 1e-38, 1e-30, 1e-20, 1e-9, 1e-7, 1e-6] {
            let back = stored(dtype, &bell(256, size, 3));
            assert!(back.iter().all(|x| x.abs() <= 8.0 * size.max(1e-7)), "{dtype} {size:e}");
        }
    }
}

#[test]
fn what_a_type_surely_holds_is_kept_and_more_is_refused() {
    for dtype in QUANTIZABLE {
        let most = super::greatest(dtype);
        for value in [most, -most] {
            let mut values = bell(256, most / 8.0, 5);
            values.iter_mut().for_each(|x| *x = x.clamp(-most, most));
            values[9] = value;
            let back = stored(dtype, &values);
            assert!(back.iter().all(|x| x.is_finite()), "{dtype} {value:e}");
            assert!((back[9] - value).abs() <= 0.2 * most, "{dtype} {value:e} became {:e}", back[9]);
        }
        if most < f32::MAX / 2.0 {
            let mut values = [1.0; 256];
            values[200] = -most * 1.1;
            let text = refused(dtype, &values);
            assert!(text.starts_with("element 200 is -") && text.contains(dtype.name()), "{text}");
        }
    }
}

fn refused(dtype: DType, values: &[f32]) -> String {
    match quantize(dtype, values, &mut vec![0; dtype.bytes_for(values.len()).unwrap()]) {
        Err(Error::Value(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nan_infinity_wrong_sizes_and_other_types_are_errors() {
    for dtype in QUANTIZABLE {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = [1.0; 512];
            values[300] = value;
            assert!(refused(dtype, &values).starts_with(&format!("element 300 is {value:e}; only finite")));
        }
        assert!(matches!(quantize(dtype, &[0.0; 256], &mut [0; 3]), Err(Error::Value(_))));
        assert!(quantize(dtype, &[], &mut []).is_ok());
    }
    assert!(matches!(quantize(DType::Q2K, &[0.0; 256], &mut [0; 84]), Err(Error::Unsupported(_))));
}

/// A GGUF file of one F32 matrix.
fn matrix(rows: usize, columns: usize, values: &[f32]) -> TensorFile {
    let mut file = [b"GGUF\x03\0\0\0", &[1_u64, 0].map(u64::to_le_bytes).concat()[..]].concat();
    file.extend([&1_u64.to_le_bytes()[..], b"t", &2_u32.to_le_bytes()].concat());
    file.extend([columns as u64, rows as u64].map(u64::to_le_bytes).concat());
    file.extend([0; 12]);
    file.resize(file.len().next_multiple_of(32), 0);
    file.extend(values.iter().flat_map(|x| x.to_le_bytes()));
    TensorFile::from_bytes(file).unwrap()
}

fn converted(
    file: &TensorFile,
    rows: std::ops::Range<usize>,
    dtype: DType,
    threads: usize,
) -> Result<Vec<u8>> {
    let tensor = file.tensor("t").unwrap();
    let mut out = vec![0; file.converted_size(tensor, &rows, dtype)?];
    file.convert(tensor, rows, dtype, threads, &mut out)?;
    Ok(out)
}

#[test]
fn rows_are_the_same_with_any_threads_and_in_any_pieces() {
    let file = matrix(70, 1280, &bell(70 * 1280, 0.1, 11));
    for dtype in QUANTIZABLE {
        let whole = converted(&file, 0..70, dtype, 1).unwrap();
        assert_eq!(converted(&file, 0..70, dtype, 3).unwrap(), whole, "{dtype}");
        let pieces = [0..1, 1..33, 33..33, 33..70].map(|rows| converted(&file, rows, dtype, 2).unwrap());
        assert_eq!(pieces.concat(), whole, "{dtype}");
    }
}

#[test]
fn conversions_name_the_tensor_and_what_is_wrong_with_it() {
    let mut values = vec![1.0; 3 * 96];
    values[2 * 96 + 5] = f32::NAN;
    let file = matrix(3, 96, &values);
    let text = |rows, dtype| converted(&file, rows, dtype, 2).unwrap_err().to_string();
    assert!(text(0..3, DType::Q8_0).starts_with("the tensor \"t\": element 197 is NaN"));
    assert!(text(2..3, DType::Q8_0).starts_with("the tensor \"t\": element 197 is NaN"));
    assert!(text(0..4, DType::Q8_0).contains("has 3 rows"));
    assert!(text(0..3, DType::Q4K).contains("multiple of its block size 256"));
    assert!(text(0..1, DType::F6E2M3).contains("does not convert F32 to F6_E2M3"));
    assert!(converted(&file, 0..2, DType::Q8_0, 2).is_ok());
    // Its own type is copied, whatever it holds.
    assert_eq!(converted(&file, 0..3, DType::F32, 2).unwrap().len(), 3 * 96 * 4);
}
