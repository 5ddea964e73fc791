//! The tokenizer in the metadata of a GGUF file.

use super::added_tokens::{AddedToken, AddedTokens};
use super::decoder::Decoder;
use super::gguf_splits::{splits, Splits};
use super::model::bpe::{Bpe, Options};
use super::model::Model;
use super::normalizer::Normalizer;
use super::post_processor::PostProcessor;
use super::pre_tokenizer::PreTokenizer;
use super::vocab::{Vocab, VocabBuilder};
use super::Tokenizer;
use crate::formats::{Metadata, TensorFile};
use crate::{Error, Result};

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const SCORES: &str = "tokenizer.ggml.scores";
const MERGES: &str = "tokenizer.ggml.merges";

// tokenizer.ggml.token_type
const NORMAL: i32 = 1;
const UNKNOWN: i32 = 2;
const CONTROL: i32 = 3;
const USER_DEFINED: i32 = 4;

/// The vocabulary and what each token is for.
struct Tokens {
    vocab: Vocab,
    kinds: Vec<i32>, // by id
    unknown: Option<u32>,
}

impl Tokenizer {
    /// Compiles the tokenizer of a GGUF file.
    ///
    /// A kind of tokenizer or a pre-tokenizer that is not implemented is an [`Error::Unsupported`] that names it.
    pub fn from_gguf(file: &TensorFile) -> Result<Self> {
        let metadata = file.metadata();
        match metadata.text(MODEL)? {
            Some("gpt2") => byte_level(metadata),
            Some("llama") => sentence_piece(metadata),
            Some("gemma4") => marked_merges(metadata),
            Some(other) => Err(Error::Unsupported(format!(
                "{MODEL}: the kind {other:?} is not implemented by litz; gpt2, llama and gemma4 are"
            ))),
            None => {
                Err(Error::Format(format!("no {MODEL} in this file, expected the kind of its tokenizer")))
            }
        }
    }
}

/// GPT-2's kind: bytes, split by a pattern that the file names.
fn byte_level(metadata: &Metadata) -> Result<Tokenizer> {
    let name = metadata.text(PRE)?.ok_or_else(|| {
        Error::Unsupported(format!(
            "no {PRE} in this file: an old conversion does not say how to split text; convert the model again"
        ))
    })?;
    let Splits { patterns, ignore_merges, adds_bos, nfc } = splits(name)
        .ok_or_else(|| Error::Unsupported(format!("{PRE}: {name:?} is not implemented by litz")))?;
    let tokens = Tokens::read(metadata)?;
    let (added, post_processor) = (tokens.added(metadata)?, tokens.around(metadata, adds_bos)?);
    let options = Options { byte_level: true, ignore_merges, ..Options::default() };
    let tokenizer = Tokenizer {
        added: AddedTokens::new(Vec::new(), &tokens.vocab, &[], TOKENS)?,
        normalizer: if nfc { vec![Normalizer::Nfc] } else { Vec::new() },
        pre_tokenizer: PreTokenizer::byte_level_splits(patterns, PRE)?,
        model: with_merges(tokens.vocab, metadata, options)?,
        post_processor,
        decoder: Decoder::byte_level(),
    };
    tokenizer.with_added(added)
}

/// SentencePiece's kind: merges follow the scores.
fn sentence_piece(metadata: &Metadata) -> Result<Tokenizer> {
    let tokens = Tokens::read(metadata)?;
    let scores = scores(metadata, tokens.kinds.len())?;
    // Control, byte and unknown tokens never come out of a merge.
    let mergeable = |&(kind, _): &(i32, f32)| kind == NORMAL || kind == USER_DEFINED;
    let scores = tokens.kinds.iter().copied().zip(scores);
    let scores: Vec<Option<f32>> =
        scores.map(|token| Some(token).filter(mergeable).map(|(_, score)| score)).collect();
    let prefix = metadata.boolean("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let (added, post_processor) = (tokens.added(metadata)?, tokens.around(metadata, true)?);
    let options = tokens.options();
    let tokenizer = Tokenizer {
        added: AddedTokens::new(Vec::new(), &tokens.vocab, &[], TOKENS)?,
        normalizer: Normalizer::spaces_to_marks(prefix),
        pre_tokenizer: PreTokenizer::default(),
        model: Model::Bpe(Box::new(Bpe::with_scores(tokens.vocab, scores.into_iter(), options))),
        post_processor,
        decoder: Decoder::sentence_piece(prefix),
    };
    tokenizer.with_added(added)
}

/// Gemma 4's kind: SentencePiece's marks and byte tokens, with a list of merges.
fn marked_merges(metadata: &Metadata) -> Result<Tokenizer> {
    let tokens = Tokens::read(metadata)?;
    let prefix = metadata.boolean("tokenizer.ggml.add_space_prefix")?.unwrap_or(false);
    let (added, post_processor) = (tokens.added(metadata)?, tokens.around(metadata, true)?);
    let options = tokens.options();
    let tokenizer = Tokenizer {
        added: AddedTokens::new(Vec::new(), &tokens.vocab, &[], TOKENS)?,
        normalizer: Normalizer::spaces_to_marks(prefix),
        pre_tokenizer: PreTokenizer::splits(&[r"[^\n]+|\n+"], PRE)?,
        model: with_merges(tokens.vocab, metadata, options)?,
        post_processor,
        decoder: Decoder::sentence_piece(prefix),
    };
    tokenizer.with_added(added)
}

impl Tokens {
    fn read(metadata: &Metadata) -> Result<Self> {
        let texts = metadata.strings(TOKENS)?.ok_or_else(|| missing(TOKENS, "the vocabulary"))?;
        let mut vocab = VocabBuilder::default();
        let mut count = 0;
        for (id, text) in (0u32..).zip(texts) {
            let text = std::str::from_utf8(text)
                .map_err(|_| Error::Format(format!("{TOKENS}[{id}]: the token is not UTF-8")))?;
            vocab.push(text, id)?;
            count += 1;
        }
        let kinds = match metadata.i32s(TYPES)? {
            Some(kinds) => kinds.collect(),
            None => vec![NORMAL; count],
        };
        same_length(TYPES, kinds.len(), count)?;
        let vocab = vocab.build(TOKENS)?;
        let unknown = id_of(metadata, "tokenizer.ggml.unknown_token_id", &vocab)?
            .or_else(|| kinds.iter().position(|&kind| kind == UNKNOWN).and_then(|id| u32::try_from(id).ok()));
        Ok(Self { vocab, kinds, unknown })
    }

    /// The tokens to be found in the text itself.
    fn added(&self, metadata: &Metadata) -> Result<Vec<AddedToken>> {
        let name = metadata.text("general.name")?.unwrap_or_default().to_lowercase();
        let strips = name.contains("phi-3") || name.contains("phi3");
        let tokens = self.vocab.iter().zip(&self.kinds).filter_map(|((id, text), &kind)| {
            // Fillers of a padded vocabulary are of the kind "unknown" as well.
            let unknown = kind == UNKNOWN && Some(id) == self.unknown;
            (unknown || kind == CONTROL || kind == USER_DEFINED).then(|| AddedToken {
                id,
                content: text.to_owned(),
                special: kind != USER_DEFINED,
                lstrip: false,
                // GGUF has no field for this; Phi-3's chat format depends on it.
                rstrip: strips && !matches!(text, "<unk>" | "<s>" | "<|endoftext|>"),
                single_word: false,
                normalized: false,
            })
        });
        Ok(tokens.collect())
    }

    /// What the file puts around a text; `bos` is what its kind does when the file is silent.
    fn around(&self, metadata: &Metadata, bos: bool) -> Result<PostProcessor> {
        let special = |flag: &str, id: &str, absent: bool| match metadata.boolean(flag)?.unwrap_or(absent) {
            false => Ok(None),
            true => id_of(metadata, id, &self.vocab)?.map(Some).ok_or_else(|| missing(id, "a token id")),
        };
        let before = special("tokenizer.ggml.add_bos_token", "tokenizer.ggml.bos_token_id", bos)?;
        let after = special("tokenizer.ggml.add_eos_token", "tokenizer.ggml.eos_token_id", false)?;
        Ok(PostProcessor::around(before, after))
    }

    fn options(&self) -> Options {
        Options {
            unknown: self.unknown.and_then(|id| self.vocab.token(id)).map(str::to_owned),
            fuse_unknown: true,
            byte_fallback: true,
            ..Options::default()
        }
    }
}

fn with_merges(vocab: Vocab, metadata: &Metadata, options: Options) -> Result<Model> {
    let merges = metadata.strings(MERGES)?.ok_or_else(|| missing(MERGES, "the list of merges"))?;
    let merges = merges.enumerate().map(|(i, merge)| {
        let text = std::str::from_utf8(merge).ok();
        // A token may begin with a space, but none is empty.
        let cut = text
            .and_then(|text| text.char_indices().skip(1).find(|&(_, c)| c == ' ').map(|(at, _)| (text, at)));
        match cut {
            Some((text, at)) => Ok((&text[..at], &text[at + 1..])),
            None => Err(Error::Format(format!(
                "{MERGES}[{i}]: found {:?}, expected two tokens",
                String::from_utf8_lossy(merge)
            ))),
        }
    });
    Ok(Model::Bpe(Box::new(Bpe::with_merges(vocab, merges, options, MERGES)?)))
}

fn scores(metadata: &Metadata, count: usize) -> Result<Vec<f32>> {
    let scores: Vec<f32> =
        metadata.f32s(SCORES)?.ok_or_else(|| missing(SCORES, "a score of each token"))?.collect();
    same_length(SCORES, scores.len(), count)?;
    Ok(scores)
}

fn same_length(key: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Format(format!("{key}: found {found} items, expected {expected}, one for each of {TOKENS}")))
}

fn missing(key: &str, expected: &str) -> Error {
    Error::Format(format!("no {key} in this file, expected {expected}"))
}

fn id_of(metadata: &Metadata, key: &str, vocab: &Vocab) -> Result<Option<u32>> {
    let Some(id) = metadata.unsigned(key)? else { return Ok(None) };
    match u32::try_from(id).ok().filter(|&id| vocab.token(id).is_some()) {
        Some(id) => Ok(Some(id)),
        None => {
            Err(Error::Format(format!("{key}: found {id}, but the vocabulary has {} tokens", vocab.len())))
        }
    }
}
