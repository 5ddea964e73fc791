//! The merges of BPE: those that a file lists, and those that SentencePiece's scores imply.

use hashbrown::HashMap;
use std::cmp::Reverse;
use std::ops::Range;

use crate::{Error, Result};

/// The rank of a token that never results from a merge.
pub(crate) const UNRANKED: u32 = u32::MAX;

/// A list of merges: one text, and the ranges of each merge's two tokens in it.
#[derive(Default)]
pub(crate) struct Merges {
    text: Vec<u8>,
    file: usize, // the size of the file that [`Merges::adopt`] puts before `text`
    spans: Vec<[u32; 4]>,
}

impl Merges {
    /// An empty list for merges within a file of so many bytes, which [`Merges::adopt`] takes later.
    pub fn within(file: usize) -> Self {
        Self { text: Vec::new(), file, spans: Vec::with_capacity(file / 24) }
    }

    /// Appends a merge.
    pub fn push(&mut self, left: &str, right: &str) -> Result<()> {
        let start = self.file + self.text.len();
        self.text.extend_from_slice(left.as_bytes());
        self.text.extend_from_slice(right.as_bytes());
        let (middle, end) = (start + left.len(), start + left.len() + right.len());
        self.push_within(start..middle, middle..end)
            .ok_or_else(|| Error::Memory("over 4 GiB of merges".into()))
    }

    /// Appends a merge whose texts are in the file; None beyond 4 GiB.
    #[inline]
    pub fn push_within(&mut self, left: Range<usize>, right: Range<usize>) -> Option<()> {
        u32::try_from(left.end.max(right.end)).ok()?;
        self.spans.push([left.start as u32, left.end as u32, right.start as u32, right.end as u32]);
        Some(())
    }

    /// Takes the file that contains the merges.
    pub fn adopt(&mut self, mut file: Vec<u8>) {
        file.truncate(self.file);
        file.append(&mut self.text);
        (self.text, self.file) = (file, 0);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The two tokens of a merge, as they are written.
    #[inline]
    pub fn bytes(&self, place: usize) -> (&[u8], &[u8]) {
        let side = |start: u32, end: u32| self.text.get(start as usize..end as usize).unwrap_or_default();
        match self.spans.get(place) {
            Some(&[start, middle, next, end]) => (side(start, middle), side(next, end)),
            None => (&[], &[]),
        }
    }

    /// Each merge, as the texts of its two tokens.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
        (0..self.len()).map(move |place| {
            let (left, right) = self.bytes(place);
            (text(left), text(right))
        })
    }
}

/// The merges that the ranks of tokens imply: every split of a token into two, the lowest rank first, then the
/// longest left half, as converters from SentencePiece order them.
pub(crate) fn ranked_merges<'a>(
    tokens: impl Iterator<Item = (&'a str, u32)> + Clone,
    rank: impl Fn(u32) -> Option<u32>,
) -> Vec<(u32, u32)> {
    let ids: HashMap<&str, u32> = tokens.clone().filter(|&(_, id)| rank(id).is_some()).collect();
    let mut found = Vec::new();
    for (token, id) in tokens {
        let Some(rank) = rank(id) else { continue };
        for (characters, (cut, _)) in token.char_indices().enumerate().skip(1) {
            if let (Some(&left), Some(&right)) = (ids.get(&token[..cut]), ids.get(&token[cut..])) {
                found.push((rank, Reverse(characters), id, left, right));
            }
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(.., left, right)| (left, right)).collect()
}

/// A higher score is a lower rank; the bits of a float, flipped so that they sort as it does.
pub(crate) fn rank(score: f32) -> u32 {
    let bits = score.to_bits();
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    (!ascending).min(UNRANKED - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_fall_as_scores_rise() {
        let scores = [f32::NEG_INFINITY, -1000.0, -2.0, -1.0, -0.0, 0.0, 1.0, f32::INFINITY];
        let ranks: Vec<u32> = scores.iter().map(|&score| rank(score)).collect();
        assert!(ranks.windows(2).all(|pair| pair[0] > pair[1]), "{ranks:?}");
    }
}
