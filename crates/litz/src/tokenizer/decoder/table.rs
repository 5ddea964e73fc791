//! What each id decodes to, prepared: for decoders that look at one token at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

use super::bytes::{byte_token, write_run};
use super::step::Step;
use super::{Decoder, Join};
use crate::tokenizer::byte_level;
use crate::tokenizer::pattern::growth_limit;
use crate::Result;

// Most tokens are shorter: copying so many bytes takes one instruction.
const COPIED: usize = 16;
const PRESENT: u8 = 1;
const SPECIAL: u8 = 2;
const BYTE: u8 = 4;

/// Text and kind of every id, as it is decoded behind another token.
pub(in crate::tokenizer) struct Table {
    text: Vec<u8>,  // `COPIED` bytes longer than what is in use
    ends: Vec<u32>, // one more than there are ids
    kinds: Vec<u8>,
}

/// A table that is made when enough has been decoded to be worth it.
#[derive(Default)]
pub(super) struct Lazy {
    table: OnceLock<Option<Table>>,
    decoded: AtomicUsize,
}

/// How a decode knows tokens: text of an id, and whether it is special.
pub(in crate::tokenizer) trait Tokens {
    /// The token of an id.
    fn token(&self, id: u32) -> Option<(&str, bool)>;
    /// One more than the highest id.
    fn top(&self) -> usize;
    /// How many tokens there are.
    fn count(&self) -> usize;
}

impl Decoder {
    /// The text of ids through the table; `None` while there is none, or when this decoder has none.
    pub fn quick(&self, tokens: &impl Tokens, ids: &[u32], skip: bool, raw: bool) -> Result<Option<Vec<u8>>> {
        let table = match self.lazy.table.get() {
            Some(table) => table.as_ref(),
            None => {
                let before = self.lazy.decoded.fetch_add(ids.len(), Ordering::Relaxed);
                if before.saturating_add(ids.len()) < tokens.count() / 2 {
                    return Ok(None);
                }
                // Made outside of the lock: a process that forks meanwhile leaves nobody waiting.
                let table = self.table(tokens);
                self.lazy.table.get_or_init(|| table).as_ref()
            }
        };
        table.map(|table| self.whole(table, tokens, ids, skip, raw)).transpose()
    }

    fn table(&self, tokens: &impl Tokens) -> Option<Table> {
        let byte_fallback = matches!(self.steps.last(), Some(Step::ByteFallback));
        let each = &self.steps[..self.steps.len() - usize::from(byte_fallback)];
        // A run of byte tokens is one token: what a join of bytes makes of it is not known token by token.
        let joined = match self.join {
            Join::Spaces => false,
            Join::Plain => true,
            Join::ByteLevel => !byte_fallback,
        };
        let simple = joined && each.iter().all(|step| matches!(step, Step::Each(_)));
        if !simple || tokens.top() > tokens.count().saturating_mul(8).saturating_add(1 << 16) {
            return None;
        }
        let mut table = Table { text: Vec::new(), ends: vec![0], kinds: Vec::with_capacity(tokens.top()) };
        let mut limit = 1 << 20;
        for id in 0..u32::try_from(tokens.top()).ok()? {
            let mut kind = 0;
            if let Some((token, special)) = tokens.token(id) {
                let (text, is_byte) = self.single(token, false).ok()?;
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

    /// One token through all steps; true beside it says that it is one byte.
    fn single(&self, token: &str, first: bool) -> Result<(Vec<u8>, bool)> {
        let limit = growth_limit(token.len());
        let mut text = token.as_bytes().to_vec();
        for step in &self.steps {
            match step {
                Step::Each(each) => text = each.apply(&text, first, limit)?,
                _ => {
                    if let Some(byte) = byte_token(&text) {
                        return Ok((vec![byte], true));
                    }
                }
            }
        }
        if self.join == Join::ByteLevel {
            if let Ok(token) = std::str::from_utf8(&text) {
                let mut bytes = Vec::with_capacity(token.len());
                byte_level::decode(token, &mut bytes);
                text = bytes;
            }
        }
        Ok((text, false))
    }

    fn whole(
        &self,
        table: &Table,
        tokens: &impl Tokens,
        ids: &[u32],
        skip: bool,
        raw: bool,
    ) -> Result<Vec<u8>> {
        let mut writer = Writer { out: Vec::with_capacity(ids.len() * 4 + COPIED), run: Vec::new(), raw };
        let hidden = if skip { SPECIAL } else { 0 };
        let shown = |&&id: &&u32| {
            let kind = table.kinds.get(id as usize).copied().unwrap_or_default();
            kind & PRESENT != 0 && kind & hidden == 0
        };
        let first = ids.iter().position(|id| shown(&id)).unwrap_or(ids.len());
        let (head, rest) = ids[first..].split_at(usize::from(first < ids.len()));
        if let Some((token, _)) = head.first().and_then(|&id| tokens.token(id)) {
            match self.single(token, true)? {
                (byte, true) => writer.run.extend(byte),
                (text, false) => writer.out.extend(text),
            }
        }
        for &id in rest.iter().filter(shown) {
            let (start, end) = (table.ends[id as usize] as usize, table.ends[id as usize + 1] as usize);
            match table.kinds[id as usize] & BYTE {
                0 => writer.text(&table.text, start, end),
                _ => writer.run.push(table.text[start]),
            }
        }
        writer.end_run();
        self.after_whole(writer.out, raw)
    }

    /// The joined text through the steps after the join.
    fn after_whole(&self, joined: Vec<u8>, raw: bool) -> Result<Vec<u8>> {
        let joined = match self.join {
            Join::ByteLevel if !raw => match String::from_utf8(joined) {
                Ok(text) => text.into_bytes(),
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned().into_bytes(),
            },
            _ => joined,
        };
        if self.after.is_empty() {
            return Ok(joined);
        }
        let mut state = self.start(raw);
        self.joined(&joined, &mut state)?;
        self.finish_text(&mut state)?;
        Ok(state.out)
    }
}

struct Writer {
    out: Vec<u8>,
    run: Vec<u8>, // of byte tokens
    raw: bool,
}

impl Writer {
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
