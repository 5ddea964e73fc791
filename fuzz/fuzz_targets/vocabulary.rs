//! A vocab.txt; or, with a NUL between them, the options, a vocab.json and a merges.txt.
#![no_main]

use libfuzzer_sys::fuzz_target;
use litz::tokenizer::{Description, SourceOptions, Tokenizer};
use litz_fuzz::tokenizers::check;

fuzz_target!(|data: &[u8]| {
    let parts: Vec<&[u8]> = data.split(|&byte| byte == 0).collect();
    let description = match parts[..] {
        [vocab] => Description::from_vocab_txt(vocab, &SourceOptions::default()),
        [options, vocab, merges] => {
            let Ok(options) = std::str::from_utf8(options) else { return };
            SourceOptions::from_json(options)
                .and_then(|options| Description::from_vocab_and_merges(vocab, merges, &options))
        }
        _ => return,
    };
    if let Ok(tokenizer) = description.and_then(Tokenizer::compile) {
        check(tokenizer, "unaffable 中文 [MASK]");
    }
});
