//! The last sequences of a model, kept so that a prompt that continues one of them is not read again.

use std::sync::{Mutex, PoisonError};

use crate::engine::Forward;
use crate::threads::PerProcess;

/// Sequences at most.
const KEPT: usize = 4;

/// Tokens, and the sequence that holds them.
type Kept<S> = (Vec<u32>, S);

/// Keeps the four sequences used last, together of no more tokens than one context holds. A new prompt reuses the
/// longest prefix that it shares with one of them; that is exact, since what a sequence holds does not depend on how
/// it was read.
#[derive(Debug)]
pub struct SequenceStore<S>(PerProcess<Mutex<Vec<Kept<S>>>>); // the one used last comes first

impl<S> Default for SequenceStore<S> {
    fn default() -> Self {
        Self(PerProcess::default())
    }
}

impl<S> SequenceStore<S> {
    /// A sequence that holds the longest prefix of `prompt` that is kept, without its last token, which is always read
    /// anew. It is taken out, unless most of it is something else: then it stays, and the prefix is copied.
    pub fn take<M: Forward<Sequence = S>>(&self, model: &M, prompt: &[u32]) -> Option<S> {
        let mut kept = self.lock();
        let shared = |tokens: &[u32]| {
            let common = tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
            common.min(prompt.len().saturating_sub(1))
        };
        let longest = kept.iter().map(|(tokens, _)| shared(tokens)).max().filter(|common| *common > 0)?;
        let place = kept.iter().position(|(tokens, _)| shared(tokens) == longest)?;
        if longest < kept[place].0.len() / 2 {
            return model.fork(&kept[place].1, longest).ok();
        }
        let (_, mut sequence) = kept.remove(place);
        // A model that cannot go back that far leaves fewer tokens, and the rest of the prompt is read again.
        model.rewind(&mut sequence, longest).ok()?;
        Some(sequence)
    }

    /// Keeps a sequence that holds `tokens`, and lets go of those that were not used for longest.
    pub fn put<M: Forward<Sequence = S>>(&self, model: &M, tokens: Vec<u32>, sequence: S) {
        let mut kept = self.lock();
        kept.insert(0, (tokens, sequence));
        let mut total = 0;
        let fits = |(tokens, _): &Kept<S>| {
            total += tokens.len();
            total <= model.context()
        };
        let count = kept.iter().take(KEPT).map(fits).take_while(|fits| *fits).count();
        kept.truncate(count.max(1));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Kept<S>>> {
        self.0.get().lock().unwrap_or_else(PoisonError::into_inner)
    }
}
