//! A SentencePiece model.
#![no_main]

use libfuzzer_sys::fuzz_target;
use litz::tokenizer::{Description, SourceOptions, Tokenizer};
use litz_fuzz::tokenizers::check;

fuzz_target!(|data: &[u8]| {
    let description = Description::from_sentence_piece(data, &SourceOptions::default());
    if let Ok(tokenizer) = description.and_then(Tokenizer::compile) {
        check(tokenizer, "▁a  b");
    }
});
