//! Encoding of many texts on several threads, to ids: one flat array, or padded rows.

use std::ops::Range;

use super::parallelism::threads;
use super::scan::boundary_after;
use crate::threads::parallel_map;
use crate::tokenizer::Tokenizer;
use crate::{Error, Result};

/// Bytes of text that a thread takes at a time.
const PORTION: usize = 1 << 16;
/// A text of so many bytes is shared between threads.
const LONG: usize = 1 << 18;
/// Less text than this is not worth a second thread.
const WORTH_A_THREAD: usize = 1 << 15;

/// The ids of several texts.
pub struct Batch {
    parts: Vec<IdRows>, // in the order of the texts
    rows: usize,
    ids: usize,
}

/// The ids of consecutive texts.
#[derive(Default)]
struct IdRows {
    first: usize,
    ids: Vec<u32>,
    ends: Vec<usize>,
}

impl IdRows {
    fn rows(&self) -> impl Iterator<Item = &[u32]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.ids[start..end])
    }
}

/// The padding of rows to a matrix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// The least width; a longer row makes the matrix wider.
    pub width: usize,
    /// The width is a multiple of this; 0 and 1 have no effect.
    pub multiple_of: usize,
    /// The id that fills a row.
    pub id: u32,
    /// Whether it fills the left side.
    pub left: bool,
}

/// The truncation of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowTruncation {
    /// The most tokens of a row, special ones included.
    pub length: usize,
    /// Whether the beginning is removed instead of the end.
    pub left: bool,
}

impl Tokenizer {
    /// The ids of each text, as from [`Tokenizer::encode`]; long rows are truncated by `truncation`.
    ///
    /// The number of threads never changes the result.
    pub fn encode_many(
        &self,
        texts: &[&str],
        add_special_tokens: bool,
        truncation: Option<RowTruncation>,
    ) -> Result<Batch> {
        let template = self.row_template(add_special_tokens, truncation)?;
        let bytes: usize = texts.iter().map(|text| text.len()).sum();
        let threads = if bytes < WORTH_A_THREAD { 1 } else { threads()? };
        let is_long = |text: &str| threads > 1 && text.len() >= LONG && self.can_be_split();
        let portions = portions(texts, is_long);
        let short: Vec<Range<usize>> =
            portions.iter().filter(|portion| !is_long(texts[portion.start])).cloned().collect();
        let mut parts = parallel_map(short, threads, |portion| self.encode_rows(texts, portion, &template))?;
        for portion in portions.into_iter().filter(|portion| is_long(texts[portion.start])) {
            let mut ids = template.before.clone();
            ids.extend(self.encode_long(texts[portion.start], threads)?);
            template.finish(&mut ids, 0);
            parts.push(IdRows { first: portion.start, ends: vec![ids.len()], ids });
        }
        parts.sort_unstable_by_key(|part| part.first);
        let ids = parts.iter().map(|part| part.ids.len()).sum();
        Ok(Batch { parts, rows: texts.len(), ids })
    }

    /// One text on several threads: it is split at added tokens, and then where all patterns split.
    fn encode_long(&self, text: &str, threads: usize) -> Result<Vec<u32>> {
        let mut pieces = Vec::new();
        for part in self.added.split_raw(text, None) {
            let mut from = part.range.start;
            while from < part.range.end {
                let stretch = &text[..part.range.end];
                let to = match part.token.is_none() && part.range.end - from > PORTION {
                    true => boundary_after(stretch, from + PORTION),
                    false => part.range.end,
                };
                pieces.push((part.token, from..to));
                from = to;
            }
        }
        let ids = parallel_map(pieces, threads, |(token, range)| match token {
            Some(id) => Ok(vec![id]),
            None => {
                let mut ids = Vec::with_capacity(range.len() / 4);
                self.with_encoder(|encoder| encoder.stretch(text, range, &mut ids))?;
                Ok(ids)
            }
        })?;
        Ok(ids.concat())
    }

    fn encode_rows(&self, texts: &[&str], portion: Range<usize>, template: &RowTemplate) -> Result<IdRows> {
        let mut part = IdRows { first: portion.start, ..IdRows::default() };
        let bytes: usize = texts[portion.clone()].iter().map(|text| text.len()).sum();
        part.ids.reserve(bytes / 4 + 16);
        part.ends.reserve(portion.len());
        self.with_encoder(|encoder| {
            for text in &texts[portion] {
                let start = part.ids.len();
                part.ids.extend_from_slice(&template.before);
                encoder.encode(text, None, &mut part.ids)?;
                template.finish(&mut part.ids, start);
                part.ends.push(part.ids.len());
            }
            Ok(part)
        })
    }

    fn row_template(
        &self,
        add_special_tokens: bool,
        truncation: Option<RowTruncation>,
    ) -> Result<RowTemplate> {
        let place = u32::MAX; // no token has this id
        let row = self.post_processor.apply(vec![place], None, add_special_tokens);
        let Some(at) = row.iter().position(|&id| id == place) else {
            return Err(Error::Unsupported(
                "the tokenizer's template leaves the text out; encode text by text".into(),
            ));
        };
        let template = RowTemplate { before: row[..at].to_vec(), after: row[at + 1..].to_vec(), truncation };
        if template.after.contains(&place) {
            return Err(Error::Unsupported(
                "the tokenizer's template repeats the text; encode text by text".into(),
            ));
        }
        match truncation {
            Some(truncation) if truncation.length < template.before.len() + template.after.len() => {
                Err(Error::Value(format!(
                    "max_length is {}, but the special tokens alone are {}",
                    truncation.length,
                    template.before.len() + template.after.len()
                )))
            }
            _ => Ok(template),
        }
    }
}

/// The special tokens around a row, and its truncation.
struct RowTemplate {
    before: Vec<u32>,
    after: Vec<u32>,
    truncation: Option<RowTruncation>,
}

impl RowTemplate {
    /// Ends the row that began at `start` with its special tokens.
    fn finish(&self, ids: &mut Vec<u32>, start: usize) {
        let body = start + self.before.len();
        if let Some(truncation) = self.truncation {
            let kept = truncation.length - self.before.len() - self.after.len();
            let over = (ids.len() - body).saturating_sub(kept);
            match truncation.left {
                true => drop(ids.drain(body..body + over)),
                false => ids.truncate(ids.len() - over),
            }
        }
        ids.extend_from_slice(&self.after);
    }
}

impl Batch {
    /// How many ids there are in all.
    pub fn ids(&self) -> usize {
        self.ids
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The ids of each text.
    pub fn rows(&self) -> impl Iterator<Item = &[u32]> {
        self.parts.iter().flat_map(IdRows::rows)
    }

    /// Writes all ids, one after the other, as bytes of this machine; `out` has four for each.
    pub fn write_ids(&self, out: &mut [u8]) {
        let mut rest = out;
        for part in &self.parts {
            let (mine, next) = std::mem::take(&mut rest).split_at_mut(part.ids.len() * 4);
            for (place, id) in mine.chunks_exact_mut(4).zip(&part.ids) {
                place.copy_from_slice(&id.to_ne_bytes());
            }
            rest = next;
        }
    }

    /// Where each row begins among all ids, and where the last one ends.
    pub fn offsets(&self) -> Vec<i64> {
        let mut offsets = Vec::with_capacity(self.rows + 1);
        offsets.push(0);
        let mut before = 0;
        for part in &self.parts {
            offsets.extend(part.ends.iter().map(|&end| (before + end) as i64));
            before += part.ids.len();
        }
        offsets
    }

    /// How wide the rows are together, padded.
    pub fn width(&self, padding: &Padding) -> usize {
        let longest = self.rows().map(<[u32]>::len).max().unwrap_or(0).max(padding.width);
        longest.checked_next_multiple_of(padding.multiple_of.max(1)).unwrap_or(usize::MAX)
    }

    /// Writes rows of `width` 64-bit integers, and 1 in `mask` where a token is; both as bytes of this machine.
    pub fn write_padded(&self, padding: &Padding, width: usize, out: &mut [u8], mask: &mut [u8]) {
        let stride = (width * 8).max(1);
        let (fill, zero, one) = (i64::from(padding.id).to_ne_bytes(), 0i64.to_ne_bytes(), 1i64.to_ne_bytes());
        let rows = out.chunks_exact_mut(stride).zip(mask.chunks_exact_mut(stride));
        for (row, (out, mask)) in self.rows().zip(rows) {
            let blank = (width - row.len()) * 8;
            let used = if padding.left { blank..width * 8 } else { 0..row.len() * 8 };
            let unused = if padding.left { 0..blank } else { row.len() * 8..width * 8 };
            out[unused.clone()].chunks_exact_mut(8).for_each(|place| place.copy_from_slice(&fill));
            mask[unused].chunks_exact_mut(8).for_each(|place| place.copy_from_slice(&zero));
            mask[used.clone()].chunks_exact_mut(8).for_each(|place| place.copy_from_slice(&one));
            for (place, &id) in out[used].chunks_exact_mut(8).zip(row) {
                place.copy_from_slice(&i64::from(id).to_ne_bytes());
            }
        }
    }
}

/// Consecutive texts in portions of about equal size; a long text is a portion of its own.
fn portions(texts: &[&str], is_long: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
    let mut portions = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (i, text) in texts.iter().enumerate() {
        if is_long(text) && start < i {
            portions.push(start..i);
            (start, bytes) = (i, 0);
        }
        bytes += text.len() + 64; // an empty text takes time, too
        if bytes >= PORTION {
            portions.push(start..i + 1);
            (start, bytes) = (i + 1, 0);
        }
    }
    if start < texts.len() {
        portions.push(start..texts.len());
    }
    portions
}
