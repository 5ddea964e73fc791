//! The post-processor: the special tokens around one sequence or two. It is compiled to slots for ids alone, and
//! applied step by step to full encodings.

use serde_json::Value;

mod read;
mod slots;
mod stage;
#[cfg(test)]
mod tests;
mod trim;

use crate::tokenizer::description::fields::flatten;
use crate::tokenizer::encoding::Encoding;
use crate::Result;
use slots::{compile, Compiled};
use stage::ProcessorStage;

pub use slots::Slot;

/// The compiled post-processor.
#[derive(Default)]
pub(crate) struct PostProcessor {
    stages: Vec<ProcessorStage>,
    compiled: Compiled,
}

impl PostProcessor {
    /// Compiles the file's `post_processor`.
    pub fn from_json(value: &Value, path: &str) -> Result<Self> {
        let mut stages = Vec::new();
        if !value.is_null() {
            flatten(value, path, "processors", &mut |value, path| {
                stages.push(ProcessorStage::from_json(value, path)?);
                Ok(())
            })?;
        }
        let compiled = compile(&stages, path)?;
        Ok(Self { stages, compiled })
    }

    /// The ids of all special tokens.
    pub fn ids(&self) -> impl Iterator<Item = u32> + '_ {
        self.compiled.ids()
    }

    /// The number of special tokens around one sequence or two.
    pub fn added(&self, pair: bool) -> usize {
        self.stages.iter().map(|stage| stage.added(pair)).sum()
    }

    /// The slots of one sequence or two, in order.
    pub fn slots(&self, pair: bool, add_special_tokens: bool) -> &[Slot] {
        self.compiled.slots(pair, add_special_tokens)
    }

    /// The ids of one sequence or two, with their special tokens if `add_special_tokens`.
    pub fn apply(&self, first: Vec<u32>, second: Option<Vec<u32>>, add_special_tokens: bool) -> Vec<u32> {
        let slots = self.slots(second.is_some(), add_special_tokens);
        if matches!(slots, [Slot { sequence: Some(0), .. }]) {
            return first;
        }
        let second = second.unwrap_or_default();
        let mut out = Vec::with_capacity(first.len() + second.len() + slots.len());
        for slot in slots {
            match slot.sequence {
                Some(0) => out.extend_from_slice(&first),
                Some(_) => out.extend_from_slice(&second),
                None => out.push(slot.id),
            }
        }
        out
    }

    /// Joins one sequence or two with their overflowing pieces. `name` is the vocabulary's text of an id.
    pub fn process<'a>(
        &self,
        first: Encoding,
        second: Option<Encoding>,
        add_special_tokens: bool,
        name: &impl Fn(u32) -> Option<&'a str>,
    ) -> Result<Encoding> {
        let mut encodings: Vec<Encoding> = std::iter::once(first).chain(second).collect();
        let alone = encodings.len() == 1;
        for (i, encoding) in encodings.iter_mut().enumerate() {
            if i > 0 {
                encoding.set_type(1);
                encoding.overflowing.iter_mut().for_each(|piece| piece.set_type(1));
            }
            if self.stages.is_empty() && alone {
                continue;
            }
            encoding.set_sequence(i);
            if !self.stages.is_empty() {
                encoding.overflowing.iter_mut().for_each(|piece| piece.set_sequence(i));
            }
        }
        for stage in &self.stages {
            encodings = stage.process(encodings, add_special_tokens, name)?;
        }
        let mut whole = Encoding::default();
        encodings.into_iter().try_for_each(|encoding| whole.append(encoding))?;
        Ok(whole)
    }
}
