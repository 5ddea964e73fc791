//! Weights: where they lie in the files, how each will be kept, and placing them.
//!
//! Floats stay in the mapped file, quantised matrices are packed for the kernels, and what no kernel reads as stored is
//! converted.

mod arena;
mod convert;
mod fill;
mod plan;
mod report;
mod sources;
mod weight;

pub(crate) use plan::{Loader, Storage};
pub use report::{Conversion, LoadReport};
pub use sources::{Part, WeightSource};
pub(crate) use weight::Weight;
