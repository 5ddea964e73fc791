//! Encoding of one sequence with offsets, words and token texts.

use hashbrown::HashMap;
use std::ops::Range;

use super::{check_length, untrusted, Encoder};
use crate::tokenizer::added_tokens;
use crate::tokenizer::encoding::Encoding;
use crate::tokenizer::stages::model::{Model, Scratch, Sink};
use crate::tokenizer::stages::normalizer::{normalize_text, Normalizer};
use crate::tokenizer::stages::pre_tokenizer::StartCheck;
use crate::tokenizer::text::{Span, Text, TextPart};
use crate::tokenizer::Tokenizer;
use crate::Result;

/// What is encoded.
#[derive(Clone, Copy, Debug)]
pub enum SequenceInput<'a> {
    /// A text.
    Text(&'a str),
    /// Words: each is a text of its own, and offsets count from its beginning.
    Words(&'a [&'a str]),
}

// Words are short and repeat; longer pieces are not cached.
const CACHED_WORD: usize = 48;
const CACHED_WORDS: usize = 1 << 14;

impl Tokenizer {
    /// One sequence with offsets, words and token texts, without special tokens around it.
    ///
    /// A special token is recognised only if all of its bytes are in one range of `trusted`. The ranges count bytes of the
    /// text, in order and without overlap. `None` trusts everything. Words come without ranges.
    pub(crate) fn encode_aligned(
        &self,
        input: SequenceInput<'_>,
        trusted: Option<&[Range<usize>]>,
    ) -> Result<Encoding> {
        let mut out = Encoding::default();
        match input {
            SequenceInput::Text(text) => self.align(text, trusted, None, &mut out)?,
            SequenceInput::Words(words) => {
                for (word, text) in (0..).zip(words) {
                    self.align(text, trusted, Some(word), &mut out)?;
                }
            }
        }
        let count = out.ids.len();
        out.type_ids = vec![0; count];
        out.special = vec![false; count];
        out.attention = vec![1; count];
        out.sequences = vec![(0, 0..count)];
        Ok(out)
    }

    /// Whether ids depend on the position of a piece in the input in a way that only origins can decide.
    pub(crate) fn needs_origins(&self) -> bool {
        let Some(check) = self.pre_tokenizer.start_check() else { return false };
        let certain = match check {
            StartCheck::First => self.normalizer.is_empty() || !self.added.has_normalized(),
            StartCheck::AfterSplit => self.normalizer.is_empty(),
            StartCheck::AfterRewrite => false,
        };
        !certain || !self.normalizer.iter().all(Normalizer::keeps_start)
    }

    fn align(
        &self,
        text: &str,
        trusted: Option<&[Range<usize>]>,
        word: Option<u32>,
        out: &mut Encoding,
    ) -> Result<()> {
        check_length(text)?;
        self.with_encoder(|encoder| self.align_with(encoder, text, trusted, word, out))
    }

    /// The number of bytes of `text` that a BPE token covers, if it matches them.
    fn length(&self, id: u32, text: &[u8]) -> Option<usize> {
        let token = self.model.vocab().token(id)?.as_bytes();
        if self.pre_tokenizer.is_byte_level() {
            let length = starts(token) as usize; // one character for each byte
            return (length <= text.len()).then_some(length);
        }
        if text.starts_with(token) {
            return Some(token.len());
        }
        let digits = token.strip_prefix(b"<0x")?.strip_suffix(b">")?;
        let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        (text.first() == Some(&byte)).then_some(1)
    }

    fn align_with(
        &self,
        encoder: &mut Encoder<'_>,
        text: &str,
        trusted: Option<&[Range<usize>]>,
        word: Option<u32>,
        out: &mut Encoding,
    ) -> Result<()> {
        let trusted = untrusted::restriction(trusted, text);
        let is_bpe = matches!(self.model.as_ref(), Model::Bpe(_));
        let fast = is_bpe && encoder.is_fast() && trusted.is_none() && !self.is_random();
        let (mut scratch, mut ids) = (Scratch::default(), Vec::new());
        let mut writer = Aligner {
            tokenizer: self,
            plain: trusted.is_some(),
            places: Places::of(text),
            word: 0,
            given: word,
            tokens: PieceTokens::default(),
            out,
        };
        for found in self.added.split_raw(text, trusted) {
            let raw = &text[found.range.clone()];
            let mut stretch = Text::at(raw, found.range.start);
            if let Some(id) = found.token {
                writer.added(id, stretch.whole());
                continue;
            }
            normalize_text(&self.normalizer, &mut stretch)?;
            ids.clear();
            if fast {
                encoder.stretch(text, found.range.clone(), &mut ids)?;
                if writer.known(&stretch, &ids)? {
                    continue;
                }
            }
            let trusted = trusted
                .filter(|_| self.added.has_special_in_normalized())
                .map(|ranges| stretch.whole().inside(ranges));
            for found in self.added.split_normalized(&stretch, trusted.as_deref()) {
                writer.second_split(found, &stretch, &mut scratch)?;
            }
        }
        Ok(())
    }
}

/// Writes the tokens of one text.
struct Aligner<'a> {
    tokenizer: &'a Tokenizer,
    plain: bool, // not all of the text is trusted
    places: Places<'a>,
    word: u32,          // the number of pieces that were written
    given: Option<u32>, // the index of the word, if the text is one of the given words
    tokens: PieceTokens,
    out: &'a mut Encoding,
}

/// Tokens of pieces, with their byte ranges in the piece.
#[derive(Default)]
struct PieceTokens {
    list: Vec<(u32, u32, u32)>,
    named: Vec<usize>, // indices of those that are named by their text
}

impl Sink for PieceTokens {
    #[inline]
    fn push(&mut self, id: u32, start: usize, end: usize) {
        self.list.push((id, start as u32, end as u32));
    }

    fn push_unknown(&mut self, id: u32, start: usize, end: usize) {
        self.named.push(self.list.len());
        self.push(id, start, end);
    }
}

impl Aligner<'_> {
    /// Writes tokens of known ids, if the lengths of their texts add up; otherwise writes nothing and returns false.
    fn known(&mut self, text: &Text<'_>, ids: &[u32]) -> Result<bool> {
        let pieces = self.tokenizer.pre_tokenizer.split_text(Text::of(text.whole()), false)?;
        self.tokens.named.clear();
        let (before, word) = (self.out.ids.len(), self.word);
        let mut next = ids.iter();
        for range in &pieces.ranges {
            let piece = pieces.text.part(range.clone());
            self.tokens.list.clear();
            let mut at = 0;
            while at < piece.text.len() {
                let length = |&id| Some((id, self.tokenizer.length(id, &piece.text.as_bytes()[at..])?));
                let Some((id, length)) = next.next().and_then(length) else { break };
                self.tokens.push(id, at, at + length);
                at += length;
            }
            if at != piece.text.len() {
                self.truncate(before, word);
                return Ok(false);
            }
            self.piece(piece, 0..self.tokens.list.len());
        }
        let all = next.next().is_none();
        if !all {
            self.truncate(before, word);
        }
        Ok(all)
    }

    fn truncate(&mut self, count: usize, word: u32) {
        self.out.ids.truncate(count);
        self.out.offsets.truncate(count);
        self.out.words.truncate(count);
        self.word = word;
    }

    fn second_split(
        &mut self,
        found: added_tokens::TokenOrText,
        text: &Text<'_>,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let part = text.part(found.range);
        if let Some(id) = found.token {
            self.added(id, part);
            return Ok(());
        }
        let pieces = self.tokenizer.pre_tokenizer.split_text(Text::of(part), false)?;
        self.tokens.list.clear();
        self.tokens.named.clear();
        let random = self.tokenizer.is_random(); // then equal words have different tokens
        let mut seen: HashMap<&str, Range<usize>> = HashMap::new();
        for range in &pieces.ranges {
            let piece = pieces.text.part(range.clone());
            let tokens = match seen.get(piece.text) {
                Some(tokens) => tokens.clone(),
                None => {
                    let start = self.tokens.list.len();
                    self.tokenizer.encode_piece(piece.text, self.plain, scratch, &mut self.tokens)?;
                    let tokens = start..self.tokens.list.len();
                    let plain = self.tokens.named.last().is_none_or(|&last| last < start);
                    if plain && !random && piece.text.len() <= CACHED_WORD && seen.len() < CACHED_WORDS {
                        seen.insert(piece.text, tokens.clone());
                    }
                    tokens
                }
            };
            self.piece(piece, tokens);
        }
        Ok(())
    }

    fn piece(&mut self, piece: TextPart<'_>, tokens: Range<usize>) {
        let word = self.given.unwrap_or(self.word);
        self.word += 1;
        for i in tokens {
            let (id, start, end) = self.tokens.list[i];
            let span = origin(piece, start, end);
            if self.tokens.named.binary_search(&i).is_ok() {
                let text = piece.text.get(start as usize..end as usize).unwrap_or_default();
                self.out.named.push((self.out.ids.len(), text.to_owned()));
            }
            self.push(id, span, word);
        }
    }

    fn added(&mut self, id: u32, part: TextPart<'_>) {
        if part.text.is_empty() {
            return;
        }
        let word = self.given.unwrap_or(self.word);
        self.word += 1;
        if self.tokenizer.id_to_token(id) != Some(part.text) {
            self.out.named.push((self.out.ids.len(), part.text.to_owned()));
        }
        self.push(id, part.cover(0..part.text.len()), word);
    }

    fn push(&mut self, id: u32, span: Span, word: u32) {
        self.out.ids.push(id);
        self.out.offsets.push(self.places.characters(span));
        self.out.words.push(Some(word));
    }
}

/// The origin of the bytes from `start` to `end` of a piece. If a token is empty or exceeds its piece,
/// the `tokenizers` library returns the numbers unchanged, the first relative to the piece.
fn origin(piece: TextPart<'_>, start: u32, end: u32) -> Span {
    if start == end {
        let base = piece.start().unwrap_or_default();
        return (base + start, base + end);
    }
    if start > end || end as usize > piece.text.len() {
        return (start, end);
    }
    piece.cover(start as usize..end as usize)
}

/// The character index of each byte of a text, in constant time.
struct Places<'a> {
    text: &'a str,
    blocks: Vec<u32>, // the characters before each block of bytes; none for ASCII
}

const BLOCK: usize = 64;

impl<'a> Places<'a> {
    fn of(text: &'a str) -> Self {
        let mut blocks = Vec::new();
        if !text.is_ascii() {
            let mut before = 0;
            for block in text.as_bytes().chunks(BLOCK) {
                blocks.push(before);
                before += starts(block);
            }
        }
        Self { text, blocks }
    }

    /// Bytes outside the text are returned unchanged.
    fn characters(&self, (start, end): Span) -> Span {
        let length = self.text.len() as u32;
        if self.blocks.is_empty() || start >= length {
            return self.ascii(start, end);
        }
        let first = self.character(start);
        let last = |end: u32| if end < length { self.character(end) } else { self.character(length - 1) + 1 };
        (first, if end > length { first + 2 } else { last(end) })
    }

    fn ascii(&self, start: u32, end: u32) -> Span {
        let length = self.text.len() as u32;
        if start < length && end > length {
            return (start, start + 2);
        }
        (start, end)
    }

    /// The character that a byte belongs to.
    fn character(&self, byte: u32) -> u32 {
        let byte = byte as usize;
        let block = byte / BLOCK;
        self.blocks[block] + starts(&self.text.as_bytes()[block * BLOCK..=byte]) - 1
    }
}

/// How many characters begin in these bytes.
fn starts(bytes: &[u8]) -> u32 {
    bytes.iter().map(|&byte| u32::from(byte & 0xC0 != 0x80)).sum()
}
