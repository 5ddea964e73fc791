//! A tokenizer with other stages around its model.

use serde_json::Value;
use std::sync::{Arc, Mutex, OnceLock};

use super::added_tokens::AddedTokens;
use super::description::Sections;
use super::post_processor::PostProcessor;
use super::{Description, Tokenizer};
use crate::{Error, Result};

impl Sections {
    const NAMES: [&'static str; 6] =
        ["truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"];

    fn each(&mut self) -> [&mut Value; 6] {
        [
            &mut self.truncation,
            &mut self.padding,
            &mut self.normalizer,
            &mut self.pre_tokenizer,
            &mut self.post_processor,
            &mut self.decoder,
        ]
    }
}

impl Tokenizer {
    /// The small sections of its `tokenizer.json`, as one JSON object.
    pub fn stages_json(&self) -> String {
        let mut sections = (*self.sections).clone();
        let entry = |(name, value): (&str, &mut Value)| (name.to_owned(), value.take());
        Value::Object(Sections::NAMES.into_iter().zip(sections.each()).map(entry).collect()).to_string()
    }

    /// This tokenizer with other small sections; those that the JSON object lacks stay.
    ///
    /// Another post-processor shares all that is compiled; everything else is compiled again.
    pub fn with_stages(&self, json: &str) -> Result<Self> {
        let given: serde_json::Map<String, Value> =
            serde_json::from_str(json).map_err(|error| Error::Format(format!("stages: {error}")))?;
        let mut sections = (*self.sections).clone();
        for (name, value) in Sections::NAMES.into_iter().zip(sections.each()) {
            if let Some(new) = given.get(name) {
                *value = new.clone();
            }
        }
        let old = &*self.sections;
        let same = [
            (&sections.normalizer, &old.normalizer),
            (&sections.pre_tokenizer, &old.pre_tokenizer),
            (&sections.decoder, &old.decoder),
        ];
        if same.iter().any(|(new, old)| new != old) {
            let mut description = Description::from_json(self.to_json()?.into_bytes())?;
            description.sections = sections;
            return Self::compile(description);
        }
        let tokenizer = Self {
            added: AddedTokens::new(
                self.added.all().to_vec(),
                self.model.vocab(),
                &self.normalizer,
                "added_tokens",
            )?,
            normalizer: Arc::clone(&self.normalizer),
            pre_tokenizer: Arc::clone(&self.pre_tokenizer),
            model: Arc::clone(&self.model),
            post_processor: PostProcessor::from_json(&sections.post_processor, "post_processor")?.into(),
            decoder: Arc::clone(&self.decoder),
            sections: sections.into(),
            settings: Arc::clone(&self.settings),
            cutter: OnceLock::new(),
            memory: Mutex::new(Vec::new()),
        };
        tokenizer.known_around()
    }

    /// The tokenizer, if every token around its texts is one.
    pub(super) fn known_around(self) -> Result<Self> {
        let stranger = self.post_processor.ids().find(|&id| self.id_to_token(id).is_none());
        match stranger {
            Some(id) => Err(Error::Format(format!("post_processor: no token has the id {id}"))),
            None => Ok(self),
        }
    }
}
