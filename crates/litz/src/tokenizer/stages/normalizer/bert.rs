//! BERT's normalizer: it removes controls, isolates ideographs and, for uncased models, strips accents and
//! lowercases.

use crate::tokenizer::description::fields::Fields;
use crate::tokenizer::text::unicode::{is_control, is_nonspacing_mark};
use crate::tokenizer::text::Text;
use crate::Result;

use super::forms::NormalForm;
use super::lowercase;

/// The steps that the file enables.
pub(crate) struct BertNormalizer {
    clean: bool,
    ideographs: bool,
    strip_accents: bool,
    lowercase: bool,
}

impl BertNormalizer {
    /// Reads the settings.
    pub fn from_json(fields: &mut Fields<'_>) -> Result<Self> {
        let lowercase = fields.flag("lowercase", true)?;
        Ok(Self {
            clean: fields.flag("clean_text", true)?,
            ideographs: fields.flag("handle_chinese_chars", true)?,
            strip_accents: fields.flag("strip_accents", lowercase)?,
            lowercase,
        })
    }

    /// Whether it puts spaces around this character.
    pub fn separates(&self, c: char) -> bool {
        self.ideographs && Self::is_ideograph(c)
    }

    /// Whether it puts spaces around this character, if that step is enabled.
    pub fn is_ideograph(c: char) -> bool {
        is_ideograph(c)
    }

    /// Whether the cleaning keeps this character.
    pub fn keeps(&self, c: char) -> bool {
        !self.clean || stays(c)
    }

    /// Whether a text stays as it is.
    pub fn leaves(&self, text: &str) -> bool {
        let mut copy = Text::plain(text);
        self.apply(&mut copy);
        &*copy == text
    }

    /// Rewrites the text.
    pub fn apply(&self, text: &mut Text<'_>) {
        if self.clean {
            text.filter(stays);
            text.map(|c| if c.is_whitespace() { ' ' } else { c });
        }
        if self.ideographs && text.chars().any(is_ideograph) {
            text.rewrite(|part, out| out.changes(part, 0, part.text.chars().flat_map(with_spaces)));
        }
        if self.strip_accents {
            NormalForm::Nfd.apply(text);
            text.filter(|c| !is_nonspacing_mark(c));
        }
        if self.lowercase {
            lowercase(text);
        }
    }
}

fn stays(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | ' '..='~' => true,
        '\u{fffd}' => false,
        c => !is_control(c),
    }
}

/// A space on either side of an ideograph.
fn with_spaces(c: char) -> impl Iterator<Item = (char, isize)> {
    let changes = if is_ideograph(c) { [(' ', 0), (c, 1), (' ', 1)] } else { [(c, 0); 3] };
    let count = if is_ideograph(c) { 3 } else { 1 };
    changes.into_iter().take(count)
}

/// The blocks of BERT's vocabulary; one of them is misplaced in the original, and so here.
fn is_ideograph(c: char) -> bool {
    matches!(
        c,
        '\u{3400}'..='\u{4dbf}'
            | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}'
            | '\u{20000}'..='\u{2a6df}'
            | '\u{2a700}'..='\u{2b81f}'
            | '\u{2b920}'..='\u{2ceaf}'
            | '\u{2f800}'..='\u{2fa1f}'
    )
}
