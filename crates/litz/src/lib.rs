//! litz: models, tokenizers, chat templates and CPU inference in pure Rust.
//!
//! No Python here: `litz-python` binds this crate, and `cargo test` needs no interpreter.

pub mod chat;
pub mod engine;
pub mod error;
pub mod formats;
pub mod generation;
pub mod kernels;
mod shared;
pub mod spec;
pub mod system;
pub mod tokenizer;
mod weights;

pub use error::{Error, Result};
pub use system::{memory, threads};
