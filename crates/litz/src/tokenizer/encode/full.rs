//! Encoding of a text or a pair to a full [`Encoding`], with truncation and special tokens.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::aligned::SequenceInput;
use super::parallelism::threads;
use super::truncation::Truncation;
use crate::threads::parallel_map;
use crate::tokenizer::encoding::{Encoding, OVERFLOW};
use crate::tokenizer::stages::post_processor::Slot;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};

// Less text is encoded on one thread.
const ALONE: usize = 1 << 13;

/// The options of a full encoding.
#[derive(Clone, Copy, Debug, Default)]
pub struct EncodeOptions {
    /// Whether to add the special tokens of the file.
    pub add_special_tokens: bool,
    /// How long sequences are truncated.
    pub truncation: Option<Truncation>,
}

/// The input of one encoding: a text or a pair.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The first text.
    pub first: SequenceInput<'a>,
    /// The second, if there are two.
    pub second: Option<SequenceInput<'a>>,
    /// The trusted ranges of a single text, where special tokens are recognised; only an empty list for two texts.
    pub trusted: Option<&'a [Range<usize>]>,
}

impl Sample<'_> {
    fn bytes(&self) -> usize {
        let of = |input: &SequenceInput<'_>| match input {
            SequenceInput::Text(text) => text.len(),
            SequenceInput::Words(words) => words.iter().map(|word| word.len()).sum(),
        };
        of(&self.first) + self.second.as_ref().map_or(0, of)
    }
}

impl Tokenizer {
    /// The full encoding of a text or a pair.
    pub fn encode_full(&self, sample: Sample<'_>, options: EncodeOptions) -> Result<Encoding> {
        let pair = sample.second.is_some();
        let one_text = !pair && matches!(sample.first, SequenceInput::Text(_));
        if !one_text && sample.trusted.is_some_and(|ranges| !ranges.is_empty()) {
            return Err(Error::Value("trusted ranges are those of one text; pass a single text".into()));
        }
        let encode = |input| -> Result<Encoding> {
            let mut encoding = self.encode_aligned(input, sample.trusted)?;
            // The sequence is set after truncation.
            encoding.sequences.clear();
            Ok(encoding)
        };
        let mut first = encode(sample.first)?;
        let mut second = sample.second.map(encode).transpose()?;
        if let Some(truncation) = options.truncation {
            let alone = self.post_processor.added(false);
            let around = if options.add_special_tokens { self.post_processor.added(pair) } else { 0 };
            truncation.apply(&mut first, second.as_mut(), around, alone)?;
        }
        let name = |id| self.id_to_token(id);
        self.post_processor.process(first, second, options.add_special_tokens, &name)
    }

    /// [`Tokenizer::encode_full`] of many samples on several threads. Their number never changes the result.
    pub fn encode_full_many(&self, samples: &[Sample<'_>], options: EncodeOptions) -> Result<Vec<Encoding>> {
        let bytes: usize = samples.iter().map(Sample::bytes).sum();
        let threads = if bytes < ALONE { 1 } else { threads()? };
        let overflow = AtomicUsize::new(0);
        parallel_map(samples.iter().copied(), threads, |sample| {
            let encoding = self.encode_full(sample, options)?;
            let held = overflow.fetch_add(encoding.overflow_len(), Ordering::Relaxed);
            enough(held).map(|()| encoding)
        })
    }

    /// Whether encoding is random (BPE dropout).
    pub fn is_random(&self) -> bool {
        self.settings.dropout.is_some_and(|dropout| dropout > 0.0)
    }

    /// The number of special tokens around one text or two.
    pub fn special_tokens_to_add(&self, pair: bool) -> usize {
        self.post_processor.added(pair)
    }

    /// The special tokens and the texts of an encoding, in order.
    pub fn slots(&self, pair: bool, add_special_tokens: bool) -> &[Slot] {
        self.post_processor.slots(pair, add_special_tokens)
    }
}

fn enough(tokens: usize) -> Result<()> {
    if tokens > 4 * OVERFLOW {
        return Err(Error::Memory(format!(
            "the overflowing pieces of this batch hold over {tokens} tokens; encode fewer texts at a time"
        )));
    }
    Ok(())
}
