//! GGUF versions 2 and 3: every count, length and offset is checked against the file before it is used.

use std::fmt::Display;

use super::metadata::{Content, Entry, Located, MetadataValue, ValueType};
use super::reader::{quoted, Reader};
use super::{by_offset, measure, DType, Header, TensorInfo};
use crate::{Error, Result};

const DEFAULT_ALIGNMENT: usize = 32;
const MAX_ALIGNMENT: u64 = 1 << 20;
const MAX_DIMENSIONS: u32 = 4;
const MAX_NAME: usize = 65_535;
// Far above any model; they bound what the lists of a hostile file cost.
const MAX_KEYS: usize = 1 << 16;
const MAX_TENSORS: usize = 1 << 20;
// A length, a type and the shortest value; a length, a rank, a type and an offset.
const SMALLEST_ENTRY: usize = 8 + 4 + 1;
const SMALLEST_TENSOR: usize = 8 + 4 + 4 + 8;

pub(super) fn parse(bytes: &[u8]) -> Result<Header> {
    let mut reader = Reader::new(bytes);
    reader.take(4, "the magic")?;
    check_version(reader.u32("the version")?)?;
    // The tensors' number comes first, but the metadata are what follows both numbers.
    let tensors = limited(reader.count(SMALLEST_TENSOR, "the number of tensors")?, MAX_TENSORS, "tensors")?;
    let keys =
        limited(reader.count(SMALLEST_ENTRY, "the number of metadata keys")?, MAX_KEYS, "metadata keys")?;
    let mut entries = Vec::new();
    for i in 0..keys {
        entries.push(read_entry(&mut reader, i)?);
    }
    let alignment = alignment(bytes, &entries)?;
    let mut infos = Vec::new();
    for i in 0..tensors {
        infos.push(read_tensor(&mut reader, i)?);
    }
    let start = reader.at().next_multiple_of(alignment);
    for tensor in &mut infos {
        place(tensor, start, alignment, bytes.len())?;
    }
    by_offset(&infos)?;
    Ok(Header { tensors: infos, entries })
}

fn check_version(version: u32) -> Result<()> {
    let problem = match version {
        2 | 3 => return Ok(()),
        1 => "is version 1, whose lengths have 32 bits; convert it with a newer llama.cpp".to_string(),
        _ if matches!(version.swap_bytes(), 1..=3) => "is big-endian, which is not supported".to_string(),
        _ => format!("has the version {version}"),
    };
    Err(Error::Format(format!("the GGUF file {problem}; expected little-endian version 2 or 3")))
}

fn limited(count: usize, limit: usize, what: &str) -> Result<usize> {
    if count > limit {
        return Err(Error::Format(format!(
            "the header announces {count} {what}; litz reads at most {limit}"
        )));
    }
    Ok(count)
}

fn read_name(reader: &mut Reader<'_>, what: impl Display) -> Result<String> {
    let bytes = reader.string(&what)?;
    let at = reader.at() - bytes.len();
    if bytes.is_empty() || bytes.len() > MAX_NAME {
        return Err(Error::Format(format!(
            "{what} at byte {at} has {} bytes; expected 1 to {MAX_NAME}",
            bytes.len()
        )));
    }
    match std::str::from_utf8(bytes) {
        Ok(name) => Ok(name.to_string()),
        Err(error) => Err(Error::Format(format!(
            "{what} is not UTF-8: byte {} of the file is {:#04x}",
            at + error.valid_up_to(),
            bytes[error.valid_up_to()]
        ))),
    }
}

fn read_entry(reader: &mut Reader<'_>, i: usize) -> Result<Entry> {
    let key = read_name(reader, format_args!("the metadata key {i}"))?;
    let kind = ValueType::read(reader, format_args!("the type of the metadata {}", quoted(&key)))?;
    let located = Located::read(reader, kind, format_args!("the metadata {}", quoted(&key)))?;
    Ok(Entry { key, content: Content::Located(located) })
}

fn alignment(bytes: &[u8], entries: &[Entry]) -> Result<usize> {
    let Some(entry) = entries.iter().find(|entry| entry.key == "general.alignment") else {
        return Ok(DEFAULT_ALIGNMENT);
    };
    let found = match &entry.content {
        Content::Located(located) => located.value(bytes),
        Content::Owned(text) => MetadataValue::Text(text.as_bytes()),
    };
    match found {
        MetadataValue::Unsigned(n) if n.is_power_of_two() && n <= MAX_ALIGNMENT => Ok(n as usize),
        other => Err(Error::Format(format!(
            "general.alignment is {}; expected a power of two up to {MAX_ALIGNMENT}",
            other.describe()
        ))),
    }
}

/// Reads a tensor's row of the table; its offset still counts from the start of the tensors.
fn read_tensor(reader: &mut Reader<'_>, i: usize) -> Result<TensorInfo> {
    let name = read_name(reader, format_args!("the name of tensor {i}"))?;
    let shown = quoted(&name);
    let rank = reader.u32(format_args!("the number of dimensions of the tensor {shown}"))?;
    if rank > MAX_DIMENSIONS {
        return Err(Error::Format(format!(
            "the tensor {shown} has {rank} dimensions; GGUF has at most {MAX_DIMENSIONS}"
        )));
    }
    let mut shape = Vec::with_capacity(rank as usize);
    for _ in 0..rank {
        let size = reader.u64(format_args!("the shape of the tensor {shown}"))?;
        match usize::try_from(size) {
            Ok(size) if size > 0 => shape.push(size),
            _ => return Err(Error::Format(format!("the tensor {shown} has a dimension of size {size}"))),
        }
    }
    let code = reader.u32(format_args!("the type of the tensor {shown}"))?;
    let dtype = DType::from_ggml(code).ok_or_else(|| {
        Error::Format(format!("the tensor {shown} has the GGML type {code}, which is unknown or withdrawn"))
    })?;
    check_row(&shown, dtype, shape.first().copied().unwrap_or(1))?;
    shape.reverse();
    let nbytes = measure(&name, dtype, &shape)?;
    let offset = reader.u64(format_args!("the offset of the tensor {shown}"))?;
    let offset = usize::try_from(offset).map_err(|_| outside(&shown, offset, nbytes, 0))?;
    Ok(TensorInfo { name, dtype, shape, offset, nbytes })
}

fn check_row(shown: &str, dtype: DType, row: usize) -> Result<()> {
    let (block, _) = dtype.block();
    if !row.is_multiple_of(block) {
        return Err(Error::Format(format!(
            "the tensor {shown} has rows of {row} elements; {dtype} needs a multiple of its block size {block}"
        )));
    }
    Ok(())
}

/// Converts the offset to one from the start of the file.
fn place(tensor: &mut TensorInfo, start: usize, alignment: usize, file: usize) -> Result<()> {
    let shown = quoted(&tensor.name);
    if !tensor.offset.is_multiple_of(alignment) {
        return Err(Error::Format(format!(
            "the tensor {shown} has the offset {}; expected a multiple of the alignment {alignment}",
            tensor.offset
        )));
    }
    let relative = tensor.offset;
    let first = start.checked_add(relative);
    let end = first.and_then(|first| first.checked_add(tensor.nbytes));
    match (first, end) {
        (Some(first), Some(end)) if end <= file => tensor.offset = first,
        _ => return Err(outside(&shown, relative as u64, tensor.nbytes, file.saturating_sub(start))),
    }
    Ok(())
}

fn outside(shown: &str, offset: u64, nbytes: usize, available: usize) -> Error {
    Error::Format(format!(
        "the tensor {shown} takes {nbytes} bytes at offset {offset} of the tensors, which have {available} bytes in \
         this file; it is truncated or corrupt"
    ))
}
