//! Text to ids and nothing else: no offsets, no strings.

use hashbrown::HashMap;
use std::ops::Range;

use super::align::Input;
use super::cut::{Context, Cutter};
use super::guard;
use super::model::Scratch;
use super::normalizer::{normalize, Normalizer};
use super::Tokenizer;
use crate::{Error, Result};

// Words are short and repeat; longer pieces are not worth remembering.
const CACHED_WORD: usize = 48;
const CACHED_WORDS: usize = 1 << 14;
/// Memories of words that are kept for later calls.
const KEPT: usize = 16;

impl Tokenizer {
    /// The ids of a text. Added tokens are recognised in it, special ones too.
    pub fn encode(&self, text: &str, add_special_tokens: bool) -> Result<Vec<u32>> {
        Ok(self.post_processor.apply(self.encode_text(text, None)?, None, add_special_tokens))
    }

    /// The ids of two texts that belong together, as the file's template for pairs joins them.
    pub fn encode_pair(&self, first: &str, second: &str, add_special_tokens: bool) -> Result<Vec<u32>> {
        let second = self.encode_text(second, None)?;
        Ok(self.post_processor.apply(self.encode_text(first, None)?, Some(second), add_special_tokens))
    }

    /// As [`Tokenizer::encode`], but a special token is recognised only where every byte of it is in a range of
    /// `trusted`: text that came from elsewhere cannot control. The ranges are in order and apart.
    pub fn encode_trusted(
        &self,
        text: &str,
        add_special_tokens: bool,
        trusted: Option<&[Range<usize>]>,
    ) -> Result<Vec<u32>> {
        Ok(self.post_processor.apply(self.encode_text(text, trusted)?, None, add_special_tokens))
    }

    fn encode_text(&self, text: &str, trusted: Option<&[Range<usize>]>) -> Result<Vec<u32>> {
        check_length(text)?;
        let trusted = guard::part(trusted, text);
        if trusted.is_some() && self.added.late_special() {
            // Where normalized text came from decides whether a special token may be there.
            return Ok(self.encode_aligned(Input::Text(text), trusted)?.ids);
        }
        let mut out = Vec::with_capacity(text.len() / 3 + 2);
        let mut scratch = Scratch::default();
        let plain = trusted.is_some() && self.added.spells();
        if !plain && self.cutter().is_some() {
            self.remembering(|encoder| encoder.encode(text, trusted, &mut out))?;
            return Ok(out);
        }
        if self.needs_origins() {
            return Ok(self.encode_aligned(Input::Text(text), trusted)?.ids);
        }
        for part in self.added.split_raw(text, trusted) {
            if let Some(id) = part.token {
                out.push(id);
                continue;
            }
            let first = part.range.start == 0;
            let text = normalize(&self.normalizer, &text[part.range])?;
            for part in self.added.split_normalized(&text, None) {
                match part.token {
                    Some(id) => out.push(id),
                    None => {
                        let first = first && part.range.start == 0;
                        self.encode_words(&text[part.range], first, plain, &mut scratch, &mut out)?;
                    }
                }
            }
        }
        Ok(out)
    }

    /// Calls with an encoder that remembers words, those of earlier calls too.
    pub(super) fn remembering<T>(&self, call: impl FnOnce(&mut Encoder<'_>) -> Result<T>) -> Result<T> {
        let kept = self.memory.try_lock().ok().and_then(|mut memory| memory.pop());
        let (mut words, mut scratch) = (kept.unwrap_or_default(), Scratch::default());
        let context = Context::new(&mut words, &mut scratch);
        let done = call(&mut Encoder { tokenizer: self, cutter: self.cutter(), context });
        if let Ok(mut memory) = self.memory.try_lock() {
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

    /// Whether parts of a text that end where all patterns cut may be encoded apart.
    pub(super) fn can_be_split(&self) -> bool {
        let composes = self.normalizer.iter().all(|stage| matches!(stage, Normalizer::Nfc));
        composes && !self.added.has_normalized() && self.cutter().is_some_and(Cutter::scans)
    }

    fn cutter(&self) -> Option<&Cutter> {
        if let Some(cutter) = self.cutter.get() {
            return cutter.as_ref();
        }
        // Made outside of the lock: a process that forks meanwhile leaves nobody waiting.
        let cutter = Cutter::new(&self.normalizer, &self.pre_tokenizer, &self.model)
            .filter(|cutter| cutter.is_normalizing() || !self.added.has_normalized());
        self.cutter.get_or_init(|| cutter).as_ref()
    }

    /// A stretch without added tokens. Words that come again are copied from where they came first.
    fn encode_words(
        &self,
        text: &str,
        first: bool,
        plain: bool,
        scratch: &mut Scratch,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let pieces = self.pre_tokenizer.cut(text, first)?;
        let random = self.is_random(); // then no word is like another
        let mut seen: HashMap<&str, (usize, usize)> = HashMap::new();
        for range in &pieces.ranges {
            let word = &pieces.text[range.clone()];
            if word.len() > CACHED_WORD || random || pieces.ranges.len() == 1 {
                self.encode_piece(word, plain, scratch, out)?;
            } else if let Some(&(start, end)) = seen.get(word) {
                out.extend_from_within(start..end);
            } else {
                let start = out.len();
                self.encode_piece(word, plain, scratch, out)?;
                if seen.len() < CACHED_WORDS {
                    seen.insert(word, (start, out.len()));
                }
            }
        }
        Ok(())
    }
}

/// Encodes text after text with one memory.
pub(super) struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    cutter: Option<&'a Cutter>,
    context: Context<'a>,
}

impl Encoder<'_> {
    /// Appends the ids of a stretch without added tokens; false where raw text cannot be cut into words.
    pub(super) fn stretch(&mut self, text: &str, first: bool, out: &mut Vec<u32>) -> Result<bool> {
        match self.cutter {
            Some(cutter) => cutter.encode(self.tokenizer, text, first, &mut self.context, out).map(|()| true),
            None => Ok(false),
        }
    }

    /// Appends the ids of a text, without those around it. `trusted` is for models that spell no special token.
    pub fn encode(&mut self, text: &str, trusted: Option<&[Range<usize>]>, out: &mut Vec<u32>) -> Result<()> {
        check_length(text)?;
        let Some(cutter) = self.cutter else {
            out.extend(self.tokenizer.encode_text(text, trusted)?);
            return Ok(());
        };
        for part in self.tokenizer.added.split_raw(text, trusted) {
            match part.token {
                Some(id) => out.push(id),
                None => {
                    let first = part.range.start == 0;
                    cutter.encode(self.tokenizer, &text[part.range], first, &mut self.context, out)?;
                }
            }
        }
        Ok(())
    }

    /// The same without looking for added tokens, where the text can be split.
    pub fn encode_stretch(&mut self, text: &str, first: bool, out: &mut Vec<u32>) -> Result<()> {
        match self.cutter {
            Some(cutter) => cutter.encode(self.tokenizer, text, first, &mut self.context, out),
            None => self.encode(text, None, out),
        }
    }
}

fn check_length(text: &str) -> Result<()> {
    match u32::try_from(text.len()) {
        Ok(_) => Ok(()),
        Err(_) => {
            let length = text.len();
            Err(Error::Value(format!("a text of {length} bytes: split it, 4 GiB is the limit")))
        }
    }
}
