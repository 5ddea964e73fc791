//! A post-processor as a list of slots, computed once. Encoding to ids alone needs nothing else.

use super::stage::{ProcessorStage, TemplateItem, TemplateTokens};
use crate::{Error, Result};

// A template may repeat what templates before it made.
const SLOTS: usize = 1 << 12;

/// A slot of the result: one special token, or all tokens of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Which sequence, `None` for a special token.
    pub sequence: Option<usize>,
    /// The special token.
    pub id: u32,
    /// The segment.
    pub type_id: u32,
    /// Whether it counts as a special token.
    pub special: bool,
}

/// The slots of one sequence and of two, with and without special tokens.
#[derive(Default)]
pub(super) struct Compiled(Option<[Vec<Slot>; 4]>);

impl Compiled {
    /// The places, in order.
    pub fn slots(&self, pair: bool, add_special_tokens: bool) -> &[Slot] {
        // A post-processor that was never compiled leaves sequences as they are.
        const BARE: [Slot; 2] = [Slot::of_sequence(0), Slot::of_sequence(1)];
        match &self.0 {
            Some(slots) => &slots[usize::from(pair) * 2 + usize::from(add_special_tokens)],
            None => &BARE[..1 + usize::from(pair)],
        }
    }

    /// The ids of all special tokens.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flatten().flatten().filter(|slot| slot.sequence.is_none()).map(|slot| slot.id)
    }
}

impl Slot {
    const fn of_sequence(sequence: usize) -> Self {
        Self { sequence: Some(sequence), id: 0, type_id: sequence as u32, special: false }
    }
}

/// Runs the steps on slots instead of tokens.
pub(super) fn compile(stages: &[ProcessorStage], path: &str) -> Result<Compiled> {
    let run = |pair: bool, special: bool| -> Result<Vec<Slot>> {
        let mut parts: Vec<Vec<Slot>> = (0..=usize::from(pair)).map(|i| vec![Slot::of_sequence(i)]).collect();
        for stage in stages {
            parts = step(stage, parts, special, path)?;
            if parts.iter().map(Vec::len).sum::<usize>() > SLOTS {
                return Err(Error::Unsupported(format!("{path}: more than {SLOTS} items around a text")));
            }
        }
        Ok(parts.concat())
    };
    Ok(Compiled(Some([run(false, false)?, run(false, true)?, run(true, false)?, run(true, true)?])))
}

fn step(stage: &ProcessorStage, parts: Vec<Vec<Slot>>, special: bool, path: &str) -> Result<Vec<Vec<Slot>>> {
    match stage {
        ProcessorStage::ByteLevel(_) => Ok(parts),
        ProcessorStage::Template(single, pair) => {
            let pieces = match parts.len() {
                1 => single,
                2 => pair,
                n => {
                    return Err(Error::Unsupported(format!(
                        "{path}: a template for {n} parts; 1 or 2 is known"
                    )))
                }
            };
            let filled = pieces.iter().filter_map(|piece| fill(piece, &parts, special, path));
            filled.collect()
        }
        ProcessorStage::Bert { .. } if !special => Ok(parts),
        ProcessorStage::Bert { cls, sep } => {
            let wrap = |(i, part)| match i {
                0 => wrapped(Some(cls), part, sep, [0, 0]),
                _ => wrapped(None, part, sep, [0, 1]),
            };
            Ok(parts.into_iter().enumerate().map(wrap).collect())
        }
        ProcessorStage::Roberta { cls, sep, .. } => {
            let wrap = |(i, part): (usize, Vec<Slot>)| {
                let part = part.into_iter().map(|slot| Slot { type_id: 0, ..slot }).collect();
                match special {
                    true => wrapped(Some(if i == 0 { cls } else { sep }), part, sep, [0, 0]),
                    false => part,
                }
            };
            Ok(parts.into_iter().enumerate().map(wrap).collect())
        }
    }
}

fn fill(piece: &TemplateItem, parts: &[Vec<Slot>], special: bool, path: &str) -> Option<Result<Vec<Slot>>> {
    match piece {
        &TemplateItem::Sequence(which, type_id) => Some(match parts.get(which) {
            Some(part) => Ok(part.iter().map(|&slot| Slot { type_id, ..slot }).collect()),
            None => Err(Error::Format(format!("{path}.single: found the sequence B, expected only A"))),
        }),
        TemplateItem::Special(tokens, type_id) => special.then(|| Ok(slots(tokens, *type_id))),
    }
}

fn slots(special: &TemplateTokens, type_id: u32) -> Vec<Slot> {
    special.ids.iter().map(|&id| Slot { sequence: None, id, type_id, special: true }).collect()
}

fn wrapped(
    before: Option<&TemplateTokens>,
    part: Vec<Slot>,
    after: &TemplateTokens,
    types: [u32; 2],
) -> Vec<Slot> {
    let inside = part.into_iter().map(|slot| Slot { special: false, ..slot }).collect();
    [before.map_or_else(Vec::new, |special| slots(special, types[0])), inside, slots(after, types[1])]
        .concat()
}
