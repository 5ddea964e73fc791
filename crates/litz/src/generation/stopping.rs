//! When a sequence is finished, and why.

use std::time::Instant;

use super::{History, Params};
use crate::{Error, Result};

/// Why a sequence ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// An end-of-sequence token.
    Eos,
    /// A stop string.
    Stop,
    /// The number of tokens that was requested.
    Length,
    /// The model's context is full.
    Context,
    /// The time that was allowed.
    Time,
}

impl FinishReason {
    /// Its name in Python.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eos => "eos",
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Context => "context",
            Self::Time => "time",
        }
    }
}

/// How long one sequence may become, the prompt included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limit {
    pub total: usize,
    reason: FinishReason,
}

/// How many tokens a sliding context goes on with.
pub(super) fn newest(context: usize) -> usize {
    (context / 2).max(1)
}

impl Limit {
    /// The limit of prompt number `index`; a prompt that leaves no room for one token is an error.
    pub fn new(params: &Params, index: usize, prompt: usize, context: usize) -> Result<Self> {
        if prompt > context && !params.slide {
            return Err(Error::Context(format!(
                "prompt {index} has {prompt} tokens, but the model's context holds {context}; shorten the prompt, or pass \
                 context=\"slide\" to go on from its last {}",
                newest(context)
            )));
        }
        let requested = match (params.max_new_tokens, params.max_length) {
            (Some(new), _) => prompt.saturating_add(new),
            (None, Some(total)) if total <= prompt => {
                return Err(Error::Value(format!(
                    "max_length is {total} and counts the prompt, but prompt {index} has {prompt} tokens already; \
                     raise it, or pass max_new_tokens, which does not count the prompt"
                )))
            }
            (None, Some(total)) => total,
            (None, None) => usize::MAX,
        };
        if params.slide {
            if requested == usize::MAX && params.max_time.is_none() {
                return Err(Error::Value(
                    "context=\"slide\" takes the context's limit away; pass max_new_tokens, max_length or max_time".into(),
                ));
            }
            return Ok(Self { total: requested, reason: FinishReason::Length });
        }
        // The last token is never read, so that a prompt that fills the context still has one.
        let room = context.max(prompt + 1);
        let reason = if requested <= room { FinishReason::Length } else { FinishReason::Context };
        Ok(Self { total: requested.min(room), reason })
    }

    /// Why the sequence ends with the token just added, if it does; `stopped`: a stop string was found.
    pub fn reached(
        &self,
        params: &Params,
        history: &History,
        stopped: bool,
        started: Instant,
    ) -> Option<FinishReason> {
        let last = history.generated().last();
        if last.is_some_and(|token| params.eos_token_id.contains(token)) {
            Some(FinishReason::Eos)
        } else if stopped {
            Some(FinishReason::Stop)
        } else if history.tokens().len() >= self.total {
            Some(self.reason)
        } else if params.max_time.is_some_and(|seconds| started.elapsed().as_secs_f64() >= seconds) {
            Some(FinishReason::Time)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(json: &str, prompt: usize) -> Result<Limit> {
        Limit::new(&Params::from_json(json).unwrap(), 0, prompt, 100)
    }

    fn total(json: &str, prompt: usize) -> (usize, FinishReason) {
        let limit = limit(json, prompt).unwrap();
        (limit.total, limit.reason)
    }

    #[test]
    fn new_tokens_take_precedence_and_length_counts_the_prompt() {
        assert_eq!(total(r#"{"max_new_tokens": 5}"#, 10), (15, FinishReason::Length));
        assert_eq!(total(r#"{"max_length": 12}"#, 10), (12, FinishReason::Length));
        assert_eq!(total(r#"{"max_length": 12, "max_new_tokens": 5}"#, 10), (15, FinishReason::Length));
    }

    #[test]
    fn without_a_number_the_context_is_the_limit() {
        assert_eq!(total("{}", 10), (100, FinishReason::Context));
        assert_eq!(total(r#"{"max_new_tokens": 95}"#, 10), (100, FinishReason::Context));
        assert_eq!(total(r#"{"max_new_tokens": 90}"#, 10), (100, FinishReason::Length));
        assert_eq!(total("{}", 100), (101, FinishReason::Context));
    }

    #[test]
    fn a_prompt_without_room_is_an_error() {
        assert!(matches!(limit("{}", 101), Err(Error::Context(_))));
        let error = limit(r#"{"max_length": 10}"#, 10).unwrap_err().to_string();
        assert!(error.contains("max_length is 10") && error.contains("max_new_tokens"), "{error}");
    }
}
