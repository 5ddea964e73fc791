//! A trie of tokens by their bytes. Its edges are one flat hash table with open addressing.

use crate::tokenizer::tables::large_pages::table;

const EMPTY: u64 = u64::MAX;
const NODE: u32 = (1 << 24) - 1;
/// A token ends at this node.
const TOKEN: u32 = 1 << 24;
/// A reachable token ends at this node.
const MERGED: u32 = 1 << 25;

/// The lowest of six bits for the next bytes of a node, modulo 6. They end most traversals without a look-up.
const ONWARD: u32 = 26;

/// The trie. An edge is `parent node << 40 | byte << 32 | onward | flags | child node`.
pub(super) struct Trie {
    edges: Vec<u64>,
    shift: u32,
    used: usize,
    pairs: Vec<u32>,  // by the first two bytes: flags | node, 0 where no token begins so
    tokens: Vec<u32>, // by node
}

impl Trie {
    /// An empty trie with room for so many nodes.
    pub fn new(nodes: usize) -> Self {
        let slots = (nodes.max(8) * 8 / 7).next_power_of_two();
        Self {
            edges: table(slots, EMPTY),
            shift: 32 - slots.trailing_zeros().min(31),
            used: 0,
            pairs: vec![0; 1 << 16],
            tokens: vec![0; 1 + 256],
        }
    }

    /// Adds a token; false when there are too many nodes.
    pub fn insert(&mut self, bytes: &[u8], id: u32, merged: bool) -> bool {
        let flags = TOKEN | if merged { MERGED } else { 0 };
        let (&first, rest) = match bytes.split_first() {
            Some(parts) => parts,
            None => return true,
        };
        if rest.is_empty() {
            self.tokens[1 + usize::from(first)] = id;
            return true;
        }
        let place = usize::from(first) << 8 | usize::from(rest[0]);
        if self.pairs[place] & NODE == 0 {
            self.pairs[place] = self.tokens.len() as u32;
            self.tokens.push(0);
        }
        if rest.len() == 1 {
            self.pairs[place] |= flags;
        } else {
            self.pairs[place] |= onward(rest[1]);
        }
        let mut node = self.pairs[place] & NODE;
        for (i, &byte) in rest.iter().enumerate().skip(1) {
            if self.tokens.len() >= NODE as usize {
                return false;
            }
            let marks = rest.get(i + 1).map_or(flags, |&next| onward(next));
            node = self.child(node, byte, marks);
        }
        self.tokens[node as usize] = id;
        true
    }

    /// The longest token at the beginning of the bytes, and its length; a reachable one if `merged`.
    #[inline]
    pub fn longest(&self, bytes: &[u8], merged: bool) -> (u32, usize) {
        let wanted = if merged { MERGED } else { TOKEN };
        let Some(&first) = bytes.first() else { return (0, 0) };
        let mut best = (1 + u32::from(first), 1);
        if let Some(&second) = bytes.get(1) {
            let mut entry = self.pairs[usize::from(first) << 8 | usize::from(second)];
            let mut length = 2;
            while entry != 0 {
                if entry & wanted != 0 {
                    best = (entry & NODE, length);
                }
                let Some(&byte) = bytes.get(length) else { break };
                if entry & onward(byte) == 0 {
                    break;
                }
                entry = self.edge(entry & NODE, byte);
                length += 1;
            }
        }
        (self.tokens[best.0 as usize], best.1)
    }

    #[inline]
    fn edge(&self, node: u32, byte: u8) -> u32 {
        let key = node << 8 | u32::from(byte);
        let edge = self.edges[self.slot(key)];
        if edge == EMPTY {
            0
        } else {
            edge as u32
        }
    }

    #[inline]
    fn slot(&self, key: u32) -> usize {
        let mask = self.edges.len() - 1;
        let mut slot = (key.wrapping_mul(0x9E37_79B1) >> self.shift) as usize & mask;
        while (self.edges[slot] >> 32) as u32 != key && self.edges[slot] != EMPTY {
            slot = (slot + 1) & mask;
        }
        slot
    }

    fn child(&mut self, node: u32, byte: u8, flags: u32) -> u32 {
        if self.used * 8 >= self.edges.len() * 7 {
            self.grow();
        }
        let key = node << 8 | u32::from(byte);
        let slot = self.slot(key);
        if self.edges[slot] == EMPTY {
            self.used += 1;
            self.edges[slot] = u64::from(key) << 32 | self.tokens.len() as u64;
            self.tokens.push(0);
        }
        self.edges[slot] |= u64::from(flags);
        self.edges[slot] as u32 & NODE
    }

    fn grow(&mut self) {
        let larger = table(self.edges.len() * 2, EMPTY);
        let old = std::mem::replace(&mut self.edges, larger);
        self.shift -= 1;
        for edge in old.into_iter().filter(|&edge| edge != EMPTY) {
            let slot = self.slot((edge >> 32) as u32);
            self.edges[slot] = edge;
        }
    }
}

#[inline]
fn onward(byte: u8) -> u32 {
    1 << (ONWARD + u32::from(byte) % 6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_token_is_found_whether_merged_or_not() {
        let mut trie = Trie::new(0);
        (0..=255u8).for_each(|byte| assert!(trie.insert(&[byte], u32::from(byte), true)));
        for (text, id, merged) in
            [("ab", 300, true), ("abcd", 301, false), ("abcde", 302, true), ("xyz", 303, true)]
        {
            assert!(trie.insert(text.as_bytes(), id, merged));
        }
        for i in 0..3000u32 {
            assert!(trie.insert(format!("q{i:05}").as_bytes(), 1000 + i, true));
        }
        assert_eq!(trie.longest(b"abcdx", true), (300, 2));
        assert_eq!(trie.longest(b"abcdx", false), (301, 4));
        assert_eq!(trie.longest(b"abcdef", true), (302, 5));
        assert_eq!(trie.longest(b"xy", true), (u32::from(b'x'), 1));
        assert_eq!(trie.longest(b"", true), (0, 0));
        assert!((0..3000u32).all(|i| trie.longest(format!("q{i:05}z").as_bytes(), true) == (1000 + i, 6)));
    }
}
