//! Added tokens, which are matched in the text before the model sees it: the leftmost match, then the longest.

use aho_corasick::{AhoCorasick, Anchored, Input, MatchKind, StartKind};
use hashbrown::HashMap;
use std::ops::Range;

use super::stages::normalizer::{normalize, Normalizer};
use super::text::unicode::{self, WORD};
use super::vocab::Vocab;
use crate::{Error, Result};

/// A token that is matched in the text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct AddedToken {
    /// Its id.
    pub id: u32,
    /// Its text.
    pub content: String,
    /// Only matches where no word character touches it.
    pub single_word: bool,
    /// The white space before it belongs to the match.
    pub lstrip: bool,
    /// The white space after it belongs to the match.
    pub rstrip: bool,
    /// Whether its normalized form is matched in normalized text.
    pub normalized: bool,
    /// Whether it is a special token, which decoding may skip.
    pub special: bool,
}

/// A stretch of text: an added token, or the text between two of them.
pub(crate) struct TokenOrText {
    /// The token's id.
    pub token: Option<u32>,
    /// Where it is.
    pub range: Range<usize>,
}

/// The added tokens of a tokenizer.
pub(crate) struct AddedTokens {
    tokens: Vec<AddedToken>,            // by id
    normalized: HashMap<usize, String>, // the decoded form of normalized tokens, where it differs from the content
    by_id: HashMap<u32, usize>,
    by_content: HashMap<String, usize>,
    outside: usize, // how many are not in the model's vocabulary
    in_raw: Option<Matcher>,
    in_normalized: Option<Matcher>,
    spelled: Option<AhoCorasick>, // special tokens of the model's vocabulary, longer than one character
}

struct Matcher {
    automaton: AhoCorasick,
    tokens: Vec<usize>, // by pattern
}

impl AddedTokens {
    /// Checks the tokens against the vocabulary and compiles their matchers. `path` names them in errors.
    pub fn new(
        mut tokens: Vec<AddedToken>,
        vocab: &Vocab,
        stages: &[Normalizer],
        path: &str,
    ) -> Result<Self> {
        tokens.retain(|token| !token.content.is_empty());
        tokens.sort_by_key(|token| token.id);
        tokens.dedup();
        let mut added = Self {
            normalized: HashMap::new(),
            by_id: HashMap::with_capacity(tokens.len()),
            by_content: HashMap::with_capacity(tokens.len()),
            outside: 0,
            in_raw: None,
            in_normalized: None,
            spelled: None,
            tokens: Vec::new(),
        };
        for (i, token) in tokens.iter().enumerate() {
            added.index(i, token, vocab, path)?;
            if token.normalized {
                let form = normalize(stages, &token.content)?;
                if form != token.content {
                    added.normalized.insert(i, form.into_owned());
                }
            }
        }
        added.tokens = tokens;
        added.in_raw = added.matcher(false, path)?;
        added.in_normalized = added.matcher(true, path)?;
        let spelled = added.tokens.iter().filter(|token| token.special && vocab.token(token.id).is_some());
        let spelled: Vec<&str> =
            spelled.map(|token| &*token.content).filter(|text| text.chars().count() > 1).collect();
        if !spelled.is_empty() {
            added.spelled = Some(automaton(spelled.into_iter(), path)?);
        }
        Ok(added)
    }

    fn index(&mut self, i: usize, token: &AddedToken, vocab: &Vocab, path: &str) -> Result<()> {
        let clash = |what: String| {
            Err(Error::Format(format!("{path}: {:?} (id {}) {what}", token.content, token.id)))
        };
        if self.by_id.insert(token.id, i).is_some() {
            return clash("has the id of another added token".into());
        }
        if self.by_content.insert(token.content.clone(), i).is_some() {
            return clash("is there twice, with another id or other flags".into());
        }
        match (vocab.id(&token.content), vocab.token(token.id)) {
            (Some(id), _) if id != token.id => clash(format!("has the id {id} in model.vocab")),
            (None, Some(other)) => clash(format!("has the id of {other:?} in model.vocab")),
            (None, None) => {
                self.outside += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn matcher(&self, normalized: bool, path: &str) -> Result<Option<Matcher>> {
        let chosen = self.tokens.iter().enumerate().filter(|(_, token)| token.normalized == normalized);
        let tokens: Vec<usize> = chosen.map(|(i, _)| i).filter(|&i| !self.text_of(i).is_empty()).collect();
        if tokens.is_empty() {
            return Ok(None);
        }
        let automaton = automaton(tokens.iter().map(|&i| self.text_of(i)), path)?;
        Ok(Some(Matcher { automaton, tokens }))
    }

    fn text_of(&self, i: usize) -> &str {
        self.normalized.get(&i).map_or(self.tokens[i].content.as_str(), String::as_str)
    }

    /// All of them, by id.
    pub fn all(&self) -> &[AddedToken] {
        &self.tokens
    }

    /// How many are not in the model's vocabulary.
    pub fn outside(&self) -> usize {
        self.outside
    }

    /// The id of an added token.
    pub fn id(&self, content: &str) -> Option<u32> {
        self.by_content.get(content).map(|&i| self.tokens[i].id)
    }

    /// The token of an id.
    pub fn get(&self, id: u32) -> Option<&AddedToken> {
        self.by_id.get(&id).map(|&i| &self.tokens[i])
    }

    /// What an id decodes to, and whether leaving out special tokens leaves it out.
    pub fn decoded(&self, id: u32) -> Option<(&str, bool)> {
        let &i = self.by_id.get(&id)?;
        let text = self.text_of(i);
        let special = self.by_content.get(text).is_some_and(|&i| self.tokens[i].special);
        Some((text, special))
    }

    /// Whether any of them is matched in normalized text.
    pub fn has_normalized(&self) -> bool {
        self.in_normalized.is_some()
    }

    /// Splits raw text at the tokens that are not normalized; special ones count only inside `trusted`.
    pub fn split_raw(&self, text: &str, trusted: Option<&[Range<usize>]>) -> Vec<TokenOrText> {
        self.split(self.in_raw.as_ref(), text, trusted)
    }

    /// Splits normalized text at the tokens that are; special ones count only inside `trusted`.
    pub fn split_normalized(&self, text: &str, trusted: Option<&[Range<usize>]>) -> Vec<TokenOrText> {
        self.split(self.in_normalized.as_ref(), text, trusted)
    }

    /// Whether there are special tokens that match normalized text.
    pub fn has_special_in_normalized(&self) -> bool {
        self.in_normalized
            .as_ref()
            .is_some_and(|matcher| matcher.tokens.iter().any(|&i| self.tokens[i].special))
    }

    /// Whether the model's vocabulary contains a special token.
    pub fn spells(&self) -> bool {
        self.spelled.is_some()
    }

    /// The position after the first character of the next special token of the model's vocabulary, from `from` on.
    pub fn inside_spelled(&self, text: &str, from: usize) -> Option<usize> {
        let start = self.spelled.as_ref()?.find(Input::new(text).range(from..))?.start();
        Some(start + text[start..].chars().next().map_or(1, char::len_utf8))
    }

    fn split(
        &self,
        matcher: Option<&Matcher>,
        text: &str,
        trusted: Option<&[Range<usize>]>,
    ) -> Vec<TokenOrText> {
        let mut parts = Vec::new();
        let mut last = 0; // the end of the last token and its white space
        let mut blank = 0; // white space reaches up to here
        let mut at = 0;
        while let Some((i, mut range)) = matcher.and_then(|matcher| self.find(matcher, text, at, trusted)) {
            let token = &self.tokens[i];
            at = range.end;
            if token.single_word && touches_word(text, &range) {
                continue;
            }
            if token.lstrip {
                let before = text.get(last..range.start).unwrap_or_default();
                range.start = last + before.trim_end().len();
            }
            if token.rstrip {
                if blank < range.end {
                    blank = text.len() - text[range.end..].trim_start().len();
                }
                range.end = blank;
            }
            if range.is_empty() {
                continue; // all of it belongs to the token before
            }
            if last < range.start {
                parts.push(TokenOrText { token: None, range: last..range.start });
            }
            last = range.end;
            parts.push(TokenOrText { token: Some(token.id), range });
        }
        if last < text.len() {
            parts.push(TokenOrText { token: None, range: last..text.len() });
        }
        parts
    }

    /// The next match from `at` on: the leftmost, then the longest that may match there.
    fn find(
        &self,
        matcher: &Matcher,
        text: &str,
        mut at: usize,
        trusted: Option<&[Range<usize>]>,
    ) -> Option<(usize, Range<usize>)> {
        loop {
            let hit = matcher.automaton.find(Input::new(text).range(at..))?;
            let start = hit.start();
            let mut longest = Some(hit);
            while let Some(hit) = longest {
                let i = matcher.tokens[hit.pattern().as_usize()];
                if !self.tokens[i].special || trusted.is_none_or(|ranges| covers(ranges, hit.range())) {
                    return Some((i, hit.range()));
                }
                let shorter = Input::new(text).range(start..hit.end() - 1).anchored(Anchored::Yes);
                longest = matcher.automaton.find(shorter);
            }
            at = start + text[start..].chars().next().map_or(1, char::len_utf8);
        }
    }
}

fn automaton<'t>(texts: impl Iterator<Item = &'t str>, path: &str) -> Result<AhoCorasick> {
    let built = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .start_kind(StartKind::Both)
        .build(texts);
    built.map_err(|error| Error::Memory(format!("{path}: too much text to search for: {error}")))
}

/// Whether one of the ranges, which are in order and do not overlap, contains `inner`.
fn covers(ranges: &[Range<usize>], inner: Range<usize>) -> bool {
    let next = ranges.partition_point(|range| range.end < inner.end);
    ranges.get(next).is_some_and(|range| range.start <= inner.start)
}

fn touches_word(text: &str, range: &Range<usize>) -> bool {
    let before = text[..range.start].chars().next_back();
    let after = text[range.end..].chars().next();
    before.is_some_and(|c| unicode::is(c, WORD)) || after.is_some_and(|c| unicode::is(c, WORD))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::vocab::VocabBuilder;

    fn token(id: u32, content: &str) -> AddedToken {
        AddedToken {
            id,
            content: content.into(),
            special: false,
            lstrip: false,
            rstrip: false,
            single_word: false,
            normalized: false,
        }
    }

    fn split(tokens: Vec<AddedToken>, text: &str) -> Vec<(Option<u32>, String)> {
        let vocab = VocabBuilder::default().build("vocab").unwrap();
        let added = AddedTokens::new(tokens, &vocab, &[], "added_tokens").unwrap();
        let parts = added.split_raw(text, None);
        parts.into_iter().map(|part| (part.token, text[part.range].to_owned())).collect()
    }

    #[test]
    fn the_longest_of_the_leftmost_wins() {
        let parts = split(vec![token(0, "<a>"), token(1, "<a><b>"), token(2, "a><b>c")], "x<a><b>c");
        assert_eq!(parts, [(None, "x".into()), (Some(1), "<a><b>".into()), (None, "c".into())]);
    }

    #[test]
    fn stripping_takes_the_white_space_along() {
        let strip = AddedToken { lstrip: true, rstrip: true, ..token(0, "<m>") };
        assert_eq!(
            split(vec![strip], "a  <m>\n<m> b"),
            [(None, "a".into()), (Some(0), "  <m>\n".into()), (Some(0), "<m> ".into()), (None, "b".into())]
        );
    }

    #[test]
    fn blanks_that_went_with_one_token_are_no_other() {
        let right = AddedToken { rstrip: true, ..token(0, "<m>") };
        let both = AddedToken { lstrip: true, rstrip: true, ..token(1, "\n\n") };
        assert_eq!(
            split(vec![right, both], "<m>\n\n\n a"),
            [(Some(0), "<m>\n\n\n ".into()), (None, "a".into())]
        );
    }

    #[test]
    fn a_single_word_does_not_match_inside_another() {
        let single = AddedToken { single_word: true, ..token(0, "day") };
        assert_eq!(split(vec![single], "today day")[1..], [(Some(0), "day".into())]);
    }

    #[test]
    fn a_long_run_of_stripping_blanks_costs_linear_time() {
        let blank = AddedToken { lstrip: true, rstrip: true, ..token(0, " ") };
        let vocab = VocabBuilder::default().build("vocab").unwrap();
        let added = AddedTokens::new(vec![blank], &vocab, &[], "added_tokens").unwrap();
        // The first takes all of them along.
        assert_eq!(added.split_raw(&" ".repeat(300_000), None).len(), 1);
    }

    #[test]
    fn a_special_token_outside_trusted_text_is_text() {
        let tokens = ["<a>", "<a><b>", "a"].iter().zip(0..);
        let tokens = tokens.map(|(text, id)| AddedToken { special: id != 2, ..token(id, text) }).collect();
        let vocab = VocabBuilder::default().build("vocab").unwrap();
        let added = AddedTokens::new(tokens, &vocab, &[], "added_tokens").unwrap();
        let ids = |trusted: &[Range<usize>]| -> Vec<_> {
            added.split_raw("<a><b>", Some(trusted)).iter().filter_map(|part| part.token).collect()
        };
        assert_eq!(ids(std::slice::from_ref(&(0..6))), [1]);
        assert_eq!(ids(std::slice::from_ref(&(0..5))), [0]);
        assert_eq!(ids(&[]), [2]);
        assert_eq!(ids(&[0..2, 2..6]), [2]);
    }

    #[test]
    fn two_tokens_with_one_id_are_refused() {
        let vocab = VocabBuilder::default().build("vocab").unwrap();
        let error = AddedTokens::new(vec![token(7, "a"), token(7, "b")], &vocab, &[], "added_tokens").err();
        assert!(matches!(error, Some(Error::Format(text)) if text.contains("\"b\" (id 7)")));
    }
}
