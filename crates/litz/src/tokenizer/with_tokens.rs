//! A tokenizer with more added tokens. Everything else is shared and not compiled again.

use hashbrown::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use super::added_tokens::{AddedToken, AddedTokens};
use super::Tokenizer;
use crate::{Error, Result};

impl Tokenizer {
    /// This tokenizer with more added tokens, and how many of them were new or changed.
    ///
    /// The `id` of the given tokens is ignored: a known token keeps its id, others get the next free ones.
    pub fn with_tokens(&self, tokens: Vec<AddedToken>) -> Result<(Self, usize)> {
        let size = u32::try_from(self.model.vocab().len()).map_err(|_| full())?;
        let mut all = self.added.all().to_vec();
        let last = all.iter().map(|token| token.id).max();
        let mut next = last.map_or(size, |last| size.max(last.saturating_add(1)));
        let places = all.iter().enumerate().map(|(at, token)| (token.content.clone(), at));
        let mut places: HashMap<String, usize> = places.collect();
        let mut changed = 0;
        for mut token in tokens {
            let known = places.get(&token.content).copied();
            token.id = match known {
                Some(at) => all[at].id,
                None => self.model.vocab().id(&token.content).unwrap_or(next),
            };
            // Decoding leaves out what was ever special.
            token.special |= known.is_some_and(|at| all[at].special);
            if token.content.is_empty() || known.is_some_and(|at| all[at] == token) {
                continue;
            }
            if token.id == next {
                next = next.checked_add(1).ok_or_else(full)?;
            }
            changed += 1;
            match known {
                Some(at) => all[at] = token,
                None => {
                    places.insert(token.content.clone(), all.len());
                    all.push(token);
                }
            }
        }
        let added = AddedTokens::new(all, self.model.vocab(), &self.normalizer, "added_tokens")?;
        let tokenizer = Self {
            added,
            normalizer: Arc::clone(&self.normalizer),
            pre_tokenizer: Arc::clone(&self.pre_tokenizer),
            model: Arc::clone(&self.model),
            post_processor: Arc::clone(&self.post_processor),
            decoder: Arc::clone(&self.decoder),
            sections: Arc::clone(&self.sections),
            settings: Arc::clone(&self.settings),
            segmenter: OnceLock::new(),
            word_caches: Mutex::new(Vec::new()),
        };
        Ok((tokenizer, changed))
    }
}

fn full() -> Error {
    Error::Value("there are no ids left for more tokens".into())
}
