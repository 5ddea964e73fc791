//! Text to text, before anything is split.

use serde_json::Value;
use std::borrow::Cow;
use unicode_normalization::{char::is_combining_mark, is_nfc_quick, IsNormalized, UnicodeNormalization};

use super::byte_level;
use super::fields::{flatten, Fields};
use super::pattern::{growth_limit, too_much, Pattern};
use crate::Result;

/// One normalizer.
pub(super) enum Normalizer {
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

    /// SentencePiece's: a mark for every space, and one before the text if `prefix`.
    pub fn spaces_to_marks(prefix: bool) -> Vec<Self> {
        let marks = Self::Replace { pattern: Pattern::Literal(" ".into()), content: "▁".into() };
        prefix.then(|| Self::Prepend("▁".into())).into_iter().chain([marks]).collect()
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

    fn apply<'t>(&self, text: &'t str) -> Result<Cow<'t, str>> {
        Ok(match self {
            Self::Nfc if is_nfc_quick(text.chars()) == IsNormalized::Yes => text.into(),
            Self::Nfc => text.nfc().collect(),
            Self::Nfd if text.is_ascii() => text.into(),
            Self::Nfd => text.nfd().collect(),
            Self::Nfkc => text.nfkc().collect(),
            Self::Nfkd => text.nfkd().collect(),
            // Character by character: the final sigma has no special case here.
            Self::Lowercase => text.chars().flat_map(char::to_lowercase).collect(),
            Self::StripAccents => text.chars().filter(|&c| !is_combining_mark(c)).collect(),
            Self::Strip { left, right } => {
                let text = if *left { text.trim_start() } else { text };
                if *right { text.trim_end() } else { text }.into()
            }
            Self::Prepend(_) if text.is_empty() => text.into(),
            Self::Prepend(prefix) => format!("{prefix}{text}").into(),
            Self::Replace { pattern, content } => match pattern.replace(text, content)? {
                Some(replaced) => replaced.into(),
                None => text.into(),
            },
            Self::ByteLevel => {
                let mut out = String::with_capacity(text.len() * 2);
                byte_level::encode(text.as_bytes(), &mut out);
                out.into()
            }
        })
    }
}

/// Applies the stages in order; borrows when none of them changes the text.
pub(super) fn normalize<'t>(stages: &[Normalizer], text: &'t str) -> Result<Cow<'t, str>> {
    let mut current = Cow::Borrowed(text);
    for stage in stages {
        current = match current {
            _ if current.len() > growth_limit(text.len()) => return Err(too_much(text.len())),
            Cow::Borrowed(text) => stage.apply(text)?,
            Cow::Owned(text) => match stage.apply(&text)? {
                Cow::Borrowed(same) if same.len() == text.len() => Cow::Owned(text),
                changed => Cow::Owned(changed.into_owned()),
            },
        };
    }
    Ok(current)
}
