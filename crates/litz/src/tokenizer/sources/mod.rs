//! Readers of other tokenizer files than `tokenizer.json`, each into a [`super::Description`].

mod gguf;
mod gguf_splits;
mod merges;
mod open;
mod options;
mod patterns;
mod protobuf;
mod ranks;
mod sentencepiece;
mod stages;
mod tekken;
mod tiktoken;
mod vocab_txt;

pub use open::Source;
pub use options::SourceOptions;
