//! A text or two with everything that is known of their tokens.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::align::Input;
use super::parallelism::threads;
use super::encoding::{Encoding, OVERFLOW};
use super::post_processor::Slot;
use super::truncation::Truncation;
use super::Tokenizer;
use crate::threads::parallel_map;
use crate::{Error, Result};

// So little text is not worth a second thread.
const ALONE: usize = 1 << 13;

/// How a text or two become one encoding.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether the file's special tokens are put around.
    pub add_special_tokens: bool,
    /// How long the encoding may be.
    pub truncation: Option<Truncation>,
}

/// What becomes one encoding.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The first text.
    pub first: Input<'a>,
    /// The second, if there are two.
    pub second: Option<Input<'a>>,
    /// Where special tokens are recognised in a single text, if not everywhere; in two, only nowhere can be said.
    pub trusted: Option<&'a [Range<usize>]>,
}

impl Sample<'_> {
    fn bytes(&self) -> usize {
        let of = |input: &Input<'_>| match input {
            Input::Text(text) => text.len(),
            Input::Words(words) => words.iter().map(|word| word.len()).sum(),
        };
        of(&self.first) + self.second.as_ref().map_or(0, of)
    }
}

impl Tokenizer {
    /// Everything that is known of a text's tokens, or of two texts' that belong together.
    pub fn encode_full(&self, sample: Sample<'_>, options: Options) -> Result<Encoding> {
        let pair = sample.second.is_some();
        let one_text = !pair && matches!(sample.first, Input::Text(_));
        if !one_text && sample.trusted.is_some_and(|ranges| !ranges.is_empty()) {
            return Err(Error::Value("trusted ranges are those of one text; pass a single text".into()));
        }
        let encode = |input| -> Result<Encoding> {
            let mut encoding = self.encode_aligned(input, sample.trusted)?;
            // Which text it is of is said after it was cut.
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

    /// The same for many samples, over threads; how many never changes the result.
    pub fn encode_full_many(&self, samples: &[Sample<'_>], options: Options) -> Result<Vec<Encoding>> {
        let bytes: usize = samples.iter().map(Sample::bytes).sum();
        let threads = if bytes < ALONE { 1 } else { threads()? };
        let overflow = AtomicUsize::new(0);
        parallel_map(samples.iter().copied(), threads, |sample| {
            let encoding = self.encode_full(sample, options)?;
            let held = overflow.fetch_add(encoding.overflow_len(), Ordering::Relaxed);
            enough(held).map(|()| encoding)
        })
    }

    /// Whether the same text may become other tokens the next time.
    pub fn is_random(&self) -> bool {
        self.settings.dropout.is_some_and(|dropout| dropout > 0.0)
    }

    /// How many tokens are put around one text or two.
    pub fn special_tokens_to_add(&self, pair: bool) -> usize {
        self.post_processor.added(pair)
    }

    /// What one text or two become: special tokens and the texts' own, in order.
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
