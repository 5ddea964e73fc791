//! The decoder: tokens to text, one token at a time. Decoding a list runs the same stream to its end.

mod bytes;
mod clean;
mod literal;
mod step;
mod strip;
mod table;
mod text;

use serde_json::Value;

use super::pattern::{growth_limit, too_much};
use crate::tokenizer::description::fields::flatten;
use crate::tokenizer::text::byte_level;
use crate::{Error, Result};
use bytes::{byte_token, ByteRun, REPLACEMENT};
use literal::Literal;
use step::DecoderStep;
use table::{DecodedTable, Lazy};
use text::{TextState, TextStep};

pub(crate) use table::TokenTexts;

const STAGES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    /// No decoder: a space between tokens.
    Spaces,
    /// Tokens one after the other.
    Plain,
    /// Tokens are bytes in GPT-2's alphabet; what is not UTF-8 becomes U+FFFD.
    ByteLevel,
}

/// The compiled decoder.
pub(crate) struct Decoder {
    steps: Vec<DecoderStep>, // on each token
    join: Join,
    after: Vec<TextStep>, // on the joined text
    lazy: Lazy,
}

impl Decoder {
    /// Compiles the file's `decoder`.
    pub fn from_json(value: &Value, path: &str) -> Result<Self> {
        let mut compiled =
            Self { steps: Vec::new(), join: Join::Plain, after: Vec::new(), lazy: Lazy::default() };
        if value.is_null() {
            compiled.join = Join::Spaces;
            return Ok(compiled);
        }
        let (mut stages, mut joined) = (0, false);
        flatten(value, path, "decoders", &mut |value, path| {
            stages += 1;
            if stages > STAGES {
                return Err(Error::Unsupported(format!("{path}: more than {STAGES} stages")));
            }
            let step = DecoderStep::from_json(value, path)?;
            if joined {
                compiled.after.extend(step.into_text());
                return Ok(());
            }
            joined = matches!(step, DecoderStep::Fuse | DecoderStep::ByteLevel);
            match step {
                DecoderStep::Fuse => {}
                DecoderStep::ByteLevel => compiled.join = Join::ByteLevel,
                step => compiled.steps.push(step),
            }
            Ok(())
        })?;
        Ok(compiled)
    }

    /// The state of a new stream. `raw` keeps bytes that are not UTF-8 as they are.
    pub fn start(&self, raw: bool) -> State {
        State {
            raw,
            live: false,
            started: false,
            steps: self.steps.iter().map(|_| StepState::default()).collect(),
            after: self.after.iter().map(|_| TextState::default()).collect(),
            joined: 0,
            limit: 0,
            partial: Vec::new(),
            out: Vec::new(),
        }
    }

    /// The state of a stream that returns each character as soon as it is complete.
    ///
    /// A run of byte tokens is text only as a whole. If it turns out not to be UTF-8, its first characters have been
    /// returned already.
    pub fn start_live(&self) -> State {
        let last = matches!(self.steps.last(), Some(DecoderStep::ByteFallback));
        State { live: last && self.join == Join::Plain, ..self.start(false) }
    }

    /// Decodes one more token into the state's output.
    pub fn push(&self, token: &str, state: &mut State) -> Result<()> {
        state.limit = growth_limit(token.len());
        self.step(0, token.as_bytes(), state)
    }

    /// Ends the stream: writes the text that was held back.
    pub fn finish(&self, state: &mut State) -> Result<()> {
        for i in 0..self.steps.len() {
            self.end_run(i, state)?;
            if let (DecoderStep::Bpe { suffix }, Some(last)) = (&self.steps[i], state.steps[i].held.take()) {
                let last = Literal::new(suffix, "").replace(&last, growth_limit(last.len()))?;
                self.step(i + 1, &last, state)?;
            }
        }
        if !std::mem::take(&mut state.partial).is_empty() {
            self.joined(REPLACEMENT, state)?;
        }
        self.finish_text(state)
    }

    fn finish_text(&self, state: &mut State) -> Result<()> {
        let mut exists = true;
        for (i, step) in self.after.iter().enumerate() {
            let mut rest = Vec::new();
            step.finish(&mut state.after[i], state.raw, &mut exists, &mut rest)?;
            self.after_join(i + 1, rest, state)?;
        }
        Ok(())
    }

    /// Step `i` and those after it, on one token.
    fn step(&self, i: usize, token: &[u8], state: &mut State) -> Result<()> {
        let Some(step) = self.steps.get(i) else {
            return self.join(token, state);
        };
        let own = &mut state.steps[i];
        let first = !std::mem::replace(&mut own.started, true);
        match step {
            DecoderStep::Each(each) => {
                let token = each.apply(token, first, state.limit)?;
                self.step(i + 1, &token, state)
            }
            DecoderStep::ByteFallback => match byte_token(token) {
                Some(byte) => self.byte(i, byte, state),
                None => {
                    self.end_run(i, state)?;
                    self.step(i + 1, token, state)
                }
            },
            DecoderStep::Bpe { suffix } => match own.held.replace(token.to_vec()) {
                Some(before) => {
                    let before = Literal::new(suffix, " ").replace(&before, state.limit)?;
                    self.step(i + 1, &before, state)
                }
                None => Ok(()),
            },
            DecoderStep::Ctc { steps } => {
                if own.held.as_deref() == Some(token) {
                    return Ok(());
                }
                own.held = Some(token.to_vec());
                let cleaned =
                    steps.iter().try_fold(token.to_vec(), |token, step| step.replace(&token, state.limit))?;
                if cleaned.is_empty() {
                    return Ok(());
                }
                self.step(i + 1, &cleaned, state)
            }
            DecoderStep::Fuse | DecoderStep::ByteLevel => self.step(i + 1, token, state),
        }
    }

    fn byte(&self, i: usize, byte: u8, state: &mut State) -> Result<()> {
        let own = &mut state.steps[i];
        own.in_run = true;
        if state.raw {
            own.run.keep(byte);
            return Ok(());
        }
        let unreadable = own.run.push(byte);
        if state.live && i + 1 == self.steps.len() {
            let complete = own.run.take_complete();
            if !complete.is_empty() {
                self.step(i + 1, &complete, state)?;
            }
        }
        (0..unreadable).try_for_each(|_| self.step(i + 1, REPLACEMENT, state))
    }

    fn end_run(&self, i: usize, state: &mut State) -> Result<()> {
        if !std::mem::take(&mut state.steps[i].in_run) {
            return Ok(());
        }
        match state.steps[i].run.end() {
            Ok(text) if text.is_empty() => Ok(()), // what was unreadable has been written
            Ok(text) => self.step(i + 1, &text, state),
            Err(unreadable) => (0..unreadable).try_for_each(|_| self.step(i + 1, REPLACEMENT, state)),
        }
    }

    fn join(&self, token: &[u8], state: &mut State) -> Result<()> {
        let first = !std::mem::replace(&mut state.started, true);
        match self.join {
            Join::Spaces => {
                if !first {
                    state.out.push(b' ');
                }
                state.out.extend_from_slice(token);
                Ok(())
            }
            Join::Plain => self.joined(token, state),
            Join::ByteLevel => {
                let mut bytes = std::mem::take(&mut state.partial);
                match std::str::from_utf8(token) {
                    Ok(token) => byte_level::decode(token, &mut bytes),
                    Err(_) => bytes.extend_from_slice(token),
                }
                match state.raw {
                    true => self.joined(&bytes, state),
                    false => self.readable(&bytes, state),
                }
            }
        }
    }

    /// Writes these bytes as text; an incomplete character waits for the rest.
    fn readable(&self, mut bytes: &[u8], state: &mut State) -> Result<()> {
        loop {
            let error = match std::str::from_utf8(bytes) {
                Ok(_) => return self.joined(bytes, state),
                Err(error) => error,
            };
            let (good, rest) = bytes.split_at(error.valid_up_to());
            self.joined(good, state)?;
            let Some(bad) = error.error_len() else {
                state.partial = rest.to_vec();
                return Ok(());
            };
            self.joined(REPLACEMENT, state)?;
            bytes = &rest[bad..];
        }
    }

    /// A chunk of the joined text, through the steps after the join.
    fn joined(&self, chunk: &[u8], state: &mut State) -> Result<()> {
        if self.after.is_empty() {
            state.out.extend_from_slice(chunk);
            return Ok(());
        }
        state.joined += chunk.len();
        self.after_join(0, chunk.to_vec(), state)
    }

    /// A chunk through the steps from `i` on.
    fn after_join(&self, i: usize, mut chunk: Vec<u8>, state: &mut State) -> Result<()> {
        let limit = growth_limit(state.joined);
        for (step, own) in self.after.iter().zip(&mut state.after).skip(i) {
            let mut out = Vec::with_capacity(chunk.len());
            step.feed(&chunk, own, &mut out, limit)?;
            if out.len() > limit {
                return Err(too_much(state.joined));
            }
            chunk = out;
        }
        state.out.extend_from_slice(&chunk);
        Ok(())
    }

    /// The text of ids through the table; `None` while there is none, or when this decoder has none.
    pub fn quick(
        &self,
        tokens: &impl TokenTexts,
        ids: &[u32],
        skip: bool,
        raw: bool,
    ) -> Result<Option<Vec<u8>>> {
        let make = || {
            self.is_simple().then(|| DecodedTable::new(tokens, |token| self.single(token, false))).flatten()
        };
        let Some(table) = self.lazy.get(ids.len(), tokens.count() / 2, make) else { return Ok(None) };
        let joined = table.join(tokens, ids, (skip, raw), |token| self.single(token, true))?;
        self.after_whole(joined, raw).map(Some)
    }

    /// Whether tokens are decoded independently of each other.
    fn is_simple(&self) -> bool {
        let byte_fallback = matches!(self.steps.last(), Some(DecoderStep::ByteFallback));
        let each = &self.steps[..self.steps.len() - usize::from(byte_fallback)];
        // A run of byte tokens is one token, which a join of bytes decodes as a whole.
        let joined = match self.join {
            Join::Spaces => false,
            Join::Plain => true,
            Join::ByteLevel => !byte_fallback,
        };
        joined && each.iter().all(|step| matches!(step, DecoderStep::Each(_)))
    }

    /// One token after all steps, and whether it is one byte of a run.
    fn single(&self, token: &str, first: bool) -> Result<(Vec<u8>, bool)> {
        let limit = growth_limit(token.len());
        let mut text = token.as_bytes().to_vec();
        for step in &self.steps {
            match step {
                DecoderStep::Each(each) => text = each.apply(&text, first, limit)?,
                _ => {
                    if let Some(byte) = byte_token(&text) {
                        return Ok((vec![byte], true));
                    }
                }
            }
        }
        if self.join == Join::ByteLevel {
            if let Ok(token) = std::str::from_utf8(&text) {
                let mut bytes = Vec::with_capacity(token.len());
                byte_level::decode(token, &mut bytes);
                text = bytes;
            }
        }
        Ok((text, false))
    }

    /// The joined text through the steps after the join.
    fn after_whole(&self, joined: Vec<u8>, raw: bool) -> Result<Vec<u8>> {
        let joined = match self.join {
            Join::ByteLevel if !raw => match String::from_utf8(joined) {
                Ok(text) => text.into_bytes(),
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned().into_bytes(),
            },
            _ => joined,
        };
        if self.after.is_empty() {
            return Ok(joined);
        }
        let mut state = self.start(raw);
        self.joined(&joined, &mut state)?;
        self.finish_text(&mut state)?;
        Ok(state.out)
    }
}

/// The state of a stream.
pub(crate) struct State {
    raw: bool,
    live: bool, // characters of byte tokens are written before their run ends
    started: bool,
    steps: Vec<StepState>,
    after: Vec<TextState>,
    joined: usize,    // bytes of the joined text
    limit: usize,     // the longest form of the current token
    partial: Vec<u8>, // the beginning of a character
    /// The decoded text that was not taken yet; UTF-8 unless raw.
    pub out: Vec<u8>,
}

#[derive(Default)]
struct StepState {
    started: bool,
    in_run: bool,
    run: ByteRun,          // of byte tokens
    held: Option<Vec<u8>>, // the previous token, for steps that need it
}
