//! Byte-pair encoding: characters or bytes are merged pair by pair.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::OnceLock;

use super::backtrack::Backtrack;
use super::merge::{merge_all, merge_ids, merge_some, Merge, SCANNED};
use super::pairs::Pairs;
use super::sink::{Scratch, Sink, Symbol};
use crate::tokenizer::description::merges::{rank, ranked_merges, UNRANKED};
use crate::tokenizer::text::byte_level;
use crate::tokenizer::vocab::Vocab;
use crate::{Error, Result};

/// The settings of the model.
#[derive(Default)]
pub(crate) struct BpeOptions {
    /// Pieces are bytes, each written as GPT-2's character for it.
    pub byte_level: bool,
    /// The token for what the vocabulary lacks.
    pub unknown: Option<String>,
    /// Several unknown characters in a row are one token.
    pub fuse_unknown: bool,
    /// Unknown characters become `<0x..>` tokens where the vocabulary has them.
    pub byte_fallback: bool,
    /// A piece that is a token is that token, merges or not.
    pub ignore_merges: bool,
    /// Written before every character but the first of a piece.
    pub prefix: String,
    /// Written after the last character of a piece.
    pub suffix: String,
    /// The probability that a merge is skipped, each time it is the best.
    pub dropout: f64,
}

/// The order of merges.
enum MergeOrder {
    /// The file's list of merges.
    Pairs(Pairs),
    /// SentencePiece: any two neighbours whose text is a token merge, best score first.
    Scores(Vec<u32>), // rank by id; `UNRANKED` for tokens that never result from a merge
}

/// The compiled model.
pub(crate) struct Bpe {
    vocab: Vocab,
    options: BpeOptions,
    rules: MergeOrder,
    unknown: Option<u32>,
    bytes: [Option<u32>; 256], // byte-level: the token of each byte; else its `<0x..>` token
    backtrack: OnceLock<Option<Backtrack>>,
    drawn: AtomicU64,    // the state of what dropout draws
    merged: AtomicUsize, // bytes that were merged so far, until making `backtrack` pays
}

/// Bytes of pieces that are merged before the faster tables are made.
const WORTH_TABLES: usize = 1 << 19;

impl Bpe {
    /// A model with merges of its tokens.
    pub fn with_merges(vocab: Vocab, pairs: Pairs, options: BpeOptions) -> Self {
        Self::new(vocab, MergeOrder::Pairs(pairs), options)
    }

    /// A model whose merges follow the tokens' scores, the highest first. `None` = never the result of a merge.
    pub fn with_scores(vocab: Vocab, scores: impl Iterator<Item = Option<f32>>, options: BpeOptions) -> Self {
        let ranks = scores.map(|score| score.map_or(UNRANKED, rank)).collect();
        Self::new(vocab, MergeOrder::Scores(ranks), options)
    }

    fn new(vocab: Vocab, rules: MergeOrder, options: BpeOptions) -> Self {
        let unknown = options.unknown.as_ref().and_then(|token| vocab.id(token));
        let mut buffer = [0; 4];
        let bytes = std::array::from_fn(|byte| match byte as u8 {
            byte if options.byte_level => vocab.id(byte_level::to_char(byte).encode_utf8(&mut buffer)),
            byte => vocab.id(&format!("<0x{byte:02X}>")),
        });
        let (backtrack, merged) = (OnceLock::new(), AtomicUsize::new(0));
        let drawn = AtomicU64::new(RandomState::new().hash_one(0));
        Self { vocab, options, rules, unknown, bytes, backtrack, drawn, merged }
    }

    /// The vocabulary.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// The merges as pairs of ids, by rank. Scores are turned into the merges that they imply.
    pub fn merges(&self) -> Vec<(u32, u32)> {
        match &self.rules {
            MergeOrder::Pairs(pairs) => {
                let mut merges: Vec<_> =
                    pairs.iter().map(|(left, right, merge)| (merge.rank, left, right)).collect();
                merges.sort_unstable();
                merges.into_iter().map(|(_, left, right)| (left, right)).collect()
            }
            MergeOrder::Scores(ranks) => {
                let tokens: Vec<_> = self.vocab.iter().map(|(id, token)| (token, id)).collect();
                let rank = |id| Some(rank_of(ranks, id)).filter(|&rank| rank != UNRANKED);
                ranked_merges(tokens.into_iter(), rank)
            }
        }
    }

    /// The tokens that result from merges, if the ids of a character depend only on merges with its
    /// neighbours. Then two characters can only be merged if they are neighbours in one of these tokens.
    pub fn merged_tokens(&self) -> Option<Vec<u32>> {
        let options = &self.options;
        let mut is_byte = vec![false; self.vocab.top()];
        self.bytes.iter().flatten().for_each(|&id| is_byte[id as usize] = true);
        let byte = |id: u32| is_byte[id as usize];
        let readable = (0..=255u8).all(|byte| {
            // An ASCII character that is a token needs no byte token.
            let own = byte.is_ascii() && self.vocab.id(char::from(byte).encode_utf8(&mut [0; 4])).is_some();
            own || self.bytes[usize::from(byte)].is_some()
        });
        let plain = options.byte_fallback
            && !options.byte_level
            && !options.ignore_merges
            && options.dropout == 0.0
            && options.prefix.is_empty()
            && options.suffix.is_empty();
        if !readable || !plain {
            return None;
        }
        match &self.rules {
            MergeOrder::Scores(ranks) => {
                let tokens = self.vocab.iter().map(|(id, _)| id);
                Some(tokens.filter(|&id| rank_of(ranks, id) != UNRANKED).collect())
            }
            MergeOrder::Pairs(pairs) => {
                let bytes_merge = pairs.iter().any(|(left, right, _)| byte(left) || byte(right));
                (!bytes_merge).then(|| pairs.iter().map(|(_, _, merge)| merge.id).collect())
            }
        }
    }

    /// Writes the tokens of one piece.
    pub fn encode(&self, piece: &str, scratch: &mut Scratch, out: &mut impl Sink) -> Result<()> {
        let Scratch { symbols, text, .. } = scratch;
        symbols.clear();
        match &self.rules {
            MergeOrder::Scores(ranks) => self.by_score(piece, ranks, symbols, out)?,
            MergeOrder::Pairs(pairs) => {
                let known =
                    self.options.byte_level && !self.options.ignore_merges && self.bytes_of(piece, symbols);
                if !known && !self.symbols_of(piece, symbols, text)? {
                    symbols.iter().for_each(|symbol| symbol.write(out));
                    return Ok(());
                }
                let find = |left: Symbol, right: Symbol| pairs.get(left.id, right.id);
                match self.options.dropout > 0.0 {
                    true => merge_some(symbols, find, self.drawing()),
                    false => merge_all(symbols, find),
                }
                symbols.iter().for_each(|symbol| symbol.write(out));
            }
        }
        Ok(())
    }

    /// Whether pieces are bytes, each with a token, so that [`Bpe::encode_ids`] applies.
    pub fn is_plain(&self) -> bool {
        let affixes = !self.options.prefix.is_empty() || !self.options.suffix.is_empty();
        self.options.byte_level
            && !affixes
            && self.options.dropout == 0.0
            && self.bytes.iter().all(Option::is_some)
            && matches!(self.rules, MergeOrder::Pairs(_))
    }

    /// As [`Bpe::encode`] of a plain model, without spans.
    pub fn encode_ids(&self, piece: &str, scratch: &mut Scratch, out: &mut Vec<u32>) -> Result<()> {
        let MergeOrder::Pairs(pairs) = &self.rules else { return self.encode(piece, scratch, out) };
        match self.backtrack.get() {
            Some(Some(tables)) => {
                let whole = self.options.ignore_merges;
                tables.encode(piece.as_bytes(), pairs, whole, &mut scratch.dead, out);
                return Ok(());
            }
            Some(None) => {}
            None => {
                // One thread makes the tables, the others merge meanwhile: both ways give the same ids.
                let before = self.merged.fetch_add(piece.len(), Ordering::Relaxed);
                if before < WORTH_TABLES && before + piece.len() >= WORTH_TABLES {
                    let tables = self.tables();
                    self.backtrack.get_or_init(|| tables);
                }
            }
        }
        match piece.len() <= SCANNED {
            true => self.merge_short(piece.as_bytes(), pairs, out),
            false => self.encode(piece, scratch, out)?,
        }
        Ok(())
    }

    fn merge_short(&self, piece: &[u8], pairs: &Pairs, out: &mut Vec<u32>) {
        if self.options.ignore_merges {
            let (mut spelt, mut length) = ([0; 2 * SCANNED], 0);
            for &byte in piece {
                length += byte_level::to_char(byte).encode_utf8(&mut spelt[length..]).len();
            }
            if let Some(id) = self.vocab.id_of_bytes(&spelt[..length]) {
                out.push(id);
                return;
            }
        }
        let mut ids = [0; SCANNED];
        for (id, &byte) in ids.iter_mut().zip(piece) {
            *id = self.bytes[usize::from(byte)].unwrap_or_default();
        }
        let left = merge_ids(&mut ids[..piece.len()], |left, right| pairs.get(left, right));
        out.extend_from_slice(&ids[..left]);
    }

    /// Seeds the dropout.
    pub fn seed(&self, seed: u64) {
        self.drawn.store(seed, Ordering::Relaxed);
    }

    /// A random source for one piece: whether to skip a merge.
    fn drawing(&self) -> impl FnMut() -> bool {
        let mut state = self.drawn.fetch_add(0xD1B5_4A32_D192_ED03, Ordering::Relaxed);
        let dropout = self.options.dropout;
        move || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            (((mixed ^ mixed >> 31) >> 40) as f64) < dropout * f64::from(1 << 24)
        }
    }

    /// The tables for backtracking of a plain model; None if they do not apply.
    pub(super) fn tables(&self) -> Option<Backtrack> {
        Backtrack::new(&self.vocab, self.pairs()?, &self.bytes.map(Option::unwrap_or_default))
    }

    /// The table of merges, unless scores decide.
    pub fn pairs(&self) -> Option<&Pairs> {
        match &self.rules {
            MergeOrder::Pairs(pairs) => Some(pairs),
            MergeOrder::Scores(_) => None,
        }
    }

    /// The usual case: one symbol a byte. False when a byte has no token, or affixes apply.
    fn bytes_of(&self, piece: &str, symbols: &mut Vec<Symbol>) -> bool {
        if !self.options.prefix.is_empty() || !self.options.suffix.is_empty() {
            return false;
        }
        for byte in piece.bytes() {
            match self.bytes[byte as usize] {
                Some(id) => push(symbols, id, 1),
                None => {
                    symbols.clear();
                    return false;
                }
            }
        }
        true
    }

    /// Symbols of any piece; false when it is one whole token that merges must not touch.
    fn symbols_of(&self, piece: &str, symbols: &mut Vec<Symbol>, buffer: &mut String) -> Result<bool> {
        let mut text = piece;
        if self.options.byte_level {
            buffer.clear();
            byte_level::encode(piece.as_bytes(), buffer);
            text = buffer;
        }
        // With dropout, the `tokenizers` library has no shortcut for whole tokens.
        if self.options.ignore_merges && self.options.dropout == 0.0 {
            if let Some(id) = self.vocab.id(text) {
                push(symbols, id, piece.len());
                return Ok(false);
            }
            if self.options.byte_level && self.bytes_of(piece, symbols) {
                return Ok(true);
            }
        }
        self.characters(text, symbols)?;
        Ok(true)
    }

    fn characters(&self, text: &str, symbols: &mut Vec<Symbol>) -> Result<()> {
        let mut pending: Option<(u32, usize)> = None; // an unknown token that the next unknown character may join
        for (at, c) in text.char_indices() {
            let length = if self.options.byte_level { 1 } else { c.len_utf8() };
            let (first, last) = (at == 0, at + c.len_utf8() == text.len());
            match self.character(c, first, last) {
                Some(id) => {
                    pending.take().into_iter().for_each(|(unknown, length)| push(symbols, unknown, length));
                    push(symbols, id, length);
                }
                // A pending unknown token is written after the bytes, as in the `tokenizers` library.
                None if self.fall_back(c, first, last, symbols) => {}
                None if self.options.unknown.is_none() => {}
                None => {
                    let id = self.unknown()?;
                    pending = match pending.take() {
                        Some((_, before)) if self.options.fuse_unknown => Some((id, before + length)),
                        before => {
                            before.into_iter().for_each(|(unknown, length)| push(symbols, unknown, length));
                            Some((id, length))
                        }
                    };
                }
            }
        }
        pending.into_iter().for_each(|(unknown, length)| push(symbols, unknown, length));
        Ok(())
    }

    fn character(&self, c: char, first: bool, last: bool) -> Option<u32> {
        if (first || self.options.prefix.is_empty()) && (!last || self.options.suffix.is_empty()) {
            return self.vocab.id(c.encode_utf8(&mut [0; 4]));
        }
        self.vocab.id(&self.affixed(c, first, last))
    }

    fn affixed(&self, c: char, first: bool, last: bool) -> String {
        let prefix = if first { "" } else { &self.options.prefix };
        let suffix = if last { &self.options.suffix } else { "" };
        format!("{prefix}{c}{suffix}")
    }

    /// Pushes the `<0x..>` tokens of an unknown character; false when one of them is missing.
    fn fall_back(&self, c: char, first: bool, last: bool, symbols: &mut Vec<Symbol>) -> bool {
        if !self.options.byte_fallback {
            return false;
        }
        let bytes = self.affixed(c, first, last);
        if !bytes.bytes().all(|byte| self.byte_token(byte).is_some()) {
            return false;
        }
        bytes.bytes().filter_map(|byte| self.byte_token(byte)).for_each(|id| push(symbols, id, 1));
        true
    }

    fn byte_token(&self, byte: u8) -> Option<u32> {
        match self.options.byte_level {
            true => self.vocab.id(&format!("<0x{byte:02X}>")),
            false => self.bytes[byte as usize],
        }
    }

    fn unknown(&self) -> Result<u32> {
        self.unknown.ok_or_else(|| {
            let token = self.options.unknown.as_deref().unwrap_or_default();
            Error::Format(format!(
                "model.unk_token: {token:?} is needed for this text but not in the vocabulary"
            ))
        })
    }

    /// SentencePiece's order: merges look at text, so that characters outside the vocabulary take part.
    fn by_score(
        &self,
        piece: &str,
        ranks: &[u32],
        symbols: &mut Vec<Symbol>,
        out: &mut impl Sink,
    ) -> Result<()> {
        for (at, c) in piece.char_indices() {
            let end = at + c.len_utf8();
            let id = self.vocab.id(&piece[at..end]).filter(|&id| rank_of(ranks, id) != UNRANKED);
            symbols.push(Symbol { id: id.unwrap_or(Symbol::UNKNOWN), start: at as u32, end: end as u32 });
        }
        merge_all(symbols, |left, right| {
            let id = self.vocab.id(&piece[left.start as usize..right.end as usize])?;
            Some(Merge { rank: rank_of(ranks, id), id }).filter(|merge| merge.rank != UNRANKED)
        });
        let mut unknown: Option<(usize, usize)> = None; // a run of unknown text, which is one token
        for symbol in symbols.iter() {
            let (start, end) = (symbol.start as usize, symbol.end as usize);
            let bytes = &piece.as_bytes()[start..end];
            if symbol.id == Symbol::UNKNOWN && !bytes.iter().all(|&byte| self.bytes[byte as usize].is_some())
            {
                unknown = match unknown {
                    Some((first, _)) if self.options.fuse_unknown => Some((first, end)),
                    before => {
                        self.write_unknown(before, out)?;
                        Some((start, end))
                    }
                };
                continue;
            }
            self.write_unknown(unknown.take(), out)?;
            if symbol.id != Symbol::UNKNOWN {
                symbol.write(out);
                continue;
            }
            let tokens = bytes.iter().filter_map(|&byte| self.bytes[byte as usize]);
            tokens.zip(start..).for_each(|(id, at)| out.push(id, at, at + 1));
        }
        self.write_unknown(unknown, out)
    }

    fn write_unknown(&self, span: Option<(usize, usize)>, out: &mut impl Sink) -> Result<()> {
        if let Some((start, end)) = span {
            out.push(self.unknown()?, start, end);
        }
        Ok(())
    }
}

/// Appends a token for `length` bytes of the piece. Offsets are sums of lengths, as in the `tokenizers` library.
fn push(symbols: &mut Vec<Symbol>, id: u32, length: usize) {
    let start = symbols.last().map_or(0, |symbol| symbol.end);
    symbols.push(Symbol { id, start, end: start + length as u32 });
}

fn rank_of(ranks: &[u32], id: u32) -> u32 {
    ranks.get(id as usize).copied().unwrap_or(UNRANKED)
}
