//! Tokens to text, one token at a time: the whole decode is the stream, run to its end.

use serde_json::Value;

use super::byte_level;
use super::fields::{flatten, Fields};
use super::pattern::Pattern;
use super::pre_tokenizer::{prepend_scheme, Prepend};
use crate::{Error, Result};

const STEPS: usize = 64;

enum Step {
    Replace { pattern: Pattern, content: String },
    Strip { content: char, start: usize, stop: usize },
    Metaspace { replacement: char, strip_first: bool },
    ByteFallback,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    /// No decoder: a space between tokens.
    Spaces,
    /// Tokens one after the other.
    Plain,
    /// The same, and what follows sees them as one token.
    Fuse,
    /// Tokens are bytes in GPT-2's alphabet; what is not UTF-8 becomes U+FFFD.
    ByteLevel,
}

/// The compiled decoder.
pub(super) struct Decoder {
    steps: Vec<Step>, // on each token
    join: Join,
    after: Vec<Step>, // on the joined text
}

impl Decoder {
    /// Compiles the file's `decoder`.
    pub fn from_json(value: &Value, path: &str) -> Result<Self> {
        let mut compiled = Self { steps: Vec::new(), join: Join::Plain, after: Vec::new() };
        if value.is_null() {
            compiled.join = Join::Spaces;
        } else {
            flatten(value, path, "decoders", &mut |value, path| compiled.stage(value, path))?;
        }
        Ok(compiled)
    }

    /// GPT-2's byte-level decoder.
    pub fn byte_level() -> Self {
        Self { steps: Vec::new(), join: Join::ByteLevel, after: Vec::new() }
    }

    /// SentencePiece's: marks to spaces, byte tokens to text, and one leading space off if one was put there.
    pub fn sentence_piece(strip: bool) -> Self {
        let marks = Step::Replace { pattern: Pattern::Literal("▁".into()), content: " ".into() };
        let strip = strip.then_some(Step::Strip { content: ' ', start: 1, stop: 0 });
        Self { steps: vec![marks, Step::ByteFallback], join: Join::Fuse, after: strip.into_iter().collect() }
    }

    fn stage(&mut self, value: &Value, path: &str) -> Result<()> {
        let mut fields = Fields::new(value, path)?;
        let step = match fields.text("type")? {
            "Fuse" => return self.joined(Join::Fuse, fields, path),
            "ByteLevel" => {
                fields.skip(&["add_prefix_space", "trim_offsets", "use_regex"]);
                return self.joined(Join::ByteLevel, fields, path);
            }
            "Replace" => Step::Replace {
                pattern: fields.pattern("pattern")?,
                content: fields.text("content")?.to_owned(),
            },
            "Strip" => Step::Strip {
                content: fields.character("content")?,
                start: fields.count("start")?,
                stop: fields.count("stop")?,
            },
            "Metaspace" => {
                fields.skip(&["split", "str_rep"]);
                let replacement = fields.character("replacement")?;
                Step::Metaspace { replacement, strip_first: prepend_scheme(&mut fields)? != Prepend::Never }
            }
            "ByteFallback" => Step::ByteFallback,
            other => return Err(fields.unsupported(&format!("the decoder {other}"))),
        };
        fields.done()?;
        let steps = if self.join == Join::Plain { &mut self.steps } else { &mut self.after };
        if steps.len() == STEPS {
            return Err(Error::Unsupported(format!("{path}: more than {STEPS} steps")));
        }
        steps.push(step);
        Ok(())
    }

    fn joined(&mut self, join: Join, fields: Fields<'_>, path: &str) -> Result<()> {
        fields.done()?;
        match (self.join, join) {
            (Join::Plain, _) => self.join = join,
            (_, Join::Fuse) => {} // already one token
            _ => return Err(Error::Unsupported(format!("{path}: ByteLevel after tokens were joined"))),
        }
        Ok(())
    }

    /// The state of a new stream. `raw` keeps bytes that are not UTF-8 as they are.
    pub fn start(&self, raw: bool) -> State {
        let streams = self.after.iter().all(|step| matches!(step, Step::Strip { .. }));
        State {
            raw,
            started: false,
            steps: self.steps.iter().map(|_| StepState::default()).collect(),
            after: self.after.iter().map(|_| StepState::default()).collect(),
            held: (!streams).then(Vec::new),
            partial: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Decodes one more token into the state's output.
    pub fn push(&self, token: &str, state: &mut State) -> Result<()> {
        self.step(0, token.as_bytes(), state)
    }

    /// Ends the stream: what was held back is written.
    pub fn finish(&self, state: &mut State) -> Result<()> {
        for i in 0..self.steps.len() {
            self.flush_bytes(i, state)?;
        }
        if !state.partial.is_empty() {
            state.partial.clear();
            self.joined_text("\u{FFFD}".as_bytes(), state);
        }
        if let Some(held) = state.held.take() {
            let token = self.after.iter().try_fold(held, |token, step| step.whole(token, state.raw))?;
            state.out.extend_from_slice(&token);
        }
        Ok(())
    }

    /// Step `i` and those after it, on one token.
    fn step(&self, i: usize, token: &[u8], state: &mut State) -> Result<()> {
        let Some(step) = self.steps.get(i) else {
            return self.join(token, state);
        };
        let first = !std::mem::replace(&mut state.steps[i].started, true);
        match step {
            Step::ByteFallback => match byte_token(token) {
                Some(byte) => state.steps[i].bytes.push(byte),
                None => {
                    self.flush_bytes(i, state)?;
                    self.step(i + 1, token, state)?;
                }
            },
            step => {
                let token = step.token(token, first)?;
                self.step(i + 1, &token, state)?;
            }
        }
        Ok(())
    }

    /// A run of byte tokens has ended: it is text if all of it is UTF-8, else each byte is unreadable.
    fn flush_bytes(&self, i: usize, state: &mut State) -> Result<()> {
        let run = std::mem::take(&mut state.steps[i].bytes);
        if run.is_empty() {
            return Ok(());
        }
        if state.raw || std::str::from_utf8(&run).is_ok() {
            return self.step(i + 1, &run, state);
        }
        run.iter().try_for_each(|_| self.step(i + 1, "\u{FFFD}".as_bytes(), state))
    }

    fn join(&self, token: &[u8], state: &mut State) -> Result<()> {
        let first = !std::mem::replace(&mut state.started, true);
        match self.join {
            Join::Spaces => {
                if !first {
                    state.out.push(b' ');
                }
                state.out.extend_from_slice(token);
            }
            Join::Plain | Join::Fuse => self.joined_text(token, state),
            Join::ByteLevel => {
                let mut bytes = std::mem::take(&mut state.partial);
                match std::str::from_utf8(token) {
                    Ok(token) => byte_level::decode(token, &mut bytes),
                    Err(_) => bytes.extend_from_slice(token),
                }
                if state.raw {
                    self.joined_text(&bytes, state);
                } else {
                    self.readable(&bytes, state);
                }
            }
        }
        Ok(())
    }

    /// Writes what is certain of these bytes; the beginning of a character waits for the rest.
    fn readable(&self, mut bytes: &[u8], state: &mut State) {
        loop {
            let error = match std::str::from_utf8(bytes) {
                Ok(_) => return self.joined_text(bytes, state),
                Err(error) => error,
            };
            let (good, rest) = bytes.split_at(error.valid_up_to());
            self.joined_text(good, state);
            let Some(bad) = error.error_len() else {
                state.partial = rest.to_vec();
                return;
            };
            self.joined_text("\u{FFFD}".as_bytes(), state);
            bytes = &rest[bad..];
        }
    }

    /// A chunk of the joined text, through the steps after the join.
    fn joined_text(&self, chunk: &[u8], state: &mut State) {
        if let Some(held) = &mut state.held {
            held.extend_from_slice(chunk);
            return;
        }
        if self.after.is_empty() {
            state.out.extend_from_slice(chunk);
            return;
        }
        let mut chunk = chunk.to_vec();
        for (step, strip) in self.after.iter().zip(&mut state.after) {
            if let Step::Strip { content, start, stop } = step {
                chunk = strip.strip(&chunk, *content, *start, *stop);
            }
        }
        state.out.extend_from_slice(&chunk);
    }
}

/// Where a stream is.
pub(super) struct State {
    raw: bool,
    started: bool,
    steps: Vec<StepState>,
    after: Vec<StepState>,
    held: Option<Vec<u8>>, // all of the joined text, when a step after the join needs it whole
    partial: Vec<u8>,      // the beginning of a character
    /// What has been decoded and not been taken yet; UTF-8 unless raw.
    pub out: Vec<u8>,
}

#[derive(Default)]
struct StepState {
    started: bool,
    bytes: Vec<u8>,  // of a run of byte tokens
    stripped: usize, // leading characters taken off
    passed: bool,    // something else than the stripped character has come
    waiting: usize,  // characters held back: they are stripped if nothing follows
}

impl StepState {
    /// One chunk of a text whose first `start` and last `stop` characters go, where they are `content`.
    fn strip(&mut self, mut chunk: &[u8], content: char, start: usize, stop: usize) -> Vec<u8> {
        let mut buffer = [0; 4];
        let mark = content.encode_utf8(&mut buffer).as_bytes();
        let mut out = Vec::with_capacity(chunk.len());
        while !chunk.is_empty() {
            if let Some(rest) = chunk.strip_prefix(mark) {
                chunk = rest;
                if !self.passed && self.stripped < start {
                    self.stripped += 1;
                } else if self.waiting < stop {
                    self.waiting += 1;
                } else {
                    out.extend_from_slice(mark);
                }
                continue;
            }
            self.passed = true;
            out.extend(mark.repeat(std::mem::take(&mut self.waiting)));
            let next = chunk.windows(mark.len()).position(|window| window == mark).unwrap_or(chunk.len());
            out.extend_from_slice(&chunk[..next]);
            chunk = &chunk[next..];
        }
        out
    }
}

impl Step {
    /// What becomes of one token; `first` says that it is the first.
    fn token(&self, token: &[u8], first: bool) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Replace { pattern, content } => replace(token, pattern, content)?,
            Self::Strip { content, start, stop } => {
                StepState::default().strip(token, *content, *start, *stop)
            }
            Self::Metaspace { replacement, strip_first } => {
                let with = if first && *strip_first { "" } else { " " };
                replace(token, &Pattern::Literal((*replacement).into()), with)?
            }
            Self::ByteFallback => token.to_vec(),
        })
    }

    /// What becomes of the joined text as a single token.
    fn whole(&self, token: Vec<u8>, raw: bool) -> Result<Vec<u8>> {
        match (self, byte_token(&token)) {
            (Self::ByteFallback, Some(byte)) if raw || byte.is_ascii() => Ok(vec![byte]),
            (Self::ByteFallback, Some(_)) => Ok("\u{FFFD}".into()),
            _ => self.token(&token, true),
        }
    }
}

fn replace(token: &[u8], pattern: &Pattern, content: &str) -> Result<Vec<u8>> {
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

/// The byte of `<0xE4>`.
fn byte_token(token: &[u8]) -> Option<u8> {
    let digits = token.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    if digits.len() != 2 {
        return None;
    }
    std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
}
