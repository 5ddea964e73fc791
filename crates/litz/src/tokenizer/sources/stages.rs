//! The sections that several sources share, as JSON.

use serde_json::{json, Value};

use crate::tokenizer::description::Sections;
use crate::tokenizer::text::base64;

/// SentencePiece's mark for a space.
pub(super) const MARK: &str = "▁";

/// A mark for every space, and one before the text if `prefix`.
pub(super) fn spaces_to_marks(prefix: bool) -> Value {
    let mut stages = mark_stages(prefix);
    match stages.as_mut_slice() {
        [only] => only.take(),
        _ => json!({"type": "Sequence", "normalizers": stages}),
    }
}

/// Their JSON as stages of a sequence.
pub(super) fn mark_stages(prefix: bool) -> Vec<Value> {
    let mark = prefix.then(|| json!({"type": "Prepend", "prepend": MARK}));
    let replace = json!({"type": "Replace", "pattern": {"String": " "}, "content": MARK});
    mark.into_iter().chain([replace]).collect()
}

/// A decoder: marks to spaces, byte tokens to text, and one leading space removed if one was inserted.
pub(super) fn marks_to_spaces(prefix: bool) -> Value {
    let mut decoders = vec![
        json!({"type": "Replace", "pattern": {"String": MARK}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if prefix {
        decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": decoders})
}

/// GPT-2's alphabet for bytes, as a decoder or, after splits, a pre-tokenizer.
pub(super) fn byte_level() -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false})
}

/// Patterns, each isolating its matches in the pieces of the one before; then bytes, if `byte_level`.
pub(super) fn splits(patterns: &[&str], bytes: bool) -> Value {
    let split = |pattern: &&str| match *pattern {
        r"\p{N}" => json!({"type": "Digits", "individual_digits": true}),
        regex => {
            json!({"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": false})
        }
    };
    let mut stages: Vec<Value> = patterns.iter().map(split).collect();
    stages.extend(bytes.then(byte_level));
    match stages.as_mut_slice() {
        [only] => only.take(),
        _ => json!({"type": "Sequence", "pretokenizers": stages}),
    }
}

/// Special tokens before and after each text, with their ids.
pub(super) fn around(before: Option<(&str, u32)>, after: Option<(&str, u32)>) -> Value {
    if before.is_none() && after.is_none() {
        return Value::Null;
    }
    let special = |token: Option<(&str, u32)>, kind: u32| {
        token.map(|(text, _)| json!({"SpecialToken": {"id": text, "type_id": kind}}))
    };
    let wrap = |sequence: &str, kind: u32| -> Vec<Value> {
        let text = json!({"Sequence": {"id": sequence, "type_id": kind}});
        [special(before, kind), Some(text), special(after, kind)].into_iter().flatten().collect()
    };
    let single = wrap("A", 0);
    let entry =
        |(text, id): (&str, u32)| (text.to_owned(), json!({"id": text, "ids": [id], "tokens": [text]}));
    let specials: serde_json::Map<String, Value> = before.into_iter().chain(after).map(entry).collect();
    let pair = [single.clone(), wrap("B", 1)].concat();
    json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": specials})
}

/// The normalization and segmentation of SentencePiece.
pub(super) struct SentencePiece<'a> {
    /// The map of characters, as its files have it.
    pub charsmap: &'a [u8],
    /// Whether runs of spaces are one.
    pub squeeze: bool,
    /// Whether a mark goes before the text.
    pub prefix: bool,
    /// Whether that mark goes before the first piece only, or before each that lacks one; `None` if before every piece.
    pub first_only: Option<bool>,
    /// Whether words are tokenized independently, each from its mark on; `None` for a model of merges or bytes.
    pub words: Option<bool>,
}

impl SentencePiece<'_> {
    /// The stages of a file, but for the post-processor.
    pub fn sections(&self) -> Sections {
        let mut normalizers = Vec::new();
        // The mark is inserted even if the rules remove the whole text, unless marks at the end are stripped.
        let early = self.words.is_none() && self.first_only.is_none() && self.prefix && !self.squeeze;
        normalizers.extend(early.then(|| json!({"type": "Prepend", "prepend": MARK})));
        if !self.charsmap.is_empty() {
            let rules = base64::encode(self.charsmap);
            normalizers
                .push(json!({"type": "Precompiled", "precompiled_charsmap": rules, "longest_match": true}));
        }
        if self.squeeze {
            normalizers.extend([
                json!({"type": "Replace", "pattern": {"Regex": r"\A +|[ ▁]+\z"}, "content": ""}),
                json!({"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}),
            ]);
        }
        let scheme = match self.first_only {
            _ if !self.prefix => "never",
            Some(true) => "first",
            Some(false) | None => "always",
        };
        let metaspace = |split: bool| json!({"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": split});
        let (pre_tokenizer, decoder) = match self.words {
            Some(split) => (metaspace(split), metaspace(true)),
            None if self.first_only.is_some() => (metaspace(false), marks_to_spaces(self.prefix)),
            None => {
                normalizers.extend(mark_stages(self.prefix && !early));
                (Value::Null, marks_to_spaces(self.prefix))
            }
        };
        let normalizer = match normalizers.as_mut_slice() {
            [] => Value::Null,
            [only] => only.take(),
            _ => json!({"type": "Sequence", "normalizers": normalizers}),
        };
        Sections { normalizer, pre_tokenizer, decoder, ..Sections::default() }
    }
}
