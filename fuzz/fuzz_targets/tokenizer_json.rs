//! A tokenizer.json, and after a NUL the text that it encodes. Written again, it is read again with the same ids.
#![no_main]

use libfuzzer_sys::fuzz_target;
use litz::tokenizer::Tokenizer;
use litz_fuzz::tokenizers::{check, TEXT};

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let text = String::from_utf8_lossy(data.get(end + 1..).unwrap_or_default());
    let Ok(tokenizer) = Tokenizer::from_json(&data[..end]) else { return };
    let json = tokenizer.to_json().expect("what compiles can be written");
    let again = Tokenizer::from_json(json.as_bytes()).expect("what was written can be read");
    if let (Ok(ids), Ok(same)) = (tokenizer.encode(TEXT, true), again.encode(TEXT, true)) {
        assert_eq!(ids, same);
    }
    check(tokenizer, &text);
});
