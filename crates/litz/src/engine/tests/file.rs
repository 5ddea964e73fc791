//! GGUF files in memory.

use half::{bf16, f16};

use super::Random;
use crate::formats::{DType, TensorFile};

#[derive(Default)]
pub(crate) struct Tensors(Vec<(String, Vec<usize>, DType, Vec<u8>)>);

impl Tensors {
    pub(crate) fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.0.push((name.to_owned(), shape.to_vec(), DType::F32, bytes));
    }

    /// Values of standard deviation 1.2 / sqrt(cols), or blocks that are about as large.
    pub(crate) fn matrix(&mut self, name: &str, rows: usize, cols: usize, dtype: DType, random: &mut Random) {
        let size = 1.2 / (cols as f32).sqrt();
        let mut bytes = Vec::new();
        let (elements, _) = dtype.block();
        for _ in 0..rows * cols / elements {
            match dtype {
                DType::F64 => bytes.extend(f64::from(size * random.value()).to_le_bytes()),
                DType::F32 => bytes.extend((size * random.value()).to_le_bytes()),
                DType::F16 => bytes.extend(f16::from_f32(size * random.value()).to_le_bytes()),
                DType::BF16 => bytes.extend(bf16::from_f32(size * random.value()).to_le_bytes()),
                _ => block(dtype, size, random, &mut bytes),
            }
        }
        self.0.push((name.to_owned(), vec![rows, cols], dtype, bytes));
    }

    pub(crate) fn raw(&mut self, name: &str, shape: &[usize], dtype: DType, bytes: Vec<u8>) {
        self.0.push((name.to_owned(), shape.to_vec(), dtype, bytes));
    }

    pub(crate) fn gguf(&self) -> TensorFile {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend((self.0.len() as u64).to_le_bytes());
        file.extend(0_u64.to_le_bytes());
        let mut offset = 0_usize;
        for (name, shape, dtype, bytes) in &self.0 {
            file.extend((name.len() as u64).to_le_bytes());
            file.extend(name.as_bytes());
            file.extend((shape.len() as u32).to_le_bytes());
            shape.iter().rev().for_each(|&size| file.extend((size as u64).to_le_bytes()));
            file.extend(dtype.ggml().unwrap().to_le_bytes());
            file.extend((offset as u64).to_le_bytes());
            offset += bytes.len().next_multiple_of(32);
        }
        for (_, _, _, bytes) in &self.0 {
            file.resize(file.len().next_multiple_of(32), 0);
            file.extend(bytes);
        }
        file.resize(file.len().next_multiple_of(32), 0);
        TensorFile::from_bytes(file).unwrap()
    }
}

/// A block of 32 random codes around zero.
fn block(dtype: DType, size: f32, random: &mut Random, bytes: &mut Vec<u8>) {
    let levels = match dtype {
        DType::Q8_0 => 255.0,
        DType::Q5_0 => 31.0,
        _ => 15.0,
    };
    let step = size * 12_f32.sqrt() / levels * (1.0 + 0.2 * random.value());
    bytes.extend(f16::from_f32(step).to_le_bytes());
    if dtype == DType::Q4_1 {
        bytes.extend(f16::from_f32(-7.5 * step).to_le_bytes());
    }
    let (_, total) = dtype.block();
    let rest = total - if dtype == DType::Q4_1 { 4 } else { 2 };
    bytes.extend((0..rest).map(|_| (random.next() >> 7) as u8));
}
