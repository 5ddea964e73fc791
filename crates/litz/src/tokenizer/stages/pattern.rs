//! Patterns of Split and Replace: a known scanner, a literal, or a regex with a step budget.

use std::borrow::Cow;
use std::ops::Range;

use super::oniguruma;
use super::pre_tokenizer::scanners::Scanner;
use crate::tokenizer::text::{Text, Writer};
use crate::{Error, Result};

// A step budget turns a regex that would run for ever into an error.
const BACKTRACK_LIMIT: usize = 1_000_000;
const PROGRAM_LIMIT: usize = 1 << 20;

/// A compiled pattern.
pub(crate) enum Pattern {
    /// Recognised by its text.
    Known(Scanner),
    /// Plain text.
    Literal(String),
    /// Anything else.
    Regex(Box<fancy_regex::Regex>),
}

impl Pattern {
    /// Compiles a regex in Oniguruma's (Ruby's) syntax, as tokenizer files write it.
    pub fn regex(source: &str, path: &str) -> Result<Self> {
        if let Some(scanner) = Scanner::recognise(source) {
            return Ok(Self::Known(scanner));
        }
        let built = fancy_regex::RegexBuilder::new(&oniguruma::translate(source))
            .oniguruma_mode(true)
            .multi_line(true)
            .backtrack_limit(BACKTRACK_LIMIT)
            .max_prog_size(PROGRAM_LIMIT)
            .build();
        match built {
            Ok(regex) => Ok(Self::Regex(Box::new(regex))),
            Err(error) => {
                Err(Error::Unsupported(format!("{path}: cannot compile the regex {source:?}: {error}")))
            }
        }
    }

    /// Calls `found` with every match, in order, without overlap.
    pub fn each_match(&self, text: &str, mut found: impl FnMut(Range<usize>)) -> Result<()> {
        match self {
            Self::Known(scanner) => {
                let mut at = 0;
                while at < text.len() {
                    let end = scanner.next(text, at);
                    found(at..end);
                    at = end;
                }
            }
            // The `tokenizers` library finds no match in an empty text, not even an empty one.
            _ if text.is_empty() => {}
            Self::Literal(literal) => {
                text.match_indices(literal.as_str()).for_each(|(at, part)| found(at..at + part.len()));
            }
            Self::Regex(regex) => {
                for hit in regex.find_iter(text) {
                    let hit = hit.map_err(|error| {
                        Error::Value(format!(
                            "the tokenizer's regex {:?} gave up on this text: {error}; \
                             shorten the text or split it before tokenizing",
                            regex.as_str()
                        ))
                    })?;
                    found(hit.start()..hit.end());
                }
            }
        }
        Ok(())
    }

    /// The text with every match replaced; `None` when nothing matches.
    pub fn replace(&self, text: &str, with: &str) -> Result<Option<String>> {
        let mut text = Text::plain(text);
        self.rewrite(&mut text, with)?;
        match text.into_text() {
            Cow::Borrowed(_) => Ok(None),
            Cow::Owned(text) => Ok(Some(text)),
        }
    }

    /// Replaces every match.
    pub fn rewrite(&self, text: &mut Text<'_>, with: &str) -> Result<()> {
        let mut writer: Option<Writer> = None;
        let mut last = 0;
        let limit = growth_limit(text.len());
        self.each_match(text, |hit| {
            let out = writer.get_or_insert_with(|| text.writer());
            if out.len() <= limit {
                out.copy(text.part(last..hit.start));
                out.insert_after(with, text.whole(), hit.end);
                last = hit.end;
            }
        })?;
        let Some(mut out) = writer else { return Ok(()) };
        if out.len() > limit {
            return Err(too_much(text.len()));
        }
        out.copy(text.part(last..text.len()));
        text.put(out);
        Ok(())
    }
}

/// How much text may become of this much: a file may replace a by aa forty times over.
pub(crate) fn growth_limit(length: usize) -> usize {
    length.saturating_mul(4).saturating_add(1 << 26)
}

/// The error for a text that grew over its limit.
pub(crate) fn too_much(length: usize) -> Error {
    Error::Memory(format!(
        "the tokenizer's file turns {length} bytes of text into over {}",
        growth_limit(length)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regex_that_backtracks_for_ever_is_an_error() {
        let pattern = Pattern::regex(r"(?:(a|aa))+\1b", "x").unwrap();
        let text = "a".repeat(60);
        assert!(matches!(pattern.each_match(&text, |_| ()), Err(Error::Value(_))));
    }

    #[test]
    fn line_anchors_are_rubys() {
        let pattern = Pattern::regex(r"^b", "x").unwrap();
        assert_eq!(pattern.replace("a\nb", "-").unwrap().as_deref(), Some("a\n-"));
    }
}
