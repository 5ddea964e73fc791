//! Raw text cut into words whose ids do not depend on what stands beside them: they can be remembered.
//!
//! Each way to cut is proved for a file when it is first used; a file without a proof takes the general path.

mod bert;
mod joints;
mod mask;
mod runs;
mod spaces;
#[cfg(test)]
mod tests;

use super::model::{Model, Scratch};
use super::normalizer::{normalize_text, Normalizer};
use super::pattern::Pattern;
use super::pre_tokenizer::{PreTokenizer, Prepend};
use super::text::Text;
use super::words::Words;
use super::Tokenizer;
use crate::Result;
use bert::BertWords;
use joints::{Before, Joints};
use runs::Runs;
use spaces::Spaces;

/// Longer words are looked for in parts.
const SHORT: usize = 15;

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
}

/// What an encoding thread keeps from word to word.
pub(super) struct Context<'a> {
    pub words: &'a mut Words,
    pub scratch: &'a mut Scratch,
    marked: String,
    first: String,
    prepend: bool, // whether the stretch begins with a mark that its text has not
    unused: Vec<u32>,
    buffers: runs::Buffers,
}

impl<'a> Context<'a> {
    /// Fresh buffers beside what is kept.
    pub fn new(words: &'a mut Words, scratch: &'a mut Scratch) -> Self {
        let (marked, first, unused) = (String::new(), String::new(), Vec::new());
        Self { words, scratch, marked, first, prepend: false, unused, buffers: runs::Buffers::default() }
    }
}

impl Cutter {
    /// The way to cut that is proved for these stages.
    pub fn new(normalizer: &[Normalizer], pre_tokenizer: &PreTokenizer, model: &Model) -> Option<Self> {
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

    /// Whether it normalizes text as other stages expect, and finds the added tokens of normalized text.
    pub fn is_normalizing(&self) -> bool {
        matches!(self, Self::Runs(_))
    }

    /// Appends the ids of a stretch between added tokens; `first` says that it begins the input.
    pub fn encode(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        first: bool,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        let before = out.len();
        let proved = match (self, tokenizer.model.as_ref()) {
            (Self::Joints(joints), Model::Bpe(bpe)) => return joints.encode(bpe, text, first, with, out),
            (Self::Runs(runs), Model::Bpe(bpe)) => {
                return runs.encode(tokenizer, bpe, text, first, with, out)
            }
            (Self::Bert(words), _) => return words.encode(tokenizer, text, with, out),
            (Self::Spaces(spaces), _) => spaces.encode(tokenizer, text, first, with, out)?,
            _ => None,
        };
        if proved.is_none() {
            out.truncate(before);
            return through(tokenizer, text, first, with.scratch, out);
        }
        Ok(())
    }
}

/// A stretch through all stages, as a whole.
fn through(
    tokenizer: &Tokenizer,
    raw: &str,
    first: bool,
    scratch: &mut Scratch,
    out: &mut Vec<u32>,
) -> Result<()> {
    // Whether a text begins the input is told from where its first character came from.
    let mut text = if first { Text::at(raw, 0) } else { Text::plain(raw) };
    normalize_text(&tokenizer.normalizer, &mut text)?;
    let pieces = tokenizer.pre_tokenizer.cut_text(text, first)?;
    let mut ranges = pieces.ranges.iter();
    ranges.try_for_each(|range| tokenizer.model.encode(&pieces.text[range.clone()], scratch, out))
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
