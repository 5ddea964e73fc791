//! The reader of a post-processor's steps.

use serde_json::Value;

use super::stage::{ProcessorStage, TemplateItem, TemplateTokens, Trim};
use crate::tokenizer::description::fields::Fields;
use crate::{Error, Result};

// Each may repeat the whole text.
const PIECES: usize = 64;

impl ProcessorStage {
    /// Reads one step of the file.
    pub fn from_json(value: &Value, path: &str) -> Result<Self> {
        let mut fields = Fields::new(value, path)?;
        let stage = match fields.text("type")? {
            "ByteLevel" => {
                fields.skip(&["use_regex"]);
                Self::ByteLevel(trim_of(&mut fields)?)
            }
            "TemplateProcessing" => template(&mut fields)?,
            "BertProcessing" => {
                Self::Bert { cls: special(&mut fields, "cls")?, sep: special(&mut fields, "sep")? }
            }
            "RobertaProcessing" => {
                let (cls, sep) = (special(&mut fields, "cls")?, special(&mut fields, "sep")?);
                Self::Roberta { cls, sep, trim: trim_of(&mut fields)? }
            }
            other => return Err(fields.unsupported(&format!("the post-processor {other}"))),
        };
        fields.done()?;
        Ok(stage)
    }
}

fn trim_of(fields: &mut Fields<'_>) -> Result<Trim> {
    let prefix = fields.flag("add_prefix_space", true)?;
    Ok(fields.flag("trim_offsets", true)?.then_some(prefix))
}

fn template(fields: &mut Fields<'_>) -> Result<ProcessorStage> {
    let path = fields.child("special_tokens");
    let none = Value::Object(serde_json::Map::new());
    let mut specials = Fields::new(fields.get("special_tokens").unwrap_or(&none), &path)?;
    Ok(ProcessorStage::Template(
        pieces(fields, "single", &mut specials)?,
        pieces(fields, "pair", &mut specials)?,
    ))
}

fn pieces(fields: &mut Fields<'_>, key: &str, specials: &mut Fields<'_>) -> Result<Vec<TemplateItem>> {
    let path = fields.child(key);
    let items = fields.array(key)?;
    if items.len() > PIECES {
        return Err(Error::Unsupported(format!("{path}: {} items, {PIECES} is the limit", items.len())));
    }
    items.iter().enumerate().map(|(i, item)| piece(item, &format!("{path}[{i}]"), specials)).collect()
}

fn piece(item: &Value, path: &str, specials: &mut Fields<'_>) -> Result<TemplateItem> {
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
        (Some(_), "A") => Ok(TemplateItem::Sequence(0, type_id)),
        (Some(_), "B") => Ok(TemplateItem::Sequence(1, type_id)),
        (Some(_), other) => {
            Err(Error::Format(format!("{path}: found the sequence {other:?}, expected A or B")))
        }
        (None, token) => Ok(TemplateItem::Special(listed(token, specials)?, type_id)),
    }
}

fn listed(token: &str, specials: &mut Fields<'_>) -> Result<TemplateTokens> {
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
    Ok(TemplateTokens { ids, tokens })
}

/// `["</s>", 2]`.
fn special(fields: &mut Fields<'_>, key: &str) -> Result<TemplateTokens> {
    let found = match fields.array(key)? {
        [Value::String(token), id] => id.as_u64().and_then(|id| u32::try_from(id).ok()).map(|id| (token, id)),
        _ => None,
    };
    match found {
        Some((token, id)) => Ok(TemplateTokens { ids: vec![id], tokens: vec![token.clone()] }),
        None => Err(fields.wrong(key, "a token and its id", None)),
    }
}
