//! A table of the decoded text of every id, for decoders that treat each token alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

use super::bytes::write_run;
use crate::Result;

// Most tokens are shorter: copying so many bytes takes one instruction.
const COPIED: usize = 16;
const PRESENT: u8 = 1;
const SPECIAL: u8 = 2;
const BYTE: u8 = 4;

/// Text and kind of every id, as it is decoded behind another token.
pub(super) struct DecodedTable {
    text: Vec<u8>,  // `COPIED` bytes longer than what is in use
    ends: Vec<u32>, // one more than there are ids
    kinds: Vec<u8>,
}

/// A table that is made when enough has been decoded to be worth it.
#[derive(Default)]
pub(super) struct Lazy {
    table: OnceLock<Option<DecodedTable>>,
    decoded: AtomicUsize,
}

/// The tokens of a decoder: the text of an id, and whether it is special.
pub(crate) trait TokenTexts {
    /// The token of an id.
    fn token(&self, id: u32) -> Option<(&str, bool)>;
    /// One more than the highest id.
    fn top(&self) -> usize;
    /// How many tokens there are.
    fn count(&self) -> usize;
}

impl DecodedTable {
    /// The text of every token as `single` decodes it behind another; `None` where that takes too much room.
    ///
    /// `single` also returns whether the token is one byte of a run.
    pub fn new(tokens: &impl TokenTexts, single: impl Fn(&str) -> Result<(Vec<u8>, bool)>) -> Option<Self> {
        if tokens.top() > tokens.count().saturating_mul(8).saturating_add(1 << 16) {
            return None;
        }
        let mut table = Self { text: Vec::new(), ends: vec![0], kinds: Vec::with_capacity(tokens.top()) };
        let mut limit = 1 << 20;
        for id in 0..u32::try_from(tokens.top()).ok()? {
            let mut kind = 0;
            if let Some((token, special)) = tokens.token(id) {
                let (text, is_byte) = single(token).ok()?;
                limit += token.len() * 8;
                kind = PRESENT | if special { SPECIAL } else { 0 } | if is_byte { BYTE } else { 0 };
                table.text.extend_from_slice(&text);
            }
            if table.text.len() > limit {
                return None;
            }
            table.kinds.push(kind);
            table.ends.push(u32::try_from(table.text.len()).ok()?);
        }
        table.text.extend([0; COPIED]);
        Some(table)
    }

    /// The joined text of ids; `single` decodes the first one.
    pub fn join(
        &self,
        tokens: &impl TokenTexts,
        ids: &[u32],
        (skip, raw): (bool, bool),
        single: impl Fn(&str) -> Result<(Vec<u8>, bool)>,
    ) -> Result<Vec<u8>> {
        let mut writer =
            TableWriter { out: Vec::with_capacity(ids.len() * 4 + COPIED), run: Vec::new(), raw };
        let hidden = if skip { SPECIAL } else { 0 };
        let shown = |&&id: &&u32| {
            let kind = self.kinds.get(id as usize).copied().unwrap_or_default();
            kind & PRESENT != 0 && kind & hidden == 0
        };
        let first = ids.iter().position(|id| shown(&id)).unwrap_or(ids.len());
        let (head, rest) = ids[first..].split_at(usize::from(first < ids.len()));
        if let Some((token, _)) = head.first().and_then(|&id| tokens.token(id)) {
            match single(token)? {
                (byte, true) => writer.run.extend(byte),
                (text, false) => writer.out.extend(text),
            }
        }
        for &id in rest.iter().filter(shown) {
            let (start, end) = (self.ends[id as usize] as usize, self.ends[id as usize + 1] as usize);
            match self.kinds[id as usize] & BYTE {
                0 => writer.text(&self.text, start, end),
                _ => writer.run.push(self.text[start]),
            }
        }
        writer.end_run();
        Ok(writer.out)
    }
}

impl Lazy {
    /// The table, made once so many ids were decoded that it pays; `None` before, and where there is none.
    pub fn get(
        &self,
        ids: usize,
        worth: usize,
        make: impl FnOnce() -> Option<DecodedTable>,
    ) -> Option<&DecodedTable> {
        match self.table.get() {
            Some(table) => table.as_ref(),
            None => {
                let before = self.decoded.fetch_add(ids, Ordering::Relaxed);
                if before.saturating_add(ids) < worth {
                    return None;
                }
                // Made outside of the lock: a fork meanwhile cannot leave it locked in the child.
                let table = make();
                self.table.get_or_init(|| table).as_ref()
            }
        }
    }
}

struct TableWriter {
    out: Vec<u8>,
    run: Vec<u8>, // of byte tokens
    raw: bool,
}

impl TableWriter {
    #[inline]
    fn text(&mut self, text: &[u8], start: usize, end: usize) {
        if !self.run.is_empty() {
            self.end_run();
        }
        match text.get(start..start + COPIED) {
            Some(chunk) if end - start <= COPIED => {
                let length = self.out.len() + (end - start);
                self.out.extend_from_slice(chunk);
                self.out.truncate(length);
            }
            _ => self.out.extend_from_slice(&text[start..end]),
        }
    }

    fn end_run(&mut self) {
        write_run(&self.run, self.raw, &mut self.out);
        self.run.clear();
    }
}
