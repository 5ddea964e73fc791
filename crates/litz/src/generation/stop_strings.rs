//! Stop strings, found in the text of one sequence as it grows; text that may become one is held back.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Result;

/// Turns tokens into text one at a time: all that is complete so far, which may be nothing.
pub trait TokenText: Send {
    /// The text that this token completes.
    fn push(&mut self, token: u32) -> Result<String>;
    /// The text of an incomplete end.
    fn finish(&mut self) -> Result<String>;
}

/// Opens the text of a sequence, with or without special tokens.
pub type OpenText = Arc<dyn Fn(bool) -> Box<dyn TokenText> + Send + Sync>;

/// What one or more tokens contributed: the text that stop strings see, and the text that the reader sees.
struct TextPiece {
    matched: String,
    shown: String,
}

/// Follows one sequence. Special tokens count for stop strings even where the reader does not see them.
pub struct StopMatcher {
    stops: Arc<[String]>,
    matching: Option<Box<dyn TokenText>>,
    showing: Box<dyn TokenText>,
    held: VecDeque<TextPiece>,
    ready: String,
}

impl StopMatcher {
    /// A matcher for a sequence without tokens.
    pub fn new(stops: Arc<[String]>, open: &OpenText, skip_special_tokens: bool) -> Self {
        let matching = (!stops.is_empty()).then(|| open(false));
        Self {
            stops,
            matching,
            showing: open(skip_special_tokens),
            held: VecDeque::new(),
            ready: String::new(),
        }
    }

    /// Adds a token; true if the text now contains a stop string.
    pub fn push(&mut self, token: u32) -> Result<bool> {
        let shown = self.showing.push(token)?;
        let Some(matching) = &mut self.matching else {
            self.ready.push_str(&shown);
            return Ok(false);
        };
        self.held.push_back(TextPiece { matched: matching.push(token)?, shown });
        let text: String = self.held.iter().map(|chunk| chunk.matched.as_str()).collect();
        if let Some(start) = self.stops.iter().filter_map(|stop| text.find(stop.as_str())).min() {
            self.release(start);
            self.held.clear();
            self.matching = None;
            return Ok(true);
        }
        let open = self.stops.iter().map(|stop| overlap(&text, stop)).max().unwrap_or(0);
        self.release(text.len() - open);
        Ok(false)
    }

    /// Releases all text after the last token, unless a stop string cut it off.
    pub fn finish(&mut self, stopped: bool) -> Result<()> {
        if !stopped {
            self.ready.extend(self.held.drain(..).map(|chunk| chunk.shown));
            self.ready.push_str(&self.showing.finish()?);
        }
        Ok(())
    }

    /// The text that became final since the last call.
    pub fn take(&mut self) -> String {
        std::mem::take(&mut self.ready)
    }

    /// Moves the first `bytes` of the matched text to the reader; a special token moves as a whole or not at all.
    fn release(&mut self, mut bytes: usize) {
        while let Some(chunk) = self.held.front_mut() {
            if chunk.matched.len() > bytes {
                if chunk.matched == chunk.shown {
                    self.ready.push_str(&chunk.shown[..bytes]);
                    chunk.shown.drain(..bytes);
                    chunk.matched.drain(..bytes);
                }
                return;
            }
            bytes -= chunk.matched.len();
            self.ready.push_str(&chunk.shown);
            self.held.pop_front();
        }
    }
}

/// The length of the longest end of `text` with which `stop` begins.
fn overlap(text: &str, stop: &str) -> usize {
    let lengths = stop.char_indices().map(|(at, _)| at).rev();
    lengths.into_iter().find(|length| text.ends_with(&stop[..*length])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Token n is the n-th piece; pieces in angle brackets are special.
    struct PieceList(&'static [&'static str], bool);

    impl TokenText for PieceList {
        fn push(&mut self, token: u32) -> Result<String> {
            let piece = self.0[token as usize];
            Ok(if self.1 && piece.starts_with('<') { String::new() } else { piece.to_owned() })
        }

        fn finish(&mut self) -> Result<String> {
            Ok(String::new())
        }
    }

    /// What is released after each token and at the end; "!" where the text stopped.
    fn follow(stops: &[&str], pieces: &'static [&'static str]) -> Vec<String> {
        let open: OpenText = Arc::new(move |skip| Box::new(PieceList(pieces, skip)));
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_owned()).collect();
        let mut matcher = StopMatcher::new(stops.into(), &open, true);
        let mut seen = Vec::new();
        for token in 0..pieces.len() {
            let stopped = matcher.push(token as u32).unwrap();
            seen.push(matcher.take() + if stopped { "!" } else { "" });
            if stopped {
                matcher.finish(true).unwrap();
                assert_eq!(matcher.take(), "");
                return seen;
            }
        }
        matcher.finish(false).unwrap();
        seen.push(matcher.take());
        seen
    }

    #[test]
    fn a_stop_string_that_spans_tokens_is_found_and_not_shown() {
        assert_eq!(follow(&["STOP"], &["aS", "T", "OPb", "c"]), ["a", "", "!"]);
    }

    #[test]
    fn text_that_only_began_like_one_is_released() {
        assert_eq!(follow(&["STOP"], &["aST", "ART"]), ["a", "START", ""]);
        assert_eq!(follow(&["STOP"], &["aST"]), ["a", "ST"]);
        assert_eq!(follow(&["aab"], &["a", "a", "a", "b"]), ["", "", "a", "!"]);
    }

    #[test]
    fn the_first_of_several_ends_the_text() {
        assert_eq!(follow(&["d", "bc"], &["a", "bcd"]), ["a", "!"]);
        assert_eq!(follow(&["abc", "b"], &["ab"]), ["a!"]);
    }

    #[test]
    fn special_tokens_are_matched_though_not_shown() {
        assert_eq!(follow(&["<end>"], &["a", "<end>", "b"]), ["a", "!"]);
        assert_eq!(follow(&["<e"], &["a<", "<e>"]), ["a", "<!"]);
        assert_eq!(follow(&["x"], &["a", "<end>", "b"]), ["a", "", "b", ""]);
    }

    #[test]
    fn characters_are_never_cut() {
        assert_eq!(follow(&["né!"], &["un", "é", "é!"]), ["u", "", "néé!", ""]);
        assert_eq!(follow(&["再见"], &["你好再", "见"]), ["你好", "!"]);
    }

    #[test]
    fn without_stop_strings_everything_is_shown_at_once() {
        assert_eq!(follow(&[], &["a", "<s>", "b"]), ["a", "", "b", ""]);
    }
}
