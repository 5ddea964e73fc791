//! Compiled tables in a cache file, which is memory-mapped and used in place.
//!
//! A file is used only if its source is unchanged (path, size, time of change, inode), its format is current and its
//! checksum holds. Otherwise it is ignored.

use memmap2::Mmap;
use std::fs::{self, File, Metadata};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Arc;

use super::flat::Flat;

const MAGIC: u64 = u64::from_le_bytes(*b"litz-tok");
/// To be increased with every change of the tables or their meaning.
const FORMAT: u64 = 1;
const ALIGNMENT: usize = 64;
/// The header in words: magic, format, checksum, identity, scalars, then an offset and a size for each part.
const WORDS: usize = 5 + IDENTITY + SCALARS + 2 * PARTS;
const IDENTITY: usize = 6;
const SCALARS: usize = 4;
const PARTS: usize = 6;
/// The most bytes of all files; the oldest are removed first.
const FOLDER: u64 = 512 << 20;

/// The parts of a file, in order.
pub(crate) struct CachedTables {
    /// Numbers beside the tables.
    pub scalars: [u64; SCALARS],
    /// The rest of the `tokenizer.json`.
    pub json: Vec<u8>,
    /// The text of every token.
    pub text: Vec<u8>,
    /// Tables of words.
    pub tables: [Flat<u64>; PARTS - 2],
}

/// The cache file of a source file.
pub(crate) struct CacheFile {
    path: PathBuf,
    identity: [u64; IDENTITY],
}

impl CacheFile {
    /// The cache file in a folder for a source file; None where files have no reliable identity.
    pub fn of(folder: &Path, source: &Path) -> Option<Self> {
        let source = source.canonicalize().ok()?;
        let identity = identity(&fs::metadata(&source).ok()?)?;
        let name = checksum(source.as_os_str().as_encoded_bytes());
        Some(Self { path: folder.join(format!("{name:016x}.bin")), identity })
    }

    /// Its contents, if they are complete and belong to the current source file.
    pub fn load(&self) -> Option<CachedTables> {
        if cfg!(not(target_endian = "little")) {
            return None;
        }
        let file = File::open(&self.path).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        // SAFETY: files here are written under a temporary name and renamed, so the bytes of this one do not change. If
        // another process changes them, every index is still checked, and texts are copied out of the map.
        let map = Arc::new(unsafe { Mmap::map(&file) }.ok()?);
        let header = Flat::<u64>::mapped(&map, 0, WORDS)?;
        let body = map.get(3 * 8..)?;
        let fits = header[..2] == [MAGIC, FORMAT] && header[3..3 + IDENTITY] == self.identity;
        if !fits || header[2] != checksum(body) {
            return None;
        }
        let part = |i: usize| {
            let at = WORDS - 2 * PARTS + 2 * i;
            Some((usize::try_from(header[at]).ok()?, usize::try_from(header[at + 1]).ok()?))
        };
        let bytes = |i| {
            let (start, size) = part(i)?;
            Some(map.get(start..start.checked_add(size)?)?.to_vec())
        };
        let table = |i| {
            let (start, size) = part(i)?;
            Flat::mapped(&map, start, size / 8)
        };
        Some(CachedTables {
            scalars: header[3 + IDENTITY..3 + IDENTITY + SCALARS].try_into().ok()?,
            json: bytes(0)?,
            text: bytes(1)?,
            tables: [table(2)?, table(3)?, table(4)?, table(5)?],
        })
    }

    /// Writes tables to it, unless the source file has changed meanwhile.
    pub fn store(
        &self,
        source: &Path,
        scalars: [u64; SCALARS],
        parts: [Section<'_>; PARTS],
    ) -> std::io::Result<()> {
        let unchanged =
            fs::metadata(source).ok().and_then(|metadata| identity(&metadata)) == Some(self.identity);
        let folder = self.path.parent().filter(|_| unchanged && cfg!(target_endian = "little"));
        let Some(folder) = folder else { return Ok(()) };
        let bytes = assemble(self.identity, scalars, parts);
        create(folder)?;
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.path.with_extension(format!("{}-{number}.tmp", std::process::id()));
        let written = File::create(&temporary).and_then(|mut file| file.write_all(&bytes));
        let renamed = written.and_then(|()| fs::rename(&temporary, &self.path));
        if renamed.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        make_room(folder, &self.path);
        renamed
    }
}

/// The content of a section.
pub(crate) enum Section<'a> {
    /// Text.
    Bytes(&'a [u8]),
    /// A table.
    Words(&'a [u64]),
}

impl Section<'_> {
    fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Words(words) => words.len() * 8,
        }
    }
}

fn assemble(identity: [u64; IDENTITY], scalars: [u64; SCALARS], parts: [Section<'_>; PARTS]) -> Vec<u8> {
    let mut at = (WORDS * 8).next_multiple_of(ALIGNMENT);
    let mut header = vec![MAGIC, FORMAT, 0];
    header.extend(identity);
    header.extend(scalars);
    // Two words are reserved for later formats.
    header.extend([0; 2]);
    for part in &parts {
        header.extend([at as u64, part.size() as u64]);
        at = (at + part.size()).next_multiple_of(ALIGNMENT);
    }
    let mut bytes = Vec::with_capacity(at);
    header.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    for part in parts {
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        match part {
            Section::Bytes(part) => bytes.extend_from_slice(part),
            Section::Words(words) => {
                words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()))
            }
        }
    }
    let sum = checksum(&bytes[24..]);
    bytes[16..24].copy_from_slice(&sum.to_le_bytes());
    bytes
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<[u64; IDENTITY]> {
    use std::os::unix::fs::MetadataExt;
    Some([
        metadata.size(),
        metadata.mtime() as u64,
        metadata.mtime_nsec() as u64,
        metadata.ino(),
        metadata.dev(),
        metadata.ctime() as u64 ^ (metadata.ctime_nsec() as u64) << 32,
    ])
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<[u64; IDENTITY]> {
    None
}

/// Only accessible to its owner, since its files are trusted.
fn create(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Removes the oldest files until the folder is within its limit.
fn make_room(folder: &Path, keep: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries
        .flatten()
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(Metadata::is_file)?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|file| file.1).sum();
    for (_, size, path) in files {
        if total <= FOLDER {
            return;
        }
        if path != keep && fs::remove_file(&path).is_ok() {
            total -= size;
        }
    }
}

/// Four lanes, so that the checksum is about as fast as reading. A single changed word always changes it.
fn checksum(bytes: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    let mut lanes = [1u64, 2, 3, 4];
    let mut chunks = bytes.chunks_exact(32);
    for chunk in &mut chunks {
        for (lane, bytes) in lanes.iter_mut().zip(chunk.as_chunks::<8>().0) {
            *lane = (*lane ^ u64::from_le_bytes(*bytes)).wrapping_mul(ODD).rotate_left(29);
        }
    }
    for (lane, bytes) in lanes.iter_mut().zip(chunks.remainder().chunks(8)) {
        *lane = (*lane ^ word(bytes)).wrapping_mul(ODD).rotate_left(29);
    }
    lanes.iter().fold(bytes.len() as u64, |sum, lane| (sum ^ lane).wrapping_mul(ODD).rotate_left(31))
}
