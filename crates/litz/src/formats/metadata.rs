//! The metadata of a file: values by key. Arrays stay in the file until they are iterated.

use std::fmt::{self, Display};
use std::ops::Range;
use std::sync::Arc;

use super::map::Bytes;
use super::reader::{quoted, Reader};
use super::{find_name, index_names};
use crate::{Error, Result};

/// Deeper arrays of arrays are refused; no known file nests them at all.
const MAX_DEPTH: usize = 8;

/// The type of a value, or of an array's items, as GGUF counts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// 8 bits, unsigned.
    U8,
    /// 8 bits, signed.
    I8,
    /// 16 bits, unsigned.
    U16,
    /// 16 bits, signed.
    I16,
    /// 32 bits, unsigned.
    U32,
    /// 32 bits, signed.
    I32,
    /// Single precision.
    F32,
    /// One byte, 0 or 1.
    Bool,
    /// A length and that many bytes.
    Text,
    /// An item type, a count and the items.
    Array,
    /// 64 bits, unsigned.
    U64,
    /// 64 bits, signed.
    I64,
    /// Double precision.
    F64,
}

impl ValueType {
    /// In the order of their codes.
    const ALL: [ValueType; 13] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::F32,
        Self::Bool,
        Self::Text,
        Self::Array,
        Self::U64,
        Self::I64,
        Self::F64,
    ];

    /// The bytes of a value; `None` where each has its own length.
    fn size(self) -> Option<usize> {
        match self {
            Self::U8 | Self::I8 | Self::Bool => Some(1),
            Self::U16 | Self::I16 => Some(2),
            Self::U32 | Self::I32 | Self::F32 => Some(4),
            Self::U64 | Self::I64 | Self::F64 => Some(8),
            Self::Text | Self::Array => None,
        }
    }

    /// The fewest bytes that a value takes: a length, or a type and a length, when it is empty.
    fn smallest(self) -> usize {
        self.size().unwrap_or(if self == Self::Text { 8 } else { 12 })
    }

    pub(super) fn read(reader: &mut Reader<'_>, what: impl Display) -> Result<Self> {
        let at = reader.at();
        let code = reader.u32(&what)?;
        let known = usize::try_from(code).ok().and_then(|code| Self::ALL.get(code).copied());
        known.ok_or_else(|| {
            Error::Format(format!("{what} at byte {at} is {code}; GGUF has the types 0 (U8) to 12 (F64)"))
        })
    }
}

/// One value. Text is bytes: GGUF specifies UTF-8, and some files violate that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetadataValue<'a> {
    /// True or false.
    Bool(bool),
    /// Any unsigned integer type.
    Unsigned(u64),
    /// Any signed integer type.
    Signed(i64),
    /// F32 (exactly) or F64.
    Float(f64),
    /// A string, in UTF-8 if the file is valid.
    Text(&'a [u8]),
    /// Read only when it is iterated.
    Array(Array<'a>),
}

impl MetadataValue<'_> {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Bool(_) => "a Boolean".into(),
            Self::Unsigned(n) => format!("the integer {n}"),
            Self::Signed(n) => format!("the integer {n}"),
            Self::Float(x) => format!("the number {x}"),
            Self::Text(_) => "text".into(),
            Self::Array(array) => format!("an array of {} {:?}", array.len, array.kind),
        }
    }
}

/// A typed run of values inside the file; its lengths were checked when the file was opened.
#[derive(Clone, Copy, PartialEq)]
pub struct Array<'a> {
    kind: ValueType,
    len: usize,
    bytes: &'a [u8],
}

impl<'a> Array<'a> {
    /// The type of its items.
    pub fn kind(&self) -> ValueType {
        self.kind
    }

    /// The number of its items.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has no items.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its items in order. Shorter than `len` only if someone else changed the file since it was opened.
    pub fn iter(&self) -> impl Iterator<Item = MetadataValue<'a>> + 'a {
        let (kind, len, bytes) = (self.kind, self.len, self.bytes);
        let mut reader = Reader::new(bytes);
        (0..len).map_while(move |_| {
            Located::read(&mut reader, kind, "an item").ok().map(|located| located.value(bytes))
        })
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:?}; {}]", self.kind, self.len)
    }
}

/// Where a value is in the file.
#[derive(Debug)]
pub(super) struct Located {
    kind: ValueType,
    /// Of arrays only.
    items: (ValueType, usize),
    range: Range<usize>,
}

impl Located {
    /// Reads one value of type `kind` and steps over it.
    pub(super) fn read(reader: &mut Reader<'_>, kind: ValueType, what: impl Display) -> Result<Self> {
        if kind == ValueType::Array {
            return Self::read_array(reader, &what, 0);
        }
        let length = match kind.size() {
            None => reader.string(&what)?.len(),
            Some(size) => {
                let bytes = reader.take(size, &what)?;
                check_booleans(kind, bytes, reader.at() - size, &what)?;
                size
            }
        };
        Ok(Self { kind, items: (kind, 1), range: reader.at() - length..reader.at() })
    }

    fn read_array(reader: &mut Reader<'_>, what: &dyn Display, depth: usize) -> Result<Self> {
        if depth == MAX_DEPTH {
            let at = reader.at();
            return Err(Error::Format(format!(
                "{what} at byte {at} nests arrays more than {MAX_DEPTH} deep; the file is corrupt"
            )));
        }
        let kind = ValueType::read(reader, format_args!("the item type of {what}"))?;
        let len = reader.count(kind.smallest(), format_args!("the number of items of {what}"))?;
        let start = reader.at();
        for i in 0..if kind.size().is_none() { len } else { 0 } {
            if kind == ValueType::Text {
                reader.string(format_args!("item {i} of {what}"))?;
            } else {
                Self::read_array(reader, what, depth + 1)?;
            }
        }
        if let Some(size) = kind.size() {
            // The count was checked against the bytes that are left, so this cannot overflow.
            check_booleans(kind, reader.take(len * size, what)?, start, what)?;
        }
        Ok(Self { kind: ValueType::Array, items: (kind, len), range: start..reader.at() })
    }

    /// The code of its type and its bytes, where `bytes` are what it was read from.
    fn encoded(&self, bytes: &[u8]) -> Vec<u8> {
        let bytes = bytes.get(self.range.clone()).unwrap_or_default();
        match self.kind {
            ValueType::Array => encode(self.kind, Some(self.items.0), Some(self.items.1), bytes),
            ValueType::Text => encode(self.kind, None, Some(bytes.len()), bytes),
            _ => encode(self.kind, None, None, bytes),
        }
    }

    /// The value, where `bytes` are what it was read from.
    pub(super) fn value<'a>(&self, bytes: &'a [u8]) -> MetadataValue<'a> {
        let bytes = bytes.get(self.range.clone()).unwrap_or_default();
        match self.kind {
            ValueType::U8 => MetadataValue::Unsigned(u8::from_le_bytes(first(bytes)).into()),
            ValueType::I8 => MetadataValue::Signed(i8::from_le_bytes(first(bytes)).into()),
            ValueType::U16 => MetadataValue::Unsigned(u16::from_le_bytes(first(bytes)).into()),
            ValueType::I16 => MetadataValue::Signed(i16::from_le_bytes(first(bytes)).into()),
            ValueType::U32 => MetadataValue::Unsigned(u32::from_le_bytes(first(bytes)).into()),
            ValueType::I32 => MetadataValue::Signed(i32::from_le_bytes(first(bytes)).into()),
            ValueType::F32 => MetadataValue::Float(f32::from_le_bytes(first(bytes)).into()),
            ValueType::Bool => MetadataValue::Bool(first::<1>(bytes) != [0]),
            ValueType::U64 => MetadataValue::Unsigned(u64::from_le_bytes(first(bytes))),
            ValueType::I64 => MetadataValue::Signed(i64::from_le_bytes(first(bytes))),
            ValueType::F64 => MetadataValue::Float(f64::from_le_bytes(first(bytes))),
            ValueType::Text => MetadataValue::Text(bytes),
            ValueType::Array => MetadataValue::Array(Array { kind: self.items.0, len: self.items.1, bytes }),
        }
    }
}

/// A type's code, an item type's, a length and the bytes: those of them that the type has.
fn encode(kind: ValueType, items: Option<ValueType>, len: Option<usize>, bytes: &[u8]) -> Vec<u8> {
    let mut encoded = (kind as u32).to_le_bytes().to_vec();
    encoded.extend(items.into_iter().flat_map(|kind| (kind as u32).to_le_bytes()));
    encoded.extend(len.into_iter().flat_map(|len| (len as u64).to_le_bytes()));
    encoded.extend(bytes);
    encoded
}

/// The first bytes; zeros if there are too few, which only a file that changed under us can cause.
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

fn check_booleans(kind: ValueType, bytes: &[u8], at: usize, what: &dyn Display) -> Result<()> {
    match bytes.iter().position(|&byte| kind == ValueType::Bool && byte > 1) {
        None => Ok(()),
        Some(i) => {
            Err(Error::Format(format!("{what} holds {} at byte {}; a Boolean is 0 or 1", bytes[i], at + i)))
        }
    }
}

/// A value in the file, or its own text where the file's was escaped.
#[derive(Debug)]
pub(super) enum Content {
    Located(Located),
    Owned(String),
}

/// A key with its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) content: Content,
}

/// The metadata of one file, in its order.
///
/// The typed getters give `None` for an absent key and an error for a value of another type.
#[derive(Debug)]
pub struct Metadata {
    bytes: Arc<Bytes>,
    entries: Vec<Entry>,
    by_key: Vec<u32>,
}

impl Metadata {
    pub(super) fn new(bytes: Arc<Bytes>, entries: Vec<Entry>) -> Result<Self> {
        let by_key = index_names(&entries, |entry| &entry.key, "metadata key")?;
        Ok(Self { bytes, entries, by_key })
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All keys and values in the file's order; arrays stay unread.
    pub fn iter(&self) -> impl Iterator<Item = (&str, MetadataValue<'_>)> {
        self.entries.iter().map(|entry| (entry.key.as_str(), self.value(entry)))
    }

    /// The value of this key.
    pub fn get(&self, key: &str) -> Option<MetadataValue<'_>> {
        find_name(&self.entries, &self.by_key, |entry| &entry.key, key).map(|entry| self.value(entry))
    }

    /// A value as a GGUF header stores it after its key: the code of its type and its bytes.
    pub fn encoded(&self, key: &str) -> Option<Vec<u8>> {
        let entry = find_name(&self.entries, &self.by_key, |entry| &entry.key, key)?;
        Some(match &entry.content {
            Content::Located(located) => located.encoded(self.bytes.as_slice()),
            Content::Owned(text) => encode(ValueType::Text, None, Some(text.len()), text.as_bytes()),
        })
    }

    /// A string, which must be UTF-8.
    pub fn text(&self, key: &str) -> Result<Option<&str>> {
        self.typed(key, "UTF-8 text", |value| match value {
            MetadataValue::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        })
    }

    /// An integer of any type that is not negative.
    pub fn unsigned(&self, key: &str) -> Result<Option<u64>> {
        self.typed(key, "an integer from 0", |value| match value {
            MetadataValue::Unsigned(n) => Some(n),
            MetadataValue::Signed(n) => u64::try_from(n).ok(),
            _ => None,
        })
    }

    /// A number of either float type.
    pub fn float(&self, key: &str) -> Result<Option<f64>> {
        self.typed(key, "a floating-point number", |value| match value {
            MetadataValue::Float(x) => Some(x),
            _ => None,
        })
    }

    /// A Boolean.
    pub fn boolean(&self, key: &str) -> Result<Option<bool>> {
        self.typed(key, "a Boolean", |value| match value {
            MetadataValue::Bool(flag) => Some(flag),
            _ => None,
        })
    }

    /// An array of strings, as bytes: a vocabulary may hold pieces of characters.
    pub fn strings(&self, key: &str) -> Result<Option<impl Iterator<Item = &[u8]>>> {
        let array = self.array_of(key, ValueType::Text)?;
        Ok(array.map(|array| {
            array.iter().map_while(|value| match value {
                MetadataValue::Text(bytes) => Some(bytes),
                _ => None,
            })
        }))
    }

    /// An array of F32.
    pub fn f32s(&self, key: &str) -> Result<Option<impl ExactSizeIterator<Item = f32> + '_>> {
        let array = self.array_of(key, ValueType::F32)?;
        Ok(array.map(|array| array.bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(first(bytes)))))
    }

    /// An array of I32.
    pub fn i32s(&self, key: &str) -> Result<Option<impl ExactSizeIterator<Item = i32> + '_>> {
        let array = self.array_of(key, ValueType::I32)?;
        Ok(array.map(|array| array.bytes.chunks_exact(4).map(|bytes| i32::from_le_bytes(first(bytes)))))
    }

    /// An array of any type.
    pub fn array(&self, key: &str) -> Result<Option<Array<'_>>> {
        self.typed(key, "an array", |value| match value {
            MetadataValue::Array(array) => Some(array),
            _ => None,
        })
    }

    fn array_of(&self, key: &str, kind: ValueType) -> Result<Option<Array<'_>>> {
        self.typed(key, &format!("an array of {kind:?}"), |value| match value {
            MetadataValue::Array(array) if array.kind == kind => Some(array),
            _ => None,
        })
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        convert: impl Fn(MetadataValue<'a>) -> Option<T>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match convert(value) {
            Some(converted) => Ok(Some(converted)),
            None => Err(Error::Format(format!(
                "the metadata {} is {}; expected {expected}",
                quoted(key),
                value.describe()
            ))),
        }
    }

    fn value<'a>(&'a self, entry: &'a Entry) -> MetadataValue<'a> {
        match &entry.content {
            Content::Located(located) => located.value(self.bytes.as_slice()),
            Content::Owned(text) => MetadataValue::Text(text.as_bytes()),
        }
    }
}
