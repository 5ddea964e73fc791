//! Raw text cut into words whose ids do not depend on what stands beside them: they can be remembered.
//!
//! Each way to cut is proved for a file when it is first used; a file without a proof takes the general path.

mod joints;
mod mask;
mod runs;

use super::model::{Model, Scratch};
use super::normalizer::Normalizer;
use super::pattern::Pattern;
use super::pre_tokenizer::PreTokenizer;
use super::words::Words;
use super::Tokenizer;
use crate::Result;
use joints::Joints;
use runs::Runs;

/// Longer words are looked for in parts.
const SHORT: usize = 15;

/// How the text of a tokenizer is cut.
pub(super) enum Cutter {
    Joints(Box<Joints>),
    Runs(Runs),
}

/// What an encoding thread keeps from word to word.
pub(super) struct Context<'a> {
    pub words: &'a mut Words,
    pub scratch: &'a mut Scratch,
    marked: String,
    first: String,
    unused: Vec<u32>,
    buffers: runs::Buffers,
}

impl<'a> Context<'a> {
    /// Fresh buffers beside what is kept.
    pub fn new(words: &'a mut Words, scratch: &'a mut Scratch) -> Self {
        Self { words, scratch, marked: String::new(), first: String::new(), unused: Vec::new(), buffers: runs::Buffers::default() }
    }
}

impl Cutter {
    /// The way to cut that is proved for these stages.
    pub fn new(normalizer: &[Normalizer], pre_tokenizer: &PreTokenizer, model: &Model) -> Option<Self> {
        match model {
            Model::Bpe(bpe) if bpe.is_plain() => Some(Self::Runs(Runs::new(pre_tokenizer.rules()))),
            Model::Bpe(bpe) => {
                let (mark, prepend) = marks(normalizer)?;
                if !pre_tokenizer.keeps_whole_without(' ') {
                    return None;
                }
                Joints::new(bpe, mark, prepend).map(|joints| Self::Joints(Box::new(joints)))
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

    /// The ids of a stretch between added tokens; `first` says that it begins the input.
    pub fn encode(
        &self,
        tokenizer: &Tokenizer,
        text: &str,
        first: bool,
        with: &mut Context<'_>,
        out: &mut Vec<u32>,
    ) -> Result<()> {
        match (self, tokenizer.model.as_ref()) {
            (Self::Joints(joints), Model::Bpe(bpe)) => joints.encode(bpe, text, with, out),
            (Self::Runs(runs), Model::Bpe(bpe)) => runs.encode(tokenizer, bpe, text, first, with, out),
            _ => Ok(()),
        }
    }
}

/// A normalizer that only turns spaces into a mark: the mark, and whether one comes before the text.
fn marks(normalizer: &[Normalizer]) -> Option<(char, bool)> {
    let (prefix, replace) = match normalizer {
        [Normalizer::Prepend(prefix), replace] => (Some(prefix), replace),
        [replace] => (None, replace),
        _ => return None,
    };
    let Normalizer::Replace { pattern: Pattern::Literal(from), content } = replace else { return None };
    let mut chars = content.chars();
    let (mark, rest) = (chars.next()?, chars.next());
    let prepended = prefix.is_none_or(|prefix| prefix == content);
    (from == " " && rest.is_none() && prepended && mark != ' ').then_some((mark, prefix.is_some()))
}
