//! A tokenizer with other stages around the same model.

use serde_json::Value;
use std::sync::{Arc, Mutex, OnceLock};

use super::added_tokens::AddedTokens;
use super::compile::lacks_bytes;
use super::description::Sections;
use super::stages::decoder::Decoder;
use super::stages::model::Model;
use super::stages::normalizer::Normalizer;
use super::stages::post_processor::PostProcessor;
use super::stages::pre_tokenizer::PreTokenizer;
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
    /// The sections of its `tokenizer.json` other than the model and the added tokens, as one JSON object.
    pub fn stages_json(&self) -> String {
        let mut sections = (*self.sections).clone();
        let entry = |(name, value): (&str, &mut Value)| (name.to_owned(), value.take());
        Value::Object(Sections::NAMES.into_iter().zip(sections.each()).map(entry).collect()).to_string()
    }

    /// This tokenizer with other sections; those that the JSON object lacks stay.
    ///
    /// The model is compiled again only if the form of its input changes.
    pub fn with_stages(&self, json: &str) -> Result<Self> {
        let given: serde_json::Map<String, Value> =
            serde_json::from_str(json).map_err(|error| Error::Format(format!("stages: {error}")))?;
        let mut sections = (*self.sections).clone();
        for (name, value) in Sections::NAMES.into_iter().zip(sections.each()) {
            if let Some(new) = given.get(name) {
                *value = new.clone();
            }
        }
        let pre_tokenizer = self.pre_tokenizer_of(&sections)?;
        let Some(pre_tokenizer) = pre_tokenizer else {
            let mut description = Description::from_json(self.to_json()?.into_bytes())?;
            description.sections = sections;
            return Self::compile(description);
        };
        let normalizer = Normalizer::from_json(&sections.normalizer, "normalizer")?;
        let added = self.added.all().to_vec();
        let tokenizer = Self {
            added: AddedTokens::new(added, self.model.vocab(), &normalizer, "added_tokens")?,
            normalizer: normalizer.into(),
            pre_tokenizer: pre_tokenizer.into(),
            model: Arc::clone(&self.model),
            post_processor: PostProcessor::from_json(&sections.post_processor, "post_processor")?.into(),
            decoder: Decoder::from_json(&sections.decoder, "decoder")?.into(),
            sections: sections.into(),
            settings: Arc::clone(&self.settings),
            segmenter: OnceLock::new(),
            word_caches: Mutex::new(Vec::new()),
        };
        tokenizer.known_around()
    }

    /// The pre-tokenizer of other sections; None if the model must be compiled again for it.
    fn pre_tokenizer_of(&self, sections: &Sections) -> Result<Option<PreTokenizer>> {
        let mut pre_tokenizer = PreTokenizer::from_json(&sections.pre_tokenizer, "pre_tokenizer")?;
        let is_bpe = matches!(self.model.as_ref(), Model::Bpe(_));
        if !is_bpe || lacks_bytes(self.model.vocab()) {
            pre_tokenizer.spell_out();
        }
        let same = pre_tokenizer.is_byte_level() == self.pre_tokenizer.is_byte_level();
        Ok((!is_bpe || same).then_some(pre_tokenizer))
    }

    /// The tokenizer, if every special token of its post-processor exists.
    pub(crate) fn known_around(self) -> Result<Self> {
        let missing = self.post_processor.ids().find(|&id| self.id_to_token(id).is_none());
        match missing {
            Some(id) => Err(Error::Format(format!("post_processor: no token has the id {id}"))),
            None => Ok(self),
        }
    }
}
