//! A cursor over untrusted little-endian bytes: every step is checked, every error gives its offset.

use std::fmt::Display;

use crate::{Error, Result};

/// A name from a file as messages show it: escaped, and cut when it is long.
pub(super) fn quoted(name: &str) -> String {
    const SHOWN: usize = 80;
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{:?}… ({} bytes)", &name[..end], name.len()),
        None => format!("{name:?}"),
    }
}

/// Reads forward through `bytes`; a failed read leaves it where it was.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The offset of the next byte.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `count` bytes, which hold `what`.
    pub(super) fn take(&mut self, count: usize, what: impl Display) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or_else(|| self.short(count as u64, &what))?;
        self.at += count;
        Ok(taken)
    }

    /// An unsigned 32-bit number.
    pub(super) fn u32(&mut self, what: impl Display) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    /// An unsigned 64-bit number.
    pub(super) fn u64(&mut self, what: impl Display) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    /// Bytes after their 64-bit length.
    pub(super) fn string(&mut self, what: impl Display) -> Result<&'a [u8]> {
        let start = self.at;
        let length = self.u64(format_args!("the length of {what}"))?;
        let taken = match usize::try_from(length) {
            Ok(count) => self.take(count, &what),
            Err(_) => Err(self.short(length, &what)),
        };
        if taken.is_err() {
            self.at = start;
        }
        taken
    }

    /// A number of items of at least `smallest` bytes each, so that the rest of the file could hold them.
    pub(super) fn count(&mut self, smallest: usize, what: impl Display) -> Result<usize> {
        let start = self.at;
        let count = self.u64(&what)?;
        match usize::try_from(count) {
            Ok(items) if items <= self.left() / smallest => Ok(items),
            _ => {
                let left = self.left();
                self.at = start;
                Err(Error::Format(format!(
                    "{what} at byte {start} is {count}, and the {left} bytes after it hold at most {}; \
                     the file is truncated or corrupt",
                    left / smallest
                )))
            }
        }
    }

    fn array<const N: usize>(&mut self, what: impl Display) -> Result<[u8; N]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.first_chunk::<N>().ok_or_else(|| self.short(N as u64, &what))?;
        self.at += N;
        Ok(*taken)
    }

    fn short(&self, needed: u64, what: &dyn Display) -> Error {
        Error::Format(format!(
            "{what} at byte {} takes {needed} bytes, and the file has {} more; it is truncated or corrupt",
            self.at,
            self.left()
        ))
    }
}
