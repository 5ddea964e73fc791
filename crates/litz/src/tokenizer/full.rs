//! A text or two with everything that is known of their tokens.

use std::ops::Range;

use super::encoding::Encoding;
use super::truncation::Truncation;
use super::Tokenizer;
use crate::{Error, Result};

/// A text, or the words that somebody cut it into.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A text.
    Text(&'a str),
    /// Words, each encoded for itself.
    Words(&'a [&'a str]),
}

/// How a text or two become one encoding.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Whether the file's special tokens are put around.
    pub add_special_tokens: bool,
    /// How long the encoding may be.
    pub truncation: Option<Truncation>,
    /// Where special tokens are recognised in a single text; everywhere if `None`.
    pub trusted: Option<&'a [Range<usize>]>,
}

impl Tokenizer {
    /// Everything that is known of a text's tokens, or of two texts' that belong together.
    pub fn encode_full(
        &self,
        first: Input<'_>,
        second: Option<Input<'_>>,
        options: Options<'_>,
    ) -> Result<Encoding> {
        if options.trusted.is_some() && (second.is_some() || matches!(first, Input::Words(_))) {
            return Err(Error::Value("trusted ranges are those of one text; pass a single text".into()));
        }
        let pair = second.is_some();
        let mut first = self.encode_input(first, options.trusted)?;
        let mut second = second.map(|second| self.encode_input(second, None)).transpose()?;
        if let Some(truncation) = options.truncation {
            let alone = self.post_processor.added(false);
            let around = if options.add_special_tokens { self.post_processor.added(pair) } else { 0 };
            truncation.apply(&mut first, second.as_mut(), around, alone)?;
        }
        let name = |id| self.id_to_token(id);
        self.post_processor.process(first, second, options.add_special_tokens, &name)
    }

    /// How many tokens are put around one text or two.
    pub fn special_tokens_to_add(&self, pair: bool) -> usize {
        self.post_processor.added(pair)
    }

    /// What one text or two become: special tokens and the texts' own, in order.
    pub fn slots(&self, pair: bool, add_special_tokens: bool) -> &[super::Slot] {
        self.post_processor.slots(pair, add_special_tokens)
    }

    fn encode_input(&self, input: Input<'_>, trusted: Option<&[Range<usize>]>) -> Result<Encoding> {
        match input {
            Input::Text(text) => self.encode_aligned(text, trusted),
            Input::Words(words) => self.encode_aligned_words(words),
        }
    }
}
