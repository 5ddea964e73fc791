//! A tiktoken file, or a tekken.json if it begins as one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use litz::tokenizer::{Description, SourceOptions, Tokenizer};
use litz_fuzz::tokenizers::check;

fuzz_target!(|data: &[u8]| {
    let options =
        SourceOptions { pat_str: Some(r" ?\p{L}+|\s+|[^\s\p{L}]+".into()), ..SourceOptions::default() };
    let description = match data.first() {
        Some(b'{') => Description::from_tekken(data, &options),
        _ => Description::from_tiktoken(data, "file", &options),
    };
    if let Ok(tokenizer) = description.and_then(Tokenizer::compile) {
        check(tokenizer, "it's  a b");
    }
});
