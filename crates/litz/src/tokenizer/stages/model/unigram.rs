//! Unigram: the segmentation of a piece with the highest sum of scores (Viterbi).

use super::double_array::DoubleArray;
use super::sink::{Best, Scratch, Sink, Symbol};
use crate::tokenizer::vocab::Vocab;
use crate::{Error, Result};
use hashbrown::HashSet;

// An unknown character costs this much more than the rarest token.
const UNKNOWN_PENALTY: f64 = 10.0;
// Each character of a text starts a traversal as long as the longest token: this bounds its time.
const LONGEST_TOKEN: usize = 4096;

const NOWHERE: u32 = u32::MAX;

/// The compiled model.
pub(crate) struct Unigram {
    vocab: Vocab,
    trie: DoubleArray,
    scores: Vec<f64>, // by id
    unknown: Option<u32>,
    unknown_score: f64,
    unmatched: HashSet<u32>,        // tokens that no text is segmented into
    bytes: Option<Box<[u32; 256]>>, // the `<0x..>` tokens, when unknown text falls back to them; `ABSENT` where missing
}

const ABSENT: u32 = u32::MAX;

impl Unigram {
    /// A model of tokens and their scores, by id.
    pub fn new(
        vocab: Vocab,
        scores: Vec<f64>,
        unknown: Option<usize>,
        byte_fallback: bool,
        unmatched: Vec<u32>,
    ) -> Result<Self> {
        let unmatched: HashSet<u32> = unmatched.into_iter().collect();
        let matched = |id: u32| !unmatched.contains(&id);
        if let Some((i, score)) = scores.iter().enumerate().find(|(_, score)| score.is_nan()) {
            return Err(Error::Format(format!("model.vocab[{i}]: found {score}, expected a score")));
        }
        if let Some((id, token)) = vocab.iter().find(|(_, token)| token.len() > LONGEST_TOKEN) {
            return Err(Error::Format(format!(
                "model.vocab[{id}]: a token of {} bytes; {LONGEST_TOKEN} is the limit",
                token.len()
            )));
        }
        let unknown = match unknown {
            None => None,
            Some(id) if id < scores.len() => Some(id as u32),
            Some(id) => {
                return Err(Error::Format(format!(
                    "model.unk_id: found {id}, but the vocabulary has {} tokens",
                    scores.len()
                )))
            }
        };
        let byte = |byte: usize| vocab.id(&format!("<0x{byte:02X}>")).unwrap_or(ABSENT);
        Ok(Self {
            trie: DoubleArray::new(vocab.iter().filter(|&(id, _)| matched(id)), "model.vocab")?,
            unknown_score: (0u32..)
                .zip(&scores)
                .filter(|&(id, _)| matched(id))
                .fold(f64::INFINITY, |least, (_, &score)| least.min(score))
                - UNKNOWN_PENALTY,
            bytes: byte_fallback.then(|| Box::new(std::array::from_fn(byte))),
            vocab,
            scores,
            unknown,
            unmatched,
        })
    }

    /// The vocabulary.
    pub fn vocab(&self) -> &Vocab {
        &self.vocab
    }

    /// The scores of the tokens, by id.
    pub fn scores(&self) -> &[f64] {
        &self.scores
    }

    /// Writes the tokens of one piece.
    pub fn encode(&self, piece: &str, scratch: &mut Scratch, out: &mut impl Sink) -> Result<()> {
        let Scratch { symbols, best, .. } = scratch;
        self.search(piece, best)?;
        symbols.clear();
        let mut end = piece.len() as u32;
        while end > 0 {
            let Best { start, id, .. } = best[end as usize];
            match symbols.last_mut() {
                // Unknown text that touches is one token.
                Some(Symbol { id: after, start: joint, .. })
                    if Some(*after) == self.unknown && *after == id =>
                {
                    *joint = start;
                }
                _ => symbols.push(Symbol { id, start, end }),
            }
            end = start;
        }
        for symbol in symbols.iter().rev() {
            if Some(symbol.id) == self.unknown {
                self.write_unknown(piece, symbol, out);
            } else {
                symbol.write(out);
            }
        }
        Ok(())
    }

    /// Computes the best way to each byte. Of equal sums the first is kept, whose last token is the longest.
    fn search(&self, piece: &str, best: &mut Vec<Best>) -> Result<()> {
        best.clear();
        best.resize(piece.len() + 1, Best { score: 0.0, start: NOWHERE, id: 0 });
        let bytes = piece.as_bytes();
        let mut start = 0;
        while start < bytes.len() {
            let here = best[start].score;
            let width = width(bytes[start]);
            let mut offer = |end: usize, id: u32, score: f64| {
                let score = score + here;
                let wins = best[end].start == NOWHERE || score > best[end].score;
                if wins {
                    best[end] = Best { score, start: start as u32, id };
                }
                wins
            };
            let mut single = false; // a token is just this character
            let mut node = DoubleArray::ROOT;
            for (i, &byte) in bytes[start..].iter().enumerate() {
                match self.trie.step(node, byte) {
                    Some(next) => node = next,
                    None => break,
                }
                if let Some(id) = self.trie.value(node) {
                    offer(start + i + 1, id, self.scores[id as usize]);
                    single |= i + 1 == width;
                }
            }
            if !single
                && offer(start + width, self.unknown.unwrap_or(ABSENT), self.unknown_score)
                && self.unknown.is_none()
            {
                return Err(Error::Format(
                    "model.unk_id: null, but this text holds a character that is not in the vocabulary"
                        .into(),
                ));
            }
            start += width;
        }
        Ok(())
    }

    fn write_unknown(&self, piece: &str, symbol: &Symbol, out: &mut impl Sink) {
        let (start, end) = (symbol.start as usize, symbol.end as usize);
        let text = &piece[start..end];
        if let Some(id) = self.vocab.id(text).filter(|id| !self.unmatched.contains(id)) {
            return out.push(id, start, end);
        }
        match &self.bytes {
            Some(tokens) if text.bytes().all(|byte| tokens[byte as usize] != ABSENT) => {
                text.bytes().for_each(|byte| out.push(tokens[byte as usize], start, end));
            }
            _ => out.push_unknown(symbol.id, start, end),
        }
    }
}

/// The length of the character that begins with this byte.
fn width(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xE0 => 2,
        0xE0..0xF0 => 3,
        _ => 4,
    }
}
