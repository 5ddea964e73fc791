//! Counting the words of a corpus: normalizer and pre-tokenizer on all threads, within a memory budget.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::runs::{self, SortedRun};
use super::table::WordTable;
use super::{Progress, TrainingStage};
use crate::threads::parallel_map_with;
use crate::tokenizer::stages::normalizer::{normalize, Normalizer};
use crate::tokenizer::stages::pre_tokenizer::scanners::Scanner;
use crate::tokenizer::stages::pre_tokenizer::PreTokenizer;
use crate::tokenizer::text::byte_level;
use crate::{Error, Result};

/// The longest word, in bytes: merges in a word take time that grows with its length squared.
pub const LONGEST_WORD: usize = 1 << 20;

// Threads take texts in groups of this many bytes.
const GROUP: usize = 1 << 16;
const BLOCK: usize = 1 << 23;

/// The normalizer and the pre-tokenizer of the new tokenizer.
struct Pipeline {
    normalizer: Vec<Normalizer>,
    pre_tokenizer: PreTokenizer,
    scanner: Option<Scanner>,
}

impl Pipeline {
    fn each_word(&self, text: &str, found: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let text = normalize(&self.normalizer, text)?;
        if let Some(scanner) = self.scanner {
            let mut at = 0;
            while at < text.len() {
                let end = scanner.next(&text, at);
                found(&text.as_bytes()[at..end])?;
                at = end;
            }
            return Ok(());
        }
        let pieces = self.pre_tokenizer.split(&text, true)?;
        pieces.ranges.iter().try_for_each(|range| found(&pieces.text.as_bytes()[range.clone()]))
    }
}

/// Counts the words of a corpus that may be larger than memory.
///
/// The words in memory take at most `memory` bytes. Beyond it they are written to sorted temporary files, and
/// the counts stay exact. [`WordCounter::finish`] needs room for every different word once.
pub struct WordCounter {
    pipeline: Pipeline,
    tables: Vec<WordTable>,
    runs: Mutex<Vec<SortedRun>>,
    limit: usize,
    texts: u64,
}

impl WordCounter {
    /// A counter with these sections of a `tokenizer.json`.
    pub fn new(normalizer: &Value, pre_tokenizer: &Value, threads: usize, memory: usize) -> Result<Self> {
        let pre_tokenizer = PreTokenizer::from_json(pre_tokenizer, "pre_tokenizer")?;
        let pipeline = Pipeline {
            normalizer: Normalizer::from_json(normalizer, "normalizer")?,
            scanner: pre_tokenizer.sole_scanner(),
            pre_tokenizer,
        };
        let threads = threads.max(1);
        let tables = (0..threads).map(|_| WordTable::new()).collect();
        Ok(Self { pipeline, tables, runs: Mutex::default(), limit: memory / threads, texts: 0 })
    }

    /// Counts the words of these texts.
    pub fn feed<T: AsRef<str> + Sync>(&mut self, texts: &[T]) -> Result<()> {
        self.texts += texts.len() as u64;
        let mut groups = vec![0];
        let mut bytes = 0;
        for (i, text) in texts.iter().enumerate() {
            bytes += text.as_ref().len();
            if bytes >= GROUP || i + 1 == texts.len() {
                groups.push(i + 1);
                bytes = 0;
            }
        }
        let (pipeline, runs, limit) = (&self.pipeline, &self.runs, self.limit);
        let work = |table: &mut WordTable, group: &[usize]| {
            let mut texts = texts[group[0]..group[1]].iter();
            texts.try_for_each(|text| count(pipeline, text.as_ref(), table, runs, limit))
        };
        parallel_map_with(&mut self.tables, groups.windows(2), work).map(drop)
    }

    /// Counts the words of a file, in which each line with its end is a text. Invalid UTF-8 is an error.
    pub fn feed_file(&mut self, path: &Path, progress: &mut Progress<'_>) -> Result<()> {
        let failure = |source| Error::Io { path: path.display().to_string(), source };
        let file = File::open(path).map_err(failure)?;
        let total = file.metadata().map_err(failure)?.len();
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let (mut block, mut done) = (Vec::with_capacity(BLOCK + (1 << 16)), 0u64);
        loop {
            block.clear();
            while block.len() < BLOCK {
                if reader.read_until(b'\n', &mut block).map_err(failure)? == 0 {
                    break;
                }
            }
            if block.is_empty() {
                return Ok(());
            }
            let text = std::str::from_utf8(&block).map_err(|error| {
                let at = done + error.valid_up_to() as u64;
                Error::Value(format!("{}: byte {at} is not UTF-8; convert the file first", path.display()))
            })?;
            let lines: Vec<&str> = text.split_inclusive('\n').collect();
            self.feed(&lines)?;
            done += block.len() as u64;
            progress(TrainingStage::Count, done, total)?;
        }
    }

    /// How many texts were counted.
    pub fn texts(&self) -> u64 {
        self.texts
    }

    /// The words with their counts; with `sorted`, in the order of their bytes.
    pub fn finish(self, sorted: bool) -> Result<Words> {
        let byte_level = self.pipeline.pre_tokenizer.is_byte_level();
        let mut runs = self.runs.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut tables = self.tables;
        if !runs.is_empty() {
            for table in tables.iter_mut().filter(|table| table.len() > 0) {
                runs.push(SortedRun::write(table)?);
                *table = WordTable::new();
            }
            return Ok(Words { table: runs::merge(runs)?, byte_level });
        }
        tables.sort_by_key(WordTable::len);
        let mut table = tables.pop().unwrap_or_else(WordTable::new);
        while let Some(other) = tables.pop() {
            other.iter().for_each(|(word, count)| _ = table.add(word, count));
        }
        if sorted {
            table.sort();
        }
        table.drop_slots();
        Ok(Words { table, byte_level })
    }
}

fn count(
    pipeline: &Pipeline,
    text: &str,
    table: &mut WordTable,
    runs: &Mutex<Vec<SortedRun>>,
    limit: usize,
) -> Result<()> {
    pipeline.each_word(text, &mut |word| {
        if word.len() > LONGEST_WORD {
            return Err(Error::Value(format!(
                "a word of {} bytes; {LONGEST_WORD} is the limit: give a pre_tokenizer that splits text into words, \
                 or shorter texts",
                word.len()
            )));
        }
        if !word.is_empty() && table.add(word, 1) && table.memory() > limit {
            let run = SortedRun::write(table)?;
            table.clear();
            runs.lock().unwrap_or_else(PoisonError::into_inner).push(run);
        }
        Ok(())
    })
}

/// The different words of a corpus.
pub struct Words {
    table: WordTable,
    byte_level: bool,
}

impl Words {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether the corpus had no words at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The words in bytes, with their counts.
    pub(super) fn raw(&self) -> impl Iterator<Item = (&[u8], u64)> + Clone {
        self.table.iter()
    }

    /// The words as the vocabulary writes them.
    pub(super) fn texts(&self) -> impl Iterator<Item = (String, u64)> + '_ {
        self.raw().map(|(word, count)| {
            let mut text = String::new();
            self.each_char(word, |c| text.push(c));
            (text, count)
        })
    }

    /// The characters of a word as the vocabulary writes them.
    #[inline]
    pub(super) fn each_char(&self, word: &[u8], mut found: impl FnMut(char)) {
        if self.byte_level {
            word.iter().for_each(|&byte| found(byte_level::to_char(byte)));
        } else {
            // Words are pieces of text.
            std::str::from_utf8(word).unwrap_or_default().chars().for_each(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn counted(texts: &[String], threads: usize, memory: usize) -> BTreeMap<String, u64> {
        let spaces = json!({"type": "WhitespaceSplit"});
        let mut counter = WordCounter::new(&Value::Null, &spaces, threads, memory).unwrap();
        texts.chunks(100).for_each(|part| counter.feed(part).unwrap());
        let words = counter.finish(true).unwrap();
        let listed: Vec<_> = words.texts().collect();
        assert!(listed.is_sorted(), "words come in the order of their bytes");
        assert_eq!(listed.len(), words.len());
        listed.into_iter().collect()
    }

    #[test]
    fn a_small_budget_counts_as_exactly_as_a_large_one() {
        let word = |i: usize| format!("word{} ", i * i % 977);
        let texts: Vec<String> = (0..4000).map(|i| (i..i + 40).map(word).collect()).collect();
        let mut expected = BTreeMap::new();
        for word in texts.iter().flat_map(|text| text.split_whitespace()) {
            *expected.entry(word.to_owned()).or_insert(0) += 1;
        }
        for (threads, memory) in [(1, 1 << 30), (3, 1 << 30), (1, 9_000), (3, 30_000), (2, 0)] {
            let part = if memory == 0 { &texts[..50] } else { &texts[..] };
            let found = counted(part, threads, memory);
            if memory > 0 {
                assert_eq!(found, expected, "{threads} threads, {memory} bytes");
            } else {
                assert_eq!(found.values().sum::<u64>(), 50 * 40, "every word a run of its own");
            }
        }
    }

    #[test]
    fn a_word_beyond_the_limit_is_an_error_that_says_what_to_do() {
        let mut counter = WordCounter::new(&Value::Null, &Value::Null, 1, 1 << 20).unwrap();
        counter.feed(&["x".repeat(LONGEST_WORD)]).unwrap();
        let error = counter.feed(&["x".repeat(LONGEST_WORD + 1)]).unwrap_err();
        assert!(error.to_string().contains("pre_tokenizer"), "{error}");
    }

    #[test]
    fn a_file_is_read_line_by_line() {
        let path = std::env::temp_dir().join(format!("litz-words-test-{}", std::process::id()));
        std::fs::write(&path, "a b\r\nc\n\nd").unwrap();
        let mut counter = WordCounter::new(&Value::Null, &Value::Null, 2, 1 << 20).unwrap();
        let fed = counter.feed_file(&path, &mut |_, _, _| Ok(()));
        std::fs::remove_file(&path).unwrap();
        fed.unwrap();
        let words: Vec<_> = counter.finish(true).unwrap().texts().collect();
        let expected = ["\n", "a b\r\n", "c\n", "d"].map(|line| (line.to_owned(), 1));
        assert_eq!(words, expected);
    }
}
