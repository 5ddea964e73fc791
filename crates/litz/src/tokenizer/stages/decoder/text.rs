//! The steps of a decoder on the joined text, chunk by chunk.

use super::bytes::{byte_token, write_run};
use super::literal::Literal;
use super::strip::{Strip, Stripped};
use crate::tokenizer::stages::pattern::Pattern;
use crate::tokenizer::text::byte_level;
use crate::Result;

// As long as `<0xE4>`.
const BYTE_TOKEN: usize = 6;

/// One stage after tokens were joined.
pub(super) enum TextStep {
    Literal(Literal),
    Strip(Strip),
    /// Needs the whole text.
    Regex {
        pattern: Pattern,
        content: String,
    },
    /// The text may be one byte token.
    ByteFallback,
    /// Needs the whole text: one foreign character, and nothing of it is in the alphabet.
    ByteLevel,
    /// A token without text is none.
    Filter,
    /// No token is one without text.
    Fuse,
}

/// The state of one step.
#[derive(Default)]
pub(super) struct TextState {
    matched: usize,
    stripped: Stripped,
    held: Vec<u8>,
    passed: bool, // longer than a byte token; for `Filter`: than nothing
}

impl TextStep {
    /// Appends the text that is final after this chunk; fails when `out` grows over `limit`.
    pub fn feed(&self, chunk: &[u8], state: &mut TextState, out: &mut Vec<u8>, limit: usize) -> Result<()> {
        match self {
            Self::Literal(literal) => literal.feed(chunk, &mut state.matched, out, limit)?,
            Self::Strip(strip) => strip.feed(chunk, &mut state.stripped, out),
            Self::Fuse => out.extend_from_slice(chunk),
            Self::Filter => {
                state.passed |= !chunk.is_empty();
                out.extend_from_slice(chunk);
            }
            Self::Regex { .. } | Self::ByteLevel => state.held.extend_from_slice(chunk),
            Self::ByteFallback if state.passed => out.extend_from_slice(chunk),
            Self::ByteFallback => {
                state.held.extend_from_slice(chunk);
                if state.held.len() > BYTE_TOKEN {
                    state.passed = true;
                    out.append(&mut state.held);
                }
            }
        }
        Ok(())
    }

    /// Appends the text that was held back. `exists`: there is a token at all.
    pub fn finish(
        &self,
        state: &mut TextState,
        raw: bool,
        exists: &mut bool,
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let held = std::mem::take(&mut state.held);
        *exists = match self {
            Self::Filter => state.passed,
            Self::Fuse | Self::ByteLevel => true,
            _ => *exists,
        };
        match self {
            Self::Literal(literal) if *exists => literal.finish(state.matched, out),
            Self::Literal(_) | Self::Strip(_) | Self::Filter | Self::Fuse => {}
            Self::Regex { pattern, content } => out.extend(replace(&held, pattern, content)?),
            Self::ByteFallback => match byte_token(&held) {
                Some(byte) => write_run(&[byte], raw, out),
                None => out.extend_from_slice(&held),
            },
            Self::ByteLevel => match std::str::from_utf8(&held) {
                Err(_) => out.extend_from_slice(&held),
                Ok(text) => {
                    let mut bytes = Vec::with_capacity(text.len());
                    byte_level::decode(text, &mut bytes);
                    match raw {
                        true => out.append(&mut bytes),
                        false => out.extend_from_slice(String::from_utf8_lossy(&bytes).as_bytes()),
                    }
                }
            },
        }
        Ok(())
    }
}

/// Replaces the matches of a regex in the UTF-8 parts; other bytes are kept.
pub(super) fn replace(token: &[u8], pattern: &Pattern, content: &str) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(token.len());
    for chunk in token.utf8_chunks() {
        match pattern.replace(chunk.valid(), content)? {
            Some(replaced) => out.extend_from_slice(replaced.as_bytes()),
            None => out.extend_from_slice(chunk.valid().as_bytes()),
        }
        out.extend_from_slice(chunk.invalid());
    }
    Ok(out)
}
