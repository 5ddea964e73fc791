//! Compilation of a description into a tokenizer.

use std::sync::{Mutex, OnceLock};

use super::added_tokens::AddedTokens;
use super::description::{save, ModelKind, ModelSection, ModelSettings};
use super::stages::decoder::Decoder;
use super::stages::model::bpe::{self, Bpe};
use super::stages::model::unigram::Unigram;
use super::stages::model::word_level::WordLevel;
use super::stages::model::word_piece::WordPiece;
use super::stages::model::{resolve, Model};
use super::stages::normalizer::Normalizer;
use super::stages::post_processor::PostProcessor;
use super::stages::pre_tokenizer::PreTokenizer;
use super::tables::BpeTables;
use super::text::byte_level;
use super::vocab::Vocab;
use super::{Description, Tokenizer};
use crate::{Error, Result};

impl Tokenizer {
    /// Compiles a `tokenizer.json`. Its `truncation` and `padding` are left to the caller.
    ///
    /// A setting that is not implemented is an [`Error::Unsupported`] that names it, never ignored.
    pub fn from_json(bytes: &[u8]) -> Result<Self> {
        Self::compile(Description::from_json(bytes.to_vec())?)
    }

    /// Compiles a description.
    pub fn compile(description: Description) -> Result<Self> {
        Self::compile_with(description, None)
    }

    /// As [`Tokenizer::compile`], with vocabulary and merges that are compiled already.
    pub(crate) fn compile_with(description: Description, tables: Option<BpeTables>) -> Result<Self> {
        let Description { sections, added_tokens, model } = description;
        let settings = model.settings.clone();
        let mut pre_tokenizer = PreTokenizer::from_json(&sections.pre_tokenizer, "pre_tokenizer")?;
        let model = compile_model(model, tables, &mut pre_tokenizer)?;
        let normalizer = Normalizer::from_json(&sections.normalizer, "normalizer")?;
        let tokenizer = Self {
            added: AddedTokens::new(added_tokens, model.vocab(), &normalizer, "added_tokens")?,
            normalizer: normalizer.into(),
            pre_tokenizer: pre_tokenizer.into(),
            model: model.into(),
            post_processor: PostProcessor::from_json(&sections.post_processor, "post_processor")?.into(),
            decoder: Decoder::from_json(&sections.decoder, "decoder")?.into(),
            sections: sections.into(),
            settings: settings.into(),
            segmenter: OnceLock::new(),
            word_caches: Mutex::new(Vec::new()),
        };
        tokenizer.known_around()
    }

    /// The kind of its model: BPE, WordPiece, WordLevel or Unigram.
    pub fn model_type(&self) -> &'static str {
        self.settings.kind.name()
    }

    /// A whole `tokenizer.json` of this tokenizer, with every added token.
    pub fn to_json(&self) -> Result<String> {
        let vocab = self.model.vocab();
        let token = |id| vocab.token(id).unwrap_or_default();
        let model = save::WrittenModel {
            settings: &self.settings,
            vocab: vocab.iter().map(|(id, token)| (token, id)),
            merges: self.model.merges().into_iter().map(|(left, right)| (token(left), token(right))),
            scores: self.model.scores(),
        };
        save::whole(&self.sections, self.added.all(), model)
    }
}

fn compile_model(
    model: ModelSection,
    tables: Option<BpeTables>,
    pre_tokenizer: &mut PreTokenizer,
) -> Result<Model> {
    if model.settings.kind == ModelKind::Bpe {
        return Ok(Model::Bpe(Box::new(compile_bpe(model, tables, pre_tokenizer)?)));
    }
    pre_tokenizer.spell_out();
    let ModelSection { settings, vocab, scores, .. } = model;
    let ModelSettings { kind, unknown, unknown_id, prefix, byte_fallback, max_characters, unmatched, .. } =
        settings;
    let vocab = vocab.build("model.vocab")?;
    let unknown = unknown.ok_or_else(|| missing("unk_token"));
    Ok(match kind {
        ModelKind::Unigram => {
            Model::Unigram(Box::new(Unigram::new(vocab, scores, unknown_id, byte_fallback, unmatched)?))
        }
        ModelKind::WordLevel => Model::WordLevel(Box::new(WordLevel::new(vocab, unknown?))),
        ModelKind::WordPiece | ModelKind::Bpe => {
            let prefix = prefix.ok_or_else(|| missing("continuing_subword_prefix"))?;
            let max = max_characters.ok_or_else(|| missing("max_input_chars_per_word"))?;
            Model::WordPiece(Box::new(WordPiece::new(vocab, unknown?, &prefix, max)?))
        }
    })
}

/// Whether a byte that occurs in UTF-8 has no token. Then the lengths of tokens do not add up to the length of a text.
pub(crate) fn lacks_bytes(vocab: &Vocab) -> bool {
    let mut bytes = (0..=0xBF).chain(0xC2..=0xF4).map(byte_level::to_char);
    bytes.any(|c| vocab.id(c.encode_utf8(&mut [0; 4])).is_none())
}

fn missing(key: &str) -> Error {
    Error::Format(format!("model.{key}: found nothing of use, expected the model's {key}"))
}

fn compile_bpe(
    model: ModelSection,
    tables: Option<BpeTables>,
    pre_tokenizer: &mut PreTokenizer,
) -> Result<Bpe> {
    let ModelSection { settings, vocab, merges, merge_scores, .. } = model;
    let dropout = settings.dropout.unwrap_or_default();
    if !(0.0..=1.0).contains(&dropout) {
        return Err(Error::Format(format!("model.dropout: found {dropout}, expected 0 to 1")));
    }
    let (vocab, pairs) = match tables {
        Some(BpeTables { vocab, pairs }) => (vocab, Some(pairs)),
        None => (vocab.build("model.vocab")?, None),
    };
    if lacks_bytes(&vocab) {
        pre_tokenizer.spell_out();
    }
    let options = bpe::BpeOptions {
        byte_level: pre_tokenizer.is_byte_level(),
        unknown: settings.unknown,
        fuse_unknown: settings.fuse_unknown,
        byte_fallback: settings.byte_fallback,
        ignore_merges: settings.ignore_merges,
        prefix: settings.prefix.unwrap_or_default(),
        suffix: settings.suffix.unwrap_or_default(),
        dropout,
    };
    if let Some(pairs) = pairs {
        return Ok(Bpe::with_merges(vocab, pairs, options));
    }
    match merge_scores {
        Some(scores) => Ok(Bpe::with_scores(vocab, scores.into_iter(), options)),
        None => {
            let pairs = resolve::pairs(&vocab, &merges, &options.prefix, "model.merges")?;
            Ok(Bpe::with_merges(vocab, pairs, options))
        }
    }
}
