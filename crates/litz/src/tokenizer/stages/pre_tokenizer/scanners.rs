//! Hand-written matchers for the split patterns of most vocabularies, recognised by their exact text.

use crate::tokenizer::text::unicode::{self, LETTER, LOWER, MARK, NUMBER, SPACE, UPPER};

/// A known pattern. Every character of a text belongs to some match of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scanner {
    /// Words with one leading space, contractions in lower case.
    Gpt2,
    /// Words with one leading character, contractions in any case, newlines kept together.
    Llama3 {
        /// How many digits make a piece at most.
        digits: usize,
        /// What a word is made of.
        word: u8,
    },
    /// Llama 3's, but words are split before uppercase letters that follow lowercase ones.
    Cased {
        /// How many digits make a piece at most.
        digits: usize,
        /// Contractions end words instead of following them.
        contractions: bool,
    },
}

const GPT2: [&str; 2] = [
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
];

const CASED: [(&str, usize, bool); 2] = [
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        3,
        true,
    ),
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        1,
        false,
    ),
];

const LLAMA3: [(&str, usize, u8); 5] = [
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        3,
        LETTER,
    ),
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        1,
        LETTER,
    ),
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        1,
        LETTER,
    ),
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}+| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        usize::MAX,
        LETTER,
    ),
    (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        1,
        LETTER | MARK,
    ),
];

impl Scanner {
    /// The scanner of a regex, if there is one.
    pub fn recognise(regex: &str) -> Option<Self> {
        if GPT2.contains(&regex) {
            return Some(Self::Gpt2);
        }
        if let Some(&(_, digits, contractions)) = CASED.iter().find(|known| known.0 == regex) {
            return Some(Self::Cased { digits, contractions });
        }
        let known = LLAMA3.iter().find(|known| known.0 == regex);
        known.map(|&(_, digits, word)| Self::Llama3 { digits, word })
    }

    /// The end of the match that starts at `start`, which must be inside the text.
    pub fn next(self, text: &str, start: usize) -> usize {
        let rest = &text[start..];
        let length = match self {
            Self::Gpt2 => gpt2(rest),
            Self::Llama3 { digits, word } => llama3(rest, digits, word),
            Self::Cased { digits, contractions } => cased(rest, digits, contractions),
        };
        start + length
    }
}

fn gpt2(rest: &str) -> usize {
    if let Some(length) = contraction(rest, false) {
        return length;
    }
    let after_space = usize::from(rest.starts_with(' '));
    let Some(c) = rest[after_space..].chars().next() else {
        return after_space;
    };
    let kinds = LETTER | NUMBER | SPACE;
    match unicode::classes(c) & kinds {
        SPACE => spaces(rest),
        0 => after_space + run(&rest[after_space..], |c| !unicode::is(c, kinds)),
        kind => after_space + run(&rest[after_space..], |c| unicode::is(c, kind)),
    }
}

fn llama3(rest: &str, digits: usize, word: u8) -> usize {
    if let Some(length) = contraction(rest, true) {
        return length;
    }
    let mut chars = rest.chars();
    let Some(first) = chars.next() else { return 0 };
    let class = unicode::classes(first);
    if class & word != 0 {
        return run(rest, |c| unicode::is(c, word));
    }
    if class & NUMBER != 0 {
        return number(rest, digits);
    }
    let second = chars.next();
    if !matches!(first, '\r' | '\n') && second.is_some_and(|c| unicode::is(c, word)) {
        return first.len_utf8() + run(&rest[first.len_utf8()..], |c| unicode::is(c, word));
    }
    let other = |c: char| !unicode::is(c, word | NUMBER | SPACE);
    let after_space = usize::from(first == ' ' && second.is_some_and(other));
    if after_space == 1 || other(first) {
        let end = after_space + run(&rest[after_space..], other);
        return end + run(&rest[end..], |c| matches!(c, '\r' | '\n'));
    }
    lines(rest).unwrap_or_else(|| spaces(rest))
}

fn cased(rest: &str, digits: usize, contractions: bool) -> usize {
    let mut chars = rest.chars();
    let Some(first) = chars.next() else { return 0 };
    let class = unicode::classes(first);
    let leads = class & (LETTER | NUMBER) == 0 && !matches!(first, '\r' | '\n');
    if let Some(end) = cased_word(rest, if leads { first.len_utf8() } else { 0 }) {
        return end + if contractions { contraction(&rest[end..], true).unwrap_or(0) } else { 0 };
    }
    if class & NUMBER != 0 {
        return number(rest, digits);
    }
    let other = |c: char| !unicode::is(c, LETTER | NUMBER | SPACE);
    let after_space = usize::from(first == ' ' && chars.next().is_some_and(other));
    if after_space == 1 || other(first) {
        let end = after_space + run(&rest[after_space..], other);
        return end + run(&rest[end..], |c| matches!(c, '\r' | '\n' | '/'));
    }
    lines(rest).unwrap_or_else(|| spaces(rest))
}

/// A word that ends in lowercase characters, after `lead` bytes or none; else one of uppercase characters.
fn cased_word(rest: &str, lead: usize) -> Option<usize> {
    let lower = |from: usize| lower_run(&rest[from..]).map(|length| from + length);
    let uppers = |from: usize| {
        Some(run(&rest[from..], is_upper_like)).filter(|&length| length > 0).map(|length| from + length)
    };
    lower(lead).or_else(|| lower(0)).or_else(|| uppers(lead)).or_else(|| uppers(0))
}

/// The characters that count as uppercase: those of words except lowercase letters.
fn is_upper_like(c: char) -> bool {
    let class = unicode::classes(c);
    class & (LETTER | MARK) != 0 && class & LOWER == 0
}

/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+`: uppercase ones, then lowercase ones, at least one.
fn lower_run(rest: &str) -> Option<usize> {
    let is_lower_like = |c: char| unicode::is(c, LETTER | MARK) && !unicode::is(c, UPPER);
    let upper = run(rest, is_upper_like);
    let lower = run(&rest[upper..], is_lower_like);
    if lower > 0 {
        return Some(upper + lower);
    }
    // Some are both: the last of them counts as lowercase.
    rest[..upper].char_indices().rev().find(|&(_, c)| is_lower_like(c)).map(|(at, c)| at + c.len_utf8())
}

fn number(rest: &str, digits: usize) -> usize {
    let numbers = rest.chars().take(digits).take_while(|&c| unicode::is(c, NUMBER));
    numbers.map(char::len_utf8).sum()
}

/// `\s*[\r\n]+`: white space up to the last line end of its run.
fn lines(rest: &str) -> Option<usize> {
    let end = run(rest, |c| unicode::is(c, SPACE));
    rest[..end].rfind(['\r', '\n']).map(|last| last + 1)
}

/// `\s+(?!\S)|\s+`: white space, without its last character where a word follows.
fn spaces(rest: &str) -> usize {
    let end = run(rest, |c| unicode::is(c, SPACE));
    let last = rest[..end].chars().next_back().map_or(0, char::len_utf8);
    if end == rest.len() || end == last {
        end
    } else {
        end - last
    }
}

fn run(text: &str, inside: impl Fn(char) -> bool) -> usize {
    text.find(|c| !inside(c)).unwrap_or(text.len())
}

/// `'s 't 're 've 'm 'll 'd`; in any case, the long s is an s.
pub(crate) fn contraction(rest: &str, any_case: bool) -> Option<usize> {
    let after = rest.strip_prefix('\'')?;
    let fold = |c: char| match c {
        'ſ' if any_case => 's',
        c if any_case => c.to_ascii_lowercase(),
        c => c,
    };
    let mut chars = after.chars();
    let first = chars.next()?;
    let second = chars.next().map(fold);
    match (fold(first), second) {
        ('s' | 't' | 'm' | 'd', _) => Some(1 + first.len_utf8()),
        ('r' | 'v', Some('e')) | ('l', Some('l')) => Some(3),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(scanner: Scanner, text: &str) -> Vec<&str> {
        let mut at = 0;
        let mut found = Vec::new();
        while at < text.len() {
            let end = scanner.next(text, at);
            found.push(&text[at..end]);
            at = end;
        }
        found
    }

    fn llama3_digits(digits: usize) -> Scanner {
        Scanner::Llama3 { digits, word: LETTER }
    }

    #[test]
    fn gpt2_keeps_the_space_with_the_word() {
        assert_eq!(pieces(Scanner::Gpt2, "it's  so, 123!"), ["it", "'s", " ", " so", ",", " 123", "!"]);
        assert_eq!(pieces(Scanner::Gpt2, "a \n b  "), ["a", " \n", " b", "  "]);
    }

    #[test]
    fn llama3_splits_numbers_in_threes_and_qwen2_in_ones() {
        assert_eq!(pieces(llama3_digits(3), "12345"), ["123", "45"]);
        assert_eq!(pieces(llama3_digits(1), "123"), ["1", "2", "3"]);
    }

    #[test]
    fn llama3_ends_white_space_after_the_last_newline() {
        assert_eq!(pieces(llama3_digits(3), "x!\r\n  \n\t y"), ["x", "!\r\n", "  \n", "\t", " y"]);
    }

    /// Fragments that stress every alternative; all short strings of them are compared with the regex.
    #[test]
    fn scanners_agree_with_the_regex_they_replace() {
        let parts = [
            "'", "s", "S", "ſ", "l", "re", " ", "\n", "\r", "\t", "\u{a0}", "a", "é", "e\u{301}", "\u{301}",
            "1", "٣", "½", "!", "-", "你", "😀", "A", "/",
        ];
        let sources = GPT2.iter().copied().chain(LLAMA3.iter().map(|known| known.0));
        let sources = sources.chain(CASED.iter().map(|known| known.0));
        for source in sources {
            let regex = fancy_regex::Regex::new(source).unwrap();
            let scanner = Scanner::recognise(source).unwrap();
            let count = parts.len();
            for n in 0..count.pow(4) {
                let text: String = (0..4).map(|i| parts[n / count.pow(i) % count]).collect();
                let expected: Vec<&str> =
                    regex.find_iter(text.as_str()).map(|m| m.unwrap().as_str()).collect();
                assert_eq!(pieces(scanner, &text), expected, "{source} on {text:?}");
            }
        }
    }
}
