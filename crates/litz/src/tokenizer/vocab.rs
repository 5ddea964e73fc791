//! The vocabulary: one string of all tokens, and a hash table with open addressing from a token's text to its id.

use std::hash::{BuildHasher, RandomState};

use super::tables::flat::Flat;
use crate::{Error, Result};

const HOLE: u64 = u64::MAX;
const EMPTY: u64 = 0;
/// Longer tokens are compared in the text, shorter ones in the table.
const SHORT: usize = 8;

/// A vocabulary in construction. [`VocabBuilder::build`] checks the tokens and indexes them.
#[derive(Default)]
pub(crate) struct VocabBuilder {
    text: Vec<u8>,
    tokens: Vec<(u32, u32, u32)>, // (start, end, id)
    repeating: bool,
    prepared: Option<Vocab>,
}

impl VocabBuilder {
    /// A builder where one text may have several ids; the last is found by text.
    pub fn repeating() -> Self {
        Self { repeating: true, ..Self::default() }
    }

    /// Appends one token. The text is stored as it is; ids may come in any order.
    pub fn push(&mut self, token: &str, id: u32) -> Result<()> {
        self.push_bytes(token.as_bytes(), id)
    }

    /// Appends one token as bytes, which [`VocabBuilder::build`] checks to be UTF-8.
    #[inline]
    pub fn push_bytes(&mut self, token: &[u8], id: u32) -> Result<()> {
        self.prepared = None;
        let start = self.text.len();
        self.text.extend_from_slice(token);
        match (u32::try_from(start), u32::try_from(self.text.len())) {
            (Ok(start), Ok(end)) => self.tokens.push((start, end, id)),
            _ => return Err(Error::Memory("the vocabulary holds over 4 GiB of text".into())),
        }
        Ok(())
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Every token with its id, by id.
    pub fn by_id(&self) -> Vec<(&str, u32)> {
        let token = |&(start, end, id): &(u32, u32, u32)| {
            (std::str::from_utf8(&self.text[start as usize..end as usize]).unwrap_or_default(), id)
        };
        let mut tokens: Vec<_> = self.tokens.iter().map(token).collect();
        tokens.sort_by_key(|token| token.1);
        tokens
    }

    /// Builds the index before [`VocabBuilder::build`], while another thread reads the rest of the file.
    pub fn prepare(&mut self) {
        self.prepared = self.index("").ok();
    }

    /// Checks that ids and texts are unique and that ids are dense enough to be indexed.
    /// `path` names the vocabulary in errors.
    pub fn build(mut self, path: &str) -> Result<Vocab> {
        match self.prepared.take() {
            Some(vocab) => Ok(vocab),
            None => self.index(path),
        }
    }

    fn index(&self, path: &str) -> Result<Vocab> {
        let count = self.tokens.len();
        let limit = count.saturating_mul(8).saturating_add(1 << 16);
        let top = self.tokens.iter().map(|token| token.2).max().map_or(0, |id| id as usize + 1);
        if top > limit {
            return Err(Error::Format(format!(
                "{path}: the id {} is out of proportion to {count} tokens; ids must be nearly contiguous from 0",
                top - 1
            )));
        }
        let text = std::str::from_utf8(&self.text).ok();
        let text =
            text.filter(|text| self.tokens.iter().all(|token| text.is_char_boundary(token.0 as usize)));
        let text = text.ok_or_else(|| Error::Format(format!("{path}: a token is not UTF-8")))?.to_owned();
        let seed = RandomState::new().hash_one(0u64);
        let mut index =
            Index { text, spans: vec![HOLE; top], slots: vec![EMPTY; 2 * slots_for(count)], seed };
        for &(start, end, id) in &self.tokens {
            index.insert(start, end, id, self.repeating, path)?;
        }
        let Index { text, spans, slots, .. } = index;
        Ok(Vocab { text, spans: spans.into(), slots: slots.into(), seed, count })
    }
}

/// At most half of the slots are taken.
fn slots_for(count: usize) -> usize {
    (count * 2).next_power_of_two().max(16)
}

/// An immutable vocabulary.
pub(crate) struct Vocab {
    text: String,
    spans: Flat<u64>, // by id: start << 32 | end; HOLE where no token has that id
    slots: Flat<u64>, // two words each: the beginning of the text; bits of its hash, its length and id + 1, or EMPTY
    seed: u64,        // random for each build, so that no text can be prepared to collide
    count: usize,
}

/// A vocabulary that is being filled.
struct Index {
    text: String,
    spans: Vec<u64>,
    slots: Vec<u64>,
    seed: u64,
}

impl Index {
    fn insert(&mut self, start: u32, end: u32, id: u32, repeating: bool, path: &str) -> Result<()> {
        let token = &self.text[start as usize..end as usize];
        let span = &mut self.spans[id as usize];
        if *span != HOLE {
            let other = slice(&self.text, *span);
            return Err(Error::Format(format!("{path}: both {other:?} and {token:?} have the id {id}")));
        }
        *span = u64::from(start) << 32 | u64::from(end);
        let Key { word, hash, tag } = Key::of(token.as_bytes(), self.seed);
        let mask = self.slots.len() / 2 - 1;
        let mut at = hash as usize & mask;
        while self.slots[2 * at + 1] != EMPTY {
            let (beginning, slot) = (self.slots[2 * at], self.slots[2 * at + 1]);
            if beginning == word && slot >> 32 == tag >> 32 {
                let other = slot as u32 - 1;
                if token.len() <= SHORT || slice(&self.text, self.spans[other as usize]) == token {
                    if !repeating {
                        return Err(Error::Format(format!(
                            "{path}: {token:?} has two ids, {other} and {id}"
                        )));
                    }
                    break;
                }
            }
            at = (at + 1) & mask;
        }
        self.slots[2 * at] = word;
        self.slots[2 * at + 1] = tag | u64::from(id + 1);
        Ok(())
    }
}

/// The result of a look-up.
struct Key {
    word: u64, // a short text, or the first bytes of a long one
    hash: u64,
    tag: u64, // in the high half: bits of the hash, and the length up to 255
}

impl Key {
    #[inline]
    fn of(bytes: &[u8], seed: u64) -> Self {
        let length = bytes.len();
        let word = match length {
            SHORT.. => word(bytes, 0),
            4.. => half(bytes, 0) | half(bytes, length - 4) << 32,
            0 => 0,
            _ => u64::from(bytes[0]) | u64::from(bytes[length / 2]) << 8 | u64::from(bytes[length - 1]) << 16,
        };
        let mut state = seed;
        if length > SHORT {
            let mut rest = &bytes[SHORT..];
            while rest.len() > SHORT {
                state = fold(state ^ self::word(rest, 0), FIRST);
                rest = &rest[SHORT..];
            }
            state = fold(state ^ self::word(bytes, length - SHORT), FIRST);
        }
        let hash = fold(word ^ state, seed ^ SECOND ^ length as u64);
        Self { word, hash, tag: hash >> 40 << 40 | (length.min(255) as u64) << 32 }
    }
}

impl Vocab {
    /// A vocabulary from the tables of [`Vocab::parts`]; None if they are inconsistent.
    pub fn from_parts(
        text: Vec<u8>,
        spans: Flat<u64>,
        slots: Flat<u64>,
        seed: u64,
        count: u64,
    ) -> Option<Self> {
        let count = usize::try_from(count).ok()?;
        let fits = slots.len() == 2 * slots_for(count);
        let text = String::from_utf8(text).ok().filter(|_| fits)?;
        Some(Self { text, spans, slots, seed, count })
    }

    /// The text, the tables, the seed and the count.
    pub fn parts(&self) -> (&[u8], &[u64], &[u64], u64, u64) {
        (self.text.as_bytes(), &self.spans, &self.slots, self.seed, self.count as u64)
    }

    /// The id of this text.
    #[inline]
    pub fn id(&self, token: &str) -> Option<u32> {
        self.id_of_bytes(token.as_bytes())
    }

    /// The id of the token with these bytes.
    #[inline]
    pub fn id_of_bytes(&self, token: &[u8]) -> Option<u32> {
        let slots: &[u64] = &self.slots;
        let Key { word, hash, tag } = Key::of(token, self.seed);
        let mask = slots.len() / 2 - 1;
        let mut at = hash as usize;
        // Half of the slots are free, so the search is short.
        for _ in 0..=mask {
            let slot = slots.get(2 * (at & mask)..2 * (at & mask) + 2)?;
            if slot[1] == EMPTY {
                return None;
            }
            if slot[0] == word && slot[1] >> 32 == tag >> 32 {
                let id = (slot[1] as u32).wrapping_sub(1);
                if token.len() <= SHORT || self.bytes(id) == Some(token) {
                    return Some(id);
                }
            }
            at = at.wrapping_add(1);
        }
        None
    }

    /// The text of this id.
    #[inline]
    pub fn token(&self, id: u32) -> Option<&str> {
        match self.spans.get(id as usize) {
            Some(&span) if span != HOLE => self.text.get((span >> 32) as usize..span as u32 as usize),
            _ => None,
        }
    }

    /// One more than the highest id.
    pub fn top(&self) -> usize {
        self.spans.len()
    }

    /// The token of an id, as bytes.
    #[inline]
    pub fn bytes(&self, id: u32) -> Option<&[u8]> {
        let span = *self.spans.get(id as usize)?;
        self.text.as_bytes().get((span >> 32) as usize..span as u32 as usize)
    }

    /// The number of tokens.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Every token with its id, by id.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &str)> {
        (0..self.spans.len() as u32).filter_map(|id| self.token(id).map(|token| (id, token)))
    }
}

fn slice(text: &str, span: u64) -> &str {
    &text[(span >> 32) as usize..span as u32 as usize]
}

const FIRST: u64 = 0x9E37_79B9_7F4A_7C15;
const SECOND: u64 = 0xE703_7ED1_A0B4_28DB;

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[inline]
fn half(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |chunk| u64::from(u32::from_le_bytes(*chunk)))
}

/// Both halves of the product, folded into one.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocab(tokens: &[(&str, u32)]) -> Result<Vocab> {
        let mut builder = VocabBuilder::default();
        for &(token, id) in tokens {
            builder.push(token, id)?;
        }
        builder.build("vocab")
    }

    #[test]
    fn texts_and_ids_find_each_other() {
        let texts: Vec<String> = (0..5000).map(|i| "ab你".repeat(i % 9) + &i.to_string()).collect();
        let tokens: Vec<(&str, u32)> = texts.iter().map(String::as_str).zip(3..).collect();
        let vocab = vocab(&tokens).unwrap();
        for &(token, id) in &tokens {
            assert_eq!((vocab.id(token), vocab.token(id)), (Some(id), Some(token)));
        }
        assert_eq!((vocab.id("5000"), vocab.token(2), vocab.len()), (None, None, 5000));
        assert!(vocab.iter().eq(tokens.iter().map(|&(token, id)| (id, token))));
    }

    #[test]
    fn the_empty_text_is_a_token_like_others() {
        assert_eq!(vocab(&[("", 0), ("a", 1)]).unwrap().id(""), Some(0));
        assert_eq!(vocab(&[]).unwrap().id(""), None);
    }

    #[test]
    fn ids_and_texts_must_be_unique_and_dense() {
        let error = |tokens| vocab(tokens).err().unwrap().to_string();
        assert!(error(&[("a", 0), ("b", 0)]).contains("both \"a\" and \"b\" have the id 0"));
        assert!(error(&[("a", 0), ("a", 1)]).contains("\"a\" has two ids, 0 and 1"));
        assert!(error(&[("a", u32::MAX)]).contains("out of proportion"));
    }

    #[test]
    fn a_repeated_text_has_its_last_id() {
        let mut builder = VocabBuilder::repeating();
        for (token, id) in [("a", 0), ("b", 1), ("a", 2)] {
            builder.push(token, id).unwrap();
        }
        let vocab = builder.build("vocab").unwrap();
        assert_eq!((vocab.id("a"), vocab.token(0), vocab.len()), (Some(2), Some("a"), 3));
    }
}
