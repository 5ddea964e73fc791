//! The filters of sampling, on the shrinking list of tokens that are still possible: one function each.

use super::Params;

/// A token and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub token: u32,
    pub score: f32,
}

/// How many likeliest tokens the entropy filter looks at (the reference's constant).
const TOP_H_TOKENS: usize = 100;
/// How many tokens are sorted at first where the likeliest ones are asked for; four times more each round.
const FIRST_SORTED: usize = 128;

/// Applies what `params` asks for, in transformers' order. The list stays in order of token ids.
pub(super) fn apply(params: &Params, list: &mut Vec<Candidate>) {
    if params.temperature != 1.0 {
        let temperature = params.temperature as f32;
        list.iter_mut().for_each(|candidate| candidate.score /= temperature);
    }
    if let Some(share) = params.top_h {
        top_h(share as f32, list);
    }
    if params.top_k > 0 {
        top_k(params.top_k, list);
    }
    if params.top_p < 1.0 {
        top_p(params.top_p, list);
    }
    if params.min_p > 0.0 {
        min_p(params.min_p as f32, list);
    }
    if params.typical_p < 1.0 {
        typical_p(params.typical_p as f32, list);
    }
    if params.epsilon_cutoff > 0.0 && params.epsilon_cutoff < 1.0 {
        cutoff(params.epsilon_cutoff as f32, list);
    }
    if params.eta_cutoff > 0.0 && params.eta_cutoff < 1.0 {
        let eta = eta(params.eta_cutoff as f32, &probabilities(list));
        cutoff(eta, list);
    }
    if params.renormalize_logits {
        normalize(list);
    }
}

/// The probabilities of the listed tokens among themselves.
pub(super) fn probabilities(list: &[Candidate]) -> Vec<f32> {
    let top = top_score(list);
    let mut weights: Vec<f32> = list.iter().map(|candidate| (candidate.score - top).exp()).collect();
    let total = weights.iter().map(|weight| f64::from(*weight)).sum::<f64>() as f32;
    weights.iter_mut().for_each(|weight| *weight /= total);
    weights
}

fn top_score(list: &[Candidate]) -> f32 {
    list.iter().fold(f32::NEG_INFINITY, |top, candidate| top.max(candidate.score))
}

/// Their logarithms; subtracting the top score first keeps those near zero precise.
fn log_probabilities(list: &[Candidate]) -> Vec<f32> {
    let top = top_score(list);
    let total: f64 = list.iter().map(|candidate| f64::from((candidate.score - top).exp())).sum();
    let log_total = total.ln() as f32;
    list.iter().map(|candidate| candidate.score - top - log_total).collect()
}

fn normalize(list: &mut [Candidate]) {
    let logs = log_probabilities(list);
    list.iter_mut().zip(logs).for_each(|(candidate, log)| candidate.score = log);
}

fn keep(list: &mut Vec<Candidate>, kept: &[bool]) {
    let mut flags = kept.iter();
    list.retain(|_| flags.next().copied().unwrap_or(false));
}

/// Keeps k tokens, and all that tie with the k-th.
fn top_k(k: usize, list: &mut Vec<Candidate>) {
    if k >= list.len() {
        return;
    }
    let mut scores: Vec<f32> = list.iter().map(|candidate| candidate.score).collect();
    let (_, threshold, _) = scores.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    let threshold = *threshold;
    list.retain(|candidate| candidate.score >= threshold);
}

/// Keeps the likeliest tokens whose predecessors' mass is below p; of equals, the higher id counts as likelier.
fn top_p(p: f64, list: &mut Vec<Candidate>) {
    let probabilities = probabilities(list);
    let total: f64 = probabilities.iter().map(|p| f64::from(*p)).sum();
    let dropped = (1.0 - p) as f32;
    let mut before = 0.0;
    let mut kept = vec![false; list.len()];
    walk_likeliest(list, |index| {
        // The mass of this token and of all less likely ones, rounded as the reference compares it.
        let first = before == 0.0;
        let within = first || (total - before) as f32 > dropped;
        kept[index] = within;
        before += f64::from(probabilities[index]);
        within
    });
    keep(list, &kept);
}

/// Calls `visit` with the indices of ever less likely tokens until it says no. Sorts only as far as needed.
fn walk_likeliest(list: &[Candidate], mut visit: impl FnMut(usize) -> bool) {
    let descending = |a: &usize, b: &usize| list[*b].score.total_cmp(&list[*a].score).then(b.cmp(a));
    let mut order: Vec<usize> = (0..list.len()).collect();
    let (mut start, mut size) = (0, FIRST_SORTED);
    while start < order.len() {
        let rest = &mut order[start..];
        let count = size.min(rest.len());
        if count < rest.len() {
            rest.select_nth_unstable_by(count - 1, descending);
        }
        rest[..count].sort_unstable_by(descending);
        if !rest[..count].iter().all(|index| visit(*index)) {
            return;
        }
        start += count;
        size *= 4;
    }
}

/// Keeps tokens at least `share` times as likely as the likeliest.
fn min_p(share: f32, list: &mut Vec<Candidate>) {
    let probabilities = probabilities(list);
    let top = probabilities.iter().fold(0.0f32, |top, p| top.max(*p));
    let kept: Vec<bool> = probabilities.iter().map(|p| *p >= share * top).collect();
    keep(list, &kept);
}

/// Keeps the likeliest of the first hundred while their entropy stays within this share of the hundred's.
fn top_h(share: f32, list: &mut Vec<Candidate>) {
    let mut order = Vec::with_capacity(TOP_H_TOKENS);
    walk_likeliest(list, |index| {
        order.push(index);
        order.len() < TOP_H_TOKENS
    });
    let top: Vec<Candidate> = order.iter().map(|index| list[*index]).collect();
    let terms: Vec<f64> = probabilities(&top).iter().map(|p| f64::from(entropy_term(*p))).collect();
    let limit = (terms.iter().sum::<f64>() as f32) * share;
    let mut sum = 0.0;
    let mut kept = vec![false; list.len()];
    for (rank, index) in order.iter().enumerate() {
        sum += terms[rank];
        kept[*index] = rank == 0 || sum as f32 <= limit;
    }
    keep(list, &kept);
}

fn entropy_term(p: f32) -> f32 {
    if p > 0.0 {
        -p * p.ln()
    } else {
        0.0
    }
}

/// Keeps the tokens whose surprise is nearest to the entropy, up to this mass, ties included.
fn typical_p(mass: f32, list: &mut Vec<Candidate>) {
    let logs = log_probabilities(list);
    let entropy = -logs.iter().map(|log| f64::from(log.exp() * log)).sum::<f64>() as f32;
    let distance: Vec<f32> = logs.iter().map(|log| (-log - entropy).abs()).collect();
    let probabilities = probabilities(list);
    let mut order: Vec<usize> = (0..list.len()).collect();
    order.sort_unstable_by(|a, b| distance[*a].total_cmp(&distance[*b]).then(a.cmp(b)));
    let mut sum = 0.0f64;
    let reached = order.iter().position(|index| {
        sum += f64::from(probabilities[*index]);
        sum as f32 >= mass
    });
    let last = order[reached.unwrap_or(order.len() - 1)];
    let kept: Vec<bool> = distance.iter().map(|d| *d <= distance[last]).collect();
    keep(list, &kept);
}

/// Keeps tokens with at least this probability, and always the likeliest.
fn cutoff(least: f32, list: &mut Vec<Candidate>) {
    let top = top_score(list);
    let probabilities = probabilities(list);
    let kept: Vec<bool> =
        list.iter().zip(&probabilities).map(|(c, p)| *p >= least || c.score >= top).collect();
    keep(list, &kept);
}

/// The cutoff that falls with the entropy.
fn eta(epsilon: f32, probabilities: &[f32]) -> f32 {
    let entropy = probabilities.iter().map(|p| f64::from(entropy_term(*p))).sum::<f64>() as f32;
    epsilon.min(epsilon.sqrt() * (-entropy).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(json: &str, probabilities: &[f32]) -> Vec<u32> {
        let params = Params::from_json(json).unwrap();
        let mut list = probabilities
            .iter()
            .enumerate()
            .map(|(token, p)| Candidate { token: token as u32, score: p.ln() })
            .collect();
        apply(&params, &mut list);
        list.iter().map(|candidate| candidate.token).collect()
    }

    #[test]
    fn top_k_keeps_ties_with_the_last() {
        assert_eq!(kept(r#"{"top_k": 2}"#, &[0.1, 0.4, 0.2, 0.2, 0.1]), [1, 2, 3]);
        assert_eq!(kept(r#"{"top_k": 1}"#, &[0.1, 0.4, 0.5]), [2]);
        assert_eq!(kept(r#"{"top_k": 9}"#, &[0.1, 0.4, 0.5]), [0, 1, 2]);
    }

    #[test]
    fn top_p_stops_at_the_token_that_reaches_the_mass() {
        assert_eq!(kept(r#"{"top_p": 0.6}"#, &[0.5, 0.3, 0.2]), [0, 1]);
        assert_eq!(kept(r#"{"top_p": 0.4}"#, &[0.5, 0.3, 0.2]), [0]);
        assert_eq!(kept(r#"{"top_p": 0.0}"#, &[0.5, 0.3, 0.2]), [0]);
        assert_eq!(kept(r#"{"top_p": 0.5}"#, &[0.25; 4]), [2, 3]);
    }

    #[test]
    fn top_p_finds_the_same_set_however_many_tokens_it_must_sort() {
        let list: Vec<Candidate> = (0..5000)
            .map(|token| Candidate { token, score: ((token * 7919) % 5000) as f32 / 5000.0 })
            .collect();
        let mut some = list.clone();
        top_p(0.9, &mut some);
        let mut scores: Vec<f32> = list.iter().map(|c| c.score).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let least = some.iter().map(|c| c.score).fold(f32::MAX, f32::min);
        assert_eq!(least, scores[some.len() - 1]);
        let mass = |list: &[Candidate]| list.iter().map(|c| f64::from(c.score.exp())).sum::<f64>();
        assert!(mass(&some) >= 0.9 * mass(&list));
        some.retain(|c| c.score > least);
        assert!(mass(&some) < 0.9 * mass(&list));
    }

    #[test]
    fn min_p_is_relative_to_the_likeliest() {
        assert_eq!(kept(r#"{"min_p": 0.5}"#, &[0.5, 0.3, 0.2]), [0, 1]);
        assert_eq!(kept(r#"{"min_p": 1.0}"#, &[0.5, 0.3, 0.2]), [0]);
    }

    #[test]
    fn typical_p_prefers_the_expected_surprise_to_the_likeliest_token() {
        // Entropy 1.19: the surprise of 0.3 (1.20) is nearest, that of 0.5 (0.69) farther.
        assert_eq!(kept(r#"{"typical_p": 0.25}"#, &[0.45, 0.3, 0.15, 0.1]), [1]);
        assert_eq!(kept(r#"{"typical_p": 0.4}"#, &[0.45, 0.3, 0.15, 0.1]), [0, 1]);
    }

    #[test]
    fn cutoffs_never_drop_the_likeliest() {
        assert_eq!(kept(r#"{"epsilon_cutoff": 0.25}"#, &[0.5, 0.3, 0.2]), [0, 1]);
        assert_eq!(kept(r#"{"epsilon_cutoff": 0.9}"#, &[0.5, 0.3, 0.2]), [0]);
        assert_eq!(kept(r#"{"eta_cutoff": 0.9}"#, &[0.25; 4]), [0, 1, 2, 3]);
        assert_eq!(kept(r#"{"eta_cutoff": 0.5}"#, &[0.9, 0.06, 0.04]), [0]);
    }

    #[test]
    fn top_h_keeps_the_likeliest_share_of_the_entropy() {
        assert_eq!(kept(r#"{"top_h": 0.5}"#, &[0.4, 0.3, 0.2, 0.1]), [0]);
        assert_eq!(kept(r#"{"top_h": 0.7}"#, &[0.4, 0.3, 0.2, 0.1]), [0, 1]);
    }

    #[test]
    fn filters_compose_in_the_documented_order() {
        // Temperature first: it flattens the distribution before top_p looks at it.
        assert_eq!(kept(r#"{"top_p": 0.7}"#, &[0.7, 0.2, 0.1]).len(), 1);
        assert_eq!(kept(r#"{"top_p": 0.7, "temperature": 2.0}"#, &[0.7, 0.2, 0.1]).len(), 2);
        // top_k before top_p: the mass is that of the tokens left.
        assert_eq!(kept(r#"{"top_k": 2, "top_p": 0.7}"#, &[0.5, 0.2, 0.2, 0.1]), [0, 2]);
    }
}
