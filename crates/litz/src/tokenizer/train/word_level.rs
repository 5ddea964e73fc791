//! WordLevel training: the most frequent words.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::{WordLevelSettings, Words};

/// The vocabulary by id. A special token that is also a frequent word has the word's id, and its own id is unused.
pub(super) fn train(words: &Words, settings: &WordLevelSettings) -> Vec<(String, usize)> {
    let mut counted: Vec<(String, u64)> =
        words.texts().filter(|&(_, count)| count >= settings.min_frequency).collect();
    counted.sort_unstable_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
    let special = settings.special_tokens.iter().cloned();
    let tokens = special.chain(counted.into_iter().map(|(word, _)| word));
    let ids: HashMap<String, usize> =
        tokens.take(settings.vocab_size).enumerate().map(|(id, token)| (token, id)).collect();
    let mut vocab: Vec<_> = ids.into_iter().collect();
    vocab.sort_unstable_by_key(|&(_, id)| id);
    vocab
}
