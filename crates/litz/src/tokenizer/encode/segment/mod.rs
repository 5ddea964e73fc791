//! Segmentation of raw text into words whose ids do not depend on their neighbours, so that they can be cached.
//!
//! Whether a way of segmentation holds for a tokenizer is checked when it is first used. If none holds, the general
//! route encodes whole stretches.

mod bert;
mod context;
mod mask;
mod merge_boundary;
mod pattern_split;
#[cfg(test)]
mod tests;
mod whitespace;
mod whole;

use crate::tokenizer::added_tokens::AddedTokens;
use crate::tokenizer::stages::model::Model;
use crate::tokenizer::stages::normalizer::Normalizer;
use crate::tokenizer::stages::pattern::Pattern;
use crate::tokenizer::stages::pre_tokenizer::{PreTokenizer, Prepend};
use crate::tokenizer::Tokenizer;
use crate::Result;
use bert::BertWords;
use merge_boundary::{MergeBoundary, PrefixMark};
use pattern_split::PatternSplit;
use whitespace::Whitespace;

pub(crate) use context::Context;
pub(crate) use whole::{encode as encode_whole, Stretch};

/// The way of segmentation of a tokenizer.
pub(crate) enum Segmenter {
    /// At characters that are neighbours in no token.
    MergeBoundary(Box<MergeBoundary>),
    /// Before spaces.
    Whitespace(Box<Whitespace>),
    /// By BERT's rules.
    Bert(Box<BertWords>),
    /// The pieces of a byte-level pre-tokenizer.
    PatternSplit(PatternSplit),
    /// No segmentation: the general route.
    Whole,
}

impl Segmenter {
    /// The way of segmentation that holds for these stages, or none.
    pub fn new(
        normalizer: &[Normalizer],
        pre_tokenizer: &PreTokenizer,
        model: &Model,
        added: &AddedTokens,
    ) -> Self {
        // Only these match the added tokens of normalized text.
        let finds_normalized = |segmenter: &Self| matches!(segmenter, Self::PatternSplit(_) | Self::Whole);
        let proved = Self::proved(normalizer, pre_tokenizer, model);
        proved.filter(|proved| finds_normalized(proved) || !added.has_normalized()).unwrap_or(Self::Whole)
    }

    fn proved(normalizer: &[Normalizer], pre_tokenizer: &PreTokenizer, model: &Model) -> Option<Self> {
        if let Model::Bpe(bpe) = model {
            if bpe.is_plain() {
                return Some(Self::PatternSplit(PatternSplit::new(pre_tokenizer.rules())));
            }
        }
        if pre_tokenizer.is_byte_level() {
            return None;
        }
        if pre_tokenizer.splits_at_spaces() {
            return Whitespace::new(normalizer, pre_tokenizer)
                .map(|whitespace| Self::Whitespace(Box::new(whitespace)));
        }
        if let Some(bert) = bert::bert(normalizer).filter(|_| pre_tokenizer.is_bert()) {
            return Some(Self::Bert(Box::new(BertWords::new(bert, model))));
        }
        match model {
            Model::Bpe(bpe) => {
                let (mark, before) = match pre_tokenizer.marks_spaces() {
                    Some((mark, prepend)) if normalizer.is_empty() && mark != ' ' => (mark, prepend.into()),
                    None if pre_tokenizer.keeps_whole_without(' ') => marks(normalizer)?,
                    _ => return None,
                };
                MergeBoundary::new(bpe, mark, before).map(|boundary| Self::MergeBoundary(Box::new(boundary)))
            }
            _ => None,
        }
    }

    /// Whether its boundaries depend on the neighbouring characters alone.
    pub fn scans(&self) -> bool {
        matches!(self, Self::PatternSplit(split) if split.has_rules())
    }

    /// Whether it is faster than the general route.
    pub fn is_proved(&self) -> bool {
        !matches!(self, Self::Whole)
    }

    /// Appends the ids of a stretch of trusted text.
    pub fn encode(
        &self,
        tokenizer: &Tokenizer,
        stretch: Stretch<'_>,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let (text, first, before) = (stretch.text, stretch.start == 0, out.len());
        match (self, tokenizer.model.as_ref()) {
            (Self::MergeBoundary(boundary), Model::Bpe(bpe)) => boundary.encode(bpe, text, first, with, out),
            (Self::PatternSplit(split), Model::Bpe(bpe)) => {
                split.encode(tokenizer, bpe, text, first, with, out)
            }
            (Self::Bert(words), _) => words.encode(tokenizer, text, with, out),
            (Self::Whitespace(whitespace), _) => {
                match whitespace.encode(tokenizer, text, first, with, out)? {
                    Some(()) => Ok(()),
                    None => {
                        out.truncate(before);
                        whole::encode(tokenizer, stretch, None, with.scratch, out)
                    }
                }
            }
            _ => whole::encode(tokenizer, stretch, Some(with.words), with.scratch, out),
        }
    }
}

/// The mark of a normalizer that only replaces spaces by it, and when it puts one before the text.
fn marks(normalizer: &[Normalizer]) -> Option<(char, PrefixMark)> {
    let (prefix, replace) = match normalizer {
        [Normalizer::Prepend(prefix), replace] => (Some(prefix), replace),
        [replace] => (None, replace),
        _ => return None,
    };
    let Normalizer::Replace { pattern: Pattern::Literal(from), content } = replace else { return None };
    let mut chars = content.chars();
    let (mark, rest) = (chars.next()?, chars.next());
    let prepended = prefix.is_none_or(|prefix| prefix == content);
    let before = if prefix.is_some() { PrefixMark::Always } else { PrefixMark::Never };
    (from == " " && rest.is_none() && prepended && mark != ' ').then_some((mark, before))
}

impl From<Prepend> for PrefixMark {
    fn from(prepend: Prepend) -> Self {
        match prepend {
            Prepend::Always => Self::Missing,
            Prepend::First => Self::First,
            Prepend::Never => Self::Never,
        }
    }
}
