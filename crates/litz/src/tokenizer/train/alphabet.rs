//! The initial symbols of BPE training: special tokens and characters, with prefix and suffix.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;

use super::{BpeSettings, Words};

const NONE: u32 = u32::MAX;

/// A vocabulary that grows.
#[derive(Default)]
pub(super) struct TokenList {
    pub list: Vec<String>,
    ids: HashMap<String, u32>,
}

impl TokenList {
    /// The id of a token, a new one if it has none yet.
    pub fn id(&mut self, token: &str) -> u32 {
        if let Some(&id) = self.ids.get(token) {
            return id;
        }
        let id = self.list.len() as u32;
        self.list.push(token.to_owned());
        self.ids.insert(token.to_owned(), id);
        id
    }

    fn known(&self, token: &str) -> bool {
        self.ids.contains_key(token)
    }
}

/// The symbol of a character, by its position in the word.
pub(super) struct Alphabet {
    plain: Vec<u32>,                         // by code point
    forms: HashMap<(char, bool, bool), u32>, // continues, ends
    affixes: bool,
}

impl Alphabet {
    /// The alphabet of a corpus; its symbols are added to `tokens`.
    pub fn new(words: &Words, settings: &BpeSettings, tokens: &mut TokenList) -> Self {
        let seen = count(words);
        for token in &settings.special_tokens {
            tokens.id(token);
        }
        for c in kept(&seen, settings) {
            tokens.id(c.encode_utf8(&mut [0; 4]));
        }
        let mut plain = Vec::new();
        for &c in seen.keys() {
            let mut buffer = [0; 4];
            let token: &str = c.encode_utf8(&mut buffer);
            if tokens.known(token) {
                let code = c as usize;
                if plain.len() <= code {
                    plain.resize(code + 1, NONE);
                }
                plain[code] = tokens.id(token);
            }
        }
        let prefix = settings.continuing_subword_prefix.as_deref().unwrap_or_default();
        let suffix = settings.end_of_word_suffix.as_deref().unwrap_or_default();
        let mut alphabet =
            Self { plain, forms: HashMap::new(), affixes: !(prefix.is_empty() && suffix.is_empty()) };
        if alphabet.affixes {
            alphabet.add_forms(words, prefix, suffix, tokens);
        }
        alphabet
    }

    /// The symbols of a word, which must be one of the corpus.
    #[inline]
    pub fn each_symbol(&self, words: &Words, word: &[u8], mut found: impl FnMut(u32)) {
        if self.affixes {
            return each_form(words, word, |c, continues, ends| {
                if let Some(&symbol) = self.forms.get(&(c, continues, ends)) {
                    found(symbol);
                }
            });
        }
        words.each_char(word, |c| match self.plain.get(c as usize) {
            Some(&symbol) if symbol != NONE => found(symbol),
            _ => {}
        });
    }

    /// In the order of their text, so that ids do not depend on the order of words.
    fn add_forms(&mut self, words: &Words, prefix: &str, suffix: &str, tokens: &mut TokenList) {
        let mut forms = BTreeSet::new();
        for (word, _) in words.raw() {
            each_form(words, word, |c, continues, ends| _ = forms.insert((c, continues, ends)));
        }
        let known = |form: &(char, bool, bool)| self.plain.get(form.0 as usize).is_some_and(|&id| id != NONE);
        let mut named: Vec<_> = forms
            .into_iter()
            .filter(known)
            .map(|form| {
                let (c, continues, ends) = form;
                let before = if continues { prefix } else { "" };
                let after = if ends { suffix } else { "" };
                (format!("{before}{c}{after}"), form)
            })
            .collect();
        named.sort();
        self.forms = named.into_iter().map(|(token, form)| (form, tokens.id(&token))).collect();
    }
}

fn each_form(words: &Words, word: &[u8], mut found: impl FnMut(char, bool, bool)) {
    let mut previous: Option<(char, bool)> = None;
    words.each_char(word, |c| {
        if let Some((before, continues)) = previous {
            found(before, continues, false);
        }
        previous = Some((c, previous.is_some()));
    });
    if let Some((last, continues)) = previous {
        found(last, continues, true);
    }
}

fn count(words: &Words) -> BTreeMap<char, u64> {
    let mut low = [0u64; 0x180];
    let mut high: HashMap<char, u64> = HashMap::new();
    for (word, count) in words.raw() {
        words.each_char(word, |c| match low.get_mut(c as usize) {
            Some(sum) => *sum += count,
            None => *high.entry(c).or_default() += count,
        });
    }
    let low = low.iter().enumerate().filter(|(_, &sum)| sum > 0);
    low.filter_map(|(code, &sum)| Some((char::from_u32(code as u32)?, sum))).chain(high).collect()
}

/// The characters that get a token, by code point: of equally rare ones the limit drops the later.
fn kept(seen: &BTreeMap<char, u64>, settings: &BpeSettings) -> Vec<char> {
    let mut all = seen.clone();
    all.extend(settings.initial_alphabet.iter().map(|&c| (c, u64::MAX)));
    let mut kept: Vec<(char, u64)> = all.into_iter().collect();
    if let Some(limit) = settings.limit_alphabet {
        kept.sort_by_key(|&(c, count)| (std::cmp::Reverse(count), c));
        kept.truncate(limit);
        kept.sort_unstable();
    }
    kept.into_iter().map(|(c, _)| c).collect()
}
