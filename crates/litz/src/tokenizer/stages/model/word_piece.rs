//! WordPiece: the longest token first, from left to right. A word without such a segmentation is unknown.

use super::double_array::{DoubleArray, TrieNode};
use super::sink::{Scratch, Sink, Symbol};
use super::unknown_token::UnknownToken;
use crate::tokenizer::vocab::Vocab;
use crate::Result;

/// The compiled model.
pub(crate) struct WordPiece {
    vocab: Vocab,
    trie: DoubleArray,
    continued: Option<TrieNode>, // where tokens inside a word begin; `None` when there are none
    unknown: UnknownToken,
    max_chars: usize,
}

impl WordPiece {
    /// `prefix` marks tokens that continue a word; words of more than `max_chars` characters are unknown.
    pub fn new(vocab: Vocab, unknown: String, prefix: &str, max_chars: usize) -> Result<Self> {
        let trie = DoubleArray::new(vocab.iter(), "model.vocab")?;
        let continued = trie.find(prefix);
        Ok(Self { unknown: UnknownToken::new(unknown, &vocab), vocab, trie, continued, max_chars })
    }

    /// The vocabulary.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// Writes the tokens of one piece.
    pub fn encode(&self, piece: &str, scratch: &mut Scratch, out: &mut impl Sink) -> Result<()> {
        let symbols = &mut scratch.symbols;
        symbols.clear();
        let short = piece.len() <= self.max_chars || piece.chars().count() <= self.max_chars;
        if short && self.segment(piece, symbols) {
            symbols.iter().for_each(|symbol| symbol.write(out));
        } else {
            out.push(self.unknown.id()?, 0, piece.len());
        }
        Ok(())
    }

    /// The tokens of a word; false when some part of it is no token.
    fn segment(&self, piece: &str, symbols: &mut Vec<Symbol>) -> bool {
        let mut start = 0;
        let mut root = Some(DoubleArray::ROOT);
        while start < piece.len() {
            let longest = root.and_then(|root| self.longest(root, &piece.as_bytes()[start..]));
            let Some((id, length)) = longest else { return false };
            symbols.push(Symbol { id, start: start as u32, end: (start + length) as u32 });
            start += length;
            root = self.continued;
        }
        true
    }

    fn longest(&self, root: TrieNode, text: &[u8]) -> Option<(u32, usize)> {
        let mut node = root;
        let mut found = None;
        for (i, &byte) in text.iter().enumerate() {
            match self.trie.step(node, byte) {
                Some(next) => node = next,
                None => break,
            }
            if let Some(id) = self.trie.value(node) {
                found = Some((id, i + 1));
            }
        }
        found
    }
}
