//! The tokens of one sequence, as processors and stopping rules see them.

use std::collections::HashMap;

/// The tokens of one sequence, counted as the penalties need them.
#[derive(Clone, Debug)]
pub struct History {
    tokens: Vec<u32>,
    prompt: usize,
    generated: HashMap<u32, u32>, // token -> times generated; 0: in the prompt only
}

impl History {
    /// A prompt with nothing generated yet.
    pub fn new(prompt: &[u32]) -> Self {
        let generated = prompt.iter().map(|token| (*token, 0)).collect();
        Self { tokens: prompt.to_vec(), prompt: prompt.len(), generated }
    }

    /// Adds a generated token.
    pub fn push(&mut self, token: u32) {
        self.tokens.push(token);
        *self.generated.entry(token).or_default() += 1;
    }

    /// All tokens.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The prompt.
    pub fn prompt(&self) -> &[u32] {
        &self.tokens[..self.prompt]
    }

    /// The tokens after the prompt.
    pub fn generated(&self) -> &[u32] {
        &self.tokens[self.prompt..]
    }

    /// Each token once, in no order.
    pub fn distinct(&self) -> impl Iterator<Item = u32> + '_ {
        self.generated.keys().copied()
    }

    /// Each generated token with the number of times, in no order.
    pub fn generated_counts(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.generated.iter().map(|(token, count)| (*token, *count)).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_counts_prompt_and_generated_tokens_apart() {
        let mut history = History::new(&[4, 5]);
        history.push(5);
        history.push(5);
        assert_eq!(history.generated_counts().collect::<Vec<_>>(), [(5, 2)]);
        assert_eq!(history.distinct().count(), 2);
        assert_eq!((history.prompt(), history.generated()), (&[4, 5][..], &[5, 5][..]));
    }
}
