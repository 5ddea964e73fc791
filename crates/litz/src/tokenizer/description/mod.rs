//! Descriptions of tokenizers: the data of a `tokenizer.json`, its readers and its writer.

mod data;
mod fast_json;
pub(crate) mod fields;
pub(crate) mod json;
pub(crate) mod merges;
pub(crate) mod save;

pub use data::Description;
pub(crate) use data::{ModelKind, ModelSection, ModelSettings, Sections};
