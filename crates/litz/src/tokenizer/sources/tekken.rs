//! The reader of `tekken.json`: a pattern, a vocabulary of bytes, and special tokens before it.

use serde::Deserialize;

use super::ranks::{pattern, Ranks};
use super::SourceOptions;
use crate::tokenizer::description::Description;
use crate::tokenizer::text::base64;
use crate::{Error, Result};

#[derive(Deserialize)]
struct TekkenFile {
    config: Config,
    vocab: Vec<TekkenToken>,
    special_tokens: Option<Vec<TekkenSpecial>>,
}

#[derive(Deserialize)]
struct Config {
    pattern: String,
    default_vocab_size: u32,
    default_num_special_tokens: u32,
}

#[derive(Deserialize)]
struct TekkenToken {
    rank: u32,
    token_bytes: String,
}

#[derive(Deserialize)]
struct TekkenSpecial {
    rank: u32,
    token_str: String,
}

// The special tokens of older files, which do not list them.
const SPECIALS: [&str; 20] = [
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
];

impl Description {
    /// Reads a `tekken.json`. `<s>` is put before a text unless the options exclude it.
    pub fn from_tekken(bytes: &[u8], options: &SourceOptions) -> Result<Self> {
        let file: TekkenFile =
            serde_json::from_slice(bytes).map_err(|error| Error::Format(format!("tekken.json: {error}")))?;
        let first = file.config.default_num_special_tokens;
        let specials = file.specials()?;
        let count = file.config.default_vocab_size.saturating_sub(first) as usize;
        let mut ranks = Ranks::default();
        let mut bytes = Vec::new();
        for token in file.vocab.iter().take(count) {
            bytes.clear();
            let id = token.rank.checked_add(first);
            match id.filter(|_| base64::decode(token.token_bytes.as_bytes(), &mut bytes) && !bytes.is_empty())
            {
                Some(id) => ranks.push(&bytes, id),
                None => {
                    return Err(Error::Format(format!(
                        "tekken.json: vocab: the token of rank {} is not base64",
                        token.rank
                    )))
                }
            }
        }
        let ids = specials.clone();
        let mut description =
            ranks.describe(&pattern(&file.config.pattern), specials, false, "tekken.json")?;
        let options = SourceOptions {
            bos_token: options.bos_token.clone().or_else(|| Some("<s>".into())),
            eos_token: options.eos_token.clone().or_else(|| Some("</s>".into())),
            add_bos_token: options.add_bos_token.or(Some(true)),
            ..options.clone()
        };
        let id = |token: &str| ids.iter().find(|(text, _)| text == token).map(|(_, id)| *id);
        description.sections.post_processor = options.around(&id)?;
        options.finish(&mut description)?;
        Ok(description)
    }
}

impl TekkenFile {
    /// Every id before the vocabulary's has a token; those without a name are numbered.
    fn specials(&self) -> Result<Vec<(String, u32)>> {
        let count = self.config.default_num_special_tokens;
        if count > 1 << 20 {
            return Err(Error::Format(format!("tekken.json: config.default_num_special_tokens is {count}")));
        }
        let mut names: Vec<String> = (0..count).map(|id| format!("<SPECIAL_{id}>")).collect();
        let listed = self.special_tokens.iter().flatten().map(|token| (token.rank, token.token_str.as_str()));
        let older = self.special_tokens.is_none().then_some(SPECIALS).into_iter().flatten();
        for (rank, name) in listed.chain((0..).zip(older)) {
            if let Some(place) = names.get_mut(rank as usize) {
                name.clone_into(place);
            }
        }
        Ok(names.into_iter().zip(0..).collect())
    }
}
