//! The Unicode normal forms as of Unicode 9, with the characters that each new character replaces.
//!
//! The `tokenizers` library uses tables of that version: later characters neither decompose nor compose.

use unicode_normalization::char::{
    canonical_combining_class, compose, decompose_canonical, decompose_compatible,
};
use unicode_normalization::{is_nfc_quick, is_nfd_quick, is_nfkc_quick, is_nfkd_quick, IsNormalized};

use crate::tokenizer::text::unicode::is_unicode_9;
use crate::tokenizer::text::Text;

/// A normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormalForm {
    Nfc,
    Nfd,
    Nfkc,
    Nfkd,
}

impl NormalForm {
    /// Brings the text into this form.
    pub fn apply(self, text: &mut Text<'_>) {
        if self.holds(text) {
            return;
        }
        text.rewrite(|part, out| {
            let compatible = matches!(self, Self::Nfkc | Self::Nfkd);
            let decomposed = Decomposed::new(part.text.chars(), compatible);
            match self {
                Self::Nfd | Self::Nfkd => out.changes(part, 0, decomposed),
                Self::Nfc | Self::Nfkc => out.changes(part, 0, Composed::new(decomposed)),
            }
        });
    }

    /// Whether a quick check finds a text in this form. What today's tables leave unchanged, older ones leave, too.
    fn holds(self, text: &str) -> bool {
        let quick = match self {
            Self::Nfc => is_nfc_quick(text.chars()),
            Self::Nfd => is_nfd_quick(text.chars()),
            Self::Nfkc => is_nfkc_quick(text.chars()),
            Self::Nfkd => is_nfkd_quick(text.chars()),
        };
        text.is_ascii() || quick == IsNormalized::Yes
    }
}

/// A character, and what it does to the text before: see `Writer::changes`.
type Change = (char, isize);

fn class(c: char) -> u8 {
    match canonical_combining_class(c) {
        0 => 0,
        class if is_unicode_9(c) => class,
        _ => 0,
    }
}

/// Characters decomposed, marks in canonical order.
struct Decomposed<I> {
    chars: I,
    compatible: bool,
    ready: std::vec::IntoIter<(u8, Change)>,
    next: Vec<(u8, Change)>, // begins with the starter that ended what is ready
}

impl<I: Iterator<Item = char>> Decomposed<I> {
    fn new(chars: I, compatible: bool) -> Self {
        Self { chars, compatible, ready: Vec::new().into_iter(), next: Vec::new() }
    }
}

impl<I: Iterator<Item = char>> Iterator for Decomposed<I> {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        loop {
            if let Some((_, change)) = self.ready.next() {
                return Some(change);
            }
            // All up to the next character without a class can be put in order.
            let mut starter = None;
            while starter.is_none() {
                let Some(c) = self.chars.next() else { break };
                let from = self.next.len();
                let pending = &mut self.next;
                let mut push = |c: char| {
                    let change = isize::from(pending.len() > from);
                    pending.push((class(c), (c, change)));
                };
                match self.compatible {
                    _ if !is_unicode_9(c) => push(c),
                    true => decompose_compatible(c, push),
                    false => decompose_canonical(c, push),
                }
                let after = from.max(1);
                let last = self.next[after.min(self.next.len())..].iter().rposition(|entry| entry.0 == 0);
                starter = last.map(|last| after + last);
            }
            let rest = starter.map_or_else(Vec::new, |at| self.next.split_off(at));
            let mut ready = std::mem::replace(&mut self.next, rest);
            if ready.is_empty() {
                return None;
            }
            for run in ready.chunk_by_mut(|_, right| right.0 != 0) {
                run.sort_by_key(|entry| entry.0);
            }
            self.ready = ready.into_iter();
        }
    }
}

/// Decomposed characters put together again.
struct Composed<I> {
    chars: I,
    starter: Option<Change>,
    marks: Vec<Change>, // after the starter, those that did not go into it
    out: std::vec::IntoIter<Change>,
}

impl<I: Iterator<Item = Change>> Composed<I> {
    fn new(chars: I) -> Self {
        Self { chars, starter: None, marks: Vec::new(), out: Vec::new().into_iter() }
    }
}

impl<I: Iterator<Item = Change>> Iterator for Composed<I> {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        if let Some(mark) = self.out.next() {
            return Some(mark);
        }
        let mut last = None; // the class of the last mark that was not composed
        for (c, change) in self.chars.by_ref() {
            let class = class(c);
            let Some((starter, before)) = self.starter else {
                if class != 0 {
                    return Some((c, change));
                }
                self.starter = Some((c, change));
                continue;
            };
            let blocked = last.is_some_and(|last| last >= class);
            match compose(starter, c).filter(|&joined| !blocked && is_unicode_9(joined)) {
                Some(joined) => self.starter = Some((joined, before + change - 1)),
                None if class == 0 => {
                    self.out = std::mem::take(&mut self.marks).into_iter();
                    return self.starter.replace((c, change));
                }
                None => {
                    self.marks.push((c, change));
                    last = Some(class);
                }
            }
        }
        self.out = std::mem::take(&mut self.marks).into_iter();
        self.starter.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_normalization::UnicodeNormalization;

    fn form(form: NormalForm, text: &str) -> String {
        let mut text = Text::plain(text);
        form.apply(&mut text);
        text.into_text().into_owned()
    }

    #[test]
    fn forms_are_those_of_the_standard() {
        for text in [
            "e\u{301}\u{323}x",
            "\u{1e69}",
            "ﬁ①한국",
            "\u{323}\u{301}a\u{301}\u{323}",
            "각\u{11a8}",
            "Å\u{fb2c}",
        ] {
            assert_eq!(form(NormalForm::Nfc, text), text.nfc().collect::<String>());
            assert_eq!(form(NormalForm::Nfd, text), text.nfd().collect::<String>());
            assert_eq!(form(NormalForm::Nfkc, text), text.nfkc().collect::<String>());
            assert_eq!(form(NormalForm::Nfkd, text), text.nfkd().collect::<String>());
        }
    }

    #[test]
    fn what_came_after_unicode_9_stays_as_it_is() {
        for c in ["\u{105c9}", "\u{11383}", "\u{1ccd6}", "a\u{323}\u{1ac0}\u{301}"] {
            assert_eq!(form(NormalForm::Nfkd, c), c);
        }
    }
}
