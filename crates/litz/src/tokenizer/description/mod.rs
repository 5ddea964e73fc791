//! What a `tokenizer.json` says. Every source is read into a [`Description`], and every tokenizer is compiled from one.

mod data;
mod fast_json;
pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod merges;
pub(crate) mod save;

pub use data::Description;
pub(crate) use data::{Kind, ModelSection, ModelSettings, Sections};
