//! Texts with the origin of each byte: trusted or untrusted.
//!
//! What the template wrote is trusted: special tokens are recognised there. What came in with a message, a tool, a
//! document or a variable is untrusted. An operation that does not track origins makes its whole result untrusted.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

/// Changing the case of a text of more trusted stretches than this makes all of it untrusted.
const TRACKED_STRETCHES: usize = 8;

/// A text with the origins of its bytes.
#[derive(Clone)]
pub(crate) struct Text {
    pub text: Arc<str>,
    // Starts and ends of the trusted stretches, alternating, where only some bytes are. A thin pointer keeps values small.
    edges: Option<Rc<Vec<usize>>>,
    /// Marked by `safe` or `escape`: adding to it escapes the other side, as markupsafe does.
    pub markup: bool,
    trusted: bool,
}

impl Text {
    /// A text that the template wrote.
    pub fn trusted(text: impl Into<Arc<str>>) -> Self {
        Self::new(text, true)
    }

    /// A text that the template was given.
    pub fn untrusted(text: impl Into<Arc<str>>) -> Self {
        Self::new(text, false)
    }

    pub fn new(text: impl Into<Arc<str>>, trusted: bool) -> Self {
        Self { text: text.into(), edges: None, markup: false, trusted }
    }

    pub fn with_markup(self, markup: bool) -> Self {
        Self { markup, ..self }
    }

    /// Whether the template wrote all of it.
    pub fn is_trusted(&self) -> bool {
        self.trusted || self.text.is_empty()
    }

    /// Itself, or all of it as untrusted where `trusted` is false.
    pub fn trusted_if(&self, trusted: bool) -> Self {
        match trusted {
            true => self.clone(),
            false => Self { edges: None, trusted: false, ..self.clone() },
        }
    }

    /// The bytes that a copy takes.
    pub fn cost(&self) -> usize {
        self.text.len() + self.edges.as_ref().map_or(0, |edges| edges.len() * 8)
    }

    /// A part, by bytes.
    pub fn slice(&self, range: Range<usize>) -> Self {
        let Some(edges) = &self.edges else {
            return Self { text: self.text[range].into(), ..self.clone() };
        };
        let first = edges.partition_point(|&edge| edge <= range.start);
        if edges.get(first).is_none_or(|&edge| edge >= range.end) {
            let trusted = first % 2 == 1;
            return Self { text: self.text[range].into(), edges: None, trusted, ..*self };
        }
        let mut out = Output::default();
        out.part(self, range);
        out.finish(self.markup)
    }

    /// The part that is `piece`, a slice of the text.
    pub fn piece(&self, piece: &str) -> Self {
        let start = (piece.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let range = start..start.wrapping_add(piece.len());
        match self.text.get(range.clone()) {
            Some(_) => self.slice(range),
            None => Self { text: piece.into(), edges: None, trusted: false, ..*self },
        }
    }

    /// The stretches of one origin in a range of bytes, each with whether it is trusted.
    pub fn stretches(&self, range: Range<usize>) -> impl Iterator<Item = (Range<usize>, bool)> + '_ {
        let edges = self.edges.as_deref().map_or(&[][..], Vec::as_slice);
        let mut next = edges.partition_point(|&edge| edge <= range.start);
        let mut at = range.start;
        std::iter::from_fn(move || {
            if at >= range.end {
                return None;
            }
            let end = edges.get(next).map_or(range.end, |&edge| edge.min(range.end));
            let trusted = if self.edges.is_some() { next % 2 == 1 } else { self.trusted };
            let stretch = at..end;
            (at, next) = (end, next + 1);
            Some((stretch, trusted))
        })
    }

    /// The result of `change`, which must map each prefix of the text to a prefix of the result.
    pub fn changed(&self, change: impl Fn(&str) -> String) -> Self {
        let text = change(&self.text);
        let edges = match &self.edges {
            Some(edges) if edges.len() <= 2 * TRACKED_STRETCHES => {
                Some(Rc::new(edges.iter().map(|&edge| change(&self.text[..edge]).len()).collect()))
            }
            _ => None,
        };
        Self { text: text.into(), edges, ..*self }
    }

    pub fn repeated(&self, count: usize) -> Self {
        if self.edges.is_none() {
            return Self { text: self.text.repeat(count).into(), ..self.clone() };
        }
        let mut out = Output::default();
        (0..count).for_each(|_| out.text(self));
        out.finish(self.markup)
    }

    /// Each stretch replaced by what `change` makes of it.
    pub fn changed_apart(&self, change: impl Fn(&str) -> String) -> Self {
        let mut out = Output::default();
        for (range, trusted) in self.stretches(0..self.text.len()) {
            out.push(&change(&self.text[range]), trusted);
        }
        out.finish(self.markup)
    }
}

/// A text under construction.
#[derive(Default)]
pub(crate) struct Output {
    text: String,
    edges: Vec<usize>,
}

impl Output {
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), edges: Vec::new() }
    }

    pub fn len(&self) -> usize {
        self.text.len()
    }

    pub fn push(&mut self, text: &str, trusted: bool) {
        let start = self.text.len();
        self.text.push_str(text);
        if trusted {
            self.trust(start);
        }
    }

    /// Appends with `write`, which must only append; `trusted` is the origin of what it wrote.
    pub fn write(&mut self, trusted: bool, write: impl FnOnce(&mut String)) {
        let start = self.text.len();
        write(&mut self.text);
        if trusted {
            self.trust(start);
        }
    }

    fn trust(&mut self, start: usize) {
        let end = self.text.len();
        match self.edges.last_mut() {
            _ if start == end => {}
            Some(last) if *last == start => *last = end,
            _ => {
                self.edges.push(start);
                self.edges.push(end);
            }
        }
    }

    pub fn text(&mut self, source: &Text) {
        self.part(source, 0..source.text.len());
    }

    /// Adds a part of another text.
    pub fn part(&mut self, source: &Text, range: Range<usize>) {
        if source.edges.is_none() {
            return self.push(&source.text[range], source.trusted);
        }
        for (stretch, trusted) in source.stretches(range) {
            self.push(&source.text[stretch], trusted);
        }
    }

    pub fn finish(self, markup: bool) -> Text {
        let trusted = match self.edges[..] {
            [] => self.text.is_empty(),
            [start, end] => start == 0 && end == self.text.len(),
            _ => false,
        };
        let edges = (!trusted && !self.edges.is_empty()).then(|| Rc::new(self.edges));
        Text { text: self.text.into(), edges, markup, trusted }
    }

    /// The text, and the byte ranges that the template wrote.
    pub fn into_parts(self) -> (String, Vec<Range<usize>>) {
        let trusted = self.edges.chunks_exact(2).map(|edge| edge[0]..edge[1]).collect();
        (self.text, trusted)
    }
}
