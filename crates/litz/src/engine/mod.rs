//! The native engine: a Spec and mapped weights become a model; sequences carry their state from call to call.
//!
//! Results are equal bit for bit however tokens are batched, cut into calls or chunks, or spread over threads.

mod arena;
mod attend;
mod build;
mod cache;
mod convert;
mod core;
mod exec;
mod experts;
mod fill;
mod model;
mod program;
mod rope;
mod routing;
mod session;
mod shared;
mod sources;
mod spec;
mod state;
mod stream;
mod validate;
mod weights;
mod widths;

#[cfg(test)]
mod tests;

pub use cache::CacheDType;
pub use model::{ActivationDType, Forward, LoadOptions, Memory, Model};
pub use sources::{Part, WeightSource};
pub use spec::{
    Activation, Attention, FeedForward, Layer, LongRope, Mixer, Mlp, Moe, Norm, NormKind, Norms, Order,
    Positions, QkNorm, Rope, Spec,
};
pub use state::Sequence;
pub use weights::{Conversion, LoadReport};
