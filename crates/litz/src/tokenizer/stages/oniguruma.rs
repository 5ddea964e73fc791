//! Translation of regexes from Oniguruma's syntax to that of our engine.

use std::iter::Peekable;
use std::str::Chars;

/// `\w` in a bracket.
const WORD: &str = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}";
/// `\w` in other engines: Oniguruma has its own table for Latin-1, which includes these.
const LATIN_WORD: &str = r"²³¹¼½¾";

/// Translates a regex. The parser refuses whatever neither engine supports.
pub(crate) fn translate(source: &str) -> String {
    let mut writer = Translator {
        chars: source.chars().peekable(),
        out: String::with_capacity(source.len() * 2),
        folds: false,
    };
    while let Some(c) = writer.chars.next() {
        match c {
            '\\' => writer.escape(),
            '[' => writer.bracket(),
            '(' => writer.group(),
            c => writer.out.push(c),
        }
    }
    writer.out
}

struct Translator<'a> {
    chars: Peekable<Chars<'a>>,
    out: String,
    folds: bool, // case has been ignored somewhere
}

impl Translator<'_> {
    fn escape(&mut self) {
        let word = format!("[{WORD}{LATIN_WORD}]");
        match self.chars.next() {
            Some('w') => self.out += &word,
            Some('W') => self.out += &format!("[^{WORD}{LATIN_WORD}]"),
            Some('b') => self.out += &format!("(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"),
            // The case of a property is never ignored outside brackets.
            Some(c @ ('p' | 'P')) if self.folds => {
                self.out += "(?-i:";
                self.common_escape(Some(c));
                self.out.push(')');
            }
            Some('B') => self.out += &format!("(?:(?<={word})(?={word})|(?<!{word})(?!{word}))"),
            other => self.common_escape(other),
        }
    }

    /// An escape that means the same inside brackets and outside.
    fn common_escape(&mut self, c: Option<char>) {
        match c {
            Some(c @ ('p' | 'P')) if self.chars.peek() != Some(&'{') => self.out.push(c),
            Some(c @ ('p' | 'P')) => self.property(c == 'P'),
            Some(c) => self.out.extend(['\\', c]),
            None => self.out.push('\\'),
        }
    }

    /// `\p{^Name}` is `\P{Name}`.
    fn property(&mut self, mut negated: bool) {
        self.chars.next();
        if self.chars.next_if_eq(&'^').is_some() {
            negated = !negated;
        }
        let mut name = String::new();
        while let Some(c) = self.chars.next_if(|&c| c != '}') {
            name.push(c);
        }
        self.chars.next();
        let known = Self::posix(&name.to_ascii_lowercase(), negated);
        // Both names mean more than the bracket of that name: Latin-1 again, or less: no symbols.
        match name.to_ascii_lowercase().as_str() {
            "punct" => self.out += if negated { r"\P{P}" } else { r"\p{P}" },
            "word" => self.out += &format!("[{}{WORD}{LATIN_WORD}]", if negated { "^" } else { "" }),
            _ => match known {
                Some(class) => self.out += &class,
                None => self.out += &format!(r"\{}{{{name}}}", if negated { 'P' } else { 'p' }),
            },
        }
    }

    /// A bracket, and those inside.
    fn bracket(&mut self) {
        self.out.push('[');
        if self.chars.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        // A bracket that closes at once is a character.
        if self.chars.next_if_eq(&']').is_some() {
            self.out += r"\]";
        }
        while let Some(c) = self.chars.next() {
            match c {
                ']' => {
                    self.out.push(']');
                    return;
                }
                '[' => match self.posix_bracket() {
                    Some(class) => self.out += &class,
                    None => self.bracket(),
                },
                '\\' => match self.chars.next() {
                    Some('w') => self.out += WORD,
                    Some('W') => self.out += &format!("[^{WORD}]"),
                    Some('R') => self.out.push('R'),
                    Some('X') => self.out.push('X'),
                    other => self.common_escape(other),
                },
                // Set operations in other engines.
                '~' => self.out += r"\~",
                c => self.out.push(c),
            }
        }
    }

    /// `[:name:]` or `[:^name:]`, behind its first bracket; nothing is read if it is something else.
    fn posix_bracket(&mut self) -> Option<String> {
        let mut ahead = self.chars.clone();
        ahead.next_if_eq(&':')?;
        let negated = ahead.next_if_eq(&'^').is_some();
        let mut name = String::new();
        while let Some(c) = ahead.next_if(char::is_ascii_alphabetic) {
            name.push(c);
        }
        (ahead.next() == Some(':') && ahead.next() == Some(']')).then_some(())?;
        let class = Self::posix(&name, negated)?;
        self.chars = ahead;
        Some(class)
    }

    fn posix(name: &str, negated: bool) -> Option<String> {
        let inside = match name {
            "alnum" => r"\p{Alphabetic}\p{Nd}",
            "alpha" => r"\p{Alphabetic}",
            "ascii" => r"\x00-\x7F",
            "blank" => r"\t\p{Zs}",
            "cntrl" => r"\p{Cc}",
            "digit" => r"\p{Nd}",
            "graph" => r"[^\s\p{Cc}\p{Cn}]",
            "lower" => r"\p{Lowercase}",
            "print" => r"[^\p{Cc}\p{Cn}--\p{Zl}\p{Zp}]",
            "punct" => r"\p{P}\p{S}",
            "space" => r"\s",
            "upper" => r"\p{Uppercase}",
            "word" => WORD,
            "xdigit" => "0-9A-Fa-f",
            _ => return None,
        };
        Some(format!("[{}{inside}]", if negated { "^" } else { "" }))
    }

    /// In `(?imx-imx)`, `m` lets the dot match line ends.
    fn group(&mut self) {
        self.out.push('(');
        if self.chars.peek() != Some(&'?') {
            return;
        }
        let mut ahead = self.chars.clone();
        let mut flags = String::new();
        ahead.next();
        while let Some(c) = ahead.next_if(|c| matches!(c, 'i' | 'm' | 'x' | '-')) {
            flags.push(if c == 'm' { 's' } else { c });
        }
        if !flags.is_empty() && matches!(ahead.peek(), Some(':' | ')')) {
            self.folds |= flags.contains('i');
            self.out.push('?');
            self.out += &flags;
            self.chars = ahead;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_written_out() {
        assert_eq!(translate(r"[[:alpha:]\d]"), r"[[\p{Alphabetic}]\d]");
        assert_eq!(translate(r"[^[:^digit:]\w]"), format!(r"[^[^\p{{Nd}}]{WORD}]"));
        assert_eq!(translate(r"\p{^L}\P{^L}[]a]"), r"\P{L}\p{L}[\]a]");
        assert_eq!(translate(r"(?m:.)(?mi-x)(?=a)(?<m>b)"), "(?s:.)(?si-x)(?=a)(?<m>b)");
    }

    #[test]
    fn escapes_stay_together() {
        assert_eq!(translate(r"\\w\[b\(?m\pL"), r"\\w\[b\(?mpL");
    }
}
