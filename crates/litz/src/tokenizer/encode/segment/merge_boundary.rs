//! Segmentation for SentencePiece-style BPE: between characters that are neighbours in no token.
//!
//! Merging looks at neighbours only, so no merge crosses such a boundary.

use crate::tokenizer::stages::model::bpe::Bpe;

use super::context::Context;
use super::mask::{block, mask};
use crate::tokenizer::encode::word_cache::SHORT;

use crate::Result;

/// The largest filter: half a megabyte.
const MOST_BITS: usize = 1 << 22;

/// The pairs of characters that are neighbours in a token that results from merges.
pub(crate) struct MergeBoundary {
    ascii: [u128; 128], // by the first character
    others: Vec<u64>,   // a Bloom filter: a false positive only misses a boundary
    shift: u32,
    mark: char,
    split_before_mark: [bool; 128],
    before: PrefixMark,
}

/// When a mark is put before a stretch of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PrefixMark {
    Never,
    Always,
    /// Unless the text begins with one, or a space.
    Missing,
    /// Like `Missing`, but only at the beginning of the input.
    First,
}

impl MergeBoundary {
    /// Spaces become `mark`. `before`: when a mark is put before a stretch of text.
    pub fn new(bpe: &Bpe, mark: char, before: PrefixMark) -> Option<Self> {
        let tokens = bpe.merged_tokens()?;
        let texts = || tokens.iter().filter_map(|&id| bpe.vocab().token(id));
        let pairs = || texts().flat_map(|token| token.chars().zip(token.chars().skip(1)));
        let far: usize = texts().filter(|token| !token.is_ascii()).map(|token| token.len() / 2).sum();
        let bits = (far.max(64) * 8).next_power_of_two().min(MOST_BITS);
        let mut boundary = Self {
            ascii: [0; 128],
            others: vec![0; bits / 64],
            shift: 64 - bits.trailing_zeros(),
            mark,
            split_before_mark: [false; 128],
            before,
        };
        for (a, b) in pairs() {
            if a.is_ascii() && b.is_ascii() {
                boundary.ascii[a as usize] |= 1 << b as u32;
            } else {
                let bit = boundary.bit(a, b);
                boundary.others[bit / 64] |= 1 << (bit % 64);
            }
        }
        boundary.split_before_mark = std::array::from_fn(|byte| {
            let c = char::from(byte as u8);
            c != ' ' && !boundary.joined(c, mark)
        });
        // Spaces stand for the mark, so the table must not separate them.
        boundary.ascii[usize::from(b' ')] = !0;
        boundary.ascii.iter_mut().for_each(|row| *row |= 1 << b' ');
        Some(boundary)
    }

    #[inline]
    fn bit(&self, a: char, b: char) -> usize {
        let key = u64::from(a as u32) << 32 | u64::from(b as u32);
        (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    #[inline]
    fn joined(&self, a: char, b: char) -> bool {
        if a.is_ascii() && b.is_ascii() {
            return self.ascii[a as usize] >> b as u32 & 1 == 1;
        }
        let bit = self.bit(a, b);
        self.others[bit / 64] >> (bit % 64) & 1 == 1
    }

    /// Appends the ids of a stretch of text. `first`: it begins the input.
    pub fn encode(
        &self,
        bpe: &Bpe,
        text: &str,
        first: bool,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let bytes = text.as_bytes();
        with.prepend = match self.before {
            PrefixMark::Never => false,
            PrefixMark::Always => true,
            PrefixMark::Missing => !text.starts_with([' ', self.mark]),
            PrefixMark::First => first && !text.starts_with([' ', self.mark]),
        };
        let mut start = 0;
        let mut carry = 1; // whether the byte before the block is a space; none at the beginning counts as one
        for at in (0..bytes.len()).step_by(64) {
            let spaces = mask(&block(bytes, at), |byte| byte == b' ');
            let mut events = spaces & !(spaces << 1 | carry);
            carry = spaces >> 63;
            while events != 0 {
                let end = at + events.trailing_zeros() as usize;
                events &= events - 1;
                if self.is_boundary(text, end) {
                    self.word(bpe, text, start, end, with, out)?;
                    start = end;
                }
            }
        }
        if start < bytes.len() {
            self.word(bpe, text, start, bytes.len(), with, out)?;
        }
        Ok(())
    }

    /// Whether the space at `end`, after another character, begins a word.
    #[inline]
    fn is_boundary(&self, text: &str, end: usize) -> bool {
        match text.as_bytes()[end - 1] {
            byte if byte.is_ascii() => self.split_before_mark[usize::from(byte)],
            _ => {
                text[..end].chars().next_back().is_some_and(|c| c != self.mark && !self.joined(c, self.mark))
            }
        }
    }

    /// Appends the ids of the text up to a space.
    #[inline]
    fn word(
        &self,
        bpe: &Bpe,
        text: &str,
        start: usize,
        end: usize,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        if start == 0 && with.prepend {
            let mut first = std::mem::take(&mut with.first);
            first.clear();
            first.push(' ');
            first.push_str(&text[..end]);
            let done = self.stretch(bpe, &first, 0, first.len(), with, out);
            with.first = first;
            return done;
        }
        if end - start <= SHORT && with.words.find(text.as_bytes(), start, end, out).is_none() {
            return Ok(());
        }
        self.stretch(bpe, text, start, end, with, out)
    }

    /// Appends the ids of a stretch, which is split at every boundary.
    fn stretch(
        &self,
        bpe: &Bpe,
        text: &str,
        start: usize,
        end: usize,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let from = out.len();
        let mut begin = start;
        let mut chars = text[start..end].char_indices();
        let mut before = chars.next().map_or(' ', |(_, c)| c);
        for (at, c) in chars {
            let seam = match (before, c) {
                (' ', c) => !self.joined(self.mark, c) && c != ' ',
                (_, ' ') => false,
                (a, b) => !self.joined(a, b),
            };
            if seam {
                self.piece(bpe, text, begin, start + at, with, out)?;
                begin = start + at;
            }
            before = c;
        }
        self.piece(bpe, text, begin, end, with, out)?;
        if begin > start && end - start <= SHORT {
            if let Some(miss) = with.words.find(text.as_bytes(), start, end, &mut with.unused) {
                with.words.insert(&miss, &text.as_bytes()[start..end], &out[from..]);
            }
            with.unused.clear();
        }
        Ok(())
    }

    /// Appends the ids of a text between two boundaries.
    fn piece(
        &self,
        bpe: &Bpe,
        text: &str,
        start: usize,
        end: usize,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let Some(miss) = with.words.find(text.as_bytes(), start, end, out) else { return Ok(()) };
        let (piece, from) = (&text[start..end], out.len());
        if piece.contains(' ') {
            with.marked.clear();
            let mut buffer = [0; 4];
            let mark = self.mark.encode_utf8(&mut buffer);
            for part in piece.split_inclusive(' ') {
                match part.strip_suffix(' ') {
                    Some(part) => {
                        with.marked.push_str(part);
                        with.marked.push_str(mark);
                    }
                    None => with.marked.push_str(part),
                }
            }
            bpe.encode(&with.marked, with.scratch, out)?;
        } else {
            bpe.encode(piece, with.scratch, out)?;
        }
        with.words.insert(&miss, piece.as_bytes(), &out[from..]);
        Ok(())
    }
}
