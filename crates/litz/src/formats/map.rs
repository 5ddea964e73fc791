//! A file's bytes, mapped or owned. The only place of the formats that needs `unsafe`.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use crate::{Error, Result};

/// Bytes of a page; where pages are larger, neighbours of a range go with it.
const PAGE: usize = 4096;

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

    /// Releases the whole pages inside a range.
    pub(super) fn release(&self, range: Range<usize>) {
        let Self::Mapped(map) = self else { return };
        let start = range.start.checked_next_multiple_of(PAGE).unwrap_or(usize::MAX);
        let end = range.end.min(map.len()) / PAGE * PAGE;
        #[cfg(unix)]
        if start < end {
            let advice = memmap2::UncheckedAdvice::DontNeed;
            // SAFETY: the mapping is of a file and never written: pages come back as they were when they are read,
            // as if the system had evicted them. A failure leaves them where they are.
            let _ = unsafe { map.unchecked_advise_range(advice, start, end - start) };
        }
        #[cfg(not(unix))]
        let _ = (start, end);
    }

    /// Prefetches a range.
    pub(super) fn prefetch(&self, range: Range<usize>) {
        #[cfg(unix)]
        if let Self::Mapped(map) = self {
            let end = range.end.min(map.len());
            if range.start < end {
                // Advice: without it the pages come one by one.
                let _ = map.advise_range(memmap2::Advice::WillNeed, range.start, end - range.start);
            }
        }
        #[cfg(not(unix))]
        let _ = range;
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
