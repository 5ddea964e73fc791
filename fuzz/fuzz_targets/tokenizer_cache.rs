//! Damage to kept tables: the first four bytes say where, the rest is written there. They are never believed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use litz::tokenizer::{Source, SourceOptions, Tokenizer};
use std::path::PathBuf;
use std::sync::OnceLock;

/// The file of a tokenizer, the folder of its tables, the tables, and some ids.
type Kept = (PathBuf, PathBuf, PathBuf, Vec<u8>, Vec<u32>);

const TEXT: &str = "token 123 abcabc";

fn open(file: &PathBuf, folder: &PathBuf) -> Tokenizer {
    Tokenizer::open(Source::Json, &[file], &SourceOptions::default(), Some(folder))
        .expect("the file is right")
}

fn kept() -> &'static Kept {
    static KEPT: OnceLock<Kept> = OnceLock::new();
    KEPT.get_or_init(|| {
        let root = std::env::temp_dir().join(format!("litz-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&root).expect("a folder for the test");
        let (file, folder) = (root.join("tokenizer.json"), root.join("tables"));
        std::fs::write(&file, litz_fuzz::tokenizers::large_json()).expect("the file of the test");
        let ids = open(&file, &folder).encode(TEXT, false).expect("plain text");
        let entry =
            std::fs::read_dir(&folder).expect("tables").next().expect("tables").expect("tables").path();
        let bytes = std::fs::read(&entry).expect("tables");
        (file, folder, entry, bytes, ids)
    })
}

fuzz_target!(|data: &[u8]| {
    let Some((place, damage)) = data.split_first_chunk::<4>() else { return };
    let (file, folder, entry, bytes, ids) = kept();
    let mut bytes = bytes.clone();
    let place = u32::from_le_bytes(*place) as usize % (bytes.len() + 1);
    bytes.truncate(if damage.is_empty() { place } else { bytes.len() });
    let place = place.min(bytes.len());
    let end = (place + damage.len()).min(bytes.len());
    bytes[place..end].copy_from_slice(&damage[..end - place]);
    std::fs::write(entry, bytes).expect("the tables of the test");
    assert_eq!(&open(file, folder).encode(TEXT, false).expect("plain text"), ids);
});
