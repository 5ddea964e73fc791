//! A text and the ranges of its pieces, which the steps of a pre-tokenizer split further.

use std::ops::Range;

use crate::tokenizer::text::{Text, TextPart, Writer};
use crate::Result;

/// How a piece is split at a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behavior {
    /// The match is removed.
    Removed,
    /// The match is a piece.
    Isolated,
    /// The match ends the piece before it.
    MergedWithPrevious,
    /// The match begins the piece after it.
    MergedWithNext,
    /// Matches that touch are one piece.
    Contiguous,
}

/// The pieces of one stretch of text between added tokens.
pub(crate) struct Pieces<'t> {
    /// The text, perhaps rewritten.
    pub text: Text<'t>,
    /// Where the pieces are; none is empty.
    pub ranges: Vec<Range<usize>>,
    /// Whether the text is the beginning of the input.
    pub first: bool,
}

impl<'t> Pieces<'t> {
    /// The whole text as one piece.
    pub fn new(text: Text<'t>, first: bool) -> Self {
        let whole = 0..text.len();
        Self { text, ranges: if whole.is_empty() { Vec::new() } else { vec![whole] }, first }
    }

    /// Splits every piece at the matches that `find` reports for it.
    pub(super) fn split(
        &mut self,
        behavior: Behavior,
        invert: bool,
        find: impl Fn(&str, &mut dyn FnMut(Range<usize>)) -> Result<()>,
    ) -> Result<()> {
        let mut ranges = Vec::with_capacity(self.ranges.len() * 2);
        let mut parts: Vec<(Range<usize>, bool)> = Vec::new();
        for piece in &self.ranges {
            parts.clear();
            let mut last = piece.start;
            find(&self.text[piece.clone()], &mut |hit| {
                let hit = piece.start + hit.start..piece.start + hit.end;
                if last < hit.start {
                    parts.push((last..hit.start, invert));
                }
                last = hit.end;
                parts.push((hit, !invert));
            })?;
            if last < piece.end {
                parts.push((last..piece.end, invert));
            }
            behavior.merge(&parts, &mut ranges);
        }
        self.ranges = ranges;
        Ok(())
    }

    /// Replaces the text of every piece: `rewrite` gets a piece, whether it begins the input, and where to write.
    pub fn rewrite(&mut self, mut rewrite: impl FnMut(TextPart<'_>, bool, &mut Writer)) {
        let mut out = self.text.writer();
        for piece in &mut self.ranges {
            let start = out.len();
            let part = self.text.part(piece.clone());
            let first = part.start().map_or(self.first && piece.start == 0, |start| start == 0);
            rewrite(part, first, &mut out);
            *piece = start..out.len();
        }
        self.text.put(out);
    }
}

impl Behavior {
    /// The behavior of this name in the file.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Removed" => Self::Removed,
            "Isolated" => Self::Isolated,
            "MergedWithPrevious" => Self::MergedWithPrevious,
            "MergedWithNext" => Self::MergedWithNext,
            "Contiguous" => Self::Contiguous,
            _ => return None,
        })
    }

    /// Appends the pieces that these parts (of one piece; `true` = a match) make.
    fn merge(self, parts: &[(Range<usize>, bool)], out: &mut Vec<Range<usize>>) {
        let first = out.len();
        let mut after_match = false;
        for (i, (part, is_match)) in parts.iter().enumerate() {
            let joins = match self {
                Self::Removed | Self::Isolated => false,
                Self::Contiguous => *is_match == after_match,
                Self::MergedWithPrevious => *is_match && !after_match,
                Self::MergedWithNext => !*is_match && i > 0 && parts[i - 1].1,
            };
            after_match = *is_match;
            match out[first..].last_mut() {
                Some(previous) if joins => previous.end = part.end,
                _ if self == Self::Removed && *is_match => {}
                _ => out.push(part.clone()),
            }
        }
        if out[first..].iter().any(Range::is_empty) {
            let tail = out.split_off(first);
            out.extend(tail.into_iter().filter(|piece| !piece.is_empty()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, behavior: Behavior, invert: bool) -> Vec<String> {
        let mut pieces = Pieces::new(Text::plain(text), true);
        pieces
            .split(behavior, invert, |text, found| {
                text.match_indices('-').for_each(|(at, hit)| found(at..at + hit.len()));
                Ok(())
            })
            .unwrap();
        pieces.ranges.iter().map(|range| pieces.text[range.clone()].to_owned()).collect()
    }

    #[test]
    fn behaviors_are_those_of_the_documentation() {
        let text = "the-final--countdown";
        assert_eq!(split(text, Behavior::Removed, false), ["the", "final", "countdown"]);
        assert_eq!(split(text, Behavior::Isolated, false), ["the", "-", "final", "-", "-", "countdown"]);
        assert_eq!(split(text, Behavior::MergedWithPrevious, false), ["the-", "final-", "-", "countdown"]);
        assert_eq!(split(text, Behavior::MergedWithNext, false), ["the", "-final", "-", "-countdown"]);
        assert_eq!(split(text, Behavior::Contiguous, false), ["the", "-", "final", "--", "countdown"]);
    }

    #[test]
    fn inverted_removal_keeps_the_matches() {
        assert_eq!(split("a-b--", Behavior::Removed, true), ["-", "-", "-"]);
    }
}
