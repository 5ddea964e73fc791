//! The steps of a decoder on single tokens, before they are joined.

use serde_json::Value;

use super::clean::cleanup;
use super::literal::Literal;
use super::strip::Strip;
use super::text::{replace, TextStep};
use crate::tokenizer::description::fields::Fields;
use crate::tokenizer::stages::pattern::{too_much, Pattern};
use crate::tokenizer::stages::pre_tokenizer::{prepend_scheme, Prepend};
use crate::Result;

/// One stage of the file's decoder.
pub(super) enum DecoderStep {
    /// A token for a token.
    Each(Each),
    /// A run of `<0x..>` tokens is one token.
    ByteFallback,
    /// The end of a word becomes a space, except in the last token.
    Bpe { suffix: String },
    /// Repeated tokens are one, and empty ones none.
    Ctc { steps: Vec<Literal> },
    /// Tokens become one.
    Fuse,
    /// Tokens are bytes in GPT-2's alphabet and become one.
    ByteLevel,
}

/// A step on one token, which may depend on whether it is the first.
pub(super) enum Each {
    Literal(Literal),
    Regex { pattern: Pattern, content: String },
    Strip(Strip),
    Metaspace { first: Literal, later: Literal },
    WordPiece { prefix: String, cleanup: Vec<Literal> },
}

impl DecoderStep {
    /// Reads one stage.
    pub fn from_json(value: &Value, path: &str) -> Result<Self> {
        let mut fields = Fields::new(value, path)?;
        let step = match fields.text("type")? {
            "Fuse" => Self::Fuse,
            "ByteFallback" => Self::ByteFallback,
            "ByteLevel" => {
                fields.skip(&["add_prefix_space", "trim_offsets", "use_regex"]);
                Self::ByteLevel
            }
            "Replace" => {
                let pattern = fields.pattern("pattern")?;
                let content = fields.text("content")?;
                Self::Each(match pattern {
                    Pattern::Literal(literal) => Each::Literal(Literal::new(&literal, content)),
                    pattern => Each::Regex { pattern, content: content.to_owned() },
                })
            }
            "Strip" => Self::Each(Each::Strip(Strip {
                content: fields.character("content")?,
                start: fields.count("start")?,
                stop: fields.count("stop")?,
            })),
            "Metaspace" => Self::Each(Each::metaspace(&mut fields)?),
            "WordPiece" => Self::Each(Each::WordPiece {
                prefix: fields.text("prefix")?.to_owned(),
                cleanup: cleanup(required(&mut fields, "cleanup")?),
            }),
            "BPEDecoder" => Self::Bpe { suffix: fields.text("suffix")?.to_owned() },
            "CTC" => Self::Ctc { steps: ctc(&mut fields)? },
            other => return Err(fields.unsupported(&format!("the decoder {other}"))),
        };
        fields.done()?;
        Ok(step)
    }

    /// The stage after tokens were joined, when the whole text is one token.
    pub fn into_text(self) -> Vec<TextStep> {
        let literals = |steps: Vec<Literal>| steps.into_iter().map(TextStep::Literal).collect();
        match self {
            Self::Each(Each::Literal(literal)) => vec![TextStep::Literal(literal)],
            Self::Each(Each::Regex { pattern, content }) => vec![TextStep::Regex { pattern, content }],
            Self::Each(Each::Strip(strip)) => vec![TextStep::Strip(strip)],
            Self::Each(Each::Metaspace { first, .. }) => vec![TextStep::Literal(first)],
            Self::Each(Each::WordPiece { cleanup, .. }) => literals(cleanup),
            Self::Bpe { suffix } => vec![TextStep::Literal(Literal::new(&suffix, ""))],
            Self::Ctc { steps } => {
                let mut steps: Vec<TextStep> = literals(steps);
                steps.push(TextStep::Filter);
                steps
            }
            Self::ByteFallback => vec![TextStep::ByteFallback],
            Self::ByteLevel => vec![TextStep::ByteLevel],
            Self::Fuse => vec![TextStep::Fuse],
        }
    }
}

fn ctc(fields: &mut Fields<'_>) -> Result<Vec<Literal>> {
    let mut steps = vec![Literal::new(fields.text("pad_token")?, "")];
    let delimiter = Literal::new(fields.text("word_delimiter_token")?, " ");
    if required(fields, "cleanup")? {
        steps.extend(cleanup(true));
        steps.push(delimiter);
    }
    Ok(steps)
}

fn required(fields: &mut Fields<'_>, key: &str) -> Result<bool> {
    match fields.get(key) {
        Some(Value::Bool(flag)) => Ok(*flag),
        other => Err(fields.wrong(key, "true or false", other)),
    }
}

impl Each {
    fn metaspace(fields: &mut Fields<'_>) -> Result<Self> {
        fields.skip(&["split", "str_rep"]);
        let mark = fields.character("replacement")?.to_string();
        let first = if prepend_scheme(fields)? == Prepend::Never { " " } else { "" };
        Ok(Self::Metaspace { first: Literal::new(&mark, first), later: Literal::new(&mark, " ") })
    }

    /// Decodes one token; `first`: it is the first one. Fails when it grows over `limit`.
    pub fn apply(&self, token: &[u8], first: bool, limit: usize) -> Result<Vec<u8>> {
        match self {
            Self::Literal(literal) => literal.replace(token, limit),
            Self::Regex { pattern, content } => {
                let text = replace(token, pattern, content)?;
                if text.len() > limit {
                    return Err(too_much(token.len()));
                }
                Ok(text)
            }
            Self::Strip(strip) => Ok(strip.strip(token)),
            Self::Metaspace { first: literal, .. } if first => literal.replace(token, limit),
            Self::Metaspace { later, .. } => later.replace(token, limit),
            Self::WordPiece { prefix, cleanup } => {
                let mut text = match token.strip_prefix(prefix.as_bytes()) {
                    _ if first => token.to_vec(),
                    Some(rest) => rest.to_vec(),
                    None => [b" ", token].concat(),
                };
                for literal in cleanup {
                    text = literal.replace(&text, limit)?;
                }
                Ok(text)
            }
        }
    }
}
