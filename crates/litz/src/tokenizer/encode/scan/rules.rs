//! The patterns of GPT-2, Llama 3 and their relatives, as rules on runs of character classes.

use super::classes::ClassMasks;
use super::Space;
use crate::tokenizer::stages::pre_tokenizer::scanners::{contraction, Scanner};
use crate::tokenizer::text::unicode::MARK;

/// Whose pattern it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PatternStyle {
    /// Words, numbers and signs with one space before them.
    Gpt2,
    /// Words with any one character before them, signs with a space before and newlines after.
    Llama3,
}

/// A pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScanRules {
    /// Its family.
    pub style: PatternStyle,
    /// How many digits make a piece at most: 1, 3 or all.
    pub digits: usize,
    /// Digits are split off before the pattern is applied.
    pub isolates_digits: bool,
    /// Marks belong to words.
    pub marks: bool,
}

/// Classes of the block before that reach into this one.
#[derive(Default)]
struct PreviousBlock {
    letter: u64,
    number: u64,
    space: u64,
    newline: u64,
    blank: u64,
    other: u64,
    tail: u64,
    threes: u64,
    first: [u64; 4],
}

fn after(now: u64, before: u64) -> u64 {
    now << 1 | before >> 63
}

impl ScanRules {
    /// The rules of a scanner.
    pub fn of(scanner: Scanner) -> Option<Self> {
        let plain =
            Self { style: PatternStyle::Gpt2, digits: usize::MAX, isolates_digits: false, marks: false };
        match scanner {
            Scanner::Gpt2 => Some(plain),
            Scanner::Llama3 { digits: digits @ (1 | 3 | usize::MAX), word } => {
                Some(Self { style: PatternStyle::Llama3, digits, marks: word & MARK != 0, ..plain })
            }
            Scanner::Llama3 { .. } | Scanner::Cased { .. } => None,
        }
    }

    /// The rules on the text between digits, which are split off before: as runs or one by one.
    pub fn after_digits(self, together: bool, alone: bool) -> Option<Self> {
        let digits = if together { usize::MAX } else { 1 };
        (self.style == PatternStyle::Gpt2 && together != alone).then_some(Self {
            isolates_digits: true,
            digits,
            ..self
        })
    }

    /// Marks in `space.starts` where pieces begin.
    pub(super) fn split(&self, text: &str, space: &mut Space) {
        let count = space.blocks.len() - 1;
        space.starts.clear();
        space.starts.resize(count, 0);
        space.tails.clear();
        space.quotes.clear();
        let long_digits = self.digits == 3 && space.blocks.iter().any(|block| block.number & block.high != 0);
        let mut before = PreviousBlock::default();
        for i in 0..count {
            let (block, next) = (space.blocks[i], space.blocks[i + 1]);
            let spaced = match self.style {
                PatternStyle::Gpt2 => self.gpt2(&block, &next, &before, i, space),
                PatternStyle::Llama3 => self.llama3(&block, &next, &before, i, space),
            };
            let numbers = self.numbers(&block, &mut before, long_digits);
            space.starts[i] |= spaced | numbers;
            let other = !(block.letter | block.number | block.space);
            self.first_of_signs(&block, &mut before, other);
            before.letter = block.letter;
            before.number = block.number;
            before.space = block.space;
            before.newline = block.newline;
            before.blank = block.blank;
            before.other = other;
            before.tail = space.tails.get(i).copied().unwrap_or_default();
        }
        if self.style == PatternStyle::Llama3 {
            blank_lines(space);
        }
        if long_digits {
            threes(text, space);
        }
        self.quotes(text, space);
        let used = text.len() - (count - 1) * 64;
        space.starts[count - 1] &= if used == 64 { !0 } else { (1 << used) - 1 };
    }

    fn gpt2(
        &self,
        block: &ClassMasks,
        next: &ClassMasks,
        before: &PreviousBlock,
        i: usize,
        space: &mut Space,
    ) -> u64 {
        let other = !(block.letter | block.number | block.space);
        let after_blank = after(block.blank, before.blank);
        let letters = block.letter & !after(block.letter, before.letter) & !after_blank;
        let numbers = block.number & !after(block.number, before.number) & !after_blank;
        let signs = other & !after(other, before.other) & !after_blank;
        let spaces = block.space & !after(block.space, before.space);
        let mut follows = !(block.space >> 1 | next.space << 63);
        if self.isolates_digits {
            follows &= !(block.number >> 1 | next.number << 63);
        }
        quotes(signs & block.apostrophe, i, space);
        let numbers = if self.isolates_digits || self.digits == 1 { 0 } else { numbers };
        letters | numbers | signs | spaces | last_spaces(block.space & follows, block, i, space)
    }

    fn llama3(
        &self,
        block: &ClassMasks,
        next: &ClassMasks,
        before: &PreviousBlock,
        i: usize,
        space: &mut Space,
    ) -> u64 {
        let other = !(block.letter | block.number | block.space);
        let (gaps, gaps_before) = (block.space & !block.newline, before.space & !before.newline);
        let (after_space, after_other) = (after(block.space, before.space), after(other, before.other));
        let after_gap = after(gaps, gaps_before);
        let follows = !(block.space >> 1 | next.space << 63);
        // Newlines right after signs belong to them.
        let begun = block.newline & (after_other | before.tail >> 63);
        let tail = block.newline & !block.newline.wrapping_add(begun);
        space.tails.push(tail);
        let signs = other & !after_other & !after(block.blank, before.blank);
        quotes(signs & block.apostrophe, i, space);
        let joined = first_ends(signs, block.inner, &before.first);
        let letters = block.letter & !after(block.letter, before.letter) & !after_gap & !joined;
        let newlines = block.newline & !after_space & !after_other;
        letters | signs | newlines | gaps & !after_gap | last_spaces(gaps & follows, block, i, space)
    }

    /// Where pieces of numbers begin.
    fn numbers(&self, block: &ClassMasks, before: &mut PreviousBlock, long_digits: bool) -> u64 {
        let number = block.number;
        let first = after(number, before.number);
        match self.digits {
            1 => number & !block.inner,
            3 if long_digits => 0,
            3 => {
                let second = number << 2 | before.number >> 62;
                let mut found = number & !first;
                let mut new = found | before.threes >> 61 & number & first & second;
                while new != 0 {
                    found |= new;
                    new = new << 3 & number & first & second;
                }
                before.threes = found;
                found
            }
            _ if self.style == PatternStyle::Gpt2 && !self.isolates_digits => 0,
            _ => number & !first,
        }
    }

    /// Carries the first characters of runs of signs into the next block.
    fn first_of_signs(&self, block: &ClassMasks, before: &mut PreviousBlock, other: u64) {
        if self.style == PatternStyle::Llama3 {
            let signs = other & !after(other, before.other) & !after(block.blank, before.blank);
            before.first = first_steps(signs, block.inner, &before.first);
        }
    }

    /// `'s 't 're 've 'm 'll 'd` where a piece may begin with them.
    fn quotes(&self, text: &str, space: &mut Space) {
        let Space { blocks, starts, quotes, .. } = space;
        for &at in quotes.iter() {
            let at = at as usize;
            if let Some(length) = contraction(&text[at..], self.style == PatternStyle::Llama3) {
                starts[(at + 1) / 64] &= !(1 << ((at + 1) % 64));
                let end = at + length;
                if end < text.len() && blocks[end / 64].letter >> (end % 64) & 1 == 1 {
                    starts[end / 64] |= 1 << (end % 64);
                }
            }
        }
    }
}

/// Notes the apostrophes that a letter follows.
fn quotes(mut found: u64, i: usize, space: &mut Space) {
    while found != 0 {
        let at = i * 64 + found.trailing_zeros() as usize;
        found &= found - 1;
        let next = at + 1;
        if space.blocks[next / 64].letter >> (next % 64) & 1 == 1 {
            space.quotes.push(at as u32);
        }
    }
}

/// The steps from first bytes to the places behind their characters: each is bit 0 of the next block where it leaves.
fn first_steps(signs: u64, inner: u64, before: &[u64; 4]) -> [u64; 4] {
    let mut steps = [signs, 0, 0, 0];
    for i in 1..4 {
        steps[i] = after(steps[i - 1], before[i - 1]) & inner;
    }
    steps
}

/// Where the first characters of runs of signs end.
fn first_ends(signs: u64, inner: u64, before: &[u64; 4]) -> u64 {
    let steps = first_steps(signs, inner, before);
    let ends = (0..4).fold(0, |ends, i| ends | after(steps[i], before[i]));
    ends & !inner
}

/// The first bytes of the characters that end at these last bytes.
fn last_spaces(mut last: u64, block: &ClassMasks, i: usize, space: &mut Space) -> u64 {
    let mut inside = last & block.inner;
    last &= !block.inner;
    while inside != 0 {
        let mut at = i * 64 + inside.trailing_zeros() as usize;
        inside &= inside - 1;
        while at > 0 && space.blocks[at / 64].inner >> (at % 64) & 1 == 1 {
            at -= 1;
        }
        space.starts[at / 64] |= 1 << (at % 64);
    }
    last
}

/// White space between newlines is one piece with them: no piece begins after a newline if another one follows.
fn blank_lines(space: &mut Space) {
    let Space { blocks, starts, tails, .. } = space;
    let gap = |at: usize| (blocks[at / 64].space & !blocks[at / 64].newline) >> (at % 64) & 1 == 1;
    let mut before = 0;
    for (i, block) in blocks[..starts.len()].iter().enumerate() {
        let gaps = block.space & !block.newline;
        let mut ended = block.newline & after(gaps, before);
        before = gaps;
        while ended != 0 {
            let mut at = i * 64 + ended.trailing_zeros() as usize - 1;
            ended &= ended - 1;
            while at > 0 && gap(at - 1) {
                at -= 1;
            }
            let free =
                at > 0 && (blocks[(at - 1) / 64].newline & !tails[(at - 1) / 64]) >> ((at - 1) % 64) & 1 == 1;
            if free {
                starts[at / 64] &= !(1 << (at % 64));
            }
        }
    }
}

/// Numbers in threes where some of them are longer than a byte.
fn threes(text: &str, space: &mut Space) {
    let Space { blocks, starts, .. } = space;
    let is_number = |at: usize| blocks[at / 64].number >> (at % 64) & 1 == 1;
    let mut before = 0;
    for (i, block) in blocks[..starts.len()].iter().enumerate() {
        let mut runs = block.number & !after(block.number, before);
        before = block.number;
        while runs != 0 {
            let start = i * 64 + runs.trailing_zeros() as usize;
            runs &= runs - 1;
            let digits = text[start..].char_indices().map(|(at, _)| start + at);
            for (nth, at) in digits.take_while(|&at| is_number(at)).enumerate() {
                if nth % 3 == 0 {
                    starts[at / 64] |= 1 << (at % 64);
                }
            }
        }
    }
}
