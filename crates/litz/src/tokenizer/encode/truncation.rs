//! Truncation of one sequence or two, and the overflowing pieces.

use crate::tokenizer::encoding::{check_overflow, Encoding, Side};
use crate::{Error, Result};
use std::ops::Range;

/// Which of two sequences loses tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// The longer one, then both.
    LongestFirst,
    /// The first.
    OnlyFirst,
    /// The second.
    OnlySecond,
}

/// What one call allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncation {
    /// The most tokens, those around the text included.
    pub max_length: usize,
    /// How many tokens of a piece the next one repeats.
    pub stride: usize,
    /// The sequence that is truncated.
    pub strategy: Strategy,
    /// The side that is truncated.
    pub side: Side,
    /// Whether the rest is kept, as overflowing pieces of the same length.
    pub overflowing: bool,
}

impl Truncation {
    /// Cuts one sequence or two. `around` is how many tokens will be put around them, `alone` around one alone.
    pub(crate) fn apply(
        &self,
        first: &mut Encoding,
        second: Option<&mut Encoding>,
        around: usize,
        alone: usize,
    ) -> Result<()> {
        if self.max_length.checked_sub(alone).is_some_and(|room| room < self.stride) {
            return Err(self.wide(self.max_length - alone));
        }
        let Some(room) = self.max_length.checked_sub(around) else {
            return Err(Error::Value(format!(
                "max_length is {}; the special tokens alone are {around}",
                self.max_length
            )));
        };
        let lengths = self.lengths(first.len(), second.as_ref().map(|second| second.len()), room)?;
        self.truncate(first, lengths.0)?;
        second.map_or(Ok(()), |second| self.truncate(second, lengths.1))
    }

    /// How long each sequence may be so that both have room.
    fn lengths(&self, first: usize, second: Option<usize>, room: usize) -> Result<(usize, usize)> {
        let other = second.unwrap_or(0);
        let over = (first + other).saturating_sub(room);
        if room == 0 || over == 0 {
            return Ok(if over == 0 { (first, other) } else { (0, 0) });
        }
        let (target, kept) = match (self.strategy, second) {
            (Strategy::LongestFirst, Some(second)) => return Ok(balanced(first, second, room)),
            (Strategy::LongestFirst | Strategy::OnlyFirst, _) => (first, other),
            (Strategy::OnlySecond, Some(second)) => (second, first),
            (Strategy::OnlySecond, None) => {
                return Err(Error::Value(
                    "truncation is only_second, but there is no second text; use only_first".into(),
                ))
            }
        };
        if target <= over {
            return Err(Error::Value(format!(
                "the text that may be cut has {target} tokens, and {over} must go: max_length is {}; \
                 use longest_first or a larger max_length",
                self.max_length
            )));
        }
        let target = target - over;
        Ok(if self.strategy == Strategy::OnlySecond { (kept, target) } else { (target, kept) })
    }

    fn truncate(&self, encoding: &mut Encoding, length: usize) -> Result<()> {
        if length >= encoding.len() {
            return Ok(());
        }
        if length == 0 {
            let whole = std::mem::take(encoding);
            if self.overflowing {
                encoding.overflowing.push(whole);
            }
            return Ok(());
        }
        if self.stride >= length {
            return Err(self.wide(length));
        }
        let (len, step) = (encoding.len(), length - self.stride);
        let pieces = if self.overflowing { 1 + (len - length).div_ceil(step) } else { 1 };
        check_overflow((pieces - 1).saturating_mul(length))?;
        let piece = |i: usize| -> Range<usize> {
            match self.side {
                Side::Right => i * step..(i * step + length).min(len),
                Side::Left => (len - i * step).saturating_sub(length)..len - i * step,
            }
        };
        let mut kept = encoding.slice(piece(0));
        kept.overflowing = (1..pieces).map(|i| encoding.slice(piece(i))).collect();
        *encoding = kept;
        Ok(())
    }

    fn wide(&self, room: usize) -> Error {
        Error::Value(format!(
            "stride is {}; it must be smaller than the {room} tokens of text that a piece has room for (max_length {} \
             without the special tokens)",
            self.stride, self.max_length
        ))
    }
}

/// The lengths of two sequences so that both have room and the longer one loses first.
fn balanced(first: usize, second: usize, room: usize) -> (usize, usize) {
    let short = first.min(second);
    let long = if short > room { short } else { short.max(room - short) };
    let (short, long) = if short + long > room { (room / 2, room / 2 + room % 2) } else { (short, long) };
    if first > second {
        (long, short)
    } else {
        (short, long)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::encoding::tests::text;

    fn of(max_length: usize, stride: usize, strategy: Strategy, side: Side) -> Truncation {
        Truncation { max_length, stride, strategy, side, overflowing: true }
    }

    fn ids(encoding: &Encoding) -> Vec<Vec<u32>> {
        let all = std::iter::once(encoding).chain(&encoding.overflowing);
        all.map(|piece| piece.ids.clone()).collect()
    }

    #[test]
    fn pieces_repeat_as_many_tokens_as_the_stride_says() {
        let (mut right, mut left) = (text(0..6), text(0..6));
        of(4, 2, Strategy::LongestFirst, Side::Right).apply(&mut right, None, 0, 0).unwrap();
        of(4, 2, Strategy::LongestFirst, Side::Left).apply(&mut left, None, 0, 0).unwrap();
        assert_eq!(ids(&right), [[0, 1, 2, 3], [2, 3, 4, 5]]);
        assert_eq!(ids(&left), [[2, 3, 4, 5], [0, 1, 2, 3]]);
    }

    #[test]
    fn the_longer_of_two_loses_first() {
        for (first, second, room, expected) in
            [(2, 9, 6, (2, 4)), (9, 2, 6, (4, 2)), (9, 9, 5, (2, 3)), (9, 8, 5, (3, 2)), (3, 3, 6, (3, 3))]
        {
            let truncation = of(room, 0, Strategy::LongestFirst, Side::Right);
            assert_eq!(truncation.lengths(first, Some(second), room).unwrap(), expected);
        }
    }

    #[test]
    fn truncation_without_room_is_an_error() {
        let cut = |truncation: Truncation, second: Option<usize>| {
            let mut second = second.map(|n| text(0..n as u32));
            truncation.apply(&mut text(0..5), second.as_mut(), 2, 2).unwrap_err().to_string()
        };
        let right = Side::Right;
        assert!(
            cut(of(1, 0, Strategy::LongestFirst, right), None).starts_with("max_length is 1; the special")
        );
        assert!(cut(of(4, 3, Strategy::LongestFirst, right), None).starts_with("stride is 3"));
        assert!(cut(of(4, 2, Strategy::LongestFirst, right), None).starts_with("stride is 2"));
        assert!(cut(of(4, 0, Strategy::OnlySecond, right), None).contains("no second text"));
        assert!(cut(of(4, 0, Strategy::OnlySecond, right), Some(3)).contains("6 must go"));
    }

    #[test]
    fn a_giant_overlap_is_refused_before_memory_is_taken() {
        let mut long = text(0..1 << 17);
        let error =
            of(1 << 16, (1 << 16) - 1, Strategy::LongestFirst, Side::Right).apply(&mut long, None, 0, 0);
        assert!(matches!(error, Err(Error::Memory(_))));
    }

    #[test]
    fn no_room_leaves_nothing_but_the_overflow() {
        let mut encoding = text(0..3);
        of(2, 0, Strategy::LongestFirst, Side::Right).apply(&mut encoding, None, 2, 2).unwrap();
        assert_eq!(ids(&encoding), [vec![], vec![0, 1, 2]]);
    }
}
