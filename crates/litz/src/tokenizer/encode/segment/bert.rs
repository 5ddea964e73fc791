//! Segmentation for BERT: at white space, punctuation and ideographs, which separate words.

use std::ops::Range;

use crate::tokenizer::encode::word_cache::Miss;
use crate::tokenizer::stages::model::{Model, Scratch};
use crate::tokenizer::stages::normalizer::{BertNormalizer, Normalizer};
use crate::tokenizer::text::unicode::{self, PUNCTUATION};
use crate::tokenizer::Tokenizer;
use crate::Result;

use super::context::Context;
use super::mask::{block, mask};
use super::whole::{self, Stretch};

/// The role of a character for the words around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CharacterKind {
    /// Belongs to a word, or is removed from it.
    Part,
    /// Is a word.
    Alone,
    /// Is between words.
    Gap,
}

/// The kinds of all characters of the first plane, for one file's settings.
pub(crate) struct BertWords {
    kinds: Vec<CharacterKind>,
    ideographs: bool,
    lowercase: bool,
    signs: [u32; 128], // the token of a punctuation character that is one; `MANY` otherwise
}

/// No token has this id.
const MANY: u32 = u32::MAX;

const PLANE: u32 = 0x1_0000;

impl BertWords {
    /// The kinds of characters for this normalizer and BERT's pre-tokenizer.
    pub fn new(bert: &BertNormalizer, model: &Model) -> Self {
        let kind = |code| char::from_u32(code).map_or(CharacterKind::Part, |c| kind(bert, c));
        let (mut scratch, mut ids) = (Scratch::default(), Vec::new());
        let signs = std::array::from_fn(|byte| {
            ids.clear();
            let (sign, mut buffer) = (char::from(byte as u8), [0; 4]);
            if !sign.is_ascii_punctuation() {
                return MANY;
            }
            match (model.encode(sign.encode_utf8(&mut buffer), &mut scratch, &mut ids), &ids[..]) {
                (Ok(()), &[id]) => id,
                _ => MANY,
            }
        });
        Self {
            kinds: (0..PLANE).map(kind).collect(),
            ideographs: bert.separates(IDEOGRAPH),
            lowercase: !bert.leaves("A"),
            signs,
        }
    }

    fn kind(&self, c: char) -> CharacterKind {
        match self.kinds.get(c as usize) {
            Some(&kind) => kind,
            None if self.ideographs && BertNormalizer::is_ideograph(c) => CharacterKind::Alone,
            None => CharacterKind::Part,
        }
    }

    /// Appends the ids of a stretch of text.
    pub fn encode(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let bytes = text.as_bytes();
        let (mut start, mut carry, mut far) = (0, 0, false);
        for at in (0..bytes.len()).step_by(64) {
            let block = block(bytes, at);
            let past = u64::MAX.checked_shl((bytes.len() - at) as u32).unwrap_or_default();
            let inside = mask(&block, is_part) & !past;
            let alone = mask(&block, |byte| byte.is_ascii_punctuation());
            let foreign = mask(&block, |byte| byte >= 0x80);
            let before = inside << 1 | carry;
            let ends = before & !inside;
            let mut events = (inside ^ before) | alone;
            carry = inside >> 63;
            let mut seen = 0; // bits of the block up to the last event
            while events != 0 {
                let bit = events & events.wrapping_neg();
                let place = at + events.trailing_zeros() as usize;
                events ^= bit;
                if ends & bit != 0 {
                    far |= foreign & (bit - 1) & !seen != 0;
                    self.stretch(tokenizer, text, start..place, far, with, out)?;
                    far = false;
                }
                if alone & bit != 0 {
                    match self.signs[usize::from(bytes[place])] {
                        MANY => self.word(tokenizer, text, place..place + 1, with, out)?,
                        id => out.push(id),
                    }
                } else if inside & bit != 0 {
                    start = place;
                }
                seen = bit | (bit - 1);
            }
            far |= carry != 0 && foreign & !seen != 0;
        }
        if carry != 0 {
            self.stretch(tokenizer, text, start..bytes.len(), far, with, out)?;
        }
        Ok(())
    }

    /// A stretch between ASCII characters that end words. `far`: it contains characters beyond ASCII.
    #[inline]
    fn stretch(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        range: Range<usize>,
        far: bool,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        if !far {
            return self.word(tokenizer, text, range, with, out);
        }
        let mut start = range.start;
        for (at, c) in text[range.clone()].char_indices() {
            let kind = self.kind(c);
            if kind == CharacterKind::Part {
                continue;
            }
            let (place, end) = (range.start + at, range.start + at + c.len_utf8());
            if start < place {
                self.word(tokenizer, text, start..place, with, out)?;
            }
            if kind == CharacterKind::Alone {
                self.word(tokenizer, text, place..end, with, out)?;
            }
            start = end;
        }
        if start < range.end {
            self.word(tokenizer, text, start..range.end, with, out)?;
        }
        Ok(())
    }

    /// Appends the ids of one word, from the cache or the stages.
    #[inline]
    fn word(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        range: Range<usize>,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        match with.words.find(text.as_bytes(), range.start, range.end, out) {
            None => Ok(()),
            Some(miss) => self.new_word(tokenizer, &text[range], &miss, with, out),
        }
    }

    #[cold]
    fn new_word(
        &self,
        tokenizer: &Tokenizer,
        raw: &str,
        miss: &Miss,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let from = out.len();
        if raw.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            // It is one word, and the normalizer at most lowercases it.
            with.marked.clear();
            with.marked.push_str(raw);
            if self.lowercase {
                with.marked.make_ascii_lowercase();
            }
            tokenizer.model.encode(&with.marked, with.scratch, out)?;
        } else {
            whole::encode(tokenizer, Stretch::inside(raw), None, with.scratch, out)?;
        }
        with.words.insert(miss, raw.as_bytes(), &out[from..]);
        Ok(())
    }
}

/// Bytes of words: letters, digits, controls other than white space, and all beyond ASCII.
fn is_part(byte: u8) -> bool {
    let control = byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    byte >= 0x7F || control || byte.is_ascii_alphanumeric()
}

fn kind(bert: &BertNormalizer, c: char) -> CharacterKind {
    match c {
        '\t' | '\n' | '\r' | ' ' => CharacterKind::Gap,
        c if c.is_ascii_punctuation() => CharacterKind::Alone,
        c if c.is_ascii() => CharacterKind::Part,
        c if bert.separates(c) => CharacterKind::Alone,
        c if c.is_whitespace() && bert.keeps(c) => CharacterKind::Gap,
        c if unicode::is(c, PUNCTUATION) && bert.keeps(c) && stays(bert, c) => CharacterKind::Alone,
        _ => CharacterKind::Part,
    }
}

/// Whether no stage changes this character.
fn stays(bert: &BertNormalizer, c: char) -> bool {
    let mut buffer = [0; 4];
    let text: &str = c.encode_utf8(&mut buffer);
    bert.leaves(text)
}

/// An ideograph, to test whether ideographs are words.
const IDEOGRAPH: char = '一';

/// The normalizer, if it is BERT's and nothing else.
pub(super) fn bert(normalizer: &[Normalizer]) -> Option<&BertNormalizer> {
    match normalizer {
        [Normalizer::Bert(bert)] => Some(bert),
        _ => None,
    }
}
