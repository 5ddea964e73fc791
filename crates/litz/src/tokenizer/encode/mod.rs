//! Encoding. This file encodes text to ids alone; `aligned` and `full` give offsets too.

pub(crate) mod aligned;
pub(crate) mod batch;
pub(crate) mod full;
mod parallelism;
pub(crate) mod scan;
pub(crate) mod segment;
pub(crate) mod truncation;
mod untrusted;
pub(crate) mod word_cache;

use std::ops::Range;

use super::stages::model::Scratch;
use super::stages::normalizer::Normalizer;
use super::Tokenizer;
use crate::{Error, Result};
use segment::{encode_whole, Context, Segmenter, Stretch};
use word_cache::WordCache;

/// Word caches that are kept for later calls.
const KEPT: usize = 16;
/// Untrusted texts of fewer bytes have too few repeated words for a cache of their own.
const WORTH_A_CACHE: usize = 1 << 10;

impl Tokenizer {
    /// The ids of a text. Added tokens are recognised in it, special ones too.
    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>> {
        self.encode_trusted(text, add_special_tokens, None)
    }

    /// The ids of two texts that belong together, as the file's template for pairs joins them.
    pub fn encode_pair(&self, first: &str, second: &str, add_special_tokens: bool) -> Result<Vec<u32>> {
        let second = self.encode_text(second, None)?;
        Ok(self.post_processor.apply(self.encode_text(first, None)?, Some(second), add_special_tokens))
    }

    /// As [`Tokenizer::encode`], but a special token is recognised only where every byte of it is in a range of
    /// `trusted`: untrusted text never produces special tokens. The ranges are in order and do not overlap.
    pub fn encode_trusted(
        &self,
        text: &str,
        add_special_tokens: bool,
        trusted: Option<&[Range<usize>]>,
    ) -> Result<Vec<u32>> {
        Ok(self.post_processor.apply(self.encode_text(text, trusted)?, None, add_special_tokens))
    }

    fn encode_text(&self, text: &str, trusted: Option<&[Range<usize>]>) -> Result<Vec<u32>> {
        let mut out = Vec::with_capacity(text.len() / 3 + 2);
        self.with_encoder(|encoder| encoder.encode(text, trusted, &mut out))?;
        Ok(out)
    }

    /// Calls with an encoder whose word cache is that of an earlier call.
    pub(crate) fn with_encoder<T>(&self, call: impl FnOnce(&mut Encoder<'_>) -> Result<T>) -> Result<T> {
        let kept = self.word_caches.try_lock().ok().and_then(|mut memory| memory.pop());
        let (mut words, mut scratch) = (kept.unwrap_or_default(), Scratch::default());
        let context = Context::new(&mut words, &mut scratch);
        let done = call(&mut Encoder { tokenizer: self, segmenter: self.segmenter(), context });
        if let Ok(mut memory) = self.word_caches.try_lock() {
            if memory.len() < KEPT {
                memory.push(words);
            }
        }
        done
    }

    /// Makes what BPE dropout draws from here on the same again, on one thread.
    pub fn seed(&self, seed: u64) {
        self.model.seed(seed);
    }

    /// Whether parts of a text that end where all patterns split may be encoded independently.
    pub(crate) fn can_be_split(&self) -> bool {
        let composes = self.normalizer.iter().all(|stage| matches!(stage, Normalizer::Nfc));
        composes && !self.added.has_normalized() && self.segmenter().scans()
    }

    fn segmenter(&self) -> &Segmenter {
        if let Some(segmenter) = self.segmenter.get() {
            return segmenter;
        }
        // Made outside of the lock: a fork meanwhile cannot leave it locked in the child.
        let segmenter = Segmenter::new(&self.normalizer, &self.pre_tokenizer, &self.model, &self.added);
        self.segmenter.get_or_init(|| segmenter)
    }
}

/// Encodes text after text with one word cache.
pub(crate) struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    segmenter: &'a Segmenter,
    context: Context<'a>,
}

impl Encoder<'_> {
    /// Whether raw text is encoded faster than by the general route.
    pub fn is_fast(&self) -> bool {
        self.segmenter.is_proved()
    }

    /// Appends the ids of trusted text between added tokens, which stands at `range` of the input.
    pub fn stretch(&mut self, input: &str, range: Range<usize>, out: &mut Vec<u32>) -> Result<()> {
        let stretch = Stretch { start: range.start, text: &input[range], trusted: None };
        self.segmenter.encode(self.tokenizer, stretch, &mut self.context, out)
    }

    /// Appends the ids of a text, without those around it.
    pub fn encode(&mut self, text: &str, trusted: Option<&[Range<usize>]>, out: &mut Vec<u32>) -> Result<()> {
        check_length(text)?;
        let (tokenizer, trusted) = (self.tokenizer, untrusted::restriction(trusted, text));
        // Where a later stage could make a special token, untrusted text takes the general route, with a cache of its own.
        let guarded =
            trusted.filter(|_| tokenizer.added.spells() || tokenizer.added.has_special_in_normalized());
        let mut words = guarded.filter(|_| text.len() >= WORTH_A_CACHE).map(|_| WordCache::default());
        for part in tokenizer.added.split_raw(text, trusted) {
            match (part.token, guarded) {
                (Some(id), _) => out.push(id),
                (None, None) => self.stretch(text, part.range, out)?,
                (None, Some(_)) => {
                    let (start, text) = (part.range.start, &text[part.range]);
                    let stretch = Stretch { text, start, trusted: guarded };
                    encode_whole(tokenizer, stretch, words.as_mut(), self.context.scratch, out)?;
                }
            }
        }
        Ok(())
    }
}

/// Offsets have 32 bits.
pub(crate) fn check_length(text: &str) -> Result<()> {
    match u32::try_from(text.len()) {
        Ok(_) => Ok(()),
        Err(_) => {
            let length = text.len();
            Err(Error::Value(format!("a text of {length} bytes: split it, 4 GiB is the limit")))
        }
    }
}
