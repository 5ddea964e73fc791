//! SentencePiece-style BPE: text is cut between characters that stand side by side in no token.
//!
//! Merging looks at neighbours only, so what lies on either side of such a place never meets.

use crate::tokenizer::model::bpe::Bpe;

use super::context::Context;
use super::mask::{block, mask};
use crate::tokenizer::words::SHORT;

use crate::Result;

/// The largest filter: half a megabyte.
const MOST_BITS: usize = 1 << 22;

/// Which characters stand side by side in a token that merging gives.
pub(in crate::tokenizer) struct Joints {
    ascii: [u128; 128], // by the first character
    others: Vec<u64>,   // a filter: a place too many where not to cut does no harm
    shift: u32,
    mark: char,
    cut_before_mark: [bool; 128],
    before: Before,
}

/// When a mark comes before a stretch of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tokenizer) enum Before {
    Never,
    Always,
    /// Unless the text begins with one, or a space.
    Missing,
    /// The same, but only at the beginning of the input.
    First,
}

impl Joints {
    /// Spaces become `mark`; `before` says when one comes before a stretch of text.
    pub fn new(bpe: &Bpe, mark: char, before: Before) -> Option<Self> {
        let tokens = bpe.merged_tokens()?;
        let texts = || tokens.iter().filter_map(|&id| bpe.vocab().token(id));
        let pairs = || texts().flat_map(|token| token.chars().zip(token.chars().skip(1)));
        let far: usize = texts().filter(|token| !token.is_ascii()).map(|token| token.len() / 2).sum();
        let bits = (far.max(64) * 8).next_power_of_two().min(MOST_BITS);
        let mut joints = Self {
            ascii: [0; 128],
            others: vec![0; bits / 64],
            shift: 64 - bits.trailing_zeros(),
            mark,
            cut_before_mark: [false; 128],
            before,
        };
        for (a, b) in pairs() {
            if a.is_ascii() && b.is_ascii() {
                joints.ascii[a as usize] |= 1 << b as u32;
            } else {
                let bit = joints.bit(a, b);
                joints.others[bit / 64] |= 1 << (bit % 64);
            }
        }
        joints.cut_before_mark = std::array::from_fn(|byte| {
            let c = char::from(byte as u8);
            c != ' ' && !joints.joined(c, mark)
        });
        // A space is read as the mark: the table must speak of it so.
        joints.ascii[usize::from(b' ')] = !0;
        joints.ascii.iter_mut().for_each(|row| *row |= 1 << b' ');
        Some(joints)
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

    /// The ids of a stretch of text; `first` says that it begins the input.
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
            Before::Never => false,
            Before::Always => true,
            Before::Missing => !text.starts_with([' ', self.mark]),
            Before::First => first && !text.starts_with([' ', self.mark]),
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
                if self.is_cut(text, end) {
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
    fn is_cut(&self, text: &str, end: usize) -> bool {
        match text.as_bytes()[end - 1] {
            byte if byte.is_ascii() => self.cut_before_mark[usize::from(byte)],
            _ => {
                text[..end].chars().next_back().is_some_and(|c| c != self.mark && !self.joined(c, self.mark))
            }
        }
    }

    /// A stretch up to a space.
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

    /// The same, cut wherever no token is in the way.
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

    /// What merges on its own.
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
