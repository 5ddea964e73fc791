//! Replacement of a literal in a text that comes in chunks, in linear time.

use crate::tokenizer::stages::pattern::too_much;
use crate::Result;

/// A literal and its replacement.
pub(super) struct Literal {
    from: Vec<u8>,
    to: Vec<u8>,
    back: Vec<usize>, // how much of `from` is still matched when the byte after so many of it is another
}

impl Literal {
    /// Replaces `from` by `to`. An empty `from` is found before every character and at the end.
    pub fn new(from: &str, to: &str) -> Self {
        let from = from.as_bytes().to_vec();
        let mut back = vec![0; from.len() + 1];
        let mut border = 0;
        for i in 1..from.len() {
            while border > 0 && from[i] != from[border] {
                border = back[border];
            }
            border += usize::from(from[i] == from[border]);
            back[i + 1] = border;
        }
        Self { from, to: to.as_bytes().to_vec(), back }
    }

    /// Appends what is certain after this chunk. `matched` bytes of the pattern are held back between chunks.
    /// Fails when `out` grows over `limit`.
    pub fn feed(&self, chunk: &[u8], matched: &mut usize, out: &mut Vec<u8>, limit: usize) -> Result<()> {
        let Some(&first) = self.from.first() else {
            return self.between(chunk, out, limit);
        };
        let mut rest = chunk;
        while let Some(&byte) = rest.first() {
            if *matched == 0 {
                let skipped = rest.iter().position(|&byte| byte == first).unwrap_or(rest.len());
                out.extend_from_slice(&rest[..skipped]);
                rest = &rest[skipped..];
                if rest.is_empty() {
                    break;
                }
            } else if self.from[*matched] != byte {
                let kept = self.back[*matched];
                out.extend_from_slice(&self.from[..*matched - kept]);
                *matched = kept;
                continue;
            }
            rest = &rest[1..];
            *matched += 1;
            if *matched == self.from.len() {
                *matched = 0;
                out.extend_from_slice(&self.to);
                if out.len() > limit {
                    return Err(too_much(chunk.len()));
                }
            }
        }
        Ok(())
    }

    fn between(&self, chunk: &[u8], out: &mut Vec<u8>, limit: usize) -> Result<()> {
        for &byte in chunk {
            if byte & 0xC0 != 0x80 {
                out.extend_from_slice(&self.to);
            }
            out.push(byte);
            if out.len() > limit {
                return Err(too_much(chunk.len()));
            }
        }
        Ok(())
    }

    /// Appends what was held back.
    pub fn finish(&self, matched: usize, out: &mut Vec<u8>) {
        if self.from.is_empty() {
            out.extend_from_slice(&self.to);
        }
        out.extend_from_slice(&self.from[..matched]);
    }

    /// A whole text with every match replaced.
    pub fn replace(&self, text: &[u8], limit: usize) -> Result<Vec<u8>> {
        let mut out = Vec::with_capacity(text.len());
        let mut matched = 0;
        self.feed(text, &mut matched, &mut out, limit)?;
        self.finish(matched, &mut out);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts() -> impl Iterator<Item = String> {
        (0..2187u32).map(|seed| (0..7).map(|i| char::from(b'a' + (seed / 3u32.pow(i) % 3) as u8)).collect())
    }

    #[test]
    fn chunks_are_replaced_as_the_whole_is() {
        for from in ["a", "ab", "aa", "aba", "abab", "aabaa", ""] {
            let literal = Literal::new(from, "-");
            for text in texts() {
                let expected = text.replace(from, "-");
                assert_eq!(
                    literal.replace(text.as_bytes(), 1000).unwrap(),
                    expected.as_bytes(),
                    "{from} {text}"
                );
                let (mut matched, mut out) = (0, Vec::new());
                for byte in text.bytes() {
                    literal.feed(&[byte], &mut matched, &mut out, 1000).unwrap();
                }
                literal.finish(matched, &mut out);
                assert_eq!(out, expected.as_bytes(), "{from} {text}");
            }
        }
    }

    #[test]
    fn growth_has_a_limit() {
        assert!(Literal::new("a", &"b".repeat(100)).replace(&[b'a'; 100], 1000).is_err());
    }
}
