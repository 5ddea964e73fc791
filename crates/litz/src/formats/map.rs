//! A file's bytes, mapped or owned. The only place of the formats that needs `unsafe`.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use memmap2::Mmap;

use crate::{Error, Result};

/// The bytes of one file.
pub(super) enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl Bytes {
    /// Maps the file read-only; only regular files, so that a pipe or a device cannot block or lie about its size.
    pub(super) fn map(path: &Path) -> Result<Self> {
        let failed = |source| Error::Io { path: path.display().to_string(), source };
        check_regular(&fs::metadata(path).map_err(failed)?).map_err(failed)?;
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        check_regular(&metadata).map_err(failed)?;
        if metadata.len() == 0 {
            // An empty range cannot be mapped.
            return Ok(Self::Owned(Vec::new()));
        }
        // SAFETY: the mapping is private to this value and read-only, so nothing here can change the bytes.
        // Another process can: bytes it overwrites read as garbage, which every reader after the checks at opening
        // tolerates (all accesses stay bounds-checked, texts are re-validated); bytes it truncates away raise SIGBUS
        // and end the process, which no reader of mapped files can prevent. TensorFile's documentation says so.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Ok(Self::Mapped(map))
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.as_slice().len())
    }
}

fn check_regular(metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "is a directory; expected a file"));
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is not a regular file"));
    }
    Ok(())
}
