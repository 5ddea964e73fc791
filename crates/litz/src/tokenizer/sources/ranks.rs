//! Vocabularies of bytes in which a token's rank is also the rank of every merge that results in it.

use super::{patterns, stages};
use crate::tokenizer::added_tokens::AddedToken;
use crate::tokenizer::description::merges::{ranked_merges, Merges};
use crate::tokenizer::description::{Description, ModelSection, ModelSettings, Sections};
use crate::tokenizer::text::byte_level;
use crate::tokenizer::vocab::VocabBuilder;
use crate::{Error, Result};
use serde_json::{json, Value};

/// A vocabulary of bytes while it is read.
#[derive(Default)]
pub(super) struct Ranks {
    tokens: Vec<(String, u32)>,
    buffer: String,
}

impl Ranks {
    /// A token of bytes.
    pub fn push(&mut self, bytes: &[u8], id: u32) {
        self.buffer.clear();
        byte_level::encode(bytes, &mut self.buffer);
        self.tokens.push((self.buffer.clone(), id));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// The description: pieces of a pattern, special tokens besides the vocabulary.
    pub fn describe(
        self,
        pattern: &str,
        specials: Vec<(String, u32)>,
        composed: bool,
        path: &str,
    ) -> Result<Description> {
        let tokens = self.tokens.iter().map(|(token, id)| (token.as_str(), *id));
        let longest = tokens.clone().map(|(token, _)| token.len()).max().unwrap_or_default();
        if longest > LONGEST {
            return Err(Error::Format(format!("{path}: a token of {longest} bytes; {LONGEST} is the limit")));
        }
        let top = self.tokens.iter().map(|token| token.1 as usize + 1).max().unwrap_or_default();
        let mut texts = vec![""; top.min(self.tokens.len() * 8 + (1 << 16))];
        for (token, id) in tokens.clone() {
            *texts.get_mut(id as usize).ok_or_else(|| {
                Error::Format(format!("{path}: the id {id} is out of proportion to {} tokens", self.len()))
            })? = token;
        }
        let mut merges = Merges::default();
        for (left, right) in ranked_merges(tokens.clone(), Some) {
            merges.push(texts[left as usize], texts[right as usize])?;
        }
        let mut vocab = VocabBuilder::default();
        // Special tokens have ids with gaps: as tokens of the model they keep them wherever the file is read.
        let all = tokens.chain(specials.iter().map(|(token, id)| (token.as_str(), *id)));
        all.clone().try_for_each(|(token, id)| vocab.push(token, id))?;
        let settings = ModelSettings { ignore_merges: true, ..ModelSettings::default() };
        let sections = Sections {
            normalizer: if composed { json!({"type": "NFC"}) } else { Value::Null },
            pre_tokenizer: stages::splits(&[pattern], true),
            decoder: stages::byte_level(),
            ..Sections::default()
        };
        let added_tokens = specials.into_iter().map(|(content, id)| special(content, id)).collect();
        let model = ModelSection { settings, vocab, merges, ..ModelSection::default() };
        Ok(Description { sections, added_tokens, model })
    }
}

// Every split of a token is tried.
const LONGEST: usize = 4096;

/// A special token that matches its text and nothing around it.
pub(super) fn special(content: String, id: u32) -> AddedToken {
    AddedToken {
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
    }
}

/// A regex of another engine, translated to an equal one of ours.
pub(super) fn pattern(source: &str) -> String {
    let known = [
        (r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s", patterns::GPT2),
        (
            r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
            patterns::CL100K,
        ),
    ];
    known.iter().find(|(theirs, _)| *theirs == source).map_or(source, |(_, ours)| ours).to_owned()
}
