//! Special tokens around one sequence or two.

use serde_json::Value;

use super::fields::{flatten, Fields};
use crate::{Error, Result};

// Each may repeat the whole text.
const SLOTS: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Slot {
    First,
    Second,
    Special(Vec<u32>),
}

/// The compiled post-processor: what surrounds a sequence, and what surrounds a pair.
#[derive(Default)]
pub(super) struct PostProcessor {
    template: Option<(Vec<Slot>, Vec<Slot>)>,
}

impl PostProcessor {
    /// Compiles the file's `post_processor`.
    pub fn from_json(value: &Value, path: &str) -> Result<Self> {
        let mut compiled = Self::default();
        if !value.is_null() {
            flatten(value, path, "processors", &mut |value, path| compiled.stage(value, path))?;
        }
        Ok(compiled)
    }

    /// Special tokens before and after each sequence.
    pub fn around(before: Option<u32>, after: Option<u32>) -> Self {
        let special = |id: Option<u32>| id.map(|id| Slot::Special(vec![id]));
        let wrap = |slot| [special(before), Some(slot), special(after)].into_iter().flatten();
        let single = wrap(Slot::First).collect();
        Self { template: Some((single, wrap(Slot::First).chain(wrap(Slot::Second)).collect())) }
    }

    /// The special ids that may be written.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        let slots = self.template.iter().flat_map(|(single, pair)| single.iter().chain(pair));
        slots
            .flat_map(|slot| match slot {
                Slot::Special(ids) => ids.as_slice(),
                _ => &[],
            })
            .copied()
    }

    /// The ids of one sequence or two, with their special tokens if asked.
    pub fn apply(&self, first: Vec<u32>, second: Option<Vec<u32>>, add_special_tokens: bool) -> Vec<u32> {
        let Some((single, pair)) = &self.template else {
            return [first, second.unwrap_or_default()].concat();
        };
        let slots = if second.is_some() { pair } else { single };
        if !add_special_tokens
            && slots.iter().filter(|slot| !matches!(slot, Slot::Special(_))).eq([&Slot::First])
        {
            return first;
        }
        let second = second.unwrap_or_default();
        let mut out = Vec::with_capacity(first.len() + second.len() + 4);
        for slot in slots {
            match slot {
                Slot::First => out.extend_from_slice(&first),
                Slot::Second => out.extend_from_slice(&second),
                Slot::Special(ids) if add_special_tokens => out.extend_from_slice(ids),
                Slot::Special(_) => {}
            }
        }
        out
    }

    fn stage(&mut self, value: &Value, path: &str) -> Result<()> {
        let mut fields = Fields::new(value, path)?;
        let template = match fields.text("type")? {
            "ByteLevel" => {
                fields.skip(&["add_prefix_space", "trim_offsets", "use_regex"]);
                None
            }
            "TemplateProcessing" => Some(template(&mut fields)?),
            kind @ ("BertProcessing" | "RobertaProcessing") => {
                fields.skip(&["add_prefix_space", "trim_offsets"]);
                let (cls, sep) = (special(&mut fields, "cls")?, special(&mut fields, "sep")?);
                let single = vec![cls, Slot::First, sep.clone()];
                let gap = if kind == "RobertaProcessing" { Some(sep.clone()) } else { None };
                let pair = single.iter().cloned().chain(gap).chain([Slot::Second, sep]).collect();
                Some((single, pair))
            }
            other => return Err(fields.unsupported(&format!("the post-processor {other}"))),
        };
        fields.done()?;
        if template.is_some() && self.template.is_some() {
            return Err(Error::Unsupported(format!("{path}: a second template after the first")));
        }
        self.template = template.or(self.template.take());
        Ok(())
    }
}

fn template(fields: &mut Fields<'_>) -> Result<(Vec<Slot>, Vec<Slot>)> {
    let path = fields.child("special_tokens");
    let none = Value::Object(serde_json::Map::new());
    let mut specials = Fields::new(fields.get("special_tokens").unwrap_or(&none), &path)?;
    let single = slots(fields, "single", &mut specials)?;
    let pair = slots(fields, "pair", &mut specials)?;
    Ok((single, pair))
}

fn slots(fields: &mut Fields<'_>, key: &str, specials: &mut Fields<'_>) -> Result<Vec<Slot>> {
    let path = fields.child(key);
    let pieces = fields.array(key)?;
    if pieces.len() > SLOTS {
        return Err(Error::Unsupported(format!("{path}: {} items, {SLOTS} is the limit", pieces.len())));
    }
    pieces.iter().enumerate().map(|(i, piece)| slot(piece, &format!("{path}[{i}]"), specials)).collect()
}

fn slot(piece: &Value, path: &str, specials: &mut Fields<'_>) -> Result<Slot> {
    let mut fields = Fields::new(piece, path)?;
    let (sequence, special) = (fields.get("Sequence"), fields.get("SpecialToken"));
    let inner =
        sequence.or(special).ok_or_else(|| fields.wrong("Sequence", "Sequence or SpecialToken", None))?;
    let mut inner = Fields::new(inner, path)?;
    inner.skip(&["type_id"]);
    let id = inner.text("id")?;
    inner.done()?;
    fields.done()?;
    match (sequence, id) {
        (Some(_), "A") => Ok(Slot::First),
        (Some(_), "B") => Ok(Slot::Second),
        (Some(_), other) => {
            Err(Error::Format(format!("{path}: found the sequence {other:?}, expected A or B")))
        }
        (None, token) => special_ids(token, specials),
    }
}

fn special_ids(token: &str, specials: &mut Fields<'_>) -> Result<Slot> {
    let path = specials.child(token);
    let entry =
        specials.get(token).ok_or_else(|| specials.wrong(token, "the ids of a special token", None))?;
    let mut entry = Fields::new(entry, &path)?;
    let ids = entry.array("ids")?.iter().map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok()));
    match ids.collect() {
        Some(ids) => Ok(Slot::Special(ids)),
        None => Err(entry.wrong("ids", "token ids", None)),
    }
}

/// `["</s>", 2]`.
fn special(fields: &mut Fields<'_>, key: &str) -> Result<Slot> {
    let id = match fields.array(key)? {
        [Value::String(_), id] => id.as_u64().and_then(|id| u32::try_from(id).ok()),
        _ => None,
    };
    match id {
        Some(id) => Ok(Slot::Special(vec![id])),
        None => Err(fields.wrong(key, "a token and its id", None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_surrounds_one_sequence_or_two() {
        let template = serde_json::json!({
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "B", "type_id": 1}}, {"SpecialToken": {"id": "<s>", "type_id": 0}},
                     {"Sequence": {"id": "A", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1, 9], "tokens": ["<s>", "<t>"]}},
        });
        let template = PostProcessor::from_json(&template, "post_processor").unwrap();
        assert_eq!(template.apply(vec![5], None, true), [1, 9, 5]);
        assert_eq!(template.apply(vec![5], None, false), [5]);
        assert_eq!(template.apply(vec![5], Some(vec![6]), true), [6, 1, 9, 5]);
        assert_eq!(template.apply(vec![5], Some(vec![6]), false), [6, 5]);
    }

    #[test]
    fn a_special_token_without_ids_is_named() {
        let template = serde_json::json!({
            "type": "TemplateProcessing", "pair": [], "special_tokens": {},
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}],
        });
        let error = PostProcessor::from_json(&template, "post_processor").err().unwrap();
        assert!(error.to_string().starts_with("post_processor.special_tokens.<s>: found nothing"), "{error}");
    }
}
