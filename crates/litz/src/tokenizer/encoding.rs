//! What a text became, and how each token lies in it.

use std::ops::Range;

/// Everything that is known of an encoded text; all lists are as long as `ids` unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoding {
    /// The tokens.
    pub ids: Vec<u32>,
    /// Which segment each token belongs to, as the file's template numbers them.
    pub type_ids: Vec<u32>,
    /// Where each token lies in the text it came from, in characters; (0, 0) for tokens that were put around it.
    pub offsets: Vec<(u32, u32)>,
    /// The word of each token: a piece of the pre-tokenizer, or one of the words that were given.
    pub words: Vec<Option<u32>>,
    /// Whether a token was put around the text.
    pub special: Vec<bool>,
    /// 0 where a token only fills.
    pub attention: Vec<u8>,
    /// Which tokens came from the first text and which from the second.
    pub sequences: Vec<(usize, Range<usize>)>,
    /// Tokens that upstream names by their text instead of the vocabulary's (place, text), by place.
    pub named: Vec<(usize, String)>,
    /// What truncation cut off, piece by piece.
    pub overflowing: Vec<Encoding>,
}
