//! A trie of the pieces of a Unigram model.

use std::hash::BuildHasherDefault;

use hashbrown::HashMap;

use super::pairs::{pair, PairHasher};

const NONE: u32 = u32::MAX;

/// Pieces with scores; a piece's id is its index in the list. The first is the unknown one, which is never found.
pub(super) struct PieceTrie<'p> {
    list: &'p [(String, f64)],
    edges: HashMap<u64, u32, BuildHasherDefault<PairHasher>>, // node and character
    ids: Vec<u32>,                                            // of the piece that ends at a node
    /// The lowest score.
    pub min_score: f64,
}

impl<'p> PieceTrie<'p> {
    pub fn new(list: &'p [(String, f64)]) -> Self {
        let min_score = list.iter().map(|piece| piece.1).fold(f64::INFINITY, f64::min);
        let mut pieces = Self { list, edges: HashMap::default(), ids: vec![NONE], min_score };
        for (id, (piece, _)) in list.iter().enumerate().skip(1) {
            let mut node = 0;
            for c in piece.chars() {
                let next = pieces.ids.len() as u32;
                node = *pieces.edges.entry(pair(node, c as u32)).or_insert(next);
                if node == next {
                    pieces.ids.push(NONE);
                }
            }
            pieces.ids[node as usize] = id as u32;
        }
        pieces
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Calls `found` with the length in bytes, the id and the score of each piece that the text begins with, by length.
    #[inline]
    pub fn each_prefix(&self, text: &str, mut found: impl FnMut(usize, u32, f64)) {
        let mut node = 0;
        for (at, c) in text.char_indices() {
            match self.edges.get(&pair(node, c as u32)) {
                Some(&next) => node = next,
                None => return,
            }
            let id = self.ids[node as usize];
            if id != NONE {
                found(at + c.len_utf8(), id, self.list[id as usize].1);
            }
        }
    }
}
