//! The normalizers, which rewrite text before it is split.

use serde_json::Value;
use std::borrow::Cow;

use super::pattern::{growth_limit, too_much, Pattern};
use crate::tokenizer::description::fields::{flatten, Fields};
use crate::tokenizer::text::byte_level;
use crate::tokenizer::text::unicode::is_combining_mark;
use crate::tokenizer::text::{Text, TextPart, Writer};
use crate::Result;
pub(crate) use bert::BertNormalizer;
use forms::NormalForm;
use precompiled::Charsmap;

mod bert;
mod forms;
mod precompiled;

/// One normalizer.
pub(crate) enum Normalizer {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
    Lowercase,
    StripAccents,
    Strip { left: bool, right: bool },
    Prepend(String),
    Replace { pattern: Pattern, content: String },
    ByteLevel,
    Nmt,
    Bert(BertNormalizer),
    Precompiled(Box<Charsmap>),
}

impl Normalizer {
    /// The stages of the file's `normalizer`, in order.
    pub fn from_json(value: &Value, path: &str) -> Result<Vec<Self>> {
        let mut stages = Vec::new();
        if !value.is_null() {
            flatten(value, path, "normalizers", &mut |value, path| {
                stages.push(Self::stage(value, path)?);
                Ok(())
            })?;
        }
        Ok(stages)
    }

    fn stage(value: &Value, path: &str) -> Result<Self> {
        let mut fields = Fields::new(value, path)?;
        let stage = match fields.text("type")? {
            "NFC" => Self::Nfc,
            "NFD" => Self::Nfd,
            "NFKC" => Self::Nfkc,
            "NFKD" => Self::Nfkd,
            "Lowercase" => Self::Lowercase,
            "StripAccents" => Self::StripAccents,
            "ByteLevel" => Self::ByteLevel,
            "Nmt" => Self::Nmt,
            "BertNormalizer" => Self::Bert(BertNormalizer::from_json(&mut fields)?),
            "Precompiled" => {
                let path = fields.child("precompiled_charsmap");
                let rules = Charsmap::from_base64(fields.text("precompiled_charsmap")?, &path)?;
                // Our own key: what came from SentencePiece's files is read as SentencePiece reads it.
                let longest = fields.flag("longest_match", false)?;
                Self::Precompiled(Box::new(if longest { rules.by_longest_match() } else { rules }))
            }
            "Prepend" => Self::Prepend(fields.text("prepend")?.to_owned()),
            "Strip" => Self::Strip {
                left: fields.flag("strip_left", true)?,
                right: fields.flag("strip_right", true)?,
            },
            "Replace" => Self::Replace {
                pattern: fields.pattern("pattern")?,
                content: fields.text("content")?.to_owned(),
            },
            other => return Err(fields.unsupported(&format!("the normalizer {other}"))),
        };
        fields.done()?;
        Ok(stage)
    }

    /// Whether the origin of the first character is always the beginning of the text.
    pub fn keeps_start(&self) -> bool {
        match self {
            Self::Strip { .. } | Self::StripAccents | Self::Nmt | Self::Bert(_) => false,
            Self::Replace { pattern: Pattern::Literal(literal), content } => {
                !content.is_empty() && literal.chars().nth(1).is_none()
            }
            Self::Replace { .. } => false,
            _ => true,
        }
    }

    /// Rewrites the text.
    pub fn apply(&self, text: &mut Text<'_>) -> Result<()> {
        match self {
            Self::Nfc => NormalForm::Nfc.apply(text),
            Self::Nfd => NormalForm::Nfd.apply(text),
            Self::Nfkc => NormalForm::Nfkc.apply(text),
            Self::Nfkd => NormalForm::Nfkd.apply(text),
            Self::Lowercase => lowercase(text),
            Self::StripAccents => text.filter(|c| !is_combining_mark(c)),
            Self::Strip { left, right } => {
                let start = if *left { text.len() - text.trim_start().len() } else { 0 };
                let end = if *right { text.trim_end().len() } else { text.len() };
                text.narrow(start.min(end)..end);
            }
            Self::Prepend(prefix) if !text.is_empty() => text.rewrite(|part, out| prepend(prefix, part, out)),
            Self::Prepend(_) => {}
            Self::Replace { pattern, content } => pattern.rewrite(text, content)?,
            Self::ByteLevel => text.rewrite(byte_level::encode_part),
            Self::Nmt => nmt(text),
            Self::Bert(bert) => bert.apply(text),
            Self::Precompiled(charsmap) => charsmap.apply(text),
        }
        Ok(())
    }
}

/// The text with this before it, which stands for its first character.
fn prepend(prefix: &str, part: TextPart<'_>, out: &mut Writer) {
    let first = part.text.chars().next().map_or(0, char::len_utf8);
    if prefix.is_empty() {
        // The `tokenizers` library counts the first character as inserted before the text.
        out.insert_after(&part.text[..first], part, 0);
        out.copy(part.part(first..part.text.len()));
    } else {
        out.insert_first(prefix, part);
        out.copy(part);
    }
}

/// Character by character: the final sigma has no special case here.
pub(crate) fn lowercase(text: &mut Text<'_>) {
    let stays = |c: char| {
        let mut lower = c.to_lowercase();
        lower.next() == Some(c) && lower.next().is_none()
    };
    if text.chars().all(|c| if c.is_ascii() { !c.is_ascii_uppercase() } else { stays(c) }) {
        return;
    }
    text.rewrite(|part, out| {
        let lower = |c: char| c.to_lowercase().zip([0, 1, 1]);
        out.changes(part, 0, part.text.chars().flat_map(lower));
    });
}

/// SentencePiece's rules for translation: no controls, and what looks blank is a space.
fn nmt(text: &mut Text<'_>) {
    text.filter(
        |c| !matches!(c, '\u{1}'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{8f}' | '\u{9f}'),
    );
    text.map(|c| match c {
        '\t' | '\n' | '\u{c}' | '\r' | '\u{1680}' | '\u{200b}'..='\u{200f}' => ' ',
        '\u{2028}' | '\u{2029}' | '\u{2581}' | '\u{feff}' | '\u{fffd}' => ' ',
        c => c,
    });
}

/// Applies the stages in order.
pub(crate) fn normalize_text(stages: &[Normalizer], text: &mut Text<'_>) -> Result<()> {
    let length = text.len();
    for stage in stages {
        if text.len() > growth_limit(length) {
            return Err(too_much(length));
        }
        stage.apply(text)?;
    }
    Ok(())
}

/// Like [`normalize_text`] without origins. Borrows when no stage changes the text.
pub(crate) fn normalize<'t>(stages: &[Normalizer], text: &'t str) -> Result<Cow<'t, str>> {
    let mut text = Text::plain(text);
    normalize_text(stages, &mut text)?;
    Ok(text.into_text())
}
