//! A reader of protocol buffers, as far as SentencePiece models use them.

use crate::{Error, Result};

/// The value of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum ProtobufValue<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Float(f32),
}

/// The fields of a message. Nothing is copied and nothing nested is opened, so no message costs more than its size.
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
    name: &'static str,
}

impl<'a> Message<'a> {
    /// A message; `name` names it in errors.
    pub fn new(bytes: &'a [u8], name: &'static str) -> Self {
        Self { bytes, at: 0, name }
    }

    /// The next field and its number; `None` at the end.
    pub fn next(&mut self) -> Result<Option<(u64, ProtobufValue<'a>)>> {
        loop {
            if self.at == self.bytes.len() {
                return Ok(None);
            }
            let key = self.varint()?;
            let value = match key & 7 {
                0 => ProtobufValue::Number(self.varint()?),
                2 => {
                    let length = self.varint()?;
                    ProtobufValue::Bytes(self.take(usize::try_from(length).unwrap_or(usize::MAX))?)
                }
                5 => ProtobufValue::Float(f32::from_le_bytes(self.array()?)),
                1 => {
                    self.array::<8>()?;
                    continue;
                }
                other => return Err(self.wrong(format!("the wire type {other} is none of a model's"))),
            };
            return Ok(Some((key >> 3, value)));
        }
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.array::<1>()?[0];
            value |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.wrong("a number of over ten bytes".into()))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| self.wrong("too short".into()))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(length).filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            let left = self.bytes.len() - self.at;
            return Err(self.wrong(format!("{length} bytes announced, {left} are left")));
        };
        Ok(&self.bytes[std::mem::replace(&mut self.at, end)..end])
    }

    fn wrong(&self, what: String) -> Error {
        Error::Format(format!("not a SentencePiece model: {} at byte {}: {what}", self.name, self.at))
    }
}

impl<'a> ProtobufValue<'a> {
    /// Bytes or text; other fields are empty.
    pub fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// A number; other fields are 0.
    pub fn number(self) -> u64 {
        match self {
            Self::Number(number) => number,
            _ => 0,
        }
    }

    /// A Boolean.
    pub fn flag(self) -> bool {
        self.number() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order() {
        let mut message =
            Message::new(&[0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1D, 0, 0, 0x80, 0x3F], "test");
        assert_eq!(message.next().unwrap(), Some((1, ProtobufValue::Number(150))));
        assert_eq!(message.next().unwrap(), Some((2, ProtobufValue::Bytes(b"hi"))));
        assert_eq!(message.next().unwrap(), Some((3, ProtobufValue::Float(1.0))));
        assert_eq!(message.next().unwrap(), None);
    }

    #[test]
    fn a_message_that_ends_early_is_refused() {
        for bytes in
            [&[0x08][..], &[0x12, 3, b'h'], &[0x1D, 0], &[0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], &[0x0B]]
        {
            assert!(Message::new(bytes, "test").next().is_err(), "{bytes:?}");
        }
        assert!(Message::new(&[0xFF; 11], "test").next().is_err());
    }
}
