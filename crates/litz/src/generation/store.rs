//! The last sequences of a model, kept so that a prompt that continues one of them is not read again.

use std::sync::{Mutex, PoisonError};

use crate::engine::Forward;
use crate::threads::PerProcess;
use crate::{Error, Result};

/// Sequences at most.
const KEPT: usize = 4;

/// Tokens, and the sequence that holds them.
type KeptSequence<S> = (Vec<u32>, S);

/// Keeps the four sequences used last, together of no more tokens than one context holds. A new prompt reuses the
/// longest prefix that it shares with one of them; that is exact, since what a sequence holds does not depend on how
/// it was read.
#[derive(Debug)]
pub struct SequenceStore<S>(PerProcess<Mutex<Vec<KeptSequence<S>>>>); // the one used last comes first

impl<S> Default for SequenceStore<S> {
    fn default() -> Self {
        Self(PerProcess::default())
    }
}

impl<S> SequenceStore<S> {
    /// A sequence that holds the longest prefix of `prompt` that is kept, or less of it where the model cannot go back
    /// that far. The last token is always read anew. The kept sequence is taken out, unless most of it is something
    /// else: then it stays, and the prefix is copied.
    pub fn take<M: Forward<Sequence = S>>(&self, model: &M, prompt: &[u32]) -> Result<Option<S>> {
        // The model is called without the lock: it may be a Python object, which waits for the interpreter.
        let Some((place, shared, (tokens, mut sequence))) = self.remove(prompt) else { return Ok(None) };
        if shared >= tokens.len() / 2 {
            model.rewind(&mut sequence, shared)?;
            return Ok(Some(sequence));
        }
        let copy = model.fork(&sequence, shared);
        let mut kept = self.lock();
        let place = place.min(kept.len());
        kept.insert(place, (tokens, sequence));
        match copy {
            Err(Error::Memory(_)) => Ok(None),
            copy => copy.map(Some),
        }
    }

    /// Keeps a sequence that holds `tokens`, and drops those that were not used for longest.
    pub fn put<M: Forward<Sequence = S>>(&self, model: &M, tokens: Vec<u32>, sequence: S) {
        let mut kept = self.lock();
        kept.insert(0, (tokens, sequence));
        let mut total = 0;
        let fits = |(tokens, _): &KeptSequence<S>| {
            total += tokens.len();
            total <= model.context()
        };
        let count = kept.iter().take(KEPT).map(fits).take_while(|fits| *fits).count();
        let dropped = kept.split_off(count.max(1));
        drop(kept);
        drop(dropped); // without the lock, as above
    }

    /// Takes out the sequence with the longest prefix of `prompt`: its place, and how many tokens they share.
    fn remove(&self, prompt: &[u32]) -> Option<(usize, usize, KeptSequence<S>)> {
        let mut kept = self.lock();
        let shared = |tokens: &[u32]| {
            let common = tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
            common.min(prompt.len().saturating_sub(1))
        };
        let longest = kept.iter().map(|(tokens, _)| shared(tokens)).max().filter(|common| *common > 0)?;
        let place = kept.iter().position(|(tokens, _)| shared(tokens) == longest)?;
        Some((place, longest, kept.remove(place)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<KeptSequence<S>>> {
        self.0.get().lock().unwrap_or_else(PoisonError::into_inner)
    }
}
