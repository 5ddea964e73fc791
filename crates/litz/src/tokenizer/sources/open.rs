//! Opening a tokenizer from its files.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::SourceOptions;
use crate::formats::TensorFile;
use crate::tokenizer::tables::cache_file::CacheFile;
use crate::tokenizer::tables::BpeTables;
use crate::tokenizer::{Description, Tokenizer};
use crate::{Error, Result};

/// Far more than any vocabulary: a larger file is something else.
const LARGEST: u64 = 1 << 30;

/// The kinds of files that describe a tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A `tokenizer.json`.
    Json,
    /// BERT's `vocab.txt`.
    VocabTxt,
    /// `vocab.json`, and `merges.txt` after it.
    VocabAndMerges,
    /// A SentencePiece `.model`.
    SentencePiece,
    /// A tiktoken file.
    Tiktoken,
    /// A `tekken.json`.
    Tekken,
    /// A GGUF file.
    Gguf,
}

impl Source {
    /// The kind of a name: `json`, `vocab.txt`, `vocab.json`, `sentencepiece`, `tiktoken`, `tekken` or `gguf`.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "json" => Self::Json,
            "vocab.txt" => Self::VocabTxt,
            "vocab.json" => Self::VocabAndMerges,
            "sentencepiece" => Self::SentencePiece,
            "tiktoken" => Self::Tiktoken,
            "tekken" => Self::Tekken,
            "gguf" => Self::Gguf,
            other => return Err(Error::Value(format!("{other:?} is no kind of tokenizer file"))),
        })
    }
}

impl Description {
    /// Reads the files of a tokenizer.
    pub fn open(source: Source, paths: &[&Path], options: &SourceOptions) -> Result<Self> {
        let [path, rest @ ..] = paths else {
            return Err(Error::Value("no path of a tokenizer's file was given".into()));
        };
        match source {
            Source::Json => {
                let mut description = Self::from_json(read(path)?)?;
                options.finish(&mut description)?;
                Ok(description)
            }
            Source::VocabTxt => Self::from_vocab_txt(&read(path)?, options),
            Source::VocabAndMerges => match rest {
                [merges, ..] => Self::from_vocab_and_merges(&read(path)?, &read(merges)?, options),
                [] => Err(Error::Value("vocab.json needs its merges.txt".into())),
            },
            Source::SentencePiece => Self::from_sentence_piece(&read(path)?, options),
            Source::Tiktoken => {
                let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or("tiktoken");
                Self::from_tiktoken(&read(path)?, name, options)
            }
            Source::Tekken => Self::from_tekken(&read(path)?, options),
            Source::Gguf => read_gguf(path),
        }
    }
}

impl Tokenizer {
    /// Reads the files of a tokenizer and compiles it. Errors name the file.
    ///
    /// The tables of a large `tokenizer.json` or GGUF file are kept in the folder `cache`, and read from there while the
    /// file is unchanged. A folder that cannot be used only costs time.
    pub fn open(
        source: Source,
        paths: &[&Path],
        options: &SourceOptions,
        cache: Option<&Path>,
    ) -> Result<Self> {
        let compiled = match (source, paths, cache) {
            (Source::Json, [path], Some(folder)) => {
                Self::open_kept(path, folder, || Description::from_json(read(path)?), options)
            }
            (Source::Gguf, [path], Some(folder)) => {
                return Self::open_kept(path, folder, || read_gguf(path), &SourceOptions::default());
            }
            (Source::Gguf, ..) => return Description::open(source, paths, options).and_then(Self::compile),
            _ => Description::open(source, paths, options).and_then(Self::compile),
        };
        compiled.map_err(|error| match paths.first() {
            Some(path) => named(error, path),
            None => error,
        })
    }

    fn open_kept(
        path: &Path,
        folder: &Path,
        describe: impl FnOnce() -> Result<Description>,
        options: &SourceOptions,
    ) -> Result<Self> {
        let place = CacheFile::of(folder, path);
        let kept = place.as_ref().and_then(CacheFile::load).and_then(BpeTables::from_stored);
        if let Some((mut description, tables)) = kept {
            options.finish(&mut description)?;
            return Self::compile_with(description, Some(tables));
        }
        let mut description = describe()?;
        let json = description.small_json()?;
        options.finish(&mut description)?;
        let tokenizer = Self::compile(description)?;
        if let Some(place) = place {
            // A full or read-only disk only costs the next start some time.
            let _ = tokenizer.keep(&place, path, &json);
        }
        Ok(tokenizer)
    }
}

/// Errors name the file, as those of `TensorFile::open` do.
fn read_gguf(path: &Path) -> Result<Description> {
    Description::from_gguf(&TensorFile::open(path)?).map_err(|error| named(error, path))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |source| Error::Io { path: path.display().to_string(), source };
    let size = fs::metadata(path).map_err(failed)?;
    if !size.is_file() {
        return Err(Error::Format(format!("{}: is not a file", path.display())));
    }
    if size.len() > LARGEST {
        return Err(Error::Memory(format!(
            "{}: {} bytes are no tokenizer; 1 GiB is the limit",
            path.display(),
            size.len()
        )));
    }
    let mut bytes = Vec::with_capacity(size.len() as usize + 1);
    // The file may grow while it is read.
    File::open(path).map_err(failed)?.take(LARGEST).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

/// The error with the file's path in front.
fn named(error: Error, path: &Path) -> Error {
    let path = path.display();
    match error {
        Error::Format(text) => Error::Format(format!("{path}: {text}")),
        Error::Unsupported(text) => Error::Unsupported(format!("{path}: {text}")),
        Error::Config(text) => Error::Config(format!("{path}: {text}")),
        Error::Memory(text) => Error::Memory(format!("{path}: {text}")),
        other => other,
    }
}
