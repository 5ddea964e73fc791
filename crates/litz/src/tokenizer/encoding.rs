//! Encodings: the tokens of a text with offsets, words and masks.

use std::ops::Range;

use crate::{Error, Result};

/// The most tokens of all overflowing pieces of one encoding: about a gigabyte.
pub(crate) const OVERFLOW: usize = 1 << 25;

/// An end of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Its beginning.
    Left,
    /// Its end.
    Right,
}

/// The tokens of a text. All lists are as long as `ids` unless noted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// The tokens.
    pub ids: Vec<u32>,
    /// The segment of each token, as numbered by the file's template.
    pub type_ids: Vec<u32>,
    /// The range of each token in its text, in characters; (0, 0) for special tokens around it.
    pub offsets: Vec<(u32, u32)>,
    /// The word of each token: a piece of the pre-tokenizer, or one of the words that were given.
    pub words: Vec<Option<u32>>,
    /// Whether a token is a special token around the text.
    pub special: Vec<bool>,
    /// 0 for padding, 1 otherwise.
    pub attention: Vec<u8>,
    /// The tokens of the first text and those of the second.
    pub sequences: Vec<(usize, Range<usize>)>,
    /// Tokens whose text differs from the vocabulary's: (index, text), by index.
    pub named: Vec<(usize, String)>,
    /// The pieces that truncation removed.
    pub overflowing: Vec<Encoding>,
}

/// The padding of an encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filler<'a> {
    /// The token.
    pub id: u32,
    /// Its segment.
    pub type_id: u32,
    /// Its text, if that is not the vocabulary's.
    pub name: Option<&'a str>,
    /// Where it goes.
    pub side: Side,
}

impl Encoding {
    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All tokens of overflowing pieces.
    pub fn overflow_len(&self) -> usize {
        self.overflowing.iter().map(Self::len).sum()
    }

    /// The number of texts of the tokens; 1 if no sequence is recorded.
    pub fn n_sequences(&self) -> usize {
        self.sequences.len().max(1)
    }

    /// The text of each token; `None` for tokens that were put around it.
    pub fn sequence_ids(&self) -> Vec<Option<usize>> {
        let mut ids = vec![None; self.len()];
        for sequence in 0..self.n_sequences() {
            let range = self.range_of(sequence);
            if let Some(ids) = ids.get_mut(range) {
                ids.fill(Some(sequence));
            }
        }
        ids
    }

    /// The text that a token came from.
    pub fn token_to_sequence(&self, token: usize) -> Option<usize> {
        if token > self.len() {
            return None;
        }
        if self.sequences.is_empty() {
            return Some(0);
        }
        self.sequences.iter().find(|(_, range)| range.contains(&token)).map(|&(sequence, _)| sequence)
    }

    /// The tokens of a word of one text.
    pub fn word_to_tokens(&self, word: u32, sequence: usize) -> Option<Range<usize>> {
        let range = self.range_of(sequence);
        let words = self.words.get(range.clone())?;
        let until = words.iter().position(|&w| w > Some(word)).unwrap_or(words.len());
        let first = words[..until].iter().position(|&w| w == Some(word))?;
        let last = words[..until].iter().rposition(|&w| w == Some(word))?;
        Some(range.start + first..range.start + last + 1)
    }

    /// The characters of a word of one text.
    pub fn word_to_chars(&self, word: u32, sequence: usize) -> Option<(u32, u32)> {
        let tokens = self.word_to_tokens(word, sequence)?;
        Some((self.offsets[tokens.start].0, self.offsets[tokens.end - 1].1))
    }

    /// The text that a token came from, and its characters there.
    pub fn token_to_chars(&self, token: usize) -> Option<(usize, (u32, u32))> {
        Some((self.token_to_sequence(token)?, *self.offsets.get(token)?))
    }

    /// The text that a token came from, and its word there.
    pub fn token_to_word(&self, token: usize) -> Option<(usize, u32)> {
        Some((self.token_to_sequence(token)?, (*self.words.get(token)?)?))
    }

    /// The first token that holds a character of one text.
    pub fn char_to_token(&self, place: u32, sequence: usize) -> Option<usize> {
        let range = self.range_of(sequence);
        let offsets = self.offsets.get(range.clone())?;
        offsets
            .iter()
            .position(|&(start, end)| (start..end).contains(&place))
            .map(|token| range.start + token)
    }

    /// The word that holds a character of one text.
    pub fn char_to_word(&self, place: u32, sequence: usize) -> Option<u32> {
        self.char_to_token(place, sequence).and_then(|token| self.token_to_word(token)).map(|(_, word)| word)
    }

    fn range_of(&self, sequence: usize) -> Range<usize> {
        let known = self.sequences.iter().find(|&&(id, _)| id == sequence);
        known.map_or(0..self.len(), |(_, range)| range.clone())
    }

    /// Assigns all tokens to one text.
    pub(crate) fn set_sequence(&mut self, sequence: usize) {
        self.place_sequence(sequence, 0..self.len());
    }

    fn place_sequence(&mut self, sequence: usize, range: Range<usize>) {
        match self.sequences.binary_search_by_key(&sequence, |&(id, _)| id) {
            Ok(at) => self.sequences[at].1 = range,
            Err(at) => self.sequences.insert(at, (sequence, range)),
        }
    }

    /// Assigns all tokens to one segment.
    pub(crate) fn set_type(&mut self, type_id: u32) {
        self.type_ids.clear();
        self.type_ids.resize(self.ids.len(), type_id);
    }

    /// A slice of the tokens, without their sequences, as in the `tokenizers` library.
    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let from = self.named.partition_point(|&(place, _)| place < range.start);
        let to = self.named.partition_point(|&(place, _)| place < range.end);
        let start = range.start;
        let named = self.named[from..to].iter().map(|(place, name)| (place - start, name.clone()));
        Self {
            ids: self.ids[range.clone()].to_vec(),
            type_ids: self.type_ids[range.clone()].to_vec(),
            offsets: self.offsets[range.clone()].to_vec(),
            words: self.words[range.clone()].to_vec(),
            special: self.special[range.clone()].to_vec(),
            attention: self.attention[range].to_vec(),
            named: named.collect(),
            sequences: Vec::new(),
            overflowing: Vec::new(),
        }
    }

    /// Appends `other`. Each overflowing piece is combined with the other's tokens and with each of its pieces.
    pub(crate) fn append(&mut self, other: Self) -> Result<()> {
        let pieces = (self.overflowing.len() + 1).saturating_mul(other.overflowing.len() + 1) - 1;
        let longest = |e: &Self| e.overflowing.iter().map(Self::len).fold(e.len(), usize::max);
        if pieces > 0 {
            check_overflow(pieces.saturating_mul(longest(self) + longest(&other)))?;
        }
        let mut overflowing = Vec::with_capacity(pieces);
        for mut mine in std::mem::take(&mut self.overflowing) {
            if other.overflowing.is_empty() {
                mine.extend(&other);
                overflowing.push(mine);
                continue;
            }
            for theirs in std::iter::once(&other).chain(&other.overflowing) {
                overflowing.push(mine.joined(theirs));
            }
        }
        overflowing.extend(other.overflowing.iter().map(|theirs| self.joined(theirs)));
        if self.is_empty() && self.sequences.is_empty() {
            *self = other;
        } else {
            self.extend(&other);
        }
        self.overflowing = overflowing;
        Ok(())
    }

    fn joined(&self, other: &Self) -> Self {
        let mut joined = self.slice(0..self.len());
        joined.sequences.clone_from(&self.sequences);
        joined.extend(other);
        joined
    }

    fn extend(&mut self, other: &Self) {
        let before = self.len();
        for (sequence, range) in &other.sequences {
            self.place_sequence(*sequence, before + range.start..before + range.end);
        }
        self.named.extend(other.named.iter().map(|(place, name)| (before + place, name.clone())));
        self.ids.extend_from_slice(&other.ids);
        self.type_ids.extend_from_slice(&other.type_ids);
        self.offsets.extend_from_slice(&other.offsets);
        self.words.extend_from_slice(&other.words);
        self.special.extend_from_slice(&other.special);
        self.attention.extend_from_slice(&other.attention);
    }

    /// Pads this and every overflowing piece to `width` tokens; longer ones are left unchanged.
    pub fn pad(&mut self, width: usize, filler: Filler<'_>) -> Result<()> {
        let pieces = self.overflowing.len().saturating_add(1);
        if width > self.len() {
            check_overflow(width.saturating_mul(pieces))?;
        }
        self.overflowing.iter_mut().for_each(|piece| piece.fill(width, filler));
        self.fill(width, filler);
        Ok(())
    }

    fn fill(&mut self, width: usize, filler: Filler<'_>) {
        let (len, more) = (self.len(), width.saturating_sub(self.len()));
        if more == 0 {
            return;
        }
        let (at, first) = match filler.side {
            Side::Left => (0, 0),
            Side::Right => (len, len),
        };
        insert(&mut self.ids, at, more, filler.id);
        insert(&mut self.type_ids, at, more, filler.type_id);
        insert(&mut self.offsets, at, more, (0, 0));
        insert(&mut self.words, at, more, None);
        insert(&mut self.special, at, more, true);
        insert(&mut self.attention, at, more, 0);
        if filler.side == Side::Left {
            self.sequences.iter_mut().for_each(|(_, range)| *range = range.start + more..range.end + more);
            self.named.iter_mut().for_each(|(place, _)| *place += more);
        }
        if let Some(name) = filler.name {
            let names = (first..first + more).map(|place| (place, name.to_owned()));
            self.named.splice(if at == 0 { 0..0 } else { self.named.len()..self.named.len() }, names);
        }
    }
}

fn insert<T: Copy>(list: &mut Vec<T>, at: usize, count: usize, value: T) {
    list.splice(at..at, std::iter::repeat_n(value, count));
}

/// An error if overflowing pieces would hold too many tokens.
pub(crate) fn check_overflow(tokens: usize) -> Result<()> {
    if tokens > OVERFLOW {
        return Err(Error::Memory(format!(
            "the overflowing pieces of one text would hold {tokens} tokens, {OVERFLOW} is the limit; use a smaller \
             stride or max_length, or shorter texts"
        )));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Tokens `from..to` of a text whose tokens are one character each, two to a word.
    pub fn text(range: Range<u32>) -> Encoding {
        let n = range.len();
        Encoding {
            ids: range.clone().collect(),
            type_ids: vec![0; n],
            offsets: range.clone().map(|i| (i, i + 1)).collect(),
            words: range.map(|i| Some(i / 2)).collect(),
            special: vec![false; n],
            attention: vec![1; n],
            ..Encoding::default()
        }
    }

    #[test]
    fn overflowing_pieces_meet_each_other() {
        let (mut left, mut right) = (text(0..1), text(10..11));
        left.overflowing = vec![text(1..2)];
        right.overflowing = vec![text(11..12), text(12..13)];
        left.append(right).unwrap();
        let ids: Vec<_> = left.overflowing.iter().map(|piece| piece.ids.clone()).collect();
        assert_eq!(left.ids, [0, 10]);
        assert_eq!(ids, [[1, 10], [1, 11], [1, 12], [0, 11], [0, 12]]);
    }

    #[test]
    fn too_many_pieces_are_refused_before_they_are_made() {
        let (mut left, mut right) = (text(0..1000), text(0..1000));
        left.overflowing = vec![Encoding::default(); 2000];
        right.overflowing = vec![Encoding::default(); 2000];
        assert!(matches!(left.append(right), Err(Error::Memory(_))));
        let filler = Filler { id: 0, type_id: 0, name: None, side: Side::Right };
        assert!(matches!(text(0..1).pad(usize::MAX, filler), Err(Error::Memory(_))));
    }

    #[test]
    fn padding_on_the_left_moves_what_is_known() {
        let mut encoding = text(0..4);
        encoding.set_sequence(0);
        encoding.named = vec![(1, "x".into())];
        encoding.pad(6, Filler { id: 9, type_id: 3, name: Some("[P]"), side: Side::Left }).unwrap();
        assert_eq!(encoding.ids, [9, 9, 0, 1, 2, 3]);
        assert_eq!(encoding.type_ids[..3], [3, 3, 0]);
        assert_eq!(encoding.special, [true, true, false, false, false, false]);
        assert_eq!(encoding.attention, [0, 0, 1, 1, 1, 1]);
        assert_eq!(encoding.named, [(0, "[P]".into()), (1, "[P]".into()), (3, "x".into())]);
        assert_eq!(encoding.sequence_ids()[1..3], [None, Some(0)]);
        assert_eq!(encoding.char_to_token(1, 0), Some(3));
        assert_eq!(encoding.word_to_tokens(1, 0), Some(4..6));
        assert_eq!(encoding.word_to_chars(1, 0), Some((2, 4)));
        assert_eq!((encoding.token_to_word(5), encoding.token_to_word(0)), (Some((0, 1)), None));
        assert_eq!((encoding.token_to_chars(2), encoding.char_to_word(3, 0)), (Some((0, (0, 1))), Some(1)));
    }
}
