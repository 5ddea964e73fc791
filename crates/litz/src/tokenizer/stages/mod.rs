//! The stages of the pipeline, each an enum that is read from its section of a `tokenizer.json`.

pub(crate) mod decoder;
pub(crate) mod model;
pub(crate) mod normalizer;
mod oniguruma;
pub(crate) mod pattern;
pub(crate) mod post_processor;
pub(crate) mod pre_tokenizer;
