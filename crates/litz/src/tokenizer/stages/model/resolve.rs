//! Resolution of a list of merges from texts to ids.

use std::ops::Range;

use super::merge::Merge;
use super::pairs::{Pairs, PairsBuilder};
use crate::tokenizer::description::merges::Merges;
use crate::tokenizer::vocab::Vocab;
use crate::{Error, Result};

// Fewer merges are resolved faster than a thread starts.
const WORTH_A_THREAD: usize = 1 << 15;

struct Resolved {
    left: u32,
    right: u32,
    id: u32,
}

/// The table of a list of merges; `prefix` is the prefix of tokens that continue a word. `path` names the list in errors.
pub(crate) fn pairs(vocab: &Vocab, merges: &Merges, prefix: &str, path: &str) -> Result<Pairs> {
    let resolver = Resolver { vocab, merges, prefix: prefix.as_bytes(), path };
    let (middle, end) = (merges.len() / 2, merges.len());
    let mut pairs = PairsBuilder::with_capacity(end);
    let mut insert = |from: usize, resolved: &[Resolved]| {
        for (rank, &Resolved { left, right, id }) in (from as u32..).zip(resolved) {
            pairs.insert(left, right, Merge { rank, id });
        }
    };
    if end < WORTH_A_THREAD {
        insert(0, &resolver.resolve(0..end)?);
        return Ok(pairs.build());
    }
    // Another thread resolves the second half while this one resolves and inserts the first.
    std::thread::scope(|scope| -> Result<()> {
        let second = scope.spawn(|| resolver.resolve(middle..end));
        insert(0, &resolver.resolve(0..middle)?);
        let second = second.join().map_err(|_| Error::Format(format!("{path}: merges could not be read")))?;
        insert(middle, &second?);
        Ok(())
    })?;
    Ok(pairs.build())
}

struct Resolver<'a> {
    vocab: &'a Vocab,
    merges: &'a Merges,
    prefix: &'a [u8],
    path: &'a str,
}

impl Resolver<'_> {
    fn resolve(&self, places: Range<usize>) -> Result<Vec<Resolved>> {
        let mut out = Vec::with_capacity(places.len());
        let mut last = 0;
        for place in places {
            let (left, right) = self.merges.bytes(place);
            let id = |token: &[u8]| self.vocab.id_of_bytes(token).ok_or_else(|| self.missing(place, token));
            let sides = (id(left)?, id(right)?);
            let rest = right.strip_prefix(self.prefix).unwrap_or(right);
            // Merges are mostly in the order of their results, which avoids the look-up.
            let expected = [last, last + 1].into_iter().find(|&id| self.is_joined(id, left, rest));
            last = expected.map_or_else(|| id(&[left, rest].concat()), Ok)?;
            out.push(Resolved { left: sides.0, right: sides.1, id: last });
        }
        Ok(out)
    }

    fn is_joined(&self, id: u32, left: &[u8], right: &[u8]) -> bool {
        self.vocab.bytes(id).is_some_and(|token| {
            token.len() == left.len() + right.len() && token.starts_with(left) && token.ends_with(right)
        })
    }

    fn missing(&self, place: usize, token: &[u8]) -> Error {
        let (left, right) = self.merges.bytes(place);
        let [token, left, right] = [token, left, right].map(String::from_utf8_lossy);
        Error::Format(format!(
            "{}[{place}]: {token:?} is not in the vocabulary ({left:?} + {right:?})",
            self.path
        ))
    }
}
