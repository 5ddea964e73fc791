//! One safetensors file: a length, a JSON header, and the tensors' bytes without gaps.

use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::Deserialize;

use super::metadata::{Content, Entry};
use super::reader::{quoted, Reader};
use super::{by_offset, measure, DType, Header, TensorInfo};
use crate::{Error, Result};

/// The format's own limit of the header, in bytes.
const MAX_HEADER: u64 = 100_000_000;
const MAX_DIMENSIONS: usize = 64;
const MAX_KEYS: usize = 1 << 16;
const MAX_TENSORS: usize = 1 << 20;

pub(super) fn parse(bytes: &[u8]) -> Result<Header> {
    let mut reader = Reader::new(bytes);
    let length = reader.u64("the header's length")?;
    if length > MAX_HEADER {
        return Err(Error::Format(format!(
            "the safetensors header announces {length} bytes; the format allows {MAX_HEADER}"
        )));
    }
    let json = reader.take(length as usize, "the safetensors header")?;
    let json = std::str::from_utf8(json).map_err(|error| {
        Error::Format(format!("the safetensors header is not UTF-8 at byte {}", 8 + error.valid_up_to()))
    })?;
    let listed: Listed = serde_json::from_str(json)
        .map_err(|error| Error::Format(format!("the safetensors header is not valid: {error}")))?;
    let start = reader.at();
    let mut tensors = Vec::with_capacity(listed.tensors.len());
    for (name, row) in listed.tensors {
        tensors.push(place(name, row, start, bytes.len())?);
    }
    check_coverage(&tensors, start, bytes.len())?;
    Ok(Header { tensors, entries: listed.entries })
}

fn place(name: String, row: TensorEntry, start: usize, file: usize) -> Result<TensorInfo> {
    let shown = quoted(&name);
    let fail = |text: String| Err(Error::Format(format!("the tensor {shown} {text}")));
    let nbytes = measure(&name, row.dtype, &row.shape.0)?;
    let (first, end) = row.data_offsets;
    let available = (file - start) as u64;
    if first > end || end > available {
        return fail(format!(
            "has the data_offsets [{first}, {end}]; expected an ascending pair within the {available} bytes of data"
        ));
    }
    if end - first != nbytes as u64 {
        return fail(format!(
            "has {} bytes in the file; its shape {:?} and dtype {} take {nbytes}",
            end - first,
            row.shape.0,
            row.dtype
        ));
    }
    // Both are within the file, whose size is a usize.
    let offset = start + first as usize;
    Ok(TensorInfo { name, dtype: row.dtype, shape: row.shape.0, offset, nbytes })
}

/// The format wants every byte of data in exactly one tensor.
fn check_coverage(tensors: &[TensorInfo], start: usize, file: usize) -> Result<()> {
    let mut covered = start;
    for i in by_offset(tensors)? {
        let tensor = &tensors[i as usize];
        if tensor.offset != covered {
            return Err(Error::Format(format!(
                "bytes {covered} to {} before the tensor {} belong to no tensor; safetensors has no gaps",
                tensor.offset,
                quoted(&tensor.name)
            )));
        }
        covered = tensor.offset + tensor.nbytes;
    }
    if covered != file {
        return Err(Error::Format(format!(
            "the tensors end at byte {covered}, and the file at byte {file}; safetensors has no gaps"
        )));
    }
    Ok(())
}

/// The header as it is written.
#[derive(Default)]
struct Listed {
    tensors: Vec<(String, TensorEntry)>,
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TensorEntry {
    #[serde(deserialize_with = "known_dtype")]
    dtype: DType,
    shape: Shape,
    data_offsets: (u64, u64),
}

fn known_dtype<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<DType, D::Error> {
    let name = String::deserialize(deserializer)?;
    DType::from_safetensors(&name)
        .ok_or_else(|| D::Error::custom(format_args!("the dtype {} is unknown", quoted(&name))))
}

struct Shape(Vec<usize>);

struct Texts(Vec<Entry>);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(ListedVisitor)
    }
}

struct ListedVisitor;

impl<'de> Visitor<'de> for ListedVisitor {
    type Value = Listed;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Listed, A::Error> {
        let mut listed = Listed::default();
        let mut described = false;
        while let Some(name) = map.next_key::<String>()? {
            if name != "__metadata__" {
                let row = map.next_value();
                let row =
                    row.map_err(|e| A::Error::custom(format_args!("the tensor {}: {e}", quoted(&name))))?;
                listed.tensors.push((name, row));
            } else if std::mem::replace(&mut described, true) {
                return Err(A::Error::custom("__metadata__ occurs twice"));
            } else {
                listed.entries = map.next_value::<Option<Texts>>()?.map(|texts| texts.0).unwrap_or_default();
            }
            if listed.tensors.len() > MAX_TENSORS {
                return Err(A::Error::custom(format_args!("more than {MAX_TENSORS} tensors")));
            }
        }
        Ok(listed)
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Texts, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, text)) = map.next_entry::<String, String>()? {
            if entries.len() == MAX_KEYS {
                return Err(A::Error::custom(format_args!("more than {MAX_KEYS} keys in __metadata__")));
            }
            entries.push(Entry { key, content: Content::Owned(text) });
        }
        Ok(Texts(entries))
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_seq(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of sizes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Shape, A::Error> {
        let mut shape = Vec::new();
        while let Some(size) = seq.next_element()? {
            if shape.len() == MAX_DIMENSIONS {
                return Err(A::Error::custom(format_args!(
                    "a shape of more than {MAX_DIMENSIONS} dimensions"
                )));
            }
            shape.push(size);
        }
        shape.shrink_to_fit();
        Ok(Shape(shape))
    }
}
