//! A tokenizer.json, and after a NUL the text that it encodes: no panic, no id without a token, stream equals whole.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use litz::tokenizer::{DecodeStream, Tokenizer};

const TEXT: &str = "Hello, wörld!  12345\r\n\u{1f469}\u{200d}\u{1f680} <s></s>\t你好 e\u{301}";

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let text = String::from_utf8_lossy(data.get(end + 1..).unwrap_or_default());
    let Ok(tokenizer) = Tokenizer::from_json(&data[..end]) else { return };
    let tokenizer = Arc::new(tokenizer);
    for text in [TEXT, &text] {
        for special in [false, true] {
            let Ok(ids) = tokenizer.encode(text, special) else { continue };
            assert!(ids.iter().all(|&id| tokenizer.id_to_token(id).is_some()));
            round_trip(&tokenizer, &ids, special);
        }
    }
    // Ids that no text gives: every small one, and some of none.
    round_trip(&tokenizer, &(0..300).chain([u32::MAX, 1 << 31]).collect::<Vec<_>>(), false);
});

fn round_trip(tokenizer: &Arc<Tokenizer>, ids: &[u32], skip: bool) {
    let _ = tokenizer.decode_bytes(ids, skip);
    let Ok(whole) = tokenizer.decode(ids, skip) else { return };
    let mut stream = DecodeStream::new(Arc::clone(tokenizer), skip);
    let mut pieces = String::new();
    for &id in ids {
        pieces += &stream.push(id).expect("the whole was decoded");
    }
    pieces += &stream.finish().expect("the whole was decoded");
    assert_eq!(pieces, whole);
}
