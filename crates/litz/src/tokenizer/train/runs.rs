//! Sorted runs of counted words in temporary files, for corpora beyond the memory budget.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use super::table::WordTable;
use crate::{Error, Result};

// More files than this are merged before more are opened.
const FAN_IN: usize = 64;
const BUFFER: usize = 1 << 16;

/// A temporary file of sorted words, which is removed when this object is dropped.
pub(super) struct SortedRun {
    file: File,
    path: PathBuf,
    removed: bool,
}

impl Drop for SortedRun {
    fn drop(&mut self) {
        if !self.removed {
            // A destructor cannot return the error.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl SortedRun {
    /// Writes the words of a table, which it sorts.
    pub fn write(table: &mut WordTable) -> Result<Self> {
        table.sort();
        let mut run = Self::create()?;
        let mut out = BufWriter::with_capacity(BUFFER, &run.file);
        let written = table.iter().try_for_each(|(word, count)| record(&mut out, word, count));
        let written = written.and_then(|()| out.flush());
        drop(out);
        run.check(written)?;
        run.rewind()?;
        Ok(run)
    }

    fn create() -> Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let name =
            format!("litz-words-{}-{number}-{}", std::process::id(), time.unwrap_or_default().as_nanos());
        let path = std::env::temp_dir().join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|source| failure(&path, source))?;
        // Where the system allows it, the name is removed at once, so that a killed process leaves no file.
        let removed = cfg!(unix) && std::fs::remove_file(&path).is_ok();
        Ok(Self { file, path, removed })
    }

    fn rewind(&mut self) -> Result<()> {
        let sought = self.file.seek(SeekFrom::Start(0)).map(|_| ());
        self.check(sought)
    }

    fn check<T>(&self, result: std::io::Result<T>) -> Result<T> {
        result.map_err(|source| failure(&self.path, source))
    }
}

fn failure(path: &std::path::Path, source: std::io::Error) -> Error {
    Error::Io { path: path.display().to_string(), source }
}

fn record(out: &mut impl Write, word: &[u8], count: u64) -> std::io::Result<()> {
    out.write_all(&(word.len() as u32).to_le_bytes())?;
    out.write_all(&count.to_le_bytes())?;
    out.write_all(word)
}

/// Reads a run from its beginning.
struct Cursor<'r> {
    run: &'r SortedRun,
    reader: BufReader<&'r File>,
    word: Vec<u8>,
    count: u64,
}

impl<'r> Cursor<'r> {
    fn new(run: &'r SortedRun) -> Self {
        Self { run, reader: BufReader::with_capacity(BUFFER, &run.file), word: Vec::new(), count: 0 }
    }

    /// Advances to the next word; false at the end.
    fn next(&mut self) -> Result<bool> {
        let mut header = [0; 12];
        match self.reader.read_exact(&mut header[..4]) {
            Err(end) if end.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(false),
            other => self.run.check(other)?,
        }
        let rest = self.reader.read_exact(&mut header[4..]);
        self.run.check(rest)?;
        let [a, b, c, d, count @ ..] = header;
        self.count = u64::from_le_bytes(count);
        self.word.resize(u32::from_le_bytes([a, b, c, d]) as usize, 0);
        let read = self.reader.read_exact(&mut self.word);
        self.run.check(read)?;
        Ok(true)
    }
}

/// All words of the runs once, in order, with the sums of their counts.
pub(super) fn merge(mut runs: Vec<SortedRun>) -> Result<WordTable> {
    while runs.len() > FAN_IN {
        let rest = runs.split_off(FAN_IN);
        let mut merged = SortedRun::create()?;
        let mut out = BufWriter::with_capacity(BUFFER, &merged.file);
        each_word(&runs, |word, count| merged.check(record(&mut out, word, count)))?;
        merged.check(out.flush())?;
        drop(out);
        merged.rewind()?;
        runs = rest;
        runs.push(merged);
    }
    let mut words = WordTable::new();
    each_word(&runs, |word, count| {
        words.append(word, count);
        Ok(())
    })?;
    words.drop_slots();
    Ok(words)
}

fn each_word(runs: &[SortedRun], mut found: impl FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
    let mut cursors: Vec<Cursor<'_>> = runs.iter().map(Cursor::new).collect();
    let mut heap: BinaryHeap<Reverse<(Vec<u8>, usize)>> = BinaryHeap::new();
    for (i, cursor) in cursors.iter_mut().enumerate() {
        if cursor.next()? {
            heap.push(Reverse((std::mem::take(&mut cursor.word), i)));
        }
    }
    let (mut current, mut sum) = (Vec::new(), 0);
    while let Some(Reverse((word, i))) = heap.pop() {
        let cursor = &mut cursors[i];
        if word == current {
            sum += cursor.count;
            cursor.word = word;
        } else {
            if sum > 0 {
                found(&current, sum)?;
            }
            sum = cursor.count;
            cursor.word = std::mem::replace(&mut current, word);
        }
        if cursor.next()? {
            heap.push(Reverse((std::mem::take(&mut cursor.word), i)));
        }
    }
    if sum > 0 {
        found(&current, sum)?;
    }
    Ok(())
}
