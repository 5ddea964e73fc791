//! Tensors and metadata of GGUF and safetensors files: mapped, validated once, then only looked up.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

mod blocks;
mod convert;
mod dequantize;
mod dtype;
mod gguf;
mod map;
mod metadata;
pub(crate) mod mxfp4;
mod quantize;
mod reader;
mod safetensors;
#[cfg(test)]
mod tests;

pub(crate) use blocks::{half_at, power_of_two, FP4_VALUES, IQ4_VALUES};
pub use dequantize::dequantize;
pub use dtype::DType;
pub use metadata::{Array, Metadata, MetadataValue, ValueType};
pub use quantize::{quantize, QUANTIZABLE};

use crate::{Error, Result};
use map::Bytes;
use reader::quoted;

/// Which of the formats a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// The format of llama.cpp, version 2 or 3, little-endian.
    Gguf,
    /// One safetensors file; an index of shards is not read here.
    Safetensors,
}

impl FileFormat {
    /// `gguf` or `safetensors`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gguf => "gguf",
            Self::Safetensors => "safetensors",
        }
    }
}

/// A tensor's place in its file; all of it was checked against the file when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// As the file spells it.
    pub name: String,
    /// How its elements are stored.
    pub dtype: DType,
    /// Outermost first, as torch has it; GGUF's own order is the reverse.
    pub shape: Vec<usize>,
    /// Of its first byte, from the start of the file.
    pub offset: usize,
    /// Its size in the file.
    pub nbytes: usize,
}

impl TensorInfo {
    /// The number of its elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// A part of its bytes, from the start of the file.
    fn range(&self, part: &Range<usize>) -> Range<usize> {
        let at = |position: usize| self.offset.saturating_add(position.min(self.nbytes));
        at(part.start)..at(part.end)
    }
}

/// An open GGUF or safetensors file. Clones share one mapping, which lasts as long as any of them.
///
/// The header is validated once, at opening; tensors and arrays are read from the mapping when they are used.
/// Don't write to a file while it is open: overwritten tensors read as garbage, and if another process truncates the
/// file, reading beyond its new end kills this process (SIGBUS; Windows refuses the truncation instead). Replacing
/// the file by renaming a new one over it is safe.
#[derive(Clone)]
pub struct TensorFile(Arc<FileInner>);

struct FileInner {
    bytes: Arc<Bytes>,
    format: FileFormat,
    tensors: Vec<TensorInfo>,
    by_name: Vec<u32>,
    metadata: Metadata,
}

impl TensorFile {
    /// Opens a file of either format; its first bytes decide which, never its name.
    pub fn open(path: &Path) -> Result<Self> {
        Self::parse(Bytes::map(path)?).map_err(|error| match error {
            Error::Format(text) => Error::Format(format!("{}: {text}", path.display())),
            other => other,
        })
    }

    /// The same for bytes that are in memory already.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self> {
        Self::parse(Bytes::Owned(bytes))
    }

    fn parse(bytes: Bytes) -> Result<Self> {
        let format = detect(bytes.as_slice())?;
        let header = match format {
            FileFormat::Gguf => gguf::parse(bytes.as_slice())?,
            FileFormat::Safetensors => safetensors::parse(bytes.as_slice())?,
        };
        let bytes = Arc::new(bytes);
        let by_name = index_names(&header.tensors, |tensor| &tensor.name, "tensor name")?;
        let metadata = Metadata::new(Arc::clone(&bytes), header.entries)?;
        Ok(Self(Arc::new(FileInner { bytes, format, tensors: header.tensors, by_name, metadata })))
    }

    /// Which format it turned out to be.
    pub fn format(&self) -> FileFormat {
        self.0.format
    }

    /// The size of the file in bytes.
    pub fn size(&self) -> usize {
        self.0.bytes.as_slice().len()
    }

    /// All tensors in the file's order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.0.tensors
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        find_name(&self.0.tensors, &self.0.by_name, |tensor| &tensor.name, name)
    }

    /// A tensor's bytes as stored, at any alignment; empty if it is a tensor of another file.
    pub fn bytes(&self, tensor: &TensorInfo) -> &[u8] {
        let rest = self.0.bytes.as_slice().get(tensor.offset..).unwrap_or_default();
        rest.get(..tensor.nbytes).unwrap_or_default()
    }

    /// Releases the memory of a part of a tensor; the next read comes from the file again.
    pub fn release(&self, tensor: &TensorInfo, part: Range<usize>) {
        self.0.bytes.release(tensor.range(&part));
    }

    /// Prefetches a part of a tensor from the disk.
    pub fn prefetch(&self, tensor: &TensorInfo, part: Range<usize>) {
        self.0.bytes.prefetch(tensor.range(&part));
    }

    /// The metadata of the file.
    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }
}

impl fmt::Debug for TensorFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TensorFile({}, {} tensors)", self.0.format.name(), self.0.tensors.len())
    }
}

/// The result of both parsers: tensors and metadata in the file's order, names not yet checked for duplicates.
struct Header {
    tensors: Vec<TensorInfo>,
    entries: Vec<metadata::Entry>,
}

fn detect(bytes: &[u8]) -> Result<FileFormat> {
    if bytes.starts_with(b"GGUF") {
        return Ok(FileFormat::Gguf);
    }
    // A header is JSON, which may begin with white space.
    let header = bytes.iter().skip(8).find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    if header == Some(&b'{') {
        return Ok(FileFormat::Safetensors);
    }
    let found = match bytes {
        [] => "the file is empty",
        [b'P', b'K', 3, 4, ..] => "this is a zip archive, perhaps a PyTorch checkpoint (.bin or .pt)",
        [0x80, 2..=5, ..] => "this is a Python pickle, perhaps an old PyTorch checkpoint (.bin or .pt)",
        [b'F', b'U', b'G', b'G', ..] => "this is a big-endian GGUF file, which is not supported",
        _ if bytes.starts_with(b"version https://git-lfs") => {
            "this is a Git LFS pointer, not the file that it stands for; fetch that with `git lfs pull`"
        }
        [b'<', ..] => "this is a web page or XML, perhaps saved in place of a download",
        _ => "it starts with neither \"GGUF\" nor a safetensors header",
    };
    Err(Error::Format(format!("{found}; expected a GGUF or safetensors file")))
}

/// The positions of `items` in the order of their names, for `find_name`; equal names are an error.
fn index_names<T>(items: &[T], name: impl Fn(&T) -> &str, what: &str) -> Result<Vec<u32>> {
    // Both parsers refuse more items than fit long before this.
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    order.sort_unstable_by(|&a, &b| name(&items[a as usize]).cmp(name(&items[b as usize])));
    for pair in order.windows(2) {
        let twice = name(&items[pair[0] as usize]);
        if twice == name(&items[pair[1] as usize]) {
            return Err(Error::Format(format!(
                "the {what} {} occurs twice; the file is corrupt",
                quoted(twice)
            )));
        }
    }
    Ok(order)
}

fn find_name<'a, T>(items: &'a [T], order: &[u32], name: impl Fn(&T) -> &str, wanted: &str) -> Option<&'a T> {
    let at = order.binary_search_by(|&i| name(&items[i as usize]).cmp(wanted)).ok()?;
    Some(&items[order[at] as usize])
}

/// Refuses tensors that share bytes; `order` are their positions by offset.
fn by_offset(tensors: &[TensorInfo]) -> Result<Vec<u32>> {
    let mut order: Vec<u32> = (0..tensors.len() as u32).collect();
    order.sort_unstable_by_key(|&i| (tensors[i as usize].offset, tensors[i as usize].nbytes));
    for pair in order.windows(2) {
        let (first, second) = (&tensors[pair[0] as usize], &tensors[pair[1] as usize]);
        let end = first.offset + first.nbytes;
        if second.offset < end {
            return Err(Error::Format(format!(
                "the tensor {} starts at byte {}, inside the tensor {} (bytes {} to {end}); the file is corrupt",
                quoted(&second.name),
                second.offset,
                quoted(&first.name),
                first.offset,
            )));
        }
    }
    Ok(order)
}

/// Elements and bytes of a shape; the product of its sizes other than 0 must fit, so any part of it does.
fn measure(name: &str, dtype: DType, shape: &[usize]) -> Result<usize> {
    let fail = |text: String| Error::Format(format!("the tensor {} {text}", quoted(name)));
    let whole = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size.max(1)));
    let whole = whole.ok_or_else(|| fail(format!("has the shape {shape:?}, whose size overflows")))?;
    let elements = if shape.contains(&0) { 0 } else { whole };
    let (block, bytes) = dtype.block();
    if !elements.is_multiple_of(block) {
        return Err(fail(format!(
            "of type {dtype} has {elements} elements; expected a multiple of its block size {block}"
        )));
    }
    dtype.bytes_for(elements).ok_or_else(|| {
        fail(format!(
            "has {elements} elements of type {dtype} ({bytes} bytes each {block}), whose size overflows"
        ))
    })
}
