//! Where weights lie in the files: parts of tensors, seen as rows of output features, and every check of them.

use std::borrow::Cow;
use std::ops::Range;

use crate::formats::{dequantize, DType, TensorFile, TensorInfo};
use crate::{Error, Result};

/// Rows of one stored tensor, counted along its output features; a vector's rows are its elements.
///
/// A tensor of three dimensions is seen as `(d0 * d1, d2)`, a transposed one as its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Index into the files.
    pub file: usize,
    /// The tensor's name in that file.
    pub tensor: String,
    /// Its first row.
    pub start: usize,
    /// How many rows.
    pub count: usize,
}

/// Where a canonical weight comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightSource {
    /// The canonical name, such as `layers.0.attn.q.weight`.
    pub name: String,
    /// What holds its rows, in their order.
    pub parts: Vec<Part>,
    /// Whether the matrix is stored (in, out).
    pub transposed: bool,
}

/// A part that was found: all its ranges are inside the file.
pub(super) struct Slice {
    pub(super) file: TensorFile,
    pub(super) tensor: TensorInfo,
    /// Its first row, and how many.
    pub(super) start: usize,
    pub(super) count: usize,
    /// All rows of the tensor.
    of: usize,
}

/// The stored rows of one matrix or vector, wherever they lie.
pub(super) struct StoredRows {
    pub(super) dtype: DType,
    pub(super) rows: usize,
    pub(super) cols: usize,
    /// Bytes of a row, as if it were stored in one piece.
    pub(super) row_bytes: usize,
    pub(super) transposed: bool,
    pub(super) slices: Vec<Slice>,
}

impl StoredRows {
    /// Finds a matrix of exactly this shape.
    pub(super) fn matrix(
        files: &[TensorFile],
        source: &WeightSource,
        rows: usize,
        cols: usize,
    ) -> Result<Self> {
        let slices = find(files, source, &[rows, cols], |shape| as_matrix(shape, rows, source.transposed))?;
        let dtype = slices[0].tensor.dtype;
        if let Some(other) = slices.iter().find(|slice| slice.tensor.dtype != dtype) {
            let (name, found) = (&source.name, other.tensor.dtype);
            return Err(Error::Unsupported(format!("the weight {name} has parts of {dtype} and of {found}")));
        }
        let (block, _) = dtype.block();
        if source.transposed && block > 1 {
            return Err(Error::Unsupported(format!(
                "the weight {} is stored (in, out) as {dtype}, whose blocks cannot be transposed; convert it to F32",
                source.name
            )));
        }
        let row_bytes = dtype.bytes_for(cols).ok_or_else(|| {
            let name = &source.name;
            Error::Format(format!(
                "the weight {name} has rows of {cols} {dtype} elements, expected a multiple of {block}"
            ))
        })?;
        Ok(Self { dtype, rows, cols, row_bytes, transposed: source.transposed, slices })
    }

    /// The bytes, if they lie in one piece in a file: (file, tensor, first byte, length).
    pub(super) fn in_one_piece(&self) -> Option<(&TensorFile, &TensorInfo, usize, usize)> {
        match &self.slices[..] {
            [slice] if !self.transposed => {
                Some((&slice.file, &slice.tensor, slice.start * self.row_bytes, self.rows * self.row_bytes))
            }
            _ => None,
        }
    }

    /// The bytes of these rows, in place if they lie in one piece.
    pub(super) fn bytes(&self, rows: Range<usize>) -> Cow<'_, [u8]> {
        let mut before = 0;
        for slice in &self.slices {
            if !self.transposed && rows.start >= before && rows.end <= before + slice.count {
                let start = (slice.start + rows.start - before) * self.row_bytes;
                let bytes = slice.file.bytes(&slice.tensor);
                return Cow::Borrowed(&bytes[start..start + rows.len() * self.row_bytes]);
            }
            before += slice.count;
        }
        let mut bytes = vec![0; rows.len() * self.row_bytes];
        self.read(rows, &mut bytes);
        Cow::Owned(bytes)
    }

    /// Releases the memory of these rows' file pages; reading maps them again.
    pub(super) fn release(&self, rows: Range<usize>) {
        self.each(rows, |slice, from, _| slice.file.release(&slice.tensor, self.bytes_of(slice, &from)));
    }

    /// Prefetches these rows' file pages.
    pub(super) fn prefetch(&self, rows: Range<usize>) {
        self.each(rows, |slice, from, _| slice.file.prefetch(&slice.tensor, self.bytes_of(slice, &from)));
    }

    fn bytes_of(&self, slice: &Slice, rows: &Range<usize>) -> Range<usize> {
        match self.transposed {
            true => 0..slice.tensor.nbytes,
            false => rows.start * self.row_bytes..rows.end * self.row_bytes,
        }
    }

    /// Calls with each slice that has some of the rows: which of the tensor's, and their place among the wanted ones.
    fn each(&self, rows: Range<usize>, mut call: impl FnMut(&Slice, Range<usize>, Range<usize>)) {
        let mut before = 0;
        for slice in &self.slices {
            let (start, end) = (rows.start.max(before), rows.end.min(before + slice.count));
            if start < end {
                let from = slice.start + start - before..slice.start + end - before;
                call(slice, from, start - rows.start..end - rows.start);
            }
            before += slice.count;
        }
    }

    /// The bytes of these rows, one after the other.
    pub(super) fn read(&self, rows: Range<usize>, out: &mut [u8]) {
        self.each(rows, |slice, from, to| {
            self.read_slice(slice, from, &mut out[to.start * self.row_bytes..to.end * self.row_bytes]);
        });
    }

    fn read_slice(&self, slice: &Slice, rows: Range<usize>, out: &mut [u8]) {
        let bytes = slice.file.bytes(&slice.tensor);
        if !self.transposed {
            out.copy_from_slice(&bytes[rows.start * self.row_bytes..rows.end * self.row_bytes]);
            return;
        }
        let size = self.row_bytes / self.cols;
        for (col, stored) in bytes.chunks_exact(slice.of * size).enumerate() {
            let stored = stored[rows.start * size..rows.end * size].chunks_exact(size);
            for (out, element) in out.chunks_exact_mut(self.row_bytes).zip(stored) {
                out[col * size..(col + 1) * size].copy_from_slice(element);
            }
        }
    }
}

/// A norm's weight or a bias, as f32.
pub(super) fn read_vector(files: &[TensorFile], source: &WeightSource, len: usize) -> Result<Vec<f32>> {
    if source.transposed {
        return Err(Error::Value(format!("the weight {} is a vector, which has no transpose", source.name)));
    }
    let slices = find(files, source, &[len], |shape| Some((shape.iter().product(), 1)))?;
    let mut values = vec![0.0; len];
    let mut rest = &mut values[..];
    for slice in &slices {
        let dtype = slice.tensor.dtype;
        let place = dtype.bytes_for(slice.start).zip(dtype.bytes_for(slice.count));
        let (start, size) = place.ok_or_else(|| {
            let (start, count, name) = (slice.start, slice.count, &slice.tensor.name);
            Error::Format(format!("elements {start} to {start} + {count} of {name} end inside a block"))
        })?;
        let (own, others) = rest.split_at_mut(slice.count);
        dequantize(dtype, &slice.file.bytes(&slice.tensor)[start..start + size], own)?;
        rest = others;
    }
    Ok(values)
}

/// Rows and columns of a stored matrix, if a tensor of this shape is one.
fn as_matrix(shape: &[usize], wanted: usize, transposed: bool) -> Option<(usize, usize)> {
    match *shape {
        [cols, rows] if transposed => Some((rows, cols)),
        [rows, cols] if !transposed => Some((rows, cols)),
        [experts, rows, cols] if !transposed => Some((experts.checked_mul(rows)?, cols)),
        [cols] if wanted == 1 && !transposed => Some((1, cols)),
        _ => None,
    }
}

/// Finds every part and checks that together they have the wanted shape: rows, or rows and columns.
fn find(
    files: &[TensorFile],
    source: &WeightSource,
    wanted: &[usize],
    seen: impl Fn(&[usize]) -> Option<(usize, usize)>,
) -> Result<Vec<Slice>> {
    let cols = wanted.get(1).copied().unwrap_or(1);
    let mut slices = Vec::new();
    let mut total = 0_usize;
    for part in &source.parts {
        let (file, tensor) = open(files, source, part)?;
        let Some((of, _)) = seen(&tensor.shape).filter(|&(_, found)| found == cols) else {
            return Err(wrong_shape(source, part, &tensor.shape, wanted));
        };
        if part.count == 0 || part.start.checked_add(part.count).is_none_or(|end| end > of) {
            return Err(Error::Format(format!(
                "the weight {} is rows {} to {} + {} of the tensor {}, which has the shape {:?}",
                source.name, part.start, part.start, part.count, part.tensor, tensor.shape
            )));
        }
        total = total.saturating_add(part.count);
        let (start, count) = (part.start, part.count);
        slices.push(Slice { file: file.clone(), tensor: tensor.clone(), start, count, of });
    }
    if total != wanted[0] || slices.is_empty() {
        let mut found = wanted.to_vec();
        found[0] = total;
        return Err(match &source.parts[..] {
            [part] => wrong_shape(source, part, &found, wanted),
            parts => Error::Format(format!(
                "the weight {} has the shape {found:?} in {} parts, expected {wanted:?}",
                source.name,
                parts.len()
            )),
        });
    }
    Ok(slices)
}

fn wrong_shape(source: &WeightSource, part: &Part, found: &[usize], wanted: &[usize]) -> Error {
    let stored = if source.transposed { ", stored (in, out)," } else { "" };
    Error::Format(format!(
        "the weight {} (tensor {}){stored} has the shape {found:?}, expected {wanted:?}",
        source.name, part.tensor
    ))
}

fn open<'a>(
    files: &'a [TensorFile],
    source: &WeightSource,
    part: &Part,
) -> Result<(&'a TensorFile, &'a TensorInfo)> {
    let file = files.get(part.file).ok_or_else(|| {
        let (name, index, count) = (&source.name, part.file, files.len());
        Error::Value(format!("the weight {name} is in file {index}, but there are {count}"))
    })?;
    let tensor = file.tensor(&part.tensor).ok_or_else(|| {
        let (name, tensor) = (&source.name, &part.tensor);
        Error::Format(format!("the weight {name} should be the tensor {tensor}, which the file lacks"))
    })?;
    if file.bytes(tensor).len() != tensor.nbytes {
        return Err(Error::Format(format!("the tensor {} ends outside its file", part.tensor)));
    }
    Ok((file, tensor))
}
