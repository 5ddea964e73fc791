//! The steps of a post-processor on full encodings.

use super::trim::trim;
use crate::tokenizer::encoding::Encoding;
use crate::Result;

/// The special tokens of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TemplateTokens {
    /// Their ids.
    pub ids: Vec<u32>,
    /// Their texts, as the file has them.
    pub tokens: Vec<String>,
}

/// An item of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TemplateItem {
    /// One of the sequences, and the segment that it becomes.
    Sequence(usize, u32),
    /// Tokens, and their segment.
    Special(TemplateTokens, u32),
}

/// `trim_offsets`, where `true` inside means that a prefix space was added.
pub(super) type Trim = Option<bool>;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProcessorStage {
    /// Removes spaces from the offsets.
    ByteLevel(Trim),
    /// One template for a sequence, one for two.
    Template(Vec<TemplateItem>, Vec<TemplateItem>),
    /// A token before the first sequence, one after each.
    Bert { cls: TemplateTokens, sep: TemplateTokens },
    /// A token before the first sequence, one after each, and one more between two; all in one segment.
    Roberta { cls: TemplateTokens, sep: TemplateTokens, trim: Trim },
}

impl ProcessorStage {
    /// The number of special tokens around one sequence or two.
    pub fn added(&self, pair: bool) -> usize {
        match self {
            Self::ByteLevel(_) => 0,
            Self::Template(single, two) => {
                let pieces = if pair { two } else { single };
                pieces.iter().map(TemplateItem::added).sum()
            }
            Self::Bert { .. } => 2 + usize::from(pair),
            Self::Roberta { .. } => 2 + 2 * usize::from(pair),
        }
    }

    /// The encodings of one sequence or two after this step.
    pub fn process<'a>(
        &self,
        mut encodings: Vec<Encoding>,
        add_special_tokens: bool,
        name: &impl Fn(u32) -> Option<&'a str>,
    ) -> Result<Vec<Encoding>> {
        match self {
            Self::ByteLevel(spaces) => {
                for (i, encoding) in encodings.iter_mut().enumerate() {
                    trim(encoding, *spaces, name);
                    encoding.set_sequence(i);
                }
                Ok(encodings)
            }
            Self::Template(single, pair) => {
                let pieces = if encodings.len() == 2 { pair } else { single };
                Ok(fill(pieces, encodings, add_special_tokens, name))
            }
            Self::Bert { .. } if !add_special_tokens => Ok(encodings),
            Self::Bert { cls, sep } => {
                let wrap = |(i, encoding)| match i {
                    0 => wrapped(encoding, [Some(cls), Some(sep)], [0, 0], 0, name),
                    _ => wrapped(encoding, [None, Some(sep)], [0, 1], 1, name),
                };
                Ok(encodings.into_iter().enumerate().map(wrap).collect())
            }
            Self::Roberta { cls, sep, trim: spaces } => {
                for encoding in &mut encodings {
                    trim(encoding, *spaces, name);
                    encoding.set_type(0);
                }
                if !add_special_tokens {
                    return Ok(encodings);
                }
                let wrap = |(i, mut encoding): (usize, Encoding)| {
                    encoding.overflowing.iter_mut().for_each(|piece| piece.set_type(0));
                    let before = if i == 0 { cls } else { sep };
                    wrapped(encoding, [Some(before), Some(sep)], [0, 0], i.min(1), name)
                };
                Ok(encodings.into_iter().enumerate().map(wrap).collect())
            }
        }
    }
}

impl TemplateItem {
    fn added(&self) -> usize {
        match self {
            Self::Sequence(..) => 0,
            Self::Special(special, _) => special.ids.len(),
        }
    }
}

impl TemplateTokens {
    /// The tokens as an encoding; texts that are the vocabulary's own are not kept.
    fn encoding<'a>(&self, type_id: u32, name: &impl Fn(u32) -> Option<&'a str>) -> Encoding {
        let n = self.ids.len();
        let texts = self.ids.iter().zip(&self.tokens).enumerate();
        let named = texts.filter(|(_, (&id, token))| name(id) != Some(token.as_str()));
        Encoding {
            ids: self.ids.clone(),
            type_ids: vec![type_id; n],
            offsets: vec![(0, 0); n],
            words: vec![None; n],
            special: vec![true; n],
            attention: vec![1; n],
            named: named.map(|(place, (_, token))| (place, token.clone())).collect(),
            ..Encoding::default()
        }
    }
}

/// Fills a template. A sequence that occurs in it twice is repeated with its overflowing pieces.
fn fill<'a>(
    pieces: &[TemplateItem],
    mut encodings: Vec<Encoding>,
    add_special_tokens: bool,
    name: &impl Fn(u32) -> Option<&'a str>,
) -> Vec<Encoding> {
    let mut filled = Vec::with_capacity(pieces.len());
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            &TemplateItem::Sequence(which, type_id) => {
                let again = |piece: &TemplateItem| matches!(piece, TemplateItem::Sequence(other, _) if *other == which);
                let encoding = &mut encodings[which];
                encoding.set_type(type_id);
                encoding.set_sequence(which);
                filled.push(match pieces[i + 1..].iter().any(again) {
                    true => encoding.clone(),
                    false => std::mem::take(encoding),
                });
            }
            TemplateItem::Special(special, type_id) if add_special_tokens => {
                filled.push(special.encoding(*type_id, name));
            }
            TemplateItem::Special(..) => {}
        }
    }
    filled
}

/// Tokens before and after an encoding and each of its overflowing pieces; only they count as special then.
fn wrapped<'a>(
    encoding: Encoding,
    [before, after]: [Option<&TemplateTokens>; 2],
    types: [u32; 2],
    sequence: usize,
    name: &impl Fn(u32) -> Option<&'a str>,
) -> Encoding {
    let wrap = |mut encoding: Encoding| {
        let len = encoding.len();
        encoding.overflowing.clear();
        encoding.sequences.clear();
        encoding.set_sequence(sequence);
        encoding.special = vec![false; len];
        encoding.attention = vec![1; len];
        let side = |special: Option<&TemplateTokens>, type_id| {
            special.map(|special| special.encoding(type_id, name))
        };
        let mut whole = side(before, types[0]).unwrap_or_default();
        // Neither side has overflowing pieces, so nothing can grow.
        let joined = [Some(encoding), side(after, types[1])].into_iter().flatten();
        joined.for_each(|part| drop(whole.append(part)));
        whole
    };
    let mut encoding = encoding;
    let overflowing = std::mem::take(&mut encoding.overflowing);
    let mut whole = wrap(encoding);
    whole.overflowing = overflowing.into_iter().map(wrap).collect();
    whole
}
