//! A text in the pipeline and, if requested, the span of the input that each of its bytes came from.

pub(crate) mod base64;
pub(crate) mod byte_level;
pub(crate) mod character_class;
pub(crate) mod unicode;

use std::borrow::Cow;
use std::ops::{Deref, Range};

/// Bytes of the input, from and to.
pub(crate) type Span = (u32, u32);

/// A text, perhaps rewritten.
pub(crate) struct Text<'t> {
    text: Cow<'t, str>,
    origins: Origins,
}

enum Origins {
    Untracked,
    /// The text is a stretch of the input that begins here.
    Same(u32),
    /// The span of the input that each byte stands for; all bytes of a character have the same.
    Each(Vec<Span>),
}

/// A stretch of a [`Text`].
#[derive(Clone, Copy)]
pub(crate) struct TextPart<'a> {
    /// Its characters.
    pub text: &'a str,
    origins: PartOrigins<'a>,
}

#[derive(Clone, Copy)]
enum PartOrigins<'a> {
    Untracked,
    Same(u32),
    Each(&'a [Span]),
}

/// A writer of the next form of a text.
pub(crate) struct Writer {
    text: String,
    spans: Option<Vec<Span>>,
}

impl<'t> Text<'t> {
    /// A text without origins.
    pub fn plain(text: &'t str) -> Self {
        Self { text: text.into(), origins: Origins::Untracked }
    }

    /// A stretch of the input that begins at the byte `start`.
    pub fn at(text: &'t str, start: usize) -> Self {
        Self { text: text.into(), origins: Origins::Same(start as u32) }
    }

    /// A copy of a part.
    pub fn of(part: TextPart<'t>) -> Self {
        let origins = match part.origins {
            PartOrigins::Untracked => Origins::Untracked,
            PartOrigins::Same(start) => Origins::Same(start),
            PartOrigins::Each(spans) => Origins::Each(spans.to_vec()),
        };
        Self { text: part.text.into(), origins }
    }

    /// The characters alone.
    pub fn into_text(self) -> Cow<'t, str> {
        self.text
    }

    /// The whole as a part.
    pub fn whole(&self) -> TextPart<'_> {
        let origins = match &self.origins {
            Origins::Untracked => PartOrigins::Untracked,
            Origins::Same(start) => PartOrigins::Same(*start),
            Origins::Each(spans) => PartOrigins::Each(spans),
        };
        TextPart { text: &self.text, origins }
    }

    /// A stretch of it.
    pub fn part(&self, range: Range<usize>) -> TextPart<'_> {
        self.whole().part(range)
    }

    /// Rewrites the text: `write` gets the old one.
    pub fn rewrite(&mut self, write: impl FnOnce(TextPart<'_>, &mut Writer)) {
        let mut writer = self.writer();
        write(self.whole(), &mut writer);
        self.put(writer);
    }

    /// A writer for the next form of this text.
    pub fn writer(&self) -> Writer {
        let capacity = self.text.len() + self.text.len() / 8;
        let tracked = !matches!(self.origins, Origins::Untracked);
        Writer { text: String::with_capacity(capacity), spans: tracked.then(|| Vec::with_capacity(capacity)) }
    }

    /// Replaces the text by the writer's.
    pub fn put(&mut self, writer: Writer) {
        self.text = writer.text.into();
        self.origins = writer.spans.map_or(Origins::Untracked, Origins::Each);
    }

    /// Keeps only this stretch.
    pub fn narrow(&mut self, range: Range<usize>) {
        match &mut self.origins {
            Origins::Untracked => {}
            Origins::Same(start) => *start += range.start as u32,
            Origins::Each(spans) => {
                spans.truncate(range.end);
                spans.drain(..range.start);
            }
        }
        match &mut self.text {
            Cow::Borrowed(text) => *text = &text[range],
            Cow::Owned(text) => {
                text.truncate(range.end);
                text.drain(..range.start);
            }
        }
    }

    /// Keeps the characters that `keep` accepts.
    pub fn filter(&mut self, keep: impl Fn(char) -> bool) {
        if self.text.chars().all(&keep) {
            return;
        }
        self.rewrite(|part, out| {
            let dropped = part.text.chars().take_while(|&c| !keep(c)).count();
            let mut chars = part.text.chars().skip(dropped).peekable();
            let kept = std::iter::from_fn(|| {
                let c = chars.next()?;
                let mut after = 0;
                while chars.next_if(|&c| !keep(c)).is_some() {
                    after += 1;
                }
                Some((c, -after))
            });
            out.changes(part, dropped, kept);
        });
    }

    /// Replaces characters one by one.
    pub fn map(&mut self, map: impl Fn(char) -> char) {
        if self.text.chars().any(|c| map(c) != c) {
            self.rewrite(|part, out| out.changes(part, 0, part.text.chars().map(|c| (map(c), 0))));
        }
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl<'a> TextPart<'a> {
    /// A stretch of it.
    pub fn part(self, range: Range<usize>) -> Self {
        let origins = match self.origins {
            PartOrigins::Untracked => PartOrigins::Untracked,
            PartOrigins::Same(start) => PartOrigins::Same(start + range.start as u32),
            PartOrigins::Each(spans) => PartOrigins::Each(&spans[range.clone()]),
        };
        Self { text: &self.text[range], origins }
    }

    /// Where in the input it begins; `None` without origins.
    pub fn start(self) -> Option<u32> {
        match self.origins {
            PartOrigins::Untracked => None,
            PartOrigins::Same(start) => Some(start),
            PartOrigins::Each(spans) => Some(spans.first().map_or(0, |span| span.0)),
        }
    }

    /// The stretches whose origins are within one of these ranges of the input, which are in order and do not overlap.
    pub fn inside(self, ranges: &[Range<usize>]) -> Vec<Range<usize>> {
        let mut found: Vec<(usize, Range<usize>)> = Vec::new(); // with the range that it is in
        for i in 0..self.text.len() {
            let span = self.cover(i..i + 1);
            let (start, end) = (span.0 as usize, span.1 as usize);
            let range = ranges.partition_point(|range| range.end < end);
            if ranges.get(range).is_none_or(|range| start < range.start) {
                continue;
            }
            match found.last_mut() {
                Some((last, stretch)) if *last == range && stretch.end == i => stretch.end = i + 1,
                _ => found.push((range, i..i + 1)),
            }
        }
        found.into_iter().map(|(_, stretch)| stretch).collect()
    }

    /// The bytes of the input that these bytes stand for. They must not be empty, and lie inside.
    pub fn cover(self, range: Range<usize>) -> Span {
        match self.origins {
            PartOrigins::Untracked => (0, 0),
            PartOrigins::Same(start) => {
                let (mut first, mut end) = (range.start, range.end);
                while !self.text.is_char_boundary(first) {
                    first -= 1;
                }
                while !self.text.is_char_boundary(end) {
                    end += 1;
                }
                (start + first as u32, start + end as u32)
            }
            PartOrigins::Each(spans) => (spans[range.start].0, spans[range.end - 1].1),
        }
    }

    /// The origin of one byte; past the end, that of the last.
    fn span(self, byte: usize) -> Span {
        match self.text.len().checked_sub(1) {
            None => (0, 0),
            Some(last) => {
                let byte = byte.min(last);
                self.cover(byte..byte + 1)
            }
        }
    }

    fn char_len(self, at: usize) -> usize {
        self.text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
    }
}

impl Writer {
    /// The number of bytes that were written.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Copies the part unchanged.
    pub fn copy(&mut self, part: TextPart<'_>) {
        self.text.push_str(part.text);
        let Some(spans) = &mut self.spans else { return };
        match part.origins {
            PartOrigins::Untracked => {}
            PartOrigins::Each(origins) => spans.extend_from_slice(origins),
            PartOrigins::Same(start) => {
                for (at, c) in part.text.char_indices() {
                    let (from, length) = (start + at as u32, c.len_utf8());
                    spans.extend(std::iter::repeat_n((from, from + length as u32), length));
                }
            }
        }
    }

    /// Inserts text whose origin is the character before the byte `at` of the part, or nothing.
    pub fn insert_after(&mut self, text: &str, part: TextPart<'_>, at: usize) {
        let start = part.start().unwrap_or_default();
        self.insert(text, || if at == 0 { (start, start) } else { part.span(at - 1) });
    }

    /// Inserts text whose origin is the first character of the part.
    pub fn insert_first(&mut self, text: &str, part: TextPart<'_>) {
        self.insert(text, || part.span(0));
    }

    fn insert(&mut self, text: &str, span: impl FnOnce() -> Span) {
        self.text.push_str(text);
        if let Some(spans) = &mut self.spans {
            spans.extend(std::iter::repeat_n(span(), text.len()));
        }
    }

    /// A part rewritten by character, after the first `dropped` ones. With each new character comes what it does:
    /// 1 is an insertion, 0 replaces the next character, and -n replaces it and the n that follow.
    pub fn changes(
        &mut self,
        part: TextPart<'_>,
        dropped: usize,
        changes: impl Iterator<Item = (char, isize)>,
    ) {
        let Some(spans) = &mut self.spans else {
            self.text.extend(changes.map(|(c, _)| c));
            return;
        };
        let start = part.start().unwrap_or_default();
        let mut at: usize = part.text.chars().take(dropped).map(char::len_utf8).sum();
        for (c, change) in changes {
            let span = match change {
                1.. if at == 0 => (start, start),
                1.. => part.span(at - 1),
                _ => part.span(at),
            };
            for _ in change..=0 {
                at += part.char_len(at);
            }
            self.text.push(c);
            spans.extend(std::iter::repeat_n(span, c.len_utf8()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &Text<'_>) -> Vec<Span> {
        (0..text.len()).map(|byte| text.whole().cover(byte..byte + 1)).collect()
    }

    #[test]
    fn what_is_left_out_belongs_to_nothing() {
        let mut text = Text::at("xaébx", 10);
        text.filter(|c| c != 'x' && c != 'é');
        assert_eq!(&*text, "ab");
        assert_eq!(spans(&text), [(11, 12), (14, 15)]);
    }

    #[test]
    fn an_insertion_stands_for_what_is_before_it() {
        let mut text = Text::at("éb", 0);
        text.rewrite(|part, out| out.changes(part, 0, [('e', 0), ('\'', 1), ('B', 0), ('!', 1)].into_iter()));
        assert_eq!(&*text, "e'B!");
        assert_eq!(spans(&text), [(0, 2), (0, 2), (2, 3), (2, 3)]);
    }

    #[test]
    fn a_stretch_of_the_input_needs_no_table() {
        let mut text = Text::at("  né ", 5);
        text.narrow(2..5);
        assert_eq!(spans(&text), [(7, 8), (8, 10), (8, 10)]);
        text.filter(|_| true);
        assert!(matches!(text.origins, Origins::Same(7)));
    }
}
