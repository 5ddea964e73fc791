//! Segmented text has the ids of the whole.

use super::*;
use crate::tokenizer::encode::word_cache::WordCache;
use crate::tokenizer::stages::model::Scratch;
use crate::tokenizer::Tokenizer;

const BERT: &str = r###"{
    "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
        "lowercase": true},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "model": {"type": "WordPiece", "unk_token": "?", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 5, "vocab": {"?": 0, "a": 1, "##a": 2, "b": 3, "##b": 4, "ab": 5, "##ba": 6, ".": 7,
        "你": 8, "e": 9, "##e": 10, "。": 11, "1": 12, "##1": 13}}
}"###;

const MARKS: &str = r#"
    "normalizer": {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}"#;

const UNIGRAM: &str = r#"{
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
        {"type": "Strip", "strip_left": true, "strip_right": true}]},
    "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true},
    "model": {"type": "Unigram", "unk_id": 0, "vocab": [["?", 0.0], ["▁", -2.0], ["a", -3.0], ["b", -3.1], ["▁a", -3.5],
        ["▁ab", -4.0], ["ba", -3.9], ["é", -5.0], ["e", -4.5], ["你", -6.0], ["1", -4.4], [".", -3.3]]}
}"#;

/// Llama 2's form: a token for every byte, merges of a few characters.
fn bpe() -> String {
    let mut tokens = vec!["▁", "a", "b", "▁a", "ab", "▁ab", "▁▁", "ba", "。", "你", "你。", "▁▁▁", "a.", "."];
    let bytes: Vec<String> = (0..256).map(|byte| format!("<0x{byte:02X}>")).collect();
    tokens.extend(bytes.iter().map(String::as_str));
    let vocab: Vec<String> =
        tokens.iter().enumerate().map(|(id, token)| format!("{token:?}: {id}")).collect();
    let merges = r#"["▁ a", "a b", "▁a b", "▁ ▁", "b a", "你 。", "▁▁ ▁", "a ."]"#;
    format!(
        r#"{{{MARKS}, "model": {{"type": "BPE", "byte_fallback": true, "fuse_unk": true, "vocab": {{{}}}, "merges": {merges}}}}}"#,
        vocab.join(", ")
    )
}

/// Every text of up to `length` of these fragments.
fn each_text(fragments: &[&str], length: usize, mut check: impl FnMut(&str)) {
    let mut texts = vec![String::new()];
    for _ in 0..length {
        texts = texts
            .iter()
            .flat_map(|text| fragments.iter().map(move |fragment| format!("{text}{fragment}")))
            .collect();
        texts.iter().for_each(|text| check(text));
    }
}

fn segmenter(tokenizer: &Tokenizer) -> Segmenter {
    Segmenter::new(&tokenizer.normalizer, &tokenizer.pre_tokenizer, &tokenizer.model, &tokenizer.added)
}

fn assert_segmented_alike(file: &str) {
    let tokenizer = Tokenizer::from_json(file.as_bytes()).unwrap();
    let segmenter = segmenter(&tokenizer);
    assert!(segmenter.is_proved());
    let (mut words, mut scratch) = (WordCache::default(), Scratch::default());
    let mut context = Context::new(&mut words, &mut scratch);
    let mut whole = Scratch::default();
    let mut check = |text: &str| {
        let (mut segmented, mut expected) = (Vec::new(), Vec::new());
        let stretch = Stretch { text, start: 0, trusted: None };
        segmenter.encode(&tokenizer, stretch, &mut context, &mut segmented).unwrap();
        encode_whole(&tokenizer, stretch, None, &mut whole, &mut expected).unwrap();
        assert_eq!(segmented, expected, "{text:?}");
    };
    let fragments =
        ["a", "b", " ", ".", "é", "\u{301}", "你", "。", "\u{a0}", "\n", "1", "\u{600}", "A", "▁", "\0"];
    each_text(&fragments, 4, &mut check);
    each_text(&["ab", "a ", " ", ".", "你", "\u{301}", "baba"], 5, &mut check);
    // Words that lie across the blocks of the scan.
    for before in 50..70 {
        for word in ["a", "ab", " ", "  ", ".", "é", "你。", "abababababababababab ab"] {
            check(&format!("{}{word}{word} a{word}", "a b.".repeat(before / 4) + &"b".repeat(before % 4)));
        }
    }
}

#[test]
fn bert_words_have_the_ids_of_the_whole() {
    assert_segmented_alike(BERT);
    assert_segmented_alike(&BERT.replace("\"clean_text\": true", "\"clean_text\": false"));
    assert_segmented_alike(&BERT.replace("\"lowercase\": true", "\"lowercase\": false"));
    assert_segmented_alike(
        &BERT.replace("\"handle_chinese_chars\": true", "\"handle_chinese_chars\": false"),
    );
}

#[test]
fn words_between_spaces_have_the_ids_of_the_whole() {
    assert_segmented_alike(UNIGRAM);
    assert_segmented_alike(&UNIGRAM.replace("always", "first"));
    assert_segmented_alike(&UNIGRAM.replace("NFKC", "Lowercase"));
}

#[test]
fn text_between_merge_boundaries_has_the_ids_of_the_whole() {
    assert_segmented_alike(&bpe());
    for scheme in ["always", "first", "never"] {
        let stage = format!(
            r#""pre_tokenizer": {{"type": "Metaspace", "replacement": "▁", "prepend_scheme": "{scheme}", "split": false}}"#
        );
        assert_segmented_alike(&bpe().replace(MARKS, &stage));
    }
}

#[test]
fn without_a_proof_nothing_is_segmented() {
    let none = |file: &str| {
        let tokenizer = Tokenizer::from_json(file.as_bytes()).unwrap();
        !segmenter(&tokenizer).is_proved()
    };
    assert!(none(&bpe().replace("<0xE9>", "<0xXX>")), "a character may be unknown, and unknown ones fuse");
    assert!(none(&bpe().replace("\"fuse_unk\"", "\"ignore_merges\": true, \"fuse_unk\"")));
    assert!(none(&UNIGRAM.replace("\"split\": true", "\"split\": false")));
    assert!(none(&UNIGRAM.replace(" {2,}", " a")));
}

#[test]
fn the_general_route_gives_the_same_ids_with_its_cache() {
    // A normalizer that combines text across spaces has no proof.
    let file = UNIGRAM.replace(" {2,}", " a");
    let tokenizer = Tokenizer::from_json(file.as_bytes()).unwrap();
    let (mut words, mut scratch) = (WordCache::default(), Scratch::default());
    each_text(&["ab", " a", " ", "你", "é", "."], 4, |text| {
        let stretch = Stretch { text, start: 0, trusted: None };
        let (mut cached, mut expected) = (Vec::new(), Vec::new());
        encode_whole(&tokenizer, stretch, Some(&mut words), &mut scratch, &mut cached).unwrap();
        encode_whole(&tokenizer, stretch, None, &mut scratch, &mut expected).unwrap();
        assert_eq!(cached, expected, "{text:?}");
    });
}
