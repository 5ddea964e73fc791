//! What surrounds one sequence or two: compiled once to slots for ids alone, and applied step by step where everything
//! that is known of the tokens counts.

use serde_json::Value;

use super::encoding::Encoding;
use super::fields::{flatten, Fields};
use super::slots::{compile, Compiled, Slot};
use super::trim::trim;
use crate::{Error, Result};

// Each may repeat the whole text.
const PIECES: usize = 64;

/// Tokens that a template writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Special {
    /// Their ids.
    pub ids: Vec<u32>,
    /// Their texts, as the file has them.
    pub tokens: Vec<String>,
}

/// An item of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// One of the sequences, and the segment that it becomes.
    Sequence(usize, u32),
    /// Tokens, and their segment.
    Special(Special, u32),
}

/// `trim_offsets`, where `true` inside means that a prefix space was added.
pub(super) type Trim = Option<bool>;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Takes spaces out of the offsets.
    ByteLevel(Trim),
    /// One template for a sequence, one for two.
    Template(Vec<Piece>, Vec<Piece>),
    /// A token before the first sequence, one after each.
    Bert { cls: Special, sep: Special },
    /// The same, and one more between two; all in one segment.
    Roberta { cls: Special, sep: Special, trim: Trim },
}

/// The compiled post-processor.
#[derive(Default)]
pub(super) struct PostProcessor {
    stages: Vec<Stage>,
    compiled: Compiled,
}

impl PostProcessor {
    /// Compiles the file's `post_processor`.
    pub fn from_json(value: &Value, path: &str) -> Result<Self> {
        let mut stages = Vec::new();
        if !value.is_null() {
            flatten(value, path, "processors", &mut |value, path| {
                stages.push(stage(value, path)?);
                Ok(())
            })?;
        }
        let compiled = compile(&stages, path)?;
        Ok(Self { stages, compiled })
    }

    /// The special ids that may be written.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.compiled.ids()
    }

    /// How many tokens are put around one sequence or two.
    pub fn added(&self, pair: bool) -> usize {
        self.stages.iter().map(|stage| stage.added(pair)).sum()
    }

    /// What one sequence or two become: their tokens and the special ones, in order.
    pub fn slots(&self, pair: bool, add_special_tokens: bool) -> &[Slot] {
        self.compiled.slots(pair, add_special_tokens)
    }

    /// The ids of one sequence or two, with their special tokens if asked.
    pub fn apply(&self, first: Vec<u32>, second: Option<Vec<u32>>, add_special_tokens: bool) -> Vec<u32> {
        let slots = self.slots(second.is_some(), add_special_tokens);
        if matches!(slots, [Slot { sequence: Some(0), .. }]) {
            return first;
        }
        let second = second.unwrap_or_default();
        let mut out = Vec::with_capacity(first.len() + second.len() + slots.len());
        for slot in slots {
            match slot.sequence {
                Some(0) => out.extend_from_slice(&first),
                Some(_) => out.extend_from_slice(&second),
                None => out.push(slot.id),
            }
        }
        out
    }

    /// Joins one sequence or two as upstream does, overflowing pieces included. `name` is the vocabulary's text of an id.
    pub fn process<'a>(
        &self,
        first: Encoding,
        second: Option<Encoding>,
        add_special_tokens: bool,
        name: &impl Fn(u32) -> Option<&'a str>,
    ) -> Result<Encoding> {
        let mut encodings: Vec<Encoding> = std::iter::once(first).chain(second).collect();
        let alone = encodings.len() == 1;
        for (i, encoding) in encodings.iter_mut().enumerate() {
            if i > 0 {
                encoding.set_type(1);
                encoding.overflowing.iter_mut().for_each(|piece| piece.set_type(1));
            }
            if self.stages.is_empty() && alone {
                continue;
            }
            encoding.set_sequence(i);
            if !self.stages.is_empty() {
                encoding.overflowing.iter_mut().for_each(|piece| piece.set_sequence(i));
            }
        }
        for stage in &self.stages {
            encodings = stage.process(encodings, add_special_tokens, name)?;
        }
        let mut whole = Encoding::default();
        encodings.into_iter().try_for_each(|encoding| whole.append(encoding))?;
        Ok(whole)
    }
}

impl Stage {
    /// How many tokens it puts around one sequence or two.
    fn added(&self, pair: bool) -> usize {
        match self {
            Self::ByteLevel(_) => 0,
            Self::Template(single, two) => {
                let pieces = if pair { two } else { single };
                pieces.iter().map(Piece::added).sum()
            }
            Self::Bert { .. } => 2 + usize::from(pair),
            Self::Roberta { .. } => 2 + 2 * usize::from(pair),
        }
    }

    fn process<'a>(
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

impl Piece {
    fn added(&self) -> usize {
        match self {
            Self::Sequence(..) => 0,
            Self::Special(special, _) => special.ids.len(),
        }
    }
}

impl Special {
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

/// Fills a template. A sequence that stands in it twice comes twice, with its overflowing pieces.
fn fill<'a>(
    pieces: &[Piece],
    mut encodings: Vec<Encoding>,
    add_special_tokens: bool,
    name: &impl Fn(u32) -> Option<&'a str>,
) -> Vec<Encoding> {
    let mut filled = Vec::with_capacity(pieces.len());
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            &Piece::Sequence(which, type_id) => {
                let again = |piece: &Piece| matches!(piece, Piece::Sequence(other, _) if *other == which);
                let encoding = &mut encodings[which];
                encoding.set_type(type_id);
                encoding.set_sequence(which);
                filled.push(match pieces[i + 1..].iter().any(again) {
                    true => encoding.clone(),
                    false => std::mem::take(encoding),
                });
            }
            Piece::Special(special, type_id) if add_special_tokens => {
                filled.push(special.encoding(*type_id, name));
            }
            Piece::Special(..) => {}
        }
    }
    filled
}

/// Tokens before and after an encoding and each of its overflowing pieces; only they count as special then.
fn wrapped<'a>(
    encoding: Encoding,
    [before, after]: [Option<&Special>; 2],
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
        let side =
            |special: Option<&Special>, type_id| special.map(|special| special.encoding(type_id, name));
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

fn stage(value: &Value, path: &str) -> Result<Stage> {
    let mut fields = Fields::new(value, path)?;
    let stage = match fields.text("type")? {
        "ByteLevel" => {
            fields.skip(&["use_regex"]);
            Stage::ByteLevel(trim_of(&mut fields)?)
        }
        "TemplateProcessing" => template(&mut fields)?,
        "BertProcessing" => {
            Stage::Bert { cls: special(&mut fields, "cls")?, sep: special(&mut fields, "sep")? }
        }
        "RobertaProcessing" => {
            let (cls, sep) = (special(&mut fields, "cls")?, special(&mut fields, "sep")?);
            Stage::Roberta { cls, sep, trim: trim_of(&mut fields)? }
        }
        other => return Err(fields.unsupported(&format!("the post-processor {other}"))),
    };
    fields.done()?;
    Ok(stage)
}

fn trim_of(fields: &mut Fields<'_>) -> Result<Trim> {
    let prefix = fields.flag("add_prefix_space", true)?;
    Ok(fields.flag("trim_offsets", true)?.then_some(prefix))
}

fn template(fields: &mut Fields<'_>) -> Result<Stage> {
    let path = fields.child("special_tokens");
    let none = Value::Object(serde_json::Map::new());
    let mut specials = Fields::new(fields.get("special_tokens").unwrap_or(&none), &path)?;
    Ok(Stage::Template(pieces(fields, "single", &mut specials)?, pieces(fields, "pair", &mut specials)?))
}

fn pieces(fields: &mut Fields<'_>, key: &str, specials: &mut Fields<'_>) -> Result<Vec<Piece>> {
    let path = fields.child(key);
    let items = fields.array(key)?;
    if items.len() > PIECES {
        return Err(Error::Unsupported(format!("{path}: {} items, {PIECES} is the limit", items.len())));
    }
    items.iter().enumerate().map(|(i, item)| piece(item, &format!("{path}[{i}]"), specials)).collect()
}

fn piece(item: &Value, path: &str, specials: &mut Fields<'_>) -> Result<Piece> {
    let mut fields = Fields::new(item, path)?;
    let (sequence, special) = (fields.get("Sequence"), fields.get("SpecialToken"));
    let inner =
        sequence.or(special).ok_or_else(|| fields.wrong("Sequence", "Sequence or SpecialToken", None))?;
    let mut inner = Fields::new(inner, path)?;
    let type_id = inner.count("type_id")?;
    let type_id = u32::try_from(type_id)
        .map_err(|_| Error::Format(format!("{path}.type_id: found {type_id}, expected 32 bits")))?;
    let id = inner.text("id")?;
    inner.done()?;
    fields.done()?;
    match (sequence, id) {
        (Some(_), "A") => Ok(Piece::Sequence(0, type_id)),
        (Some(_), "B") => Ok(Piece::Sequence(1, type_id)),
        (Some(_), other) => {
            Err(Error::Format(format!("{path}: found the sequence {other:?}, expected A or B")))
        }
        (None, token) => Ok(Piece::Special(listed(token, specials)?, type_id)),
    }
}

fn listed(token: &str, specials: &mut Fields<'_>) -> Result<Special> {
    let path = specials.child(token);
    let entry =
        specials.get(token).ok_or_else(|| specials.wrong(token, "the ids of a special token", None))?;
    let mut entry = Fields::new(entry, &path)?;
    let ids = entry.array("ids")?.iter().map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok()));
    let ids: Vec<u32> = ids.collect::<Option<_>>().ok_or_else(|| entry.wrong("ids", "token ids", None))?;
    let tokens = entry.array("tokens")?.iter().map(|token| token.as_str().map(str::to_owned));
    let tokens: Vec<String> =
        tokens.collect::<Option<_>>().ok_or_else(|| entry.wrong("tokens", "texts", None))?;
    if ids.len() != tokens.len() {
        return Err(Error::Format(format!("{path}: {} ids and {} tokens", ids.len(), tokens.len())));
    }
    if ids.len() > PIECES {
        return Err(Error::Unsupported(format!("{path}: {} ids, {PIECES} is the limit", ids.len())));
    }
    Ok(Special { ids, tokens })
}

/// `["</s>", 2]`.
fn special(fields: &mut Fields<'_>, key: &str) -> Result<Special> {
    let found = match fields.array(key)? {
        [Value::String(token), id] => id.as_u64().and_then(|id| u32::try_from(id).ok()).map(|id| (token, id)),
        _ => None,
    };
    match found {
        Some((token, id)) => Ok(Special { ids: vec![id], tokens: vec![token.clone()] }),
        None => Err(fields.wrong(key, "a token and its id", None)),
    }
}

#[cfg(test)]
#[path = "post_processor_tests.rs"]
mod tests;
