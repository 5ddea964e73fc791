//! Rows of a stored tensor as another type.

use std::ops::Range;

use super::quantize::quantize_from;
use super::{dequantize, quoted, DType, TensorFile, TensorInfo};
use crate::{Error, Result};

/// Elements that are floats at a time: a multiple of every block size.
const CHUNK: usize = 1 << 14;

impl TensorFile {
    /// The bytes that these rows take as `dtype`; an error if they are not the tensor's or end inside a block.
    pub fn converted_size(&self, tensor: &TensorInfo, rows: &Range<usize>, dtype: DType) -> Result<usize> {
        let width = tensor.shape.last().copied().unwrap_or(1);
        let count = tensor.elements().checked_div(width).unwrap_or(0);
        if rows.start > rows.end || rows.end > count {
            return Err(Error::Value(format!(
                "the tensor {} has {count} rows; rows {} to {} are outside of it",
                quoted(&tensor.name),
                rows.start,
                rows.end
            )));
        }
        let size = dtype.bytes_for(width).and_then(|bytes| bytes.checked_mul(rows.len()));
        match (size, tensor.dtype.bytes_for(width)) {
            (Some(size), Some(_)) => Ok(size),
            _ => Err(Error::Value(format!(
                "the tensor {} has rows of {width} elements of {}; {dtype} needs a multiple of its block size {}",
                quoted(&tensor.name),
                tensor.dtype,
                dtype.block().0
            ))),
        }
    }

    /// Writes these rows as `dtype`, bit for bit the same with any number of threads; its own type is copied. The
    /// memory of rows that were read is released.
    ///
    /// `out` has the size that `converted_size` gives. A number that `dtype` cannot hold is an error with its place.
    pub fn convert(
        &self,
        tensor: &TensorInfo,
        rows: Range<usize>,
        dtype: DType,
        threads: usize,
        out: &mut [u8],
    ) -> Result<()> {
        if self.converted_size(tensor, &rows, dtype)? != out.len() {
            return Err(Error::Value(format!("{} bytes are not the size of the converted rows", out.len())));
        }
        let width = tensor.shape.last().copied().unwrap_or(1);
        let place = |row: usize| tensor.dtype.bytes_for(row * width).unwrap_or(usize::MAX);
        let read = place(rows.start)..place(rows.end);
        let stored = self
            .bytes(tensor)
            .get(read.clone())
            .ok_or_else(|| Error::Value(format!("the tensor {} is of another file", quoted(&tensor.name))))?;
        if tensor.dtype == dtype {
            out.copy_from_slice(stored);
            self.release(tensor, read);
            return Ok(());
        }
        let part = ElementRange { first: rows.start * width, from: tensor.dtype, to: dtype };
        let done = part.shared(stored, rows.len() * width, threads.max(1), out);
        self.release(tensor, read);
        done.map_err(|error| match error {
            Error::Value(text) => Error::Value(format!("the tensor {}: {text}", quoted(&tensor.name))),
            Error::Unsupported(text) => {
                Error::Unsupported(format!("the tensor {}: {text}", quoted(&tensor.name)))
            }
            other => other,
        })
    }
}

/// Consecutive elements of a tensor, from its element `first`.
#[derive(Clone, Copy)]
struct ElementRange {
    first: usize,
    from: DType,
    to: DType,
}

impl ElementRange {
    /// Gives every thread a piece of whole chunks; the first error in the tensor's order is the result.
    fn shared(self, stored: &[u8], elements: usize, threads: usize, out: &mut [u8]) -> Result<()> {
        let piece = elements.div_ceil(threads).max(1).next_multiple_of(CHUNK);
        let (Some(stride), Some(out_stride)) = (self.from.bytes_for(piece), self.to.bytes_for(piece)) else {
            return Err(Error::Value(format!("{elements} elements are too many for one piece")));
        };
        let pieces = stored.chunks(stride).zip(out.chunks_mut(out_stride)).enumerate();
        std::thread::scope(|scope| {
            let started = pieces.map(|(i, (stored, out))| {
                let part = Self { first: self.first + i * piece, ..self };
                std::thread::Builder::new().spawn_scoped(scope, move || part.convert(stored, out))
            });
            let started: Vec<_> = started.collect();
            started.into_iter().try_for_each(|thread| {
                let thread =
                    thread.map_err(|error| Error::Memory(format!("a thread did not start: {error}")))?;
                thread.join().unwrap_or_else(|_| Err(Error::Memory("a thread of a conversion failed".into())))
            })
        })
    }

    fn convert(self, stored: &[u8], out: &mut [u8]) -> Result<()> {
        let (Some(stride), Some(out_stride)) = (self.from.bytes_for(CHUNK), self.to.bytes_for(CHUNK)) else {
            return Ok(()); // CHUNK is a multiple of every block size
        };
        let mut values = vec![0.0_f32; CHUNK];
        let (elements, bytes) = self.from.block();
        for (i, (stored, out)) in stored.chunks(stride).zip(out.chunks_mut(out_stride)).enumerate() {
            let values = &mut values[..stored.len() / bytes * elements];
            dequantize(self.from, stored, values)?;
            quantize_from(self.to, self.first + i * CHUNK, values, out)?;
        }
        Ok(())
    }
}
