//! litz: models, tokenizers, chat templates and CPU inference in pure Rust.
//!
//! No Python here: `litz-python` binds this crate, and `cargo test` needs no interpreter.

pub mod chat;
mod control_groups;
pub mod engine;
pub mod error;
pub mod formats;
pub mod generation;
pub mod kernels;
pub mod memory;
mod shared;
pub mod threads;
pub mod tokenizer;
mod weights;

pub use error::{Error, Result};
