//! A double-array trie of a vocabulary. One traversal finds all tokens that begin at a position of a text.

use crate::{Error, Result};

const FREE: u32 = u32::MAX;
const NONE: u32 = u32::MAX;
const BLOCK: usize = 256;
// How many free cells are tried before a new block is added, so that building takes linear time.
const TRIES: usize = 24;

/// The child of a node by `byte` is at `base ^ byte`, and its `parent` is that node.
#[derive(Clone, Copy)]
struct Cell {
    base: u32,
    parent: u32,
    value: u32,
}

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrieNode(u32);

/// An immutable set of byte strings, each with a number.
pub(crate) struct DoubleArray {
    cells: Vec<Cell>,
}

impl DoubleArray {
    /// The place of the empty string.
    pub const ROOT: TrieNode = TrieNode(0);

    /// A table of these tokens. Of equal texts the last one counts. `path` names them in errors.
    pub fn new<'a>(tokens: impl Iterator<Item = (u32, &'a str)>, path: &str) -> Result<Self> {
        let mut keys: Vec<(&[u8], u32)> = tokens.map(|(id, token)| (token.as_bytes(), id)).collect();
        keys.sort_by_key(|&(text, _)| text); // stable: of equal texts the last one stays last
        let mut builder = ArrayBuilder::default();
        builder.open_block(path)?;
        let mut open = vec![(0u32, 0..keys.len(), 0usize)];
        let mut labels: Vec<(u8, usize)> = Vec::new();
        while let Some((node, mut range, depth)) = open.pop() {
            while range.start < range.end && keys[range.start].0.len() == depth {
                builder.cells[node as usize].value = keys[range.start].1;
                range.start += 1;
            }
            labels.clear();
            for (at, (text, _)) in range.clone().zip(&keys[range.clone()]) {
                if labels.last().is_none_or(|&(label, _)| label != text[depth]) {
                    labels.push((text[depth], at));
                }
            }
            if labels.is_empty() {
                continue;
            }
            let base = builder.place(&labels, path)?;
            builder.cells[node as usize].base = base;
            for (i, &(label, start)) in labels.iter().enumerate() {
                let end = labels.get(i + 1).map_or(range.end, |&(_, next)| next);
                let child = base ^ u32::from(label);
                builder.take(child, node);
                open.push((child, start..end, depth + 1));
            }
        }
        Ok(Self { cells: builder.cells })
    }

    /// The place one byte further; `None` when no token continues so.
    #[inline]
    pub fn step(&self, node: TrieNode, byte: u8) -> Option<TrieNode> {
        let child = self.cells[node.0 as usize].base ^ u32::from(byte);
        let found = self.cells.get(child as usize)?;
        (found.parent == node.0).then_some(TrieNode(child))
    }

    /// The token that ends here.
    #[inline]
    pub fn value(&self, node: TrieNode) -> Option<u32> {
        let value = self.cells[node.0 as usize].value;
        (value != NONE).then_some(value)
    }

    /// The place of a text.
    pub fn find(&self, text: &str) -> Option<TrieNode> {
        text.bytes().try_fold(Self::ROOT, |node, byte| self.step(node, byte))
    }
}

#[derive(Default)]
struct ArrayBuilder {
    cells: Vec<Cell>,
    next: Vec<u32>, // free cells in a ring, through cell 0
    previous: Vec<u32>,
}

impl ArrayBuilder {
    fn open_block(&mut self, path: &str) -> Result<u32> {
        let start = self.cells.len();
        let end = u32::try_from(start + BLOCK)
            .ok()
            .filter(|&end| end < FREE)
            .ok_or_else(|| Error::Memory(format!("{path}: too much text for one table")))?;
        // A leaf's base is out of reach: none of its children exist.
        self.cells.resize(end as usize, Cell { base: FREE, parent: FREE, value: NONE });
        let first = start as u32;
        self.next.extend((first..end).map(|i| i + 1));
        self.previous.extend((first..end).map(|i| i.wrapping_sub(1)));
        if start == 0 {
            (self.next[BLOCK - 1], self.previous[0]) = (0, end - 1);
        } else {
            let last = self.previous[0];
            (self.next[last as usize], self.previous[start]) = (first, last);
            (self.next[end as usize - 1], self.previous[0]) = (0, end - 1);
        }
        Ok(first)
    }

    fn take(&mut self, cell: u32, parent: u32) {
        self.cells[cell as usize].parent = parent;
        let (previous, next) = (self.previous[cell as usize], self.next[cell as usize]);
        self.next[previous as usize] = next;
        self.previous[next as usize] = previous;
    }

    fn is_free(&self, cell: u32) -> bool {
        cell != 0 && self.cells[cell as usize].parent == FREE
    }

    /// A base at which all these children have a free cell: among the youngest free ones, or in a new block.
    fn place(&mut self, labels: &[(u8, usize)], path: &str) -> Result<u32> {
        let mut cell = self.previous[0];
        for _ in 0..TRIES {
            if cell == 0 {
                break;
            }
            let base = cell ^ u32::from(labels[0].0);
            if labels.iter().all(|&(label, _)| self.is_free(base ^ u32::from(label))) {
                return Ok(base);
            }
            cell = self.previous[cell as usize];
        }
        self.open_block(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_in_is_found_and_nothing_else() {
        let tokens: Vec<String> = (0..5000u32)
            .map(|i| format!("{:x}", i.wrapping_mul(2_654_435_761) >> (i % 24)))
            .chain(["▁".into(), "▁the".into(), "\0".into(), "é".into()])
            .collect();
        let trie = DoubleArray::new((0..).zip(tokens.iter().map(String::as_str)), "test").unwrap();
        for token in &tokens {
            let last = tokens.iter().rposition(|other| other == token).unwrap();
            let found = trie.find(token).and_then(|node| trie.value(node));
            assert_eq!(found, Some(last as u32), "{token:?}");
        }
        for missing in ["g", "▁th", "fffffffff", "x", "0x", "\u{1}"] {
            let found = trie.find(missing).and_then(|node| trie.value(node));
            assert_eq!(found, None, "{missing:?}");
        }
    }

    #[test]
    fn an_empty_vocabulary_holds_nothing() {
        let trie = DoubleArray::new(std::iter::empty(), "test").unwrap();
        assert!((0..=255).all(|byte| trie.step(DoubleArray::ROOT, byte).is_none()));
    }

    #[test]
    fn the_root_is_not_its_own_child() {
        let trie = DoubleArray::new([(0, "\0")].into_iter(), "test").unwrap();
        let child = trie.step(DoubleArray::ROOT, 0).unwrap();
        assert_ne!(child, DoubleArray::ROOT);
        assert!((0..=255).all(|byte| trie.step(child, byte).is_none()));
    }
}
