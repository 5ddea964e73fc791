//! Unigram training: many initial pieces, expectation maximisation of their probabilities, and pruning.
//!
//! Sums run over the words in the order of their bytes, in chunks that do not depend on the number of threads.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::lattice::Lattice;
use super::piece_trie::PieceTrie;
use super::seeds::seeds;
use super::{Progress, TrainingStage, UnigramSettings, Words};
use crate::threads::{parallel_map, parallel_map_with};
use crate::{Error, Result};

/// The name of the unknown piece while training.
const UNKNOWN: &str = "<UNK>";
// A piece that is expected to occur less often is dropped.
const RARE: f64 = 0.5;
// Rounds that drop no piece, before the training is given up.
const PATIENCE: u32 = 20;
const CHUNKS: usize = 16;
const SMALL: usize = 4096;
// Pieces that a thread takes at a time.
const SHARE: usize = 1024;

type ScoredPiece = (String, f64);

/// The pieces with their scores, special ones first, and which is the unknown one.
pub(super) struct TrainedUnigram {
    pub pieces: Vec<ScoredPiece>,
    pub unknown: Option<usize>,
}

/// Trains on the words of a corpus, which must be in order.
pub(super) fn train(
    words: &Words,
    settings: &UnigramSettings,
    threads: usize,
    progress: &mut Progress<'_>,
) -> Result<TrainedUnigram> {
    check(settings)?;
    let sentences: Vec<(String, u64)> = words.texts().collect();
    progress(TrainingStage::Seeds, 0, 1)?;
    let mut pieces = vec![(UNKNOWN.to_owned(), f64::NAN)];
    let mut first = seeds(&sentences, settings.max_piece_length, settings.seed_size);
    let sum = first.iter().map(|piece| piece.1).sum::<f64>().ln();
    first.iter_mut().for_each(|piece| piece.1 = piece.1.ln() - sum);
    pieces.append(&mut first);
    let required: BTreeSet<char> = sentences
        .iter()
        .flat_map(|(word, _)| word.chars())
        .chain(settings.initial_alphabet.iter().copied())
        .collect();
    if required.len() > settings.vocab_size {
        return Err(Error::Value(format!(
            "vocab_size is {}, but the corpus has {} different characters; ask for more, or normalize the text",
            settings.vocab_size,
            required.len()
        )));
    }
    let wanted = settings.vocab_size * 11 / 10;
    let loops = ((wanted as f64).ln() - (pieces.len() as f64).ln()) / settings.shrinking_factor.ln();
    let total = (loops as u64 + 1) * u64::from(settings.n_sub_iterations);
    let (mut done, mut idle) = (0, 0);
    loop {
        let before = pieces.len();
        for _ in 0..settings.n_sub_iterations {
            progress(TrainingStage::Passes, done, total.max(done))?;
            let expected = expect(&PieceTrie::new(&pieces), &sentences, threads)?;
            pieces = maximise(pieces, &expected);
            done += 1;
        }
        if pieces.len() <= wanted {
            return Ok(finish(pieces, required, settings));
        }
        pieces = prune(&pieces, &sentences, settings, threads)?;
        idle = if pieces.len() < before { 0 } else { idle + 1 };
        if idle == PATIENCE {
            return Err(Error::Value(format!(
                "{} pieces are left and none can be pruned; ask for a larger vocab_size, or more n_sub_iterations",
                pieces.len()
            )));
        }
    }
}

fn check(settings: &UnigramSettings) -> Result<()> {
    let special = settings.special_tokens.len() + usize::from(settings.unk_token.is_some());
    if settings.vocab_size < special {
        return Err(Error::Value(format!(
            "vocab_size is {}, but there are {special} special tokens",
            settings.vocab_size
        )));
    }
    if !(settings.shrinking_factor > 0.0 && settings.shrinking_factor < 1.0) {
        return Err(Error::Value(format!(
            "shrinking_factor is {}; expected more than 0 and less than 1",
            settings.shrinking_factor
        )));
    }
    Ok(())
}

/// Runs `work` on chunks of the words, whose bounds depend on the number of words only. Results come in order, and at
/// most as many are in memory as there are threads.
fn chunked<T: Send>(
    sentences: &[(String, u64)],
    threads: usize,
    work: impl Fn(&[(String, u64)]) -> T + Sync,
    mut gather: impl FnMut(T),
) -> Result<()> {
    if sentences.len() <= SMALL {
        gather(work(sentences));
        return Ok(());
    }
    let chunks: Vec<_> = sentences.chunks(sentences.len().div_ceil(CHUNKS)).collect();
    for round in chunks.chunks(threads.max(1)) {
        let results = parallel_map(round.iter().copied(), threads, |chunk| Ok(work(chunk)))?;
        results.into_iter().for_each(&mut gather);
    }
    Ok(())
}

/// How often each piece is expected to occur.
fn expect(pieces: &PieceTrie<'_>, sentences: &[(String, u64)], threads: usize) -> Result<Vec<f64>> {
    let work = |chunk: &[(String, u64)]| {
        let mut lattice = Lattice::default();
        let mut expected = vec![0.0; pieces.len()];
        let mut sound = true;
        for (word, count) in chunk {
            lattice.fill(pieces, word);
            sound &= !lattice.expect(*count as f64, &mut expected).is_nan();
        }
        sound.then_some(expected)
    };
    let mut sums = vec![0.0; pieces.len()];
    let mut sound = true;
    chunked(sentences, threads, work, |expected| match expected {
        Some(expected) => sums.iter_mut().zip(expected).for_each(|(sum, each)| *sum += each),
        None => sound = false,
    })?;
    if sound {
        Ok(sums)
    } else {
        Err(Error::Value(
            "a word is too long for Unigram: its likelihood is not a number; split the text".to_owned(),
        ))
    }
}

/// Pieces with new scores, without the rare ones. The digamma function makes it a sparse Bayesian estimate.
fn maximise(pieces: Vec<ScoredPiece>, expected: &[f64]) -> Vec<ScoredPiece> {
    let mut sum = 0.0;
    let mut kept = Vec::with_capacity(pieces.len());
    for (i, ((piece, _), &count)) in pieces.into_iter().zip(expected).enumerate() {
        if i == 0 {
            kept.push((piece, f64::NAN));
        } else if count >= RARE {
            kept.push((piece, count));
            sum += count;
        }
    }
    let whole = digamma(sum);
    kept.iter_mut().for_each(|piece| piece.1 = digamma(piece.1) - whole);
    kept
}

/// The derivative of the logarithm of the gamma function, by its asymptotic series from 7 on.
fn digamma(mut x: f64) -> f64 {
    let mut result = 0.0;
    while x < 7.0 {
        result -= 1.0 / x;
        x += 1.0;
    }
    x -= 1.0 / 2.0;
    let inverse = 1.0 / x;
    let square = inverse * inverse;
    let fourth = square * square;
    result += x.ln() + (1.0 / 24.0) * square - 7.0 / 960.0 * fourth + (31.0 / 8064.0) * fourth * square
        - (127.0 / 30720.0) * fourth * fourth;
    result
}

/// The best alternative to a piece, if the piece is its own best segmentation, and whether it must be kept.
struct Pruning {
    keep: bool,
    alternative: Vec<usize>,
}

fn prunings(pieces: &PieceTrie<'_>, list: &[ScoredPiece], threads: usize) -> Result<Vec<Pruning>> {
    let pruning = |lattice: &mut Lattice, piece: &str| {
        lattice.fill(pieces, piece);
        let mut ways = lattice.two_best();
        if ways.len() < 2 {
            return Pruning { keep: true, alternative: Vec::new() };
        }
        match (ways[0].len(), ways.pop()) {
            (1, Some(alternative)) => Pruning { keep: true, alternative },
            _ => Pruning { keep: false, alternative: Vec::new() },
        }
    };
    let work = |lattice: &mut Lattice, part: &[ScoredPiece]| {
        Ok(part.iter().map(|(piece, _)| pruning(lattice, piece)).collect::<Vec<_>>())
    };
    let mut lattices: Vec<_> = (0..threads.max(1)).map(|_| Lattice::default()).collect();
    let parts = parallel_map_with(&mut lattices, list.chunks(SHARE), work)?;
    Ok(parts.into_iter().flatten().collect())
}

/// Drops the pieces whose loss costs the likelihood least.
fn prune(
    list: &[ScoredPiece],
    sentences: &[(String, u64)],
    settings: &UnigramSettings,
    threads: usize,
) -> Result<Vec<ScoredPiece>> {
    let pieces = PieceTrie::new(list);
    let prunings = prunings(&pieces, list, threads)?;
    let work = |chunk: &[(String, u64)]| {
        let mut lattice = Lattice::default();
        let mut counts = vec![0u64; list.len()];
        for (word, count) in chunk {
            lattice.fill(&pieces, word);
            lattice.best(|id| counts[id] += count);
        }
        counts
    };
    let mut counts = vec![0u64; list.len()];
    chunked(sentences, threads, work, |found| {
        counts.iter_mut().zip(found).for_each(|(sum, each)| *sum += each)
    })?;
    let all: f64 = sentences.iter().map(|(_, count)| *count as f64).sum();
    let sum: f64 = counts.iter().map(|&count| count as f64).sum();
    let mut kept = vec![list[0].clone()];
    let mut candidates = Vec::new();
    for (id, pruning) in prunings.iter().enumerate().skip(1) {
        let count = counts[id] as f64;
        if pruning.alternative.is_empty() {
            if count > 0.0 || pruning.keep {
                kept.push(list[id].clone());
            }
        } else if count > 0.0 {
            // The `tokenizers` library adds a count for each piece, not for each part of the alternative.
            let grown = sum + count * (list.len() - 1) as f64;
            let others = pruning.alternative.iter().map(|&id| counts[id] as f64);
            let loss = loss(count, all, (sum, grown), others);
            if loss.is_nan() {
                return Err(Error::Value(
                    "a piece's loss is not a number; the corpus is too large".to_owned(),
                ));
            }
            candidates.push((id, loss));
        }
    }
    let wanted = settings.vocab_size * 11 / 10;
    let size = wanted.max((list.len() as f64 * settings.shrinking_factor) as usize);
    candidates.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(std::cmp::Ordering::Equal));
    let mut candidates = candidates.into_iter();
    while kept.len() != size {
        let Some((id, _)) = candidates.next() else { break };
        kept.push(list[id].clone());
    }
    Ok(kept)
}

/// The loss of likelihood when a piece is replaced by its alternative everywhere, so that its parts occur
/// more often; `sums` are those of all counts before and after.
fn loss(count: f64, all: f64, sums: (f64, f64), alternative: impl Iterator<Item = f64>) -> f64 {
    let frequency = count / all;
    let before = count.ln() - sums.0.ln();
    let whole = sums.1.ln();
    let after = alternative.fold(0.0, |after, other| after + ((other + count).ln() - whole));
    frequency * (before - after)
}

/// The characters that must be there, then the first pieces until the vocabulary is full, by score.
fn finish(list: Vec<ScoredPiece>, required: BTreeSet<char>, settings: &UnigramSettings) -> TrainedUnigram {
    let min_score = list.iter().map(|piece| piece.1).fold(f64::INFINITY, f64::min);
    let scores: HashMap<&str, f64> = list.iter().map(|(piece, score)| (piece.as_str(), *score)).collect();
    let mut seen: HashSet<String> = HashSet::from([UNKNOWN.to_owned()]);
    let mut pieces = Vec::new();
    let mut penalty = 0.0;
    for c in required {
        let piece = c.to_string();
        let score = scores.get(piece.as_str()).copied().unwrap_or_else(|| {
            let score = min_score + penalty;
            penalty += 0.0001;
            score
        });
        seen.insert(piece.clone());
        pieces.push((piece, score));
    }
    let unknown = settings.unk_token.as_ref();
    let place = unknown.and_then(|unknown| settings.special_tokens.iter().position(|token| token == unknown));
    let added = unknown.filter(|_| place.is_none());
    let room = settings.vocab_size - settings.special_tokens.len() - usize::from(added.is_some());
    for (piece, score) in list.iter().filter(|piece| !seen.contains(&piece.0)) {
        pieces.push((piece.clone(), if score.is_nan() { 0.0 } else { *score }));
        // Equal, not more: where the characters alone fill the vocabulary, the `tokenizers` library keeps every piece.
        if pieces.len() == room {
            break;
        }
    }
    pieces.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap_or(std::cmp::Ordering::Equal));
    let special = added.into_iter().chain(&settings.special_tokens).map(|token| (token.clone(), 0.0));
    TrainedUnigram { pieces: special.chain(pieces).collect(), unknown: place.or(added.map(|_| 0)) }
}
