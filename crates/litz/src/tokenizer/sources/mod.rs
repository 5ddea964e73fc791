//! Other files than `tokenizer.json` that describe a tokenizer, each read into a [`super::Description`].

mod gguf;
mod gguf_splits;
mod stages;
