//! Segmentation for byte-level BPE: the pieces of the pre-tokenizer are independent words.

use super::context::Context;
use crate::tokenizer::encode::scan::{self, ScanForm, ScanRules};
use crate::tokenizer::encode::word_cache::{key, WordCache, INLINE, SHORT};
use crate::tokenizer::stages::model::bpe::Bpe;
use crate::tokenizer::stages::normalizer::normalize;
use crate::tokenizer::Tokenizer;
use crate::Result;

/// Pieces that are prefetched before the first of them is looked up.
const AHEAD: usize = 32;

/// Segmentation by a pre-tokenizer.
pub(crate) struct PatternSplit {
    form: ScanForm,
    rules: Option<ScanRules>, // of a known pattern; otherwise the pre-tokenizer splits
}

impl PatternSplit {
    /// With the scan rules of the pattern, if there are any.
    pub fn new(rules: Option<ScanRules>) -> Self {
        Self { form: ScanForm::detect(), rules }
    }

    /// Whether the pattern has scan rules.
    pub fn has_rules(&self) -> bool {
        self.rules.is_some()
    }

    /// Appends the ids of a stretch between added tokens of raw text. `first`: it begins the input.
    pub fn encode(
        &self,
        tokenizer: &Tokenizer,
        bpe: &Bpe,
        text: &str,
        first: bool,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let text = normalize(&tokenizer.normalizer, text)?;
        for part in tokenizer.added.split_normalized(&text, None) {
            let first = first && part.range.start == 0;
            match (part.token, self.rules) {
                (Some(id), _) => out.push(id),
                (None, Some(rules)) => self.scan(rules, bpe, &text[part.range], with, out)?,
                (None, None) => {
                    let pieces = tokenizer.pre_tokenizer.split(&text[part.range], first)?;
                    let ranges = pieces.ranges.iter().map(|range| (range.start, range.end));
                    look_up(bpe, &pieces.text, ranges, with, out)?;
                }
            }
        }
        Ok(())
    }

    fn scan(
        &self,
        rules: ScanRules,
        bpe: &Bpe,
        text: &str,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let mut buffers = std::mem::take(&mut with.buffers);
        let mut from = 0;
        while from < text.len() {
            let to = scan::window(text, from);
            let count = rules.ends(self.form, &text[from..to], &mut buffers.space, &mut buffers.ends);
            let mut start = from;
            let ranges = buffers.ends[..count].iter().map(|&end| {
                let range = (start, from + end as usize);
                start = range.1;
                range
            });
            look_up(bpe, text, ranges, with, out)?;
            from = to;
        }
        with.buffers = buffers;
        Ok(())
    }
}

/// Appends the ids of each piece, from the cache or from the model.
#[inline]
fn look_up(
    bpe: &Bpe,
    text: &str,
    mut ranges: impl Iterator<Item = (usize, usize)>,
    with: &mut Context<'_>,
    out: &mut Vec<u32>,
) -> Result<()> {
    let bytes = text.as_bytes();
    let mut waiting = [0; AHEAD * INLINE];
    let mut found = [(0, 0, 0); AHEAD];
    loop {
        let mut pieces = 0;
        for (place, (start, end)) in found.iter_mut().zip(ranges.by_ref()) {
            let key = if end - start <= SHORT { key(bytes, start, end - start) } else { 0 };
            with.words.fetch(key);
            *place = (key, start, end);
            pieces += 1;
        }
        let mut count = 0;
        for &(key, start, end) in &found[..pieces] {
            // No word has the key 0.
            if let Some((ids, length)) = with.words.find_short(key).filter(|_| key != 0) {
                waiting[count..count + INLINE].copy_from_slice(&ids);
                count += length;
            } else {
                out.extend_from_slice(&waiting[..count]);
                count = 0;
                missed(bpe, text, (start, end), with, out)?;
            }
        }
        out.extend_from_slice(&waiting[..count]);
        if pieces < AHEAD {
            return Ok(());
        }
    }
}

#[cold]
#[inline(never)]
fn missed(
    bpe: &Bpe,
    text: &str,
    (start, end): (usize, usize),
    with: &mut Context<'_>,
    out: &mut Vec<u32>,
) -> Result<()> {
    let words: &mut WordCache = with.words;
    if let Some(miss) = words.find(text.as_bytes(), start, end, out) {
        let before = out.len();
        bpe.encode_ids(&text[start..end], with.scratch, out)?;
        words.insert(&miss, &text.as_bytes()[start..end], &out[before..]);
    }
    Ok(())
}
