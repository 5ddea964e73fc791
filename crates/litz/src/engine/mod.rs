//! The native engine: a Spec and mapped weights become a model; sequences carry their state from call to call.
//!
//! Results are equal bit for bit however tokens are batched, cut into calls or chunks, or spread over threads.

mod buffers;
mod build;
mod forward;
mod forward_pass;
mod inner;
mod model;
mod options;
mod pass;
mod program;
mod rope;
mod sequence;
mod state;
mod steps;

#[cfg(test)]
pub(crate) mod tests;

pub use crate::weights::{Conversion, LoadReport, Part, WeightSource};
pub use forward::{Encoded, Forward, Hidden, Inputs, Outputs, Text};
pub use model::{Memory, Model};
pub use options::{ActivationDType, LoadOptions};
pub use sequence::Sequence;
pub use state::CacheDType;
