//! Template source to tokens, with Jinja's whitespace rules under trim_blocks and lstrip_blocks.

use crate::chat::failure::{fail, Failure, Outcome};
use crate::chat::syntax::literals;
use crate::chat::syntax::token::{Token, TokenKind};
use crate::chat::value::characters::is_space;

// Longest first: the first that matches is taken.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<",
    "=", ".", ":", "|", ",", ";",
];

pub(crate) fn tokenize(source: &str) -> Outcome<Vec<Token>> {
    let mut text = source.replace("\r\n", "\n").replace('\r', "\n");
    if text.ends_with('\n') {
        text.pop();
    }
    let mut lexer = Lexer { text: &text, at: 0, line: 1, tokens: Vec::new() };
    lexer.root()?;
    lexer.push(TokenKind::End);
    Ok(lexer.tokens)
}

struct Lexer<'s> {
    text: &'s str,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }

    fn push(&mut self, kind: TokenKind) {
        self.tokens.push(Token { kind, line: self.line });
    }

    fn advance(&mut self, bytes: usize) {
        self.line += self.text[self.at..self.at + bytes].matches('\n').count();
        self.at += bytes;
    }

    fn error<T>(&self, message: impl Into<String>) -> Outcome<T> {
        Err(Failure::new(message).at(self.line))
    }

    fn root(&mut self) -> Outcome<()> {
        while self.at < self.text.len() {
            let Some((start, delimiter)) = find_tag(self.rest()) else {
                self.data(self.rest(), None);
                self.advance(self.rest().len());
                break;
            };
            let text = &self.rest()[..start];
            let after = &self.rest()[start + 2..];
            let sign = after.chars().next().filter(|c| matches!(c, '-' | '+'));
            self.data(text, Some((sign, delimiter != b'{')));
            if delimiter == b'%' {
                if let Some(length) = raw_begin(after) {
                    self.advance(start + 2 + length);
                    self.raw()?;
                    continue;
                }
            }
            self.advance(start + 2 + usize::from(sign.is_some()));
            match delimiter {
                b'#' => self.comment()?,
                b'%' => self.tag(TokenKind::BlockBegin, TokenKind::BlockEnd)?,
                _ => self.tag(TokenKind::VariableBegin, TokenKind::VariableEnd)?,
            }
        }
        Ok(())
    }

    /// Emits literal text before a tag: `tag` is its sign, and whether indentation before it goes away.
    fn data(&mut self, text: &str, tag: Option<(Option<char>, bool)>) {
        let line_starting = self.at == 0 || self.text.as_bytes()[self.at - 1] == b'\n';
        let kept = match tag {
            Some((Some('-'), _)) => text.trim_end_matches(is_space),
            Some((None, true)) => {
                let line = text.rfind('\n').map_or(0, |newline| newline + 1);
                let blank = !text[line..].is_empty() && text[line..].chars().all(is_space);
                if blank && (line > 0 || line_starting) {
                    &text[..line]
                } else {
                    text
                }
            }
            _ => text,
        };
        if !kept.is_empty() {
            self.push(TokenKind::Data(kept.into()));
        }
    }

    fn comment(&mut self) -> Outcome<()> {
        let Some(end) = self.rest().find("#}") else { return self.error("missing end of comment tag") };
        let sign = self.rest()[..end].chars().next_back();
        self.advance(end + 2);
        self.after_block(sign);
        Ok(())
    }

    /// Skips what the end of a block or comment removes: all whitespace, nothing, or one newline.
    fn after_block(&mut self, sign: Option<char>) {
        match sign {
            Some('-') => self.skip_space(),
            Some('+') => {}
            _ if self.rest().starts_with('\n') => self.advance(1),
            _ => {}
        }
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.advance(rest.len() - rest.trim_start_matches(is_space).len());
    }

    fn raw(&mut self) -> Outcome<()> {
        let rest = self.rest();
        for (start, _) in rest.match_indices("{%") {
            let after = &rest[start + 2..];
            let sign = after.chars().next().filter(|c| matches!(c, '-' | '+'));
            let body = after[usize::from(sign.is_some())..].trim_start_matches(is_space);
            let Some(tail) = body.strip_prefix("endraw") else { continue };
            let tail = tail.trim_start_matches(is_space);
            let (end_sign, skip) = match tail.chars().next() {
                Some(c @ ('-' | '+')) => (Some(c), 1),
                _ => (None, 0),
            };
            let Some(left) = tail[skip..].strip_prefix("%}") else { continue };
            self.data(&rest[..start], Some((sign, true)));
            self.advance(rest.len() - left.len());
            self.after_block(end_sign);
            return Ok(());
        }
        self.error("missing end of raw directive")
    }

    /// The tokens between `{{` and `}}`, or `{%` and `%}`.
    fn tag(&mut self, begin: TokenKind, end: TokenKind) -> Outcome<()> {
        let block = end == TokenKind::BlockEnd;
        self.push(begin);
        let mut open: Vec<&'static str> = Vec::new();
        while self.at < self.text.len() {
            if open.is_empty() && self.tag_end(block) {
                self.push(end);
                self.skip_tag_end(block);
                return Ok(());
            }
            let before = self.at;
            self.skip_space();
            if self.at == before {
                self.token(&mut open)?;
            }
        }
        Ok(())
    }

    fn tag_end(&self, block: bool) -> bool {
        let rest = self.rest();
        if block {
            rest.starts_with("%}") || rest.starts_with("-%}") || rest.starts_with("+%}")
        } else {
            rest.starts_with("}}") || rest.starts_with("-}}")
        }
    }

    fn skip_tag_end(&mut self, block: bool) {
        let sign = self.rest().chars().next().filter(|c| matches!(c, '-' | '+'));
        self.advance(2 + usize::from(sign.is_some()));
        if block || sign.is_some() {
            self.after_block(sign);
        }
    }

    fn token(&mut self, open: &mut Vec<&'static str>) -> Outcome<()> {
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or_default();
        if first.is_ascii_digit() {
            let after_dot = self.at > 0 && self.text.as_bytes()[self.at - 1] == b'.';
            let (kind, length) = literals::number(rest, after_dot).map_err(|f| f.at(self.line))?;
            self.push(kind);
            self.advance(length);
        } else if first == '_' || first.is_alphanumeric() {
            let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
            self.push(TokenKind::Name(rest[..end].into()));
            self.advance(end);
        } else if matches!(first, '\'' | '"') {
            let Some(length) = literals::string_length(rest) else {
                return self.error(format!("unexpected char {first:?}: the string is never closed"));
            };
            let text = literals::unescape(&rest[1..length - 1]).map_err(|f| f.at(self.line))?;
            self.push(TokenKind::Str(text.into()));
            self.advance(length);
        } else {
            self.operator(open)?;
        }
        Ok(())
    }

    fn operator(&mut self, open: &mut Vec<&'static str>) -> Outcome<()> {
        let rest = self.rest();
        let Some(op) = OPERATORS.into_iter().find(|op| rest.starts_with(op)) else {
            return self.error(format!("unexpected char {:?}", rest.chars().next().unwrap_or_default()));
        };
        match op {
            "(" => open.push(")"),
            "[" => open.push("]"),
            "{" => open.push("}"),
            ")" | "]" | "}" => match open.pop() {
                Some(expected) if expected == op => {}
                Some(expected) => return self.error(format!("unexpected '{op}', expected '{expected}'")),
                None => return self.error(format!("unexpected '{op}'")),
            },
            _ => {}
        }
        self.push(TokenKind::Op(op));
        self.advance(op.len());
        Ok(())
    }
}

/// The first `{{`, `{%` or `{#`: where it starts, and its second byte.
fn find_tag(text: &str) -> Option<(usize, u8)> {
    let bytes = text.as_bytes();
    (0..bytes.len().saturating_sub(1))
        .find(|&i| bytes[i] == b'{' && matches!(bytes[i + 1], b'{' | b'%' | b'#'))
        .map(|i| (i, bytes[i + 1]))
}

/// The bytes that the rest of a `{% raw %}` tag takes after its `{%`, whitespace after `-%}` included.
fn raw_begin(after: &str) -> Option<usize> {
    let body = after.strip_prefix(['-', '+']).unwrap_or(after).trim_start_matches(is_space);
    let tail = body.strip_prefix("raw")?.trim_start_matches(is_space);
    let left = match tail.strip_prefix("-%}") {
        Some(left) => left.trim_start_matches(is_space),
        None => tail.strip_prefix("%}")?,
    };
    Some(after.len() - left.len())
}

/// Fails on a template that is too long to be one.
pub(crate) fn check_length(source: &str) -> Outcome<()> {
    const LONGEST: usize = 1 << 20;
    if source.len() > LONGEST {
        return fail(format!(
            "the chat template has {} bytes; the longest that is accepted has {LONGEST}",
            source.len()
        ));
    }
    Ok(())
}
