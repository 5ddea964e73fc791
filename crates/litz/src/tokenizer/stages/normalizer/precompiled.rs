//! SentencePiece's compiled normalization rules: a double-array trie and one text of replacements.

use hashbrown::HashSet;
use unicode_segmentation::UnicodeSegmentation;

use crate::tokenizer::text::{base64, Text, TextPart, Writer};
use crate::{Error, Result};

// Longer clusters are looked up character by character.
const CLUSTER: usize = 6;
// Rules for longer texts are ignored, which bounds the time per position.
const LONGEST_RULE: usize = 256;

/// The rules of one file.
pub(crate) struct Charsmap {
    units: Vec<u32>,
    replacements: String, // each ends at a zero byte
    longest: bool,        // at each place the longest rule, as SentencePiece has it; else cluster by cluster
    plain: [bool; 128], // the ASCII characters without a rule; never a carriage return, which may begin a cluster
}

impl Charsmap {
    /// Reads the rules as a `tokenizer.json` holds them.
    pub fn from_base64(text: &str, path: &str) -> Result<Self> {
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
        if !base64::decode_unpadded(text.trim_end_matches('=').as_bytes(), &mut bytes) {
            return Err(Error::Format(format!("{path}: found something else than base64")));
        }
        Self::from_bytes(&bytes, path)
    }

    /// Reads the rules: the size of the trie in bytes, the trie, the replacements.
    pub fn from_bytes(bytes: &[u8], path: &str) -> Result<Self> {
        let short = || {
            Error::Format(format!(
                "{path}: {} bytes are too few for the trie that they announce",
                bytes.len()
            ))
        };
        let (size, rest) = bytes.split_first_chunk::<4>().ok_or_else(short)?;
        let size = u32::from_le_bytes(*size) as usize / 4 * 4;
        let (trie, rest) = rest.split_at_checked(size).ok_or_else(short)?;
        let unit = |unit: &[u8]| unit.try_into().map_or(0, u32::from_le_bytes);
        let replacements = std::str::from_utf8(rest)
            .map_err(|error| Error::Format(format!("{path}: the replacements are not UTF-8: {error}")))?;
        let mut charsmap = Self {
            units: trie.chunks_exact(4).map(unit).collect(),
            replacements: replacements.to_owned(),
            longest: false,
            plain: [false; 128],
        };
        charsmap.plain = std::array::from_fn(|byte| {
            byte != usize::from(b'\r')
                && charsmap.find((byte as u8 as char).encode_utf8(&mut [0; 4])).is_none()
        });
        Ok(charsmap)
    }

    /// The same rules, of which the longest match is applied.
    pub fn by_longest_match(self) -> Self {
        Self { longest: true, ..self }
    }

    /// Whether no rule reaches over the beginning of a space: words can be rewritten one by one.
    pub fn is_local(&self) -> bool {
        let Some(&root) = self.units.first().filter(|_| self.longest) else { return true };
        let (mut open, mut seen) = (vec![(offset(root), true)], HashSet::new());
        while let Some((place, first)) = open.pop() {
            for byte in 1..=u8::MAX {
                let here = place ^ usize::from(byte);
                match self.units.get(here) {
                    Some(unit) if unit & (1 << 31 | 0xFF) == u32::from(byte) => {
                        if byte == b' ' && !first {
                            return false;
                        }
                        let next = here ^ offset(*unit);
                        if seen.insert(next) {
                            open.push((next, false));
                        }
                    }
                    _ => {}
                }
            }
        }
        true
    }

    /// Rewrites the text.
    pub fn apply(&self, text: &mut Text<'_>) {
        if self.leaves(text) {
            return;
        }
        let changes = if self.longest { self.place_by_place(text) } else { self.cluster_by_cluster(text) };
        if let Some(changes) = changes {
            text.rewrite(|part: TextPart<'_>, out: &mut Writer| out.changes(part, 0, changes.into_iter()));
        }
    }

    /// What google/sentencepiece does; `None` if nothing changes.
    fn place_by_place(&self, text: &str) -> Option<Vec<(char, isize)>> {
        let mut changes = Vec::with_capacity(text.len());
        let (mut changed, mut rest) = (false, text);
        while let Some(c) = rest.chars().next() {
            match self.longest_match(rest) {
                Some((length, with)) => {
                    changed = true;
                    replace(&mut changes, &rest[..length], with);
                    rest = &rest[length..];
                }
                None => {
                    changes.push((c, 0));
                    rest = &rest[c.len_utf8()..];
                }
            }
        }
        changed.then_some(changes)
    }

    /// What the tokenizers library does; `None` if nothing changes.
    fn cluster_by_cluster(&self, text: &str) -> Option<Vec<(char, isize)>> {
        let mut changes = Vec::with_capacity(text.len());
        let mut changed = false;
        for cluster in text.graphemes(true) {
            if cluster.len() < CLUSTER {
                if let Some(with) = self.find(cluster) {
                    changed = true;
                    replace(&mut changes, cluster, with);
                    continue;
                }
            }
            for (at, c) in cluster.char_indices() {
                let part = &cluster[at..at + c.len_utf8()];
                match self.find(part) {
                    Some(with) => {
                        changed = true;
                        replace(&mut changes, part, with);
                    }
                    None => changes.push((c, 0)),
                }
            }
        }
        changed.then_some(changes)
    }

    /// Whether a quick check finds the text unchanged: each character is a cluster, and none has a rule.
    fn leaves(&self, text: &str) -> bool {
        text.bytes().all(|byte| self.plain.get(byte as usize) == Some(&true))
    }

    /// The replacement of the shortest beginning of `key` that has one; the rest of the key goes with it.
    fn find(&self, key: &str) -> Option<&str> {
        self.matches(key).next().and_then(|(_, start)| self.replacement(start))
    }

    /// The longest beginning of the text that has a replacement: how many bytes, and what takes their place.
    fn longest_match(&self, text: &str) -> Option<(usize, &str)> {
        let (length, start) = self.matches(text).take_while(|&(length, _)| length <= LONGEST_RULE).last()?;
        // A rule for a part of a character is none.
        text.is_char_boundary(length).then_some((length, self.replacement(start)?))
    }

    /// The beginnings of a key that have a rule: how many bytes, and where the replacement starts.
    fn matches<'k>(&'k self, key: &'k str) -> impl Iterator<Item = (usize, usize)> + 'k {
        let mut place = self.units.first().map(|&unit| offset(unit));
        let mut bytes = key.bytes().take(LONGEST_RULE).enumerate();
        std::iter::from_fn(move || loop {
            let (i, byte) = bytes.next().filter(|&(_, byte)| byte != 0)?;
            let here = place.take()? ^ byte as usize;
            let unit = *self.units.get(here)?;
            if unit & (1 << 31 | 0xFF) != u32::from(byte) {
                return None;
            }
            let next = here ^ offset(unit);
            place = Some(next);
            if unit >> 8 & 1 == 1 {
                return Some((i + 1, (*self.units.get(next)? & !(1 << 31)) as usize));
            }
        })
    }

    fn replacement(&self, start: usize) -> Option<&str> {
        let rest = self.replacements.get(start..)?;
        Some(&rest[..rest.find('\0').unwrap_or(rest.len())])
    }
}

fn offset(unit: u32) -> usize {
    (unit as usize >> 10) << ((unit & 1 << 9) >> 6)
}

/// The changes that replace `old` by `with`. Characters beyond the old length are inserted. Where `with` is shorter,
/// the last change so far also replaces the rest of `old`; an empty `with` leaves that to the character before it.
fn replace(changes: &mut Vec<(char, isize)>, old: &str, with: &str) {
    let first = changes.len();
    changes.extend(with.chars().map(|c| (c, 0)));
    let more = (changes.len() - first) as isize - old.chars().count() as isize;
    if more > 0 {
        changes.iter_mut().rev().take(more as usize).for_each(|change| change.1 = 1);
    } else if let Some(last) = changes.last_mut() {
        last.1 += more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trie that maps "a" to the replacement at a place.
    fn charsmap(place: u32, replacements: &str) -> Vec<u8> {
        let mut units = [0u32; 512];
        units[0] = 1 << 10; // the children of the root lie at 1 ^ byte
        units[1 ^ usize::from(b'a')] = 1 << 8 | 256 << 10 | u32::from(b'a');
        units[1 ^ usize::from(b'a') ^ 256] = 1 << 31 | place;
        let trie = units.iter().flat_map(|unit| unit.to_le_bytes());
        2048u32.to_le_bytes().into_iter().chain(trie).chain(replacements.bytes()).collect()
    }

    fn rewritten(bytes: &[u8], text: &str) -> String {
        let mut text = Text::plain(text);
        Charsmap::from_bytes(bytes, "x").unwrap().apply(&mut text);
        text.into_text().into_owned()
    }

    #[test]
    fn a_rule_replaces_and_the_rest_of_its_cluster_goes() {
        let bytes = charsmap(3, "no\0xyz\0");
        assert_eq!(rewritten(&bytes, "banana"), "bxyznxyznxyz");
        assert_eq!(rewritten(&bytes, "a\u{301}b"), "xyzb");
    }

    #[test]
    fn a_rule_that_points_outside_or_into_a_character_is_none() {
        assert_eq!(rewritten(&charsmap(9999, "no"), "banana"), "banana");
        assert_eq!(rewritten(&charsmap(1, "é"), "banana"), "banana");
        assert_eq!(rewritten(&charsmap(0, "é"), "ba"), "bé");
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        for bytes in [&[][..], &[1, 0, 0], &[8, 0, 0, 0, 1, 2, 3, 4], &[0, 0, 0, 0, 0xFF]] {
            assert!(matches!(Charsmap::from_bytes(bytes, "x"), Err(Error::Format(_))), "{bytes:?}");
        }
        assert!(Charsmap::from_base64("a*c=", "x").is_err());
    }

    #[test]
    fn the_longest_rule_counts_where_sentencepiece_wrote_them() {
        let rewritten = |text: &str| {
            let mut text = Text::plain(text);
            Charsmap::from_bytes(&charsmap(3, "no\0xyz\0"), "x").unwrap().by_longest_match().apply(&mut text);
            text.into_text().into_owned()
        };
        assert_eq!(rewritten("banana"), "bxyznxyznxyz");
        assert_eq!(rewritten("a\u{301}b"), "xyz\u{301}b");
        assert!(Charsmap::from_bytes(&charsmap(3, "no\0xyz\0"), "x").unwrap().by_longest_match().is_local());
    }

    #[test]
    fn units_of_noise_end() {
        let noise: Vec<u8> = (0..4096u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let bytes: Vec<u8> = 4096u32.to_le_bytes().into_iter().chain(noise).chain(*b"abc\0").collect();
        let text: String = (1..3000).filter_map(char::from_u32).collect();
        rewritten(&bytes, &text);
        let rules = Charsmap::from_bytes(&bytes, "x").unwrap().by_longest_match();
        rules.is_local();
        rules.apply(&mut Text::plain(&text));
    }
}
