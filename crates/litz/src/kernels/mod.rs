//! The arithmetic of inference: pure functions over slices, one form per instruction set.
//!
//! `Kernels::detect` picks the form once. No output depends on how many tokens, rows, keys or threads share a call: each
//! element has one order of summation, so a batch equals its parts bit for bit. There are no threads and no state here.

// Tiles index several small arrays side by side; iterators would hide which.
#![allow(clippy::needless_range_loop)]

mod attention;
mod convert;
mod dispatch;
mod isa;
mod layout;
pub mod limits;
mod matmul;
mod pointwise;
mod quant;
mod shared_slice;
mod simd;
mod table;
mod views;

#[cfg(test)]
mod tests;

pub use attention::{
    AttendSpec, AttendState, DistanceBias, HeadRows, KeyPanels, KvDType, KvLayout, Pages, Queries,
    WholeQueries, WholeScratch, WholeSpec, PAGE,
};
pub use isa::Isa;
pub use layout::{BLOCK, GROUP, TILE};
pub use pointwise::activation::Activation;
pub use quant::codes::{CodeBuffer, CodeRowMut, CodeView, CodeWidth, SharedCodes};
pub use shared_slice::SharedSlice;
pub use table::Kernels;
pub use views::{Activations, Input, Matrix, OutView, WeightDType};
