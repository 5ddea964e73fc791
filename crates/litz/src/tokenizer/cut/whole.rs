//! The general route: every stage on a stretch of text as a whole, for every tokenizer and all that a call may ask.

use std::ops::Range;

use crate::tokenizer::model::Scratch;
use crate::tokenizer::normalizer::normalize_text;
use crate::tokenizer::text::Text;
use crate::tokenizer::words::Words;
use crate::tokenizer::Tokenizer;
use crate::Result;

/// A stretch of the input between added tokens of raw text.
#[derive(Clone, Copy)]
pub(crate) struct Stretch<'t> {
    /// Its text.
    pub text: &'t str,
    /// The byte of the input where it begins.
    pub start: usize,
    /// The trusted ranges of the input: special tokens come from them only. `None` trusts everything.
    pub trusted: Option<&'t [Range<usize>]>,
}

impl<'t> Stretch<'t> {
    /// Trusted text that does not begin the input.
    pub fn inside(text: &'t str) -> Self {
        Self { text, start: 1, trusted: None }
    }
}

/// Appends the ids of a stretch. `words` remembers pieces: it must hold none of another way to cut, and none of calls
/// that trust other text.
pub(crate) fn encode(
    tokenizer: &Tokenizer,
    stretch: Stretch<'_>,
    mut words: Option<&mut Words>,
    scratch: &mut Scratch,
    out: &mut Vec<u32>,
) -> Result<()> {
    let Stretch { text: raw, start, trusted } = stretch;
    let late = trusted.filter(|_| tokenizer.added.late_special());
    // Origins cost time: they are tracked where ids depend on them.
    let tracked = late.is_some() || tokenizer.needs_origins();
    let mut text = if tracked { Text::at(raw, start) } else { Text::plain(raw) };
    normalize_text(&tokenizer.normalizer, &mut text)?;
    let late = late.map(|ranges| text.whole().inside(ranges));
    for part in tokenizer.added.split_normalized(&text, late.as_deref()) {
        if let Some(id) = part.token {
            out.push(id);
            continue;
        }
        let first = start == 0 && part.range.start == 0;
        let pieces = tokenizer.pre_tokenizer.cut_text(Text::of(text.part(part.range)), first)?;
        // One piece is not likely to come again, and with dropout no piece is like another.
        let repeats = pieces.ranges.len() > 1 && !tokenizer.is_random();
        for range in &pieces.ranges {
            let piece = &pieces.text[range.clone()];
            let Some(words) = words.as_deref_mut().filter(|_| repeats) else {
                tokenizer.encode_piece(piece, trusted.is_some(), scratch, out)?;
                continue;
            };
            if let Some(miss) = words.find(pieces.text.as_bytes(), range.start, range.end, out) {
                let from = out.len();
                tokenizer.encode_piece(piece, trusted.is_some(), scratch, out)?;
                words.insert(&miss, piece.as_bytes(), &out[from..]);
            }
        }
    }
    Ok(())
}
