//! Split points of known patterns, by bit operations on the character classes of 64 bytes at a time.
//!
//! A text is scanned in windows that end where every pattern splits. The scanners of `pre_tokenizer` give the same
//! matches one by one.

mod classes;
mod rules;

pub(crate) use classes::ScanForm;
pub(crate) use rules::ScanRules;

use crate::tokenizer::text::unicode::{self, LETTER, MARK};
use classes::{classify, ClassMasks};

const WINDOW: usize = 1 << 12;

/// The buffers of a scan.
#[derive(Default)]
pub(crate) struct Space {
    blocks: Vec<ClassMasks>,
    starts: Vec<u64>, // a bit for each byte that begins a piece
    tails: Vec<u64>,
    quotes: Vec<u32>,
}

/// Where the window that begins at `from` ends: after a letter, before what no pattern puts in one piece with it.
pub(crate) fn window(text: &str, from: usize) -> usize {
    if text.len() - from <= WINDOW + WINDOW / 2 {
        return text.len();
    }
    boundary_after(text, from + WINDOW)
}

/// The first place from `from` on where every pattern cuts, or the end of the text.
pub(crate) fn boundary_after(text: &str, mut from: usize) -> usize {
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let mut after_letter = false;
    for (at, c) in text[from..].char_indices() {
        if after_letter && c != '\'' && !unicode::is(c, LETTER | MARK) {
            return from + at;
        }
        after_letter = unicode::is(c, LETTER);
    }
    text.len()
}

impl ScanRules {
    /// Writes the ends of the pieces of a window, and returns their number. `ends` grows as needed.
    pub fn ends(&self, form: ScanForm, text: &str, space: &mut Space, ends: &mut Vec<u32>) -> usize {
        classify(form, text, self.marks, &mut space.blocks);
        self.split(text, space);
        if ends.len() < text.len() + 1 {
            ends.resize(text.len() + 1, 0);
        }
        let mut count = 0;
        for (i, &word) in space.starts.iter().enumerate() {
            let mut word = if i == 0 { word & !1 } else { word };
            let base = i as u32 * 64;
            while word != 0 {
                ends[count] = base + word.trailing_zeros();
                count += 1;
                word &= word - 1;
            }
        }
        ends[count] = text.len() as u32;
        count + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::stages::pre_tokenizer::scanners::Scanner;

    const PARTS: [&str; 33] = [
        "'", "s", "S", "ſ", "ll", "re", "VE", " ", "  ", "\n", "\r\n", "\t", "\u{a0}", "\u{3000}", "a",
        "word", "é", "e\u{301}", "\u{301}", "1", "12", "3456", "٣", "１", "½", "!", "-=", "，", "。", "你",
        "的国", "😀", "𠀀",
    ];

    fn random(state: &mut u64) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as usize
    }

    fn forms() -> Vec<ScanForm> {
        let mut forms = vec![ScanForm::Portable];
        if ScanForm::detect() != ScanForm::Portable {
            forms.push(ScanForm::detect());
        }
        forms
    }

    #[test]
    fn the_forms_agree_on_every_byte() {
        let mut state = 1;
        for round in 0..2000 {
            let length = 1 + random(&mut state) % 200;
            let text: String = match round % 3 {
                0 => (0..length).map(|_| PARTS[random(&mut state) % PARTS.len()]).collect(),
                1 => (0..length)
                    .map(|_| char::from_u32(random(&mut state) as u32 % 0x3000).unwrap_or('x'))
                    .collect(),
                _ => (0..length)
                    .map(|_| char::from_u32(0x3000 + random(&mut state) as u32 % 0x7800).unwrap_or('x'))
                    .collect(),
            };
            let mut found = forms().into_iter().map(|form| {
                let mut blocks = Vec::new();
                classify(form, &text, round % 2 == 0, &mut blocks);
                blocks
            });
            let first = found.next();
            assert!(found.all(|blocks| Some(&blocks) == first.as_ref()), "{text:?}");
        }
    }

    #[test]
    fn every_character_has_its_class() {
        for marks in [false, true] {
            let word = if marks { LETTER | MARK } else { LETTER };
            for c in (0..0x30000).filter_map(char::from_u32) {
                let text = format!("{c}-");
                for form in forms() {
                    let mut blocks = Vec::new();
                    classify(form, &text, marks, &mut blocks);
                    let all = (1u64 << c.len_utf8()) - 1;
                    let expected = |bits| if unicode::is(c, bits) { all } else { 0 };
                    assert_eq!(blocks[0].letter, expected(word), "{c:?}");
                    assert_eq!(
                        blocks[0].number,
                        if blocks[0].letter == 0 { expected(unicode::NUMBER) } else { 0 },
                        "{c:?}"
                    );
                    let text_only = !0 >> (64 - text.len());
                    assert_eq!(blocks[0].space & text_only, expected(unicode::SPACE), "{c:?}");
                }
            }
        }
    }

    #[test]
    fn windows_are_split_like_scanners() {
        let mut state = 7;
        let digits = [1, 3, usize::MAX];
        let words = digits.map(|digits| [LETTER, LETTER | MARK].map(|word| Scanner::Llama3 { digits, word }));
        for scanner in words.into_iter().flatten().chain([Scanner::Gpt2]) {
            let rules = ScanRules::of(scanner).unwrap();
            for round in 0..6000 {
                let length = 1 + random(&mut state) % if round % 20 == 0 { 400 } else { 40 };
                let few = 1 + random(&mut state) % PARTS.len();
                let first = random(&mut state) % PARTS.len();
                let text: String =
                    (0..length).map(|_| PARTS[(first + random(&mut state) % few) % PARTS.len()]).collect();
                let expected = scanned(scanner, &text);
                for form in forms() {
                    let (mut space, mut ends) = (Space::default(), Vec::new());
                    let count = rules.ends(form, &text, &mut space, &mut ends);
                    assert_eq!(ends[..count], expected, "{rules:?} on {text:?}");
                }
                let from = random(&mut state) % text.len();
                let cut = boundary_after(&text, from) as u32;
                assert!(expected.contains(&cut), "{rules:?} does not cut {text:?} at {cut}");
            }
        }
    }

    fn scanned(scanner: Scanner, text: &str) -> Vec<u32> {
        let mut ends = Vec::new();
        let mut at = 0;
        while at < text.len() {
            at = scanner.next(text, at);
            ends.push(at as u32);
        }
        ends
    }
}
