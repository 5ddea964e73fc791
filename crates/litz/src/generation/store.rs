//! The last sequence of a model, kept so that a prompt that continues it is not read again.

use std::sync::{Mutex, PoisonError};

use crate::engine::Forward;
use crate::threads::PerProcess;

/// Keeps one sequence, with the ids of the tokens that it holds. A new prompt reuses their common prefix; that is
/// exact, since what a sequence holds does not depend on how it was read.
#[derive(Debug)]
pub struct SequenceStore<S>(PerProcess<Mutex<Option<(Vec<u32>, S)>>>);

impl<S> Default for SequenceStore<S> {
    fn default() -> Self {
        Self(PerProcess::default())
    }
}

impl<S> SequenceStore<S> {
    /// Takes the kept sequence out, cut to its common prefix with `prompt`, whose last token is always read anew.
    pub fn take<M: Forward<Sequence = S>>(&self, model: &M, prompt: &[u32]) -> Option<S> {
        let (tokens, mut sequence) = self.lock().take()?;
        let common = tokens.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        let common = common.min(prompt.len().saturating_sub(1));
        if common == 0 {
            return None;
        }
        // A model that cannot forget (or no longer that far back) reads the prompt from its beginning.
        model.truncate(&mut sequence, common).ok()?;
        Some(sequence)
    }

    /// Keeps a sequence that holds `tokens`.
    pub fn put(&self, tokens: Vec<u32>, sequence: S) {
        *self.lock() = Some((tokens, sequence));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<(Vec<u32>, S)>> {
        self.0.get().lock().unwrap_or_else(PoisonError::into_inner)
    }
}
