//! Raw text cut into words whose ids do not depend on what stands beside them: they can be remembered.
//!
//! Each way to cut is proved for a file when it is first used. A file without a proof is encoded stretch by stretch.

mod bert;
mod context;
mod joints;
mod mask;
mod runs;
mod spaces;
#[cfg(test)]
mod tests;
mod whole;

use super::added_tokens::AddedTokens;
use super::model::Model;
use super::normalizer::Normalizer;
use super::pattern::Pattern;
use super::pre_tokenizer::{PreTokenizer, Prepend};
use super::Tokenizer;
use crate::Result;
use bert::BertWords;
use joints::{Before, Joints};
use runs::Runs;
use spaces::Spaces;

pub(super) use context::Context;
pub(super) use whole::{encode as encode_whole, Stretch};

/// How the text of a tokenizer is cut.
pub(super) enum Cutter {
    /// Merges reach over a place only if a token does.
    Joints(Box<Joints>),
    /// Spaces end words.
    Spaces(Box<Spaces>),
    /// BERT's rules.
    Bert(Box<BertWords>),
    /// What a byte-level pattern isolates.
    Runs(Runs),
    /// Nothing is proved: every stage on the stretch as a whole.
    Whole,
}

impl Cutter {
    /// The way to cut that is proved for these stages, or as a whole.
    pub fn new(
        normalizer: &[Normalizer],
        pre_tokenizer: &PreTokenizer,
        model: &Model,
        added: &AddedTokens,
    ) -> Self {
        // Only these find the added tokens of normalized text.
        let finds_normalized = |cutter: &Self| matches!(cutter, Self::Runs(_) | Self::Whole);
        let proved = Self::proved(normalizer, pre_tokenizer, model);
        proved.filter(|proved| finds_normalized(proved) || !added.has_normalized()).unwrap_or(Self::Whole)
    }

    fn proved(normalizer: &[Normalizer], pre_tokenizer: &PreTokenizer, model: &Model) -> Option<Self> {
        if let Model::Bpe(bpe) = model {
            if bpe.is_plain() {
                return Some(Self::Runs(Runs::new(pre_tokenizer.rules())));
            }
        }
        if pre_tokenizer.is_byte_level() {
            return None;
        }
        if pre_tokenizer.splits_at_spaces() {
            return Spaces::new(normalizer, pre_tokenizer).map(|spaces| Self::Spaces(Box::new(spaces)));
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
                Joints::new(bpe, mark, before).map(|joints| Self::Joints(Box::new(joints)))
            }
            _ => None,
        }
    }

    /// Whether it cuts in places that are known from the text around them.
    pub fn scans(&self) -> bool {
        matches!(self, Self::Runs(runs) if runs.has_rules())
    }

    /// Whether it is faster than all stages on the whole.
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
            (Self::Joints(joints), Model::Bpe(bpe)) => joints.encode(bpe, text, first, with, out),
            (Self::Runs(runs), Model::Bpe(bpe)) => runs.encode(tokenizer, bpe, text, first, with, out),
            (Self::Bert(words), _) => words.encode(tokenizer, text, with, out),
            (Self::Spaces(spaces), _) => match spaces.encode(tokenizer, text, first, with, out)? {
                Some(()) => Ok(()),
                None => {
                    out.truncate(before);
                    whole::encode(tokenizer, stretch, None, with.scratch, out)
                }
            },
            _ => whole::encode(tokenizer, stretch, Some(with.words), with.scratch, out),
        }
    }
}

/// A normalizer that only turns spaces into a mark: the mark, and when one comes before the text.
fn marks(normalizer: &[Normalizer]) -> Option<(char, Before)> {
    let (prefix, replace) = match normalizer {
        [Normalizer::Prepend(prefix), replace] => (Some(prefix), replace),
        [replace] => (None, replace),
        _ => return None,
    };
    let Normalizer::Replace { pattern: Pattern::Literal(from), content } = replace else { return None };
    let mut chars = content.chars();
    let (mark, rest) = (chars.next()?, chars.next());
    let prepended = prefix.is_none_or(|prefix| prefix == content);
    let before = if prefix.is_some() { Before::Always } else { Before::Never };
    (from == " " && rest.is_none() && prepended && mark != ' ').then_some((mark, before))
}

impl From<Prepend> for Before {
    fn from(prepend: Prepend) -> Self {
        match prepend {
            Prepend::Always => Self::Missing,
            Prepend::First => Self::First,
            Prepend::Never => Self::Never,
        }
    }
}
