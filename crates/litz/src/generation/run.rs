//! The loop: reads prompts, chooses tokens, drops what is finished, until nothing is left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::stop_strings::OpenText;
use super::stopping::{newest, Limit};
use super::{entropy, FinishReason, History, Params, Sampler, SequenceStore, StopMatcher};
use crate::engine::{Forward, Inputs, Outputs};
use crate::{Error, Result};

/// One generated token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which result it belongs to: prompt number times `num_return_sequences`, plus the number of the continuation.
    pub row: usize,
    /// The token.
    pub token: u32,
    /// Why this was the row's last token, if it was.
    pub finish: Option<FinishReason>,
}

/// One result while it is generated.
struct Row<S> {
    history: History,
    limit: Limit,
    sampler: Sampler,
    text: Option<StopMatcher>,
    sequence: Option<S>,
    /// Where in the history the sequence begins: later than at 0 once the context slid.
    start: usize,
    /// The first row of the same prompt, which reads it for all.
    reader: usize,
    finished: bool,
}

impl<S> Row<S> {
    /// The tokens that count for the model.
    fn window(&self) -> &[u32] {
        &self.history.tokens()[self.start..]
    }
}

/// A prompt that was read once for several continuations.
struct Read<S> {
    reader: usize,
    sequence: S,
}

/// A run over several prompts of any lengths; nothing is padded, and a finished row leaves the batch.
pub struct Generation<M: Forward> {
    model: Arc<M>,
    params: Params,
    rows: Vec<Row<M::Sequence>>,
    reads: Vec<Read<M::Sequence>>,
    store: Option<Arc<SequenceStore<M::Sequence>>>,
    cancelled: Arc<AtomicBool>,
    started: Instant,
    pace: Pace,
    logits: Vec<f32>, // (live rows, vocab)
}

impl<M: Forward> Generation<M> {
    /// Checks everything that can be checked before the first token. `open` gives the text of tokens, which stop
    /// strings need; `store` may hold the sequence that a single prompt continues.
    pub fn new(
        model: Arc<M>,
        prompts: &[Vec<u32>],
        params: Params,
        open: Option<OpenText>,
        store: Option<Arc<SequenceStore<M::Sequence>>>,
    ) -> Result<Self> {
        params.check_vocab(model.vocab())?;
        if open.is_none() && !params.stop_strings.is_empty() {
            return Err(Error::Value("stop_strings needs the tokenizer; pass tokenizer=".into()));
        }
        let mut rows = Vec::new();
        for (index, prompt) in prompts.iter().enumerate() {
            check_prompt(prompt, index, model.vocab())?;
            let limit = Limit::new(&params, index, prompt.len(), model.context())?;
            // Only a sliding context lets such a prompt through.
            let start =
                if prompt.len() > model.context() { prompt.len() - newest(model.context()) } else { 0 };
            rows.extend(continuations(&params, prompt, limit, open.as_ref(), (rows.len(), start)));
        }
        let store = store.filter(|_| rows.len() == 1);
        Ok(Self {
            model,
            params,
            rows,
            reads: Vec::new(),
            store,
            cancelled: Arc::default(),
            started: Instant::now(),
            pace: Pace::default(),
            logits: Vec::new(),
        })
    }

    /// Set it, from any thread, to end the run before its next token.
    pub fn cancellation(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancelled)
    }

    /// True once every row is finished, or the run was cancelled.
    pub fn done(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed) || self.rows.iter().all(|row| row.finished)
    }

    /// Generates up to `tokens` tokens of each live row. Returns earlier when `pause` has passed, perhaps without
    /// a token where prompts are still being read.
    pub fn advance(&mut self, tokens: usize, pause: Duration) -> Result<Vec<Event>> {
        let begin = Instant::now();
        let mut events = Vec::new();
        let mut steps = 0;
        while steps < tokens && !self.done() && (steps == 0 || begin.elapsed() < pause) {
            let before = events.len();
            if let Err(error) = self.step(&mut events) {
                // What the sequences hold after a failure is unknown: nothing of it is kept.
                self.cancelled.store(true, Ordering::Relaxed);
                self.store = None;
                return Err(error);
            }
            steps += usize::from(events.len() > before);
            if events.is_empty() && begin.elapsed() >= pause {
                break;
            }
        }
        Ok(events)
    }

    /// The text of a row that became final since the last call; empty without a tokenizer.
    pub fn take_text(&mut self, row: usize) -> String {
        let text = self.rows.get_mut(row).and_then(|row| row.text.as_mut());
        text.map(StopMatcher::take).unwrap_or_default()
    }

    /// One call of the model: unread tokens go in, and every row without more of them gets its next token.
    fn step(&mut self, events: &mut Vec<Event>) -> Result<()> {
        let live = self.open_rows()?;
        let begin = Instant::now();
        let read = self.forward(&live)?;
        self.pace.note(read.iter().sum(), begin.elapsed());
        for (place, index) in live.into_iter().enumerate() {
            let row = &self.rows[index];
            let held = row.sequence.as_ref().map_or(0, |sequence| self.model.len(sequence));
            if held == row.window().len() {
                self.share(index)?;
                events.push(self.choose(place, index)?);
            }
        }
        Ok(())
    }

    /// The rows of this step; each gets its sequence in its first step, and a full context slides.
    fn open_rows(&mut self) -> Result<Vec<usize>> {
        let ready = |index: usize, row: &Row<M::Sequence>| {
            row.sequence.is_some()
                || row.reader == index
                || self.reads.iter().any(|read| read.reader == row.reader)
        };
        let unfinished =
            self.rows.iter().enumerate().filter(|(index, row)| !row.finished && ready(*index, row));
        let live: Vec<usize> = unfinished.map(|(index, _)| index).take(self.params.max_batch_size).collect();
        let context = self.model.context();
        for &index in &live {
            if self.rows[index].sequence.is_none() {
                let sequence = self.open(index)?;
                self.rows[index].sequence = Some(sequence);
            }
            let row = &mut self.rows[index];
            if self.params.slide && row.window().len() > context {
                row.start = row.history.tokens().len() - newest(context);
                row.sequence = Some(self.model.sequence());
            }
        }
        Ok(live)
    }

    /// A sequence to begin with: what is kept of an earlier run, what another row has read, or nothing. It may hold any
    /// beginning of the row's tokens: `forward` reads the rest.
    fn open(&mut self, index: usize) -> Result<M::Sequence> {
        let row = &self.rows[index];
        if row.reader == index {
            let kept = match &self.store {
                Some(store) => store.take(&*self.model, row.window())?,
                None => None,
            };
            return Ok(kept.unwrap_or_else(|| self.model.sequence()));
        }
        let place = self.reads.iter().position(|read| read.reader == row.reader);
        let Some(place) = place else { return Ok(self.model.sequence()) };
        let len = row.window().len() - 1; // the last token is read anew, for its logits
        let last = !self.rows[index + 1..].iter().any(|other| other.reader == row.reader);
        if !last {
            return self.model.fork(&self.reads[place].sequence, len);
        }
        let mut sequence = self.reads.swap_remove(place).sequence;
        self.model.rewind(&mut sequence, len)?;
        Ok(sequence)
    }

    /// Keeps a copy of a prompt that was just read, where other rows continue it too.
    fn share(&mut self, index: usize) -> Result<()> {
        let row = &self.rows[index];
        let first = row.reader == index && row.history.generated().is_empty();
        let others = self.rows.get(index + 1).is_some_and(|next| next.reader == index);
        if let (true, true, Some(sequence)) = (first, others, &row.sequence) {
            let sequence = self.model.fork(sequence, row.window().len())?;
            self.reads.push(Read { reader: index, sequence });
        }
        Ok(())
    }

    /// Reads at least one token of each live row, and of unread prompts as many as one call may take.
    fn forward(&mut self, live: &[usize]) -> Result<Vec<usize>> {
        let mut room = self.pace.tokens;
        let mut read = Vec::with_capacity(live.len());
        let mut batch: Vec<(&mut M::Sequence, Inputs<'_>)> = Vec::with_capacity(live.len());
        for (index, row) in self.rows.iter_mut().enumerate() {
            let Some(sequence) = row.sequence.as_mut().filter(|_| live.contains(&index)) else { continue };
            let unread = &row.history.tokens()[row.start + self.model.len(sequence)..];
            let count = unread.len().min(room.max(1));
            room = room.saturating_sub(count);
            read.push(count);
            batch.push((sequence, Inputs::Tokens(&unread[..count])));
        }
        self.model.forward(&mut batch, Outputs::Last, &mut self.logits)?;
        let expected = live.len() * self.model.vocab();
        if self.logits.len() != expected {
            return Err(Error::Value(format!(
                "the model gave {} logits, expected {expected}",
                self.logits.len()
            )));
        }
        Ok(read)
    }

    fn choose(&mut self, place: usize, index: usize) -> Result<Event> {
        let vocab = self.model.vocab();
        let scores = &mut self.logits[place * vocab..(place + 1) * vocab];
        let row = &mut self.rows[index];
        let token = row.sampler.choose(&self.params, &row.history, row.limit.total, scores)?;
        row.history.push(token);
        let stopped = match &mut row.text {
            Some(text) => text.push(token)?,
            None => false,
        };
        let finish = row.limit.reached(&self.params, &row.history, stopped, self.started);
        if finish.is_some() {
            row.text.iter_mut().try_for_each(|text| text.finish(stopped))?;
            self.retire(index);
        }
        Ok(Event { row: index, token, finish })
    }

    /// Frees the row's sequence, or keeps it for a prompt that continues it.
    fn retire(&mut self, index: usize) {
        let row = &mut self.rows[index];
        row.finished = true;
        if let (Some(store), Some(sequence)) = (&self.store, row.sequence.take()) {
            let held = self.model.len(&sequence).min(row.window().len());
            store.put(&*self.model, row.window()[..held].to_vec(), sequence);
        }
    }
}

/// A run that is dropped half-way keeps what it has read.
impl<M: Forward> Drop for Generation<M> {
    fn drop(&mut self) {
        if self.store.is_some() && self.rows.iter().any(|row| !row.finished) {
            self.retire(0);
        }
    }
}

fn check_prompt(prompt: &[u32], index: usize, vocab: usize) -> Result<()> {
    if prompt.is_empty() {
        return Err(Error::Value(format!(
            "prompt {index} has no tokens; generation needs at least one, such as the bos token"
        )));
    }
    match prompt.iter().find(|token| **token as usize >= vocab) {
        Some(token) => Err(Error::Value(format!(
            "prompt {index} holds token {token}, but the model's vocabulary has {vocab} tokens: \
             is the tokenizer that of the model?"
        ))),
        None => Ok(()),
    }
}

/// The rows of one prompt. Its draws are keyed by the seed and the number of the continuation: not by its place in
/// the batch, so that a prompt gives the same alone.
fn continuations<S>(
    params: &Params,
    prompt: &[u32],
    limit: Limit,
    open: Option<&OpenText>,
    (reader, start): (usize, usize),
) -> Vec<Row<S>> {
    let seed = params.seed.unwrap_or_else(entropy);
    let stops: Arc<[String]> = params.stop_strings.clone().into();
    let row = |stream| Row {
        history: History::new(prompt),
        limit,
        sampler: Sampler::new(seed, stream),
        text: open.map(|open| StopMatcher::new(Arc::clone(&stops), open, params.skip_special_tokens)),
        sequence: None,
        start,
        reader,
        finished: false,
    };
    (0..params.num_return_sequences as u64).map(row).collect()
}

/// How many tokens one call of the model reads, so that a call lasts about a tenth of a second and a run can be
/// interrupted. Results do not depend on it.
struct Pace {
    tokens: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self { tokens: 64 }
    }
}

impl Pace {
    const FAST: Duration = Duration::from_millis(50);
    const SLOW: Duration = Duration::from_millis(150);

    fn note(&mut self, read: usize, taken: Duration) {
        if read >= self.tokens && taken < Self::FAST {
            self.tokens = (self.tokens * 2).min(4096);
        } else if read >= self.tokens && taken > Self::SLOW {
            self.tokens = (self.tokens / 2).max(16);
        }
    }
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
