//! From logits to text: parameters, logits processors, sampling, stop strings, and the loop.
//!
//! Works over [`Forward`](crate::engine::Forward) and token ids; names and semantics are those of transformers'
//! `GenerationConfig`. What a prompt generates depends on its tokens, the parameters and the seed, never on the
//! batch that it shares.

mod candidates;
mod history;
mod params;
mod processors;
mod ranges;
mod rng;
mod run;
mod sampler;
mod stop_strings;
mod stopping;
mod store;

pub use history::History;
pub use params::Params;
pub use ranges::{Range, RANGES};
pub use rng::{entropy, Philox};
pub use run::{Event, Generation};
pub use sampler::{process, Sampler};
pub use stop_strings::{OpenText, StopMatcher, TokenText};
pub use stopping::FinishReason;
pub use store::SequenceStore;
