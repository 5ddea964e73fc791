//! The general route: all stages on a stretch of text. It encodes any text for any tokenizer.

use std::ops::Range;

use crate::tokenizer::encode::word_cache::WordCache;
use crate::tokenizer::stages::model::Scratch;
use crate::tokenizer::stages::normalizer::normalize_text;
use crate::tokenizer::text::Text;
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

/// Appends the ids of a stretch. `words` caches pieces: it must hold none of another way of segmentation, and none of
/// calls with other trusted ranges.
pub(crate) fn encode(
    tokenizer: &Tokenizer,
    stretch: Stretch<'_>,
    mut words: Option<&mut WordCache>,
    scratch: &mut Scratch,
    out: &mut Vec<u32>,
) -> Result<()> {
    let Stretch { text: raw, start, trusted } = stretch;
    let late = trusted.filter(|_| tokenizer.added.has_special_in_normalized());
    // Origins cost time, so they are tracked only where ids depend on them.
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
        let pieces = tokenizer.pre_tokenizer.split_text(Text::of(text.part(part.range)), first)?;
        // A single piece is not likely to repeat, and with dropout equal pieces have different tokens.
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
