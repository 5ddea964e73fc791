//! What holds for every tokenizer that compiles, whatever it was compiled from.

use std::sync::Arc;

use litz::tokenizer::{DecodeStream, Input, Tokenizer};

/// Texts with what pipelines stumble over.
pub const TEXT: &str = "Hello, wörld!  12345\r\n\u{1f469}\u{200d}\u{1f680} <s></s>\t你好 e\u{301} ﬁ½";

/// Encodes and decodes: no panic, no id without a token, alignment has the same ids, a stream equals the whole.
pub fn check(tokenizer: Tokenizer, text: &str) {
    let tokenizer = Arc::new(tokenizer);
    for text in [TEXT, text] {
        for special in [false, true] {
            let Ok(ids) = tokenizer.encode(text, special) else { continue };
            assert!(ids.iter().all(|&id| tokenizer.id_to_token(id).is_some()));
            round_trip(&tokenizer, &ids, special);
        }
        align(&tokenizer, text);
    }
    // Ids that no text gives: every small one, and some of none.
    round_trip(&tokenizer, &(0..300).chain([u32::MAX, 1 << 31]).collect::<Vec<_>>(), false);
    let json = tokenizer.to_json().expect("what compiles can be written");
    drop(json);
}

fn align(tokenizer: &Tokenizer, text: &str) {
    let (Ok(aligned), Ok(ids)) =
        (tokenizer.encode_aligned(Input::Text(text), None), tokenizer.encode(text, false))
    else {
        return;
    };
    assert_eq!(aligned.ids, ids);
    let characters = text.chars().count() as u32;
    assert!(aligned.offsets.iter().all(|&(start, end)| start <= end && end <= characters));
}

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

/// A byte-level tokenizer that is large enough for its tables to be kept.
pub fn large_json() -> String {
    let letters: Vec<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').collect();
    let mut vocab: Vec<String> = letters.iter().map(char::to_string).collect();
    let mut merges = Vec::new();
    let pairs = letters.iter().flat_map(|a| letters.iter().map(move |b| format!("{a}{b}")));
    for pair in pairs.collect::<Vec<_>>() {
        let (a, b) = pair.split_at(1);
        merges.push(format!("\"{a} {b}\""));
        for c in &letters[..4] {
            merges.push(format!("\"{pair} {c}\""));
        }
        vocab.push(pair.clone());
        vocab.extend(letters[..4].iter().map(|c| format!("{pair}{c}")));
    }
    let vocab: Vec<String> =
        vocab.iter().enumerate().map(|(id, token)| format!("\"{token}\":{id}")).collect();
    let model =
        format!(r#"{{"type":"BPE","vocab":{{{}}},"merges":[{}]}}"#, vocab.join(","), merges.join(","));
    format!(r#"{{"version":"1.0","added_tokens":[],"model":{model}}}"#)
}
