//! Segmentation of text before each space, for Metaspace and white-space pre-tokenizers.
//!
//! A word is white space and the text up to the next white space. It is separated only where the normalizer provably
//! does not combine the text before the space with the rest.

use std::ops::Range;

use crate::tokenizer::stages::normalizer::Normalizer;
use crate::tokenizer::stages::pattern::Pattern;
use crate::tokenizer::stages::pre_tokenizer::PreTokenizer;
use crate::tokenizer::text::unicode::{self, LETTER, NUMBER, PUNCTUATION};
use crate::tokenizer::text::Text;
use crate::tokenizer::Tokenizer;
use crate::Result;

use super::context::Context;
use super::mask::{block, mask};

/// Scripts whose characters do not combine with their neighbours: Latin to Hebrew, kana, ideographs, Hangul syllables.
const SIMPLE: [std::ops::RangeInclusive<u32>; 3] = [0x21..=0x5FF, 0x3001..=0x9FFF, 0xAC00..=0xD7A3];
const LIMIT: usize = 0xD7A4;

/// The characters that end a word when a space follows.
pub(crate) struct Whitespace {
    ends: Vec<bool>,
    lines: bool,        // whether tabs and line ends become spaces
    plain: [bool; 128], // characters that no stage changes
    mark: String,       // the form of the space before a plain word
}

impl Whitespace {
    /// `None` where the normalizer may combine text across a space.
    pub fn new(normalizer: &[Normalizer], pre_tokenizer: &PreTokenizer) -> Option<Self> {
        if !normalizer.iter().all(is_local)
            || &*normalize(normalizer, Text::plain(" "), false, false).ok()? != " "
        {
            return None;
        }
        let mut ends = vec![false; LIMIT];
        let mut buffer = [0; 4];
        for c in SIMPLE.into_iter().flatten().filter_map(char::from_u32) {
            if unicode::is(c, LETTER | NUMBER | PUNCTUATION) {
                let text = Text::plain(c.encode_utf8(&mut buffer));
                let normalized = normalize(normalizer, text, false, false).ok()?;
                let last = normalized.chars().next_back();
                ends[c as usize] = last.is_some_and(|last| unicode::is(last, LETTER | NUMBER | PUNCTUATION));
            }
        }
        let becomes = |c: char, wanted: &str| {
            let mut buffer = [0; 4];
            let text = Text::plain(c.encode_utf8(&mut buffer));
            normalize(normalizer, text, false, false).is_ok_and(|text| &*text == wanted)
        };
        let word = pre_tokenizer.split(" a", false).ok()?;
        let [range] = &word.ranges[..] else { return None };
        let mark = word.text[range.clone()].strip_suffix('a')?.to_owned();
        // Some stage matches longer text: no single character is certain to stay unchanged.
        let literal =
            |stage: &Normalizer| matches!(stage, Normalizer::Replace { pattern: Pattern::Literal(_), .. });
        let literals = normalizer.iter().any(literal);
        let plain = std::array::from_fn(|byte| {
            let c = char::from(byte as u8);
            !literals && c.is_ascii_graphic() && !mark.contains(c) && becomes(c, c.encode_utf8(&mut [0; 4]))
        });
        let lines = ['\t', '\n', '\r'].into_iter().all(|c| becomes(c, " "));
        Some(Self { ends, lines, plain, mark })
    }

    /// Appends the ids of a stretch. `None`, and wrong ids, when a normalized word does not begin with its space.
    pub fn encode(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        first: bool,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<Option<()>> {
        let bytes = text.as_bytes();
        let mut start = 0;
        let mut carry = 1; // whether the byte before the block is a space; none at the beginning counts as one
        for at in (0..bytes.len()).step_by(64) {
            let block = block(bytes, at);
            let mut spaces = mask(&block, |byte| byte == b' ');
            if self.lines {
                spaces |= mask(&block, |byte| matches!(byte, b'\t' | b'\n' | b'\r'));
            }
            let mut events = spaces & !(spaces << 1 | carry);
            carry = spaces >> 63;
            while events != 0 {
                let end = at + events.trailing_zeros() as usize;
                events &= events - 1;
                if !self.is_end(text, end) {
                    continue;
                }
                if start == 0 {
                    self.through(tokenizer, &text[..end], (first, true, false), with, out)?;
                } else if self.word(tokenizer, text, start..end, with, out)?.is_none() {
                    return Ok(None);
                }
                start = end;
            }
        }
        self.through(tokenizer, &text[start..], (first && start == 0, start == 0, true), with, out)
    }

    /// Whether the text before the space at `end` does not combine with it: two characters that end words, or one after
    /// a space.
    #[inline]
    fn is_end(&self, text: &str, end: usize) -> bool {
        let bytes = text.as_bytes();
        let ascii = |byte: u8| byte.is_ascii() && self.ends[usize::from(byte)];
        match bytes[..end] {
            [.., before, last] if ascii(last) && (before == b' ' || ascii(before)) => true,
            _ => {
                let mut chars = text[..end].chars().rev();
                let end_of_word = |c: char| self.ends.get(c as usize) == Some(&true);
                let last = chars.next().is_some_and(end_of_word);
                last && chars.next().is_none_or(|c| c == ' ' || end_of_word(c))
            }
        }
    }

    /// Appends the ids of a space and its word, from the cache or the stages.
    #[inline]
    fn word(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        range: Range<usize>,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<Option<()>> {
        let Some(miss) = with.words.find(text.as_bytes(), range.start, range.end, out) else {
            return Ok(Some(()));
        };
        let (raw, from) = (&text[range], out.len());
        let word = &raw[1..]; // the space is one byte
        if !word.is_empty() && word.bytes().all(|byte| self.plain.get(usize::from(byte)) == Some(&true)) {
            with.marked.clear();
            with.marked.push_str(&self.mark);
            with.marked.push_str(word);
            tokenizer.model.encode(&with.marked, with.scratch, out)?;
        } else if self.through(tokenizer, raw, (false, false, false), with, out)?.is_none() {
            return Ok(None);
        }
        with.words.insert(&miss, raw.as_bytes(), &out[from..]);
        Ok(Some(()))
    }

    /// All stages. `place`: whether the text begins the input, begins the stretch, ends the stretch.
    fn through(
        &self,
        tokenizer: &Tokenizer,
        raw: &str,
        place: (bool, bool, bool),
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<Option<()>> {
        let (first, begins, ends) = place;
        // The origin of the first character decides whether a text begins the input.
        let text = if first { Text::at(raw, 0) } else { Text::plain(raw) };
        let text = normalize(&tokenizer.normalizer, text, begins, ends)?;
        if !begins && !text.is_empty() && !text.starts_with(' ') {
            return Ok(None);
        }
        let pieces = tokenizer.pre_tokenizer.split_text(text, first)?;
        for range in &pieces.ranges {
            let piece = &pieces.text[range.clone()];
            // The keys of raw words begin with white space, so such a piece must not be cached.
            if piece.starts_with([' ', '\t', '\n', '\r']) {
                tokenizer.model.encode(piece, with.scratch, out)?;
                continue;
            }
            match with.words.find(piece.as_bytes(), 0, piece.len(), out) {
                None => {}
                Some(miss) => {
                    let from = out.len();
                    tokenizer.model.encode(piece, with.scratch, out)?;
                    with.words.insert(&miss, piece.as_bytes(), &out[from..]);
                }
            }
        }
        Ok(Some(()))
    }
}

/// Normalizes a word. Changes at the ends of a stretch are only made at its ends.
fn normalize<'t>(stages: &[Normalizer], mut text: Text<'t>, begins: bool, ends: bool) -> Result<Text<'t>> {
    for stage in stages {
        match stage {
            Normalizer::Strip { left, right } => {
                Normalizer::Strip { left: *left && begins, right: *right && ends }.apply(&mut text)?;
            }
            Normalizer::Prepend(_) if !begins => {}
            stage if squeezes(stage) && !text.contains("  ") => {}
            stage => stage.apply(&mut text)?,
        }
    }
    Ok(text)
}

/// Whether a stage normalizes the text before a space, if it ends in a simple character, independently of the rest.
fn is_local(stage: &Normalizer) -> bool {
    match stage {
        Normalizer::Replace { pattern: Pattern::Literal(from), content } => {
            !content.is_empty()
                && !from.contains(char::is_whitespace)
                && !content.contains(char::is_whitespace)
        }
        Normalizer::Replace { content, .. } => squeezes(stage) && content == " ",
        Normalizer::Prepend(prefix) => !prefix.contains(char::is_whitespace),
        Normalizer::Precompiled(rules) => rules.is_local(),
        Normalizer::ByteLevel | Normalizer::Bert(_) => false,
        _ => true,
    }
}

/// Whether a stage replaces several spaces by one.
fn squeezes(stage: &Normalizer) -> bool {
    match stage {
        Normalizer::Replace { pattern: Pattern::Regex(regex), .. } => regex.as_str() == " {2,}",
        _ => false,
    }
}
