//! From one row of logits to one token.

use super::candidates::{self, Candidate};
use super::{processors, History, Params, Philox};
use crate::{Error, Result};

/// Chooses the tokens of one sequence: the draw at a step depends on (seed, stream, step) and the logits alone.
#[derive(Clone, Debug)]
pub struct Sampler {
    random: Philox,
    stream: u64,
}

impl Sampler {
    /// The sampler of one continuation (`stream`) of a prompt.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { random: Philox::new(seed), stream }
    }

    /// The next token; `scores` is overwritten. NaN, or no possible token, is an error.
    pub fn choose(
        &self,
        params: &Params,
        history: &History,
        max_length: usize,
        scores: &mut [f32],
    ) -> Result<u32> {
        processors::apply(params, history, max_length, scores);
        check(scores, history)?;
        if params.greedy() {
            return Ok(likeliest(scores));
        }
        let mut list = possible(scores);
        candidates::apply(params, &mut list);
        let step = history.generated().len() as u64;
        Ok(draw(&list, self.random.uniform(self.stream, step)))
    }
}

/// The scores that a token is chosen by: what transformers returns as `scores`.
pub fn process(params: &Params, history: &History, max_length: usize, scores: &mut [f32]) -> Result<()> {
    params.check_vocab(scores.len())?;
    processors::apply(params, history, max_length, scores);
    check(scores, history)?;
    let mut list = possible(scores);
    if !params.greedy() {
        candidates::apply(params, &mut list);
        scores.fill(f32::NEG_INFINITY);
        list.iter().for_each(|candidate| scores[candidate.token as usize] = candidate.score);
    }
    Ok(())
}

fn check(scores: &[f32], history: &History) -> Result<()> {
    let step = history.generated().len() + 1;
    // A sum is NaN if any term is, and is far cheaper to look at than each term.
    if scores.iter().sum::<f32>().is_nan() && scores.iter().any(|score| score.is_nan()) {
        let token = scores.iter().position(|score| score.is_nan()).unwrap_or_default();
        return Err(Error::Value(format!(
            "the model's logits for new token {step} are not numbers (NaN, first for token {token}): \
             its weights or the chosen dtype overflow"
        )));
    }
    if !scores.iter().any(|score| *score > f32::NEG_INFINITY) {
        return Err(Error::Value(format!(
            "no token is possible as new token {step}: the parameters forbid every one of them"
        )));
    }
    if scores.contains(&f32::INFINITY) {
        return Err(Error::Value(format!(
            "the model's logits for new token {step} are infinite, by themselves or after repetition_penalty, \
             sequence_bias or exponential_decay_length_penalty"
        )));
    }
    Ok(())
}

/// The first of the highest.
fn likeliest(scores: &[f32]) -> u32 {
    let mut best = 0;
    for (token, score) in scores.iter().enumerate() {
        if *score > scores[best] {
            best = token;
        }
    }
    best as u32
}

fn possible(scores: &[f32]) -> Vec<Candidate> {
    let all =
        scores.iter().enumerate().map(|(token, score)| Candidate { token: token as u32, score: *score });
    all.filter(|candidate| candidate.score > f32::NEG_INFINITY).collect()
}

/// The token at which the cumulative probability, in order of ids, passes `u` in [0, 1).
fn draw(list: &[Candidate], u: f64) -> u32 {
    let probabilities = candidates::probabilities(list);
    let target = u * probabilities.iter().map(|p| f64::from(*p)).sum::<f64>();
    let mut sum = 0.0;
    let mut last = 0;
    for (candidate, probability) in list.iter().zip(&probabilities) {
        if *probability > 0.0 {
            sum += f64::from(*probability);
            last = candidate.token;
            if target < sum {
                break;
            }
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(json: &str, logits: &[f32]) -> Result<u32> {
        let params = Params::from_json(json).unwrap();
        Sampler::new(1, 0).choose(&params, &History::new(&[0]), 100, &mut logits.to_vec())
    }

    #[test]
    fn greedy_takes_the_first_of_the_highest() {
        assert_eq!(choose("{}", &[1.0, 3.0, 3.0]).unwrap(), 1);
        assert_eq!(choose(r#"{"do_sample": true, "temperature": 0}"#, &[1.0, 3.0, 3.0]).unwrap(), 1);
    }

    #[test]
    fn nan_and_impossible_choices_are_errors_not_tokens() {
        for json in ["{}", r#"{"do_sample": true}"#] {
            assert!(choose(json, &[1.0, f32::NAN])
                .unwrap_err()
                .to_string()
                .contains("NaN, first for token 1"));
            assert!(choose(json, &[f32::NEG_INFINITY; 2])
                .unwrap_err()
                .to_string()
                .contains("no token is possible"));
            assert!(choose(json, &[f32::INFINITY, 0.0]).unwrap_err().to_string().contains("infinite"));
        }
        assert_eq!(choose(r#"{"remove_invalid_values": true}"#, &[-1.0, f32::NAN]).unwrap(), 1);
    }

    #[test]
    fn draws_follow_the_distribution() {
        let params = Params::from_json(r#"{"do_sample": true}"#).unwrap();
        let logits = [0.7f32.ln(), 0.2f32.ln(), 0.1f32.ln()];
        let mut counts = [0; 3];
        for stream in 0..20_000 {
            let token =
                Sampler::new(5, stream).choose(&params, &History::new(&[0]), 100, &mut logits.clone());
            counts[token.unwrap() as usize] += 1;
        }
        for (count, share) in counts.iter().zip([0.7, 0.2, 0.1]) {
            assert!((f64::from(*count) / 20_000.0 - share).abs() < 0.015, "{counts:?}");
        }
    }

    #[test]
    fn the_extremes_of_the_unit_interval_are_tokens_of_the_list() {
        let list = [Candidate { token: 3, score: 0.0 }, Candidate { token: 8, score: 0.0 }];
        assert_eq!(draw(&list, 0.0), 3);
        assert_eq!(draw(&list, 0.5), 8);
        assert_eq!(draw(&list, 1.0 - f64::EPSILON / 2.0), 8);
    }
}
