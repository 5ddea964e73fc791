//! The processors that greedy decoding and sampling share: one function each, on the logits of every token.

use super::{History, Params};

/// Applies the processors of `params`, in transformers' order; `max_length` is the limit that holds for this sequence.
pub(super) fn apply(params: &Params, history: &History, max_length: usize, scores: &mut [f32]) {
    sequence_bias(&params.sequence_bias, history.tokens(), scores);
    repetition_penalty(params.repetition_penalty as f32, history, scores);
    count_penalties(params.presence_penalty as f32, params.frequency_penalty as f32, history, scores);
    no_repeat_ngram(params.no_repeat_ngram_size, history.tokens(), scores);
    bad_words(&params.bad_words_ids, &params.eos_token_id, history.tokens(), scores);
    if history.tokens().len() < params.min_length || history.generated().len() < params.min_new_tokens {
        suppress(&params.eos_token_id, scores);
    }
    if let (Some(token), 1) = (params.forced_bos_token_id, history.tokens().len()) {
        force(&[token], scores);
    }
    if !params.forced_eos_token_id.is_empty() && history.tokens().len() + 1 == max_length {
        force(&params.forced_eos_token_id, scores);
    }
    if params.remove_invalid_values {
        remove_invalid(scores);
    }
    if let Some((start, factor)) = params.exponential_decay_length_penalty {
        exponential_decay(start, factor, &params.eos_token_id, history.generated().len(), scores);
    }
    suppress(&params.suppress_tokens, scores);
    if at_begin(params, history) {
        suppress(&params.begin_suppress_tokens, scores);
    }
}

/// A forced second token moves the beginning by one, as in transformers.
fn at_begin(params: &Params, history: &History) -> bool {
    let forced_first = params.forced_bos_token_id.is_some() && history.prompt().len() <= 1;
    history.generated().len() == usize::from(forced_first)
}

/// Adds each sequence's bias to its last token where the text ends in the tokens before it.
fn sequence_bias(biases: &[(Vec<u32>, f32)], tokens: &[u32], scores: &mut [f32]) {
    // The sum of a token's biases is rounded before it is added to the score, as in the reference.
    let mut sums: Vec<(u32, f32)> = Vec::new();
    for (index, (sequence, bias)) in biases.iter().enumerate() {
        let replaced = biases[index + 1..].iter().any(|(later, _)| later == sequence);
        let Some((last, before)) = sequence.split_last() else { continue };
        if replaced || !tokens.ends_with(before) {
            continue;
        }
        match sums.iter_mut().find(|(token, _)| token == last) {
            Some((_, sum)) => *sum += bias,
            None => sums.push((*last, *bias)),
        }
    }
    for (token, sum) in sums {
        scores[token as usize] += sum;
    }
}

/// Makes every token seen less likely, whatever the sign of its logit.
fn repetition_penalty(penalty: f32, history: &History, scores: &mut [f32]) {
    if penalty == 1.0 {
        return;
    }
    for token in history.distinct() {
        if let Some(score) = scores.get_mut(token as usize) {
            *score = if *score < 0.0 { *score * penalty } else { *score / penalty };
        }
    }
}

/// OpenAI's pair: a constant for each token generated before, and an amount for each time that it was.
fn count_penalties(presence: f32, frequency: f32, history: &History, scores: &mut [f32]) {
    if presence == 0.0 && frequency == 0.0 {
        return;
    }
    for (token, count) in history.generated_counts() {
        if let Some(score) = scores.get_mut(token as usize) {
            *score -= presence + frequency * count as f32;
        }
    }
}

/// Bans each token that would complete an n-gram the text already has.
fn no_repeat_ngram(size: usize, tokens: &[u32], scores: &mut [f32]) {
    if size == 0 || tokens.len() < size {
        return;
    }
    let suffix = &tokens[tokens.len() + 1 - size..];
    for window in tokens.windows(size) {
        if window[..size - 1] == *suffix {
            suppress(&window[size - 1..], scores);
        }
    }
}

/// Bans the last token of each bad sequence whose other tokens end the text; an eos alone is never bad.
fn bad_words(words: &[Vec<u32>], eos: &[u32], tokens: &[u32], scores: &mut [f32]) {
    for word in words {
        let Some((last, before)) = word.split_last() else { continue };
        let is_eos = before.is_empty() && eos.contains(last);
        if !is_eos && tokens.ends_with(before) {
            suppress(&[*last], scores);
        }
    }
}

fn suppress(tokens: &[u32], scores: &mut [f32]) {
    for token in tokens {
        if let Some(score) = scores.get_mut(*token as usize) {
            *score = f32::NEG_INFINITY;
        }
    }
}

fn force(tokens: &[u32], scores: &mut [f32]) {
    scores.fill(f32::NEG_INFINITY);
    for token in tokens {
        scores[*token as usize] = 0.0;
    }
}

fn remove_invalid(scores: &mut [f32]) {
    for score in scores {
        *score = if score.is_nan() { 0.0 } else { score.clamp(f32::MIN, f32::MAX) };
    }
}

/// Lifts eos by |logit| * (factor^n - 1), n tokens after the start.
fn exponential_decay(start: usize, factor: f64, eos: &[u32], generated: usize, scores: &mut [f32]) {
    if generated <= start {
        return;
    }
    let growth = (factor.powf((generated - start) as f64) - 1.0) as f32;
    for token in eos {
        if let Some(score) = scores.get_mut(*token as usize).filter(|score| score.is_finite()) {
            *score += score.abs() * growth;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO: f32 = f32::NEG_INFINITY;

    fn processed(json: &str, prompt: &[u32], generated: &[u32], logits: &[f32]) -> Vec<f32> {
        let params = Params::from_json(json).unwrap();
        let mut history = History::new(prompt);
        generated.iter().for_each(|token| history.push(*token));
        let mut scores = logits.to_vec();
        apply(&params, &history, 10, &mut scores);
        scores
    }

    #[test]
    fn repetition_penalty_counts_the_prompt_and_each_token_once() {
        let json = r#"{"repetition_penalty": 2.0}"#;
        assert_eq!(processed(json, &[0, 0], &[1, 9], &[4.0, -4.0, 4.0]), [2.0, -8.0, 4.0]);
    }

    #[test]
    fn presence_and_frequency_count_generated_tokens_only() {
        let json = r#"{"presence_penalty": 0.5, "frequency_penalty": 0.25}"#;
        assert_eq!(processed(json, &[0], &[1, 1, 2], &[1.0, 1.0, 1.0]), [1.0, 0.0, 0.25]);
    }

    #[test]
    fn no_ngram_is_completed_twice() {
        let json = r#"{"no_repeat_ngram_size": 2}"#;
        assert_eq!(processed(json, &[0, 1, 0], &[], &[1.0, 1.0, 1.0]), [1.0, NO, 1.0]);
        let json = r#"{"no_repeat_ngram_size": 1}"#;
        assert_eq!(processed(json, &[2], &[0], &[1.0, 1.0, 1.0]), [NO, 1.0, NO]);
        let json = r#"{"no_repeat_ngram_size": 5}"#;
        assert_eq!(processed(json, &[2], &[0], &[1.0, 1.0, 1.0]), [1.0, 1.0, 1.0]);
    }

    #[test]
    fn bad_words_are_banned_at_their_last_token_but_eos_stays() {
        let json = r#"{"bad_words_ids": [[0, 1], [2], [3]], "eos_token_id": 3}"#;
        assert_eq!(processed(json, &[0], &[], &[1.0; 4]), [1.0, NO, NO, 1.0]);
        assert_eq!(processed(json, &[1], &[], &[1.0; 4]), [1.0, 1.0, NO, 1.0]);
    }

    #[test]
    fn biases_of_several_sequences_add_up_and_the_last_of_equals_holds() {
        let json = r#"{"sequence_bias": [[[2], 9.0], [[2], 1.0], [[0, 2], 0.5], [[1, 2], 4.0]]}"#;
        assert_eq!(processed(json, &[1, 0], &[], &[1.0; 3]), [1.0, 1.0, 2.5]);
    }

    #[test]
    fn eos_waits_for_the_minimum_lengths() {
        assert_eq!(
            processed(r#"{"min_length": 3, "eos_token_id": [1]}"#, &[0, 0], &[], &[1.0, 1.0]),
            [1.0, NO]
        );
        assert_eq!(
            processed(r#"{"min_length": 2, "eos_token_id": [1]}"#, &[0, 0], &[], &[1.0, 1.0]),
            [1.0, 1.0]
        );
        let json = r#"{"min_new_tokens": 2, "eos_token_id": [1]}"#;
        assert_eq!(processed(json, &[0, 0, 0], &[0], &[1.0, 1.0]), [1.0, NO]);
        assert_eq!(processed(json, &[0, 0, 0], &[0, 0], &[1.0, 1.0]), [1.0, 1.0]);
    }

    #[test]
    fn forced_tokens_leave_no_choice() {
        assert_eq!(processed(r#"{"forced_bos_token_id": 1}"#, &[0], &[], &[5.0, 1.0]), [NO, 0.0]);
        assert_eq!(processed(r#"{"forced_bos_token_id": 1}"#, &[0, 0], &[], &[5.0, 1.0]), [5.0, 1.0]);
        assert_eq!(processed(r#"{"forced_eos_token_id": 0}"#, &[0; 5], &[0; 4], &[5.0, 1.0]), [0.0, NO]);
        assert_eq!(processed(r#"{"forced_eos_token_id": 0}"#, &[0; 5], &[0; 3], &[5.0, 1.0]), [5.0, 1.0]);
    }

    #[test]
    fn suppression_at_the_beginning_ends_after_one_token() {
        let json = r#"{"begin_suppress_tokens": [0], "suppress_tokens": [1, 77]}"#;
        assert_eq!(processed(json, &[0], &[], &[1.0; 3]), [NO, NO, 1.0]);
        assert_eq!(processed(json, &[0], &[2], &[1.0; 3]), [1.0, NO, 1.0]);
    }

    #[test]
    fn exponential_decay_lifts_eos_whatever_its_sign() {
        let json = r#"{"exponential_decay_length_penalty": [1, 2.0], "eos_token_id": [0]}"#;
        assert_eq!(processed(json, &[1], &[1], &[-2.0, 1.0]), [-2.0, 1.0]);
        assert_eq!(processed(json, &[1], &[1, 1, 1], &[-2.0, 1.0]), [4.0, 1.0]);
    }

    #[test]
    fn invalid_values_are_removed_only_when_asked() {
        let scores =
            processed(r#"{"remove_invalid_values": true}"#, &[0], &[], &[f32::NAN, f32::INFINITY, NO]);
        assert_eq!(scores, [0.0, f32::MAX, f32::MIN]);
        assert!(processed("{}", &[0], &[], &[f32::NAN])[0].is_nan());
    }
}
