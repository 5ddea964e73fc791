//! Where weights lie in the files: parts of tensors, seen as rows of output features, and every check of them.

use std::borrow::Cow;
use std::ops::Range;

use crate::formats::{dequantize, mxfp4, DType, TensorFile, TensorInfo};
use crate::{Error, Result};

/// Rows of one stored tensor, counted along its output features; a vector's rows are its elements.
///
/// A tensor of three dimensions is seen as `(d0 * d1, d2)`, a transposed one as its columns: those of each matrix in turn.
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
    /// From one row to the next.
    pub step: usize,
    /// Where the scales of MXFP4 lie, file and tensor, if they are stored apart from the tensor's codes.
    pub scales: Option<(usize, String)>,
}

impl Part {
    /// Rows that lie one after the other.
    pub fn new(file: usize, tensor: &str, start: usize, count: usize) -> Self {
        Self { file, tensor: tensor.to_owned(), start, count, step: 1, scales: None }
    }
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
    /// Its first row, how many, and from one to the next.
    pub(super) start: usize,
    pub(super) count: usize,
    step: usize,
    /// Rows of the tensor, or of each matrix in it.
    of: usize,
    /// The scales of MXFP4, where they are stored apart.
    scales: Option<(TensorFile, TensorInfo)>,
}

impl Slice {
    /// How its elements are stored.
    fn dtype(&self) -> DType {
        if self.scales.is_some() {
            DType::MXFP4
        } else {
            self.tensor.dtype
        }
    }

    /// Whether its rows lie one after the other, as they are read.
    fn is_plain(&self) -> bool {
        self.step == 1 && self.scales.is_none()
    }

    /// The stored row behind its row `index`.
    fn row(&self, index: usize) -> usize {
        self.start + index * self.step
    }

    /// Bytes of the tensor that some of its rows, of so many bytes, lie in.
    fn span(&self, rows: &Range<usize>, row_bytes: usize) -> Range<usize> {
        let row_bytes =
            if self.scales.is_some() { row_bytes / mxfp4::BYTES * mxfp4::CODES } else { row_bytes };
        self.row(rows.start) * row_bytes..(self.row(rows.end - 1) + 1) * row_bytes
    }

    /// Some of its rows, one after the other.
    fn read(&self, rows: Range<usize>, row_bytes: usize, out: &mut [u8]) {
        let bytes = self.file.bytes(&self.tensor);
        if self.is_plain() {
            return out.copy_from_slice(&bytes[self.span(&rows, row_bytes)]);
        }
        for (index, out) in rows.zip(out.chunks_exact_mut(row_bytes)) {
            let stored = &bytes[self.span(&(index..index + 1), row_bytes)];
            match &self.scales {
                None => out.copy_from_slice(stored),
                Some((file, tensor)) => {
                    let count = row_bytes / mxfp4::BYTES;
                    let first = self.row(index) * count;
                    mxfp4::join(stored, &file.bytes(tensor)[first..first + count], out);
                }
            }
        }
    }

    /// Some of its rows, which are columns of the stored matrices, one after the other.
    fn read_columns(&self, rows: Range<usize>, row_bytes: usize, cols: usize, out: &mut [u8]) {
        let (bytes, size) = (self.file.bytes(&self.tensor), row_bytes / cols);
        for col in 0..cols {
            for (index, out) in rows.clone().zip(out.chunks_exact_mut(row_bytes)) {
                let (matrix, row) = (self.row(index) / self.of, self.row(index) % self.of);
                let at = ((matrix * cols + col) * self.of + row) * size;
                out[col * size..(col + 1) * size].copy_from_slice(&bytes[at..at + size]);
            }
        }
    }
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
        let slices = find(files, source, &[rows, cols], |shape| as_matrices(shape, rows, source.transposed))?;
        let dtype = slices[0].dtype();
        if let Some(other) = slices.iter().find(|slice| slice.dtype() != dtype) {
            let (name, found) = (&source.name, other.dtype());
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
            [slice] if !self.transposed && slice.is_plain() => {
                Some((&slice.file, &slice.tensor, slice.start * self.row_bytes, self.rows * self.row_bytes))
            }
            _ => None,
        }
    }

    /// The bytes of these rows, in place if they lie in one piece.
    pub(super) fn bytes(&self, rows: Range<usize>) -> Cow<'_, [u8]> {
        let mut before = 0;
        for slice in &self.slices {
            let within = rows.start >= before && rows.end <= before + slice.count;
            if !self.transposed && slice.is_plain() && within {
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
            false => slice.span(rows, self.row_bytes),
        }
    }

    /// Calls with each slice that has some of the rows: which of its own, and their place among the wanted ones.
    fn each(&self, rows: Range<usize>, mut call: impl FnMut(&Slice, Range<usize>, Range<usize>)) {
        let mut before = 0;
        for slice in &self.slices {
            let (start, end) = (rows.start.max(before), rows.end.min(before + slice.count));
            if start < end {
                call(slice, start - before..end - before, start - rows.start..end - rows.start);
            }
            before += slice.count;
        }
    }

    /// The bytes of these rows, one after the other.
    pub(super) fn read(&self, rows: Range<usize>, out: &mut [u8]) {
        self.each(rows, |slice, from, to| {
            let out = &mut out[to.start * self.row_bytes..to.end * self.row_bytes];
            match self.transposed {
                true => slice.read_columns(from, self.row_bytes, self.cols, out),
                false => slice.read(from, self.row_bytes, out),
            }
        });
    }
}

/// A norm's weight or a bias, as f32.
pub(super) fn read_vector(files: &[TensorFile], source: &WeightSource, len: usize) -> Result<Vec<f32>> {
    if source.transposed {
        return Err(Error::Value(format!("the weight {} is a vector, which has no transpose", source.name)));
    }
    let slices = find(files, source, &[len], |shape| {
        Some(Seen { rows: shape.iter().product(), matrices: 1, cols: 1 })
    })?;
    let mut values = vec![0.0; len];
    let mut rest = &mut values[..];
    for slice in &slices {
        let (own, others) = rest.split_at_mut(slice.count);
        read_elements(slice, &source.name, own)?;
        rest = others;
    }
    Ok(values)
}

fn read_elements(slice: &Slice, name: &str, out: &mut [f32]) -> Result<()> {
    let dtype = slice.tensor.dtype;
    let mut values = vec![0.0; (slice.count - 1) * slice.step + 1];
    let place = dtype.bytes_for(slice.start).zip(dtype.bytes_for(values.len()));
    let (start, size) = place.ok_or_else(|| {
        let (start, count, tensor) = (slice.start, values.len(), &slice.tensor.name);
        Error::Format(format!(
            "the weight {name}: elements {start} to {start} + {count} of {tensor} end inside a block"
        ))
    })?;
    dequantize(dtype, &slice.file.bytes(&slice.tensor)[start..start + size], &mut values)?;
    out.iter_mut().zip(values.iter().step_by(slice.step)).for_each(|(out, value)| *out = *value);
    Ok(())
}

/// The columns of a small matrix, as f32.
pub(super) fn read_columns(
    files: &[TensorFile],
    source: &WeightSource,
    rows: usize,
    cols: usize,
) -> Result<Vec<Vec<f32>>> {
    let stored = StoredRows::matrix(files, source, rows, cols)?;
    let (mut columns, mut row) = (vec![Vec::with_capacity(rows); cols], vec![0.0; cols]);
    for index in 0..rows {
        dequantize(stored.dtype, &stored.bytes(index..index + 1), &mut row)?;
        columns.iter_mut().zip(&row).for_each(|(column, &value)| column.push(value));
    }
    Ok(columns)
}

/// How a tensor is seen: so many matrices of so many rows and columns.
struct Seen {
    matrices: usize,
    rows: usize,
    cols: usize,
}

/// A tensor of this shape as matrices, if it is some.
fn as_matrices(shape: &[usize], wanted: usize, transposed: bool) -> Option<Seen> {
    let seen = |matrices, rows, cols| Some(Seen { matrices, rows, cols });
    match *shape {
        [cols, rows] if transposed => seen(1, rows, cols),
        [matrices, cols, rows] if transposed => seen(matrices, rows, cols),
        [rows, cols] => seen(1, rows, cols),
        [matrices, rows, cols] => seen(1, matrices.checked_mul(rows)?, cols),
        [cols] if wanted == 1 && !transposed => seen(1, 1, cols),
        _ => None,
    }
}

/// Finds every part and checks that together they have the wanted shape: rows, or rows and columns.
fn find(
    files: &[TensorFile],
    source: &WeightSource,
    wanted: &[usize],
    seen: impl Fn(&[usize]) -> Option<Seen>,
) -> Result<Vec<Slice>> {
    let cols = wanted.get(1).copied().unwrap_or(1);
    let mut slices = Vec::new();
    let mut total = 0_usize;
    for part in &source.parts {
        let (file, tensor) = open(files, source, (part.file, &part.tensor))?;
        let scales = scales(files, source, part, &tensor.shape)?;
        let shape = if scales.is_some() { mxfp4::shape(&tensor.shape) } else { tensor.shape.clone() };
        let Some(found) = seen(&shape).filter(|seen| seen.cols == cols) else {
            return Err(wrong_shape(source, part, &shape, wanted));
        };
        let last = part.count.checked_sub(1).and_then(|steps| steps.checked_mul(part.step));
        let end = last.and_then(|last| last.checked_add(part.start)?.checked_add(1));
        let of = found.rows.checked_mul(found.matrices);
        if part.step == 0 || end.zip(of).is_none_or(|(end, of)| end > of) {
            return Err(Error::Format(format!(
                "the weight {} is {} rows from {} on, each {} further, of the tensor {}, which has the shape {:?}",
                source.name, part.count, part.start, part.step, part.tensor, tensor.shape
            )));
        }
        total = total.saturating_add(part.count);
        slices.push(Slice {
            file: file.clone(),
            tensor: tensor.clone(),
            start: part.start,
            count: part.count,
            step: part.step,
            of: found.rows,
            scales,
        });
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

/// The scales that belong to codes of this shape, checked against it.
fn scales(
    files: &[TensorFile],
    source: &WeightSource,
    part: &Part,
    codes: &[usize],
) -> Result<Option<(TensorFile, TensorInfo)>> {
    let Some((file, tensor)) = &part.scales else { return Ok(None) };
    let (_, stored) = open(files, source, (part.file, &part.tensor))?;
    let (file, scales) = open(files, source, (*file, tensor))?;
    let fits = codes.split_last() == Some((&mxfp4::CODES, &scales.shape[..]));
    if !fits || (stored.dtype, scales.dtype) != (DType::U8, DType::U8) {
        return Err(Error::Format(format!(
            "the weight {}: {} {:?} of {} and {} {:?} of {} are no codes and scales of MXFP4",
            source.name, part.tensor, codes, stored.dtype, tensor, scales.shape, scales.dtype
        )));
    }
    Ok(Some((file.clone(), scales.clone())))
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
    (index, name): (usize, &str),
) -> Result<(&'a TensorFile, &'a TensorInfo)> {
    let file = files.get(index).ok_or_else(|| {
        let (name, count) = (&source.name, files.len());
        Error::Value(format!("the weight {name} is in file {index}, but there are {count}"))
    })?;
    let tensor = file.tensor(name).ok_or_else(|| {
        let weight = &source.name;
        Error::Format(format!("the weight {weight} should be the tensor {name}, which the file lacks"))
    })?;
    if file.bytes(tensor).len() != tensor.nbytes {
        return Err(Error::Format(format!("the tensor {name} ends outside its file")));
    }
    Ok((file, tensor))
}
