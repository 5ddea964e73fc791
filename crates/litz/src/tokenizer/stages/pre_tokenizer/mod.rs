//! The pre-tokenizer: text to pieces, which the model tokenizes one by one.

use serde_json::Value;
use std::ops::Range;

use super::pattern::Pattern;
use crate::tokenizer::description::fields::{flatten, Fields};
use crate::tokenizer::encode::scan::ScanRules;
use crate::tokenizer::text::byte_level;
use crate::tokenizer::text::unicode::{self, PUNCTUATION, SPACE, WORD};
use crate::tokenizer::text::Text;
use crate::{Error, Result};
use pieces::{Behavior, Pieces};
use scanners::Scanner;

pub(crate) mod pieces;
pub(crate) mod scanners;
mod scripts;

/// When Metaspace inserts its mark before a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prepend {
    Always,
    /// Only at the beginning of the input.
    First,
    Never,
}

/// When a step checks whether its piece begins the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartCheck {
    First,
    AfterSplit,
    AfterRewrite,
}

enum PreTokenizerStep {
    Split { pattern: Pattern, behavior: Behavior, invert: bool },
    Class { class: u8, behavior: Behavior },
    Numbers { behavior: Behavior },
    Whitespace,
    Scripts,
    FixedLength(usize),
    PrefixSpace,
    ToChars,
    Metaspace { replacement: char, prepend: Prepend, split: bool },
}

/// The compiled pre-tokenizer.
#[derive(Default)]
pub(crate) struct PreTokenizer {
    steps: Vec<PreTokenizerStep>,
    byte_level: bool,
}

impl PreTokenizer {
    /// Compiles the file's `pre_tokenizer`.
    pub fn from_json(value: &Value, path: &str) -> Result<Self> {
        let mut compiled = Self::default();
        if !value.is_null() {
            flatten(value, path, "pretokenizers", &mut |value, path| compiled.stage(value, path))?;
        }
        if let Some(PreTokenizerStep::ToChars) = compiled.steps.last() {
            compiled.steps.pop();
            compiled.byte_level = true;
        }
        Ok(compiled)
    }

    /// Whether the model reads the pieces as bytes and maps them to characters itself.
    pub fn is_byte_level(&self) -> bool {
        self.byte_level
    }

    /// Maps bytes to characters before the model, which lacks some of them or cannot map them.
    pub fn spell_out(&mut self) {
        if std::mem::take(&mut self.byte_level) {
            self.steps.push(PreTokenizerStep::ToChars);
        }
    }

    /// Whether a step depends on whether its piece begins the input, and what earlier steps do to the text.
    pub fn start_check(&self) -> Option<StartCheck> {
        let first = |step: &PreTokenizerStep| {
            matches!(step, PreTokenizerStep::Metaspace { prepend: Prepend::First, .. })
        };
        let before = &self.steps[..self.steps.iter().rposition(first)?];
        let rewrites = |step: &PreTokenizerStep| {
            matches!(
                step,
                PreTokenizerStep::PrefixSpace
                    | PreTokenizerStep::ToChars
                    | PreTokenizerStep::Metaspace { .. }
            )
        };
        Some(match before {
            [] => StartCheck::First,
            _ if before.iter().any(rewrites) => StartCheck::AfterRewrite,
            _ => StartCheck::AfterSplit,
        })
    }

    /// The scan rules that are equal to these steps.
    pub fn rules(&self) -> Option<ScanRules> {
        let isolates = |behavior: Behavior, invert: bool| {
            behavior == Behavior::Isolated && !invert || behavior == Behavior::Removed && invert
        };
        match self.steps.as_slice() {
            [PreTokenizerStep::Split { pattern: Pattern::Known(scanner), behavior, invert }]
                if isolates(*behavior, *invert) =>
            {
                ScanRules::of(*scanner)
            }
            [PreTokenizerStep::Numbers { behavior: digits }, PreTokenizerStep::Split { pattern: Pattern::Known(scanner), behavior, invert }]
                if isolates(*behavior, *invert) =>
            {
                let (runs, each) = (*digits == Behavior::Contiguous, *digits == Behavior::Isolated);
                ScanRules::of(*scanner)?.after_digits(runs, each)
            }
            _ => None,
        }
    }

    /// Whether a text without this character stays one piece, as it is.
    pub fn keeps_whole_without(&self, missing: char) -> bool {
        self.steps.iter().all(|step| match step {
            PreTokenizerStep::Split { pattern: Pattern::Literal(literal), invert: false, .. } => {
                literal.contains(missing)
            }
            _ => false,
        })
    }

    /// The scanner, if its matches are the pieces and there is no other step.
    pub fn sole_scanner(&self) -> Option<Scanner> {
        match self.steps.as_slice() {
            [PreTokenizerStep::Split {
                pattern: Pattern::Known(scanner),
                behavior: Behavior::Isolated,
                ..
            }] => Some(*scanner),
            _ => None,
        }
    }

    /// The mark of a Metaspace that does not split, if it is the only step, and when it is inserted before a text.
    pub fn marks_spaces(&self) -> Option<(char, Prepend)> {
        match self.steps[..] {
            [PreTokenizerStep::Metaspace { replacement, prepend, split: false }] => {
                Some((replacement, prepend))
            }
            _ => None,
        }
    }

    /// Whether it only splits before spaces, which are removed or become a mark.
    pub fn splits_at_spaces(&self) -> bool {
        let space = |step: &PreTokenizerStep| match step {
            PreTokenizerStep::Class { class: SPACE, behavior: Behavior::Removed } => true,
            PreTokenizerStep::Metaspace { replacement, split: true, .. } => *replacement != ' ',
            _ => false,
        };
        !self.steps.is_empty() && self.steps.iter().all(space)
    }

    /// Whether it is BERT's: white space is removed, punctuation is isolated.
    pub fn is_bert(&self) -> bool {
        use Behavior::{Isolated, Removed};
        matches!(
            self.steps[..],
            [
                PreTokenizerStep::Class { class: SPACE, behavior: Removed },
                PreTokenizerStep::Class { class: PUNCTUATION, behavior: Isolated }
            ]
        )
    }

    /// Splits a stretch of text. `first`: it begins the input.
    pub fn split<'t>(&self, text: &'t str, first: bool) -> Result<Pieces<'t>> {
        self.split_text(Text::plain(text), first)
    }

    /// Splits a text that may have origins. If it has, they decide whether it begins the input.
    pub fn split_text<'t>(&self, text: Text<'t>, first: bool) -> Result<Pieces<'t>> {
        let mut pieces = Pieces::new(text, first);
        for step in &self.steps {
            step.apply(&mut pieces)?;
        }
        Ok(pieces)
    }

    fn stage(&mut self, value: &Value, path: &str) -> Result<()> {
        let mut fields = Fields::new(value, path)?;
        match fields.text("type")? {
            "ByteLevel" => self.byte_level_stage(&mut fields)?,
            "Metaspace" => self.metaspace_stage(&mut fields)?,
            "Split" => {
                let pattern = fields.pattern("pattern")?;
                let invert = fields.flag("invert", false)?;
                self.steps.push(PreTokenizerStep::Split {
                    pattern,
                    behavior: behavior(&mut fields, None)?,
                    invert,
                });
            }
            "Digits" => {
                let individual = fields.flag("individual_digits", false)?;
                let behavior = if individual { Behavior::Isolated } else { Behavior::Contiguous };
                self.steps.push(PreTokenizerStep::Numbers { behavior });
            }
            "Punctuation" => {
                let behavior = behavior(&mut fields, Some(Behavior::Isolated))?;
                self.steps.push(PreTokenizerStep::Class { class: PUNCTUATION, behavior });
            }
            "CharDelimiterSplit" => {
                let pattern = Pattern::Literal(fields.character("delimiter")?.into());
                self.steps.push(PreTokenizerStep::Split {
                    pattern,
                    behavior: Behavior::Removed,
                    invert: false,
                });
            }
            "UnicodeScripts" => self.steps.push(PreTokenizerStep::Scripts),
            "FixedLength" => {
                let length = if fields.get("length").is_some() { fields.count("length")? } else { 5 };
                if length == 0 {
                    return Err(fields.wrong("length", "a length of at least 1", None));
                }
                self.steps.push(PreTokenizerStep::FixedLength(length));
            }
            "Whitespace" => self.steps.push(PreTokenizerStep::Whitespace),
            "WhitespaceSplit" => {
                self.steps.push(PreTokenizerStep::Class { class: SPACE, behavior: Behavior::Removed })
            }
            "BertPreTokenizer" => {
                self.steps.push(PreTokenizerStep::Class { class: SPACE, behavior: Behavior::Removed });
                self.steps.push(PreTokenizerStep::Class { class: PUNCTUATION, behavior: Behavior::Isolated });
            }
            other => return Err(fields.unsupported(&format!("the pre-tokenizer {other}"))),
        }
        fields.done()
    }

    fn byte_level_stage(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        fields.skip(&["trim_offsets"]);
        if fields.flag("add_prefix_space", true)? {
            self.steps.push(PreTokenizerStep::PrefixSpace);
        }
        if fields.flag("use_regex", true)? {
            let pattern = Pattern::Known(Scanner::Gpt2);
            self.steps.push(PreTokenizerStep::Split { pattern, behavior: Behavior::Isolated, invert: false });
        }
        self.steps.push(PreTokenizerStep::ToChars);
        Ok(())
    }

    fn metaspace_stage(&mut self, fields: &mut Fields<'_>) -> Result<()> {
        fields.skip(&["str_rep"]);
        let replacement = fields.character("replacement")?;
        let split = fields.flag("split", true)?;
        self.steps.push(PreTokenizerStep::Metaspace { replacement, prepend: prepend_scheme(fields)?, split });
        Ok(())
    }
}

/// Metaspace's `prepend_scheme`, or `add_prefix_space` of older files.
pub(crate) fn prepend_scheme(fields: &mut Fields<'_>) -> Result<Prepend> {
    let older = fields.flag("add_prefix_space", true)?;
    let scheme = match fields.get("prepend_scheme") {
        None => Prepend::Always,
        Some(Value::String(name)) if name == "always" => Prepend::Always,
        Some(Value::String(name)) if name == "first" => Prepend::First,
        Some(Value::String(name)) if name == "never" => Prepend::Never,
        other => return Err(fields.wrong("prepend_scheme", "\"always\", \"first\" or \"never\"", other)),
    };
    if older || scheme == Prepend::Never {
        return Ok(scheme);
    }
    // `false` alone means never; `false` beside "first" or "always" is a contradiction.
    match fields.get("prepend_scheme") {
        None => Ok(Prepend::Never),
        found => Err(fields.wrong("prepend_scheme", "\"never\", as add_prefix_space is false", found)),
    }
}

fn behavior(fields: &mut Fields<'_>, absent: Option<Behavior>) -> Result<Behavior> {
    let value = fields.get("behavior");
    let named = value.and_then(Value::as_str).and_then(Behavior::named);
    match (value, named, absent) {
        (_, Some(behavior), _) | (None, None, Some(behavior)) => Ok(behavior),
        _ => Err(Error::Format(format!(
            "{}: expected Removed, Isolated, MergedWithPrevious, MergedWithNext or Contiguous, found {}",
            fields.child("behavior"),
            value.map_or("nothing".to_owned(), Value::to_string)
        ))),
    }
}

impl PreTokenizerStep {
    fn apply(&self, pieces: &mut Pieces<'_>) -> Result<()> {
        match self {
            Self::Split { pattern, behavior, invert } => {
                pieces.split(*behavior, *invert, |text, found| pattern.each_match(text, found))
            }
            Self::Class { class, behavior } => by_char(pieces, *behavior, |c| unicode::is(c, *class)),
            Self::Numbers { behavior } => by_char(pieces, *behavior, char::is_numeric),
            Self::Whitespace => words(pieces),
            Self::Scripts => pieces.split(Behavior::Removed, true, |text, found| {
                scripts::runs(text, found);
                Ok(())
            }),
            Self::FixedLength(length) => pieces.split(Behavior::Isolated, false, |text, found| {
                fixed_length(text, *length, found);
                Ok(())
            }),
            Self::PrefixSpace => {
                pieces.rewrite(|part, _, out| {
                    if !part.text.starts_with(' ') {
                        out.insert_first(" ", part);
                    }
                    out.copy(part);
                });
                Ok(())
            }
            Self::ToChars => {
                pieces.rewrite(|part, _, out| byte_level::encode_part(part, out));
                Ok(())
            }
            Self::Metaspace { replacement, prepend, split } => {
                metaspace(pieces, *replacement, *prepend, *split)
            }
        }
    }
}

fn by_char(pieces: &mut Pieces<'_>, behavior: Behavior, is_match: impl Fn(char) -> bool) -> Result<()> {
    pieces.split(behavior, false, |text, found| {
        text.match_indices(&is_match).for_each(|(at, hit)| found(at..at + hit.len()));
        Ok(())
    })
}

fn metaspace(pieces: &mut Pieces<'_>, replacement: char, prepend: Prepend, split: bool) -> Result<()> {
    let mut buffer = [0; 4];
    let mark: &str = replacement.encode_utf8(&mut buffer);
    pieces.rewrite(|part, first, out| {
        let wanted = prepend == Prepend::Always || (prepend == Prepend::First && first);
        if wanted && !part.text.starts_with([' ', replacement]) {
            out.insert_first(mark, part);
        }
        let mut last = 0;
        for (at, space) in part.text.match_indices(' ') {
            out.copy(part.part(last..at));
            last = at + space.len();
            out.insert_after(mark, part, last);
        }
        out.copy(part.part(last..part.text.len()));
    });
    if split {
        by_char(pieces, Behavior::MergedWithNext, |c| c == replacement)?;
    }
    Ok(())
}

fn fixed_length(text: &str, length: usize, found: &mut dyn FnMut(Range<usize>)) {
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let end = rest.char_indices().nth(length).map_or(text.len(), |(at, _)| start + at);
        found(start..end);
        start = end;
    }
}

/// `\w+|[^\w\s]+`: runs of word characters, runs of others, no white space.
fn words(pieces: &mut Pieces<'_>) -> Result<()> {
    pieces.split(Behavior::Removed, true, |text, found| {
        let kind = |c| unicode::classes(c) & (WORD | SPACE);
        let mut rest = text;
        while let Some(first) = rest.chars().next().map(kind) {
            let length = rest.find(|c| kind(c) != first).unwrap_or(rest.len());
            if first & SPACE == 0 {
                let start = text.len() - rest.len();
                found(start..start + length);
            }
            rest = &rest[length..];
        }
        Ok(())
    })
}
