//! The filters of sampling, on the shrinking list of tokens that are still possible: one function each.

use std::cmp::Ordering;

use super::Params;

/// A token and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub token: u32,
    pub score: f32,
}

/// How many of the likeliest tokens the entropy filter considers (the reference's constant).
const TOP_H_TOKENS: usize = 100;
/// Buckets of keys, 1/32 wide and up to 32: only keys within one bucket are sorted.
const BUCKETS: usize = 1024;
const BUCKETS_PER_UNIT: f32 = 32.0;

/// Applies the filters of `params`, in transformers' order. The list stays in order of token ids.
pub(super) fn apply(params: &Params, list: &mut Vec<Candidate>) {
    if params.temperature != 1.0 {
        scale(params.temperature, list);
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

/// Divides by the temperature. Where that overflows, the distances to the likeliest token are divided instead: the same
/// distribution, and in the limit the likeliest token alone.
fn scale(temperature: f64, list: &mut Vec<Candidate>) {
    let divisor = temperature as f32;
    if list.iter().all(|candidate| (candidate.score / divisor).is_finite()) {
        list.iter_mut().for_each(|candidate| candidate.score /= divisor);
        return;
    }
    let top = f64::from(top_score(list));
    for candidate in list.iter_mut() {
        candidate.score = ((f64::from(candidate.score) - top) / temperature) as f32;
    }
    list.retain(|candidate| candidate.score > f32::NEG_INFINITY);
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
    let (top, dropped) = (top_score(list), (1.0 - p) as f32);
    let likelier = |a: &usize, b: &usize| list[*b].score.total_cmp(&list[*a].score).then(b.cmp(a));
    // What is compared is the mass of a token and of all less likely ones, rounded as the reference does.
    let within = |before: f64| before == 0.0 || (total - before) as f32 > dropped;
    let (kept, _) = leading(|index| top - list[index].score, likelier, &probabilities, within);
    keep(list, &kept);
}

/// Marks the indices in ascending order of `key` (at least 0; `order` refines it) while `within` holds for the mass
/// before them, and returns the last. Masses are summed by bucket of the key; only the bucket that it ends in is sorted.
fn leading(
    key: impl Fn(usize) -> f32,
    order: impl Fn(&usize, &usize) -> Ordering,
    probabilities: &[f32],
    within: impl Fn(f64) -> bool,
) -> (Vec<bool>, usize) {
    let bucket = |index: usize| ((key(index) * BUCKETS_PER_UNIT) as usize).min(BUCKETS - 1);
    let mut masses = vec![0.0f64; BUCKETS];
    for (index, p) in probabilities.iter().enumerate() {
        masses[bucket(index)] += f64::from(*p);
    }
    let mut before = 0.0;
    let mut end = 0;
    while end + 1 < BUCKETS && within(before + masses[end]) {
        before += masses[end];
        end += 1;
    }
    let mut kept: Vec<bool> = (0..probabilities.len()).map(|index| bucket(index) < end).collect();
    let mut members: Vec<usize> = (0..probabilities.len()).filter(|index| bucket(*index) == end).collect();
    members.sort_unstable_by(&order);
    for index in members {
        if !within(before) {
            break;
        }
        kept[index] = true;
        before += f64::from(probabilities[index]);
    }
    let last = (0..kept.len()).filter(|index| kept[*index]).max_by(&order).unwrap_or_default();
    (kept, last)
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
    let mut top = list.clone();
    top_k(TOP_H_TOKENS, &mut top);
    top.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.token.cmp(&b.token)));
    top.truncate(TOP_H_TOKENS);
    let terms: Vec<f64> = probabilities(&top).iter().map(|p| f64::from(entropy_term(*p))).collect();
    let limit = (terms.iter().sum::<f64>() as f32) * share;
    let mut sum = 0.0;
    let within = terms.iter().take_while(|term| {
        sum += **term;
        sum as f32 <= limit
    });
    top.truncate(within.count().max(1));
    top.sort_unstable_by_key(|candidate| candidate.token);
    *list = top;
}

fn entropy_term(p: f32) -> f32 {
    if p > 0.0 {
        -p * p.ln()
    } else {
        0.0
    }
}

/// p ln p of a logarithm; a probability that is rounded to 0 adds nothing.
fn information(log: f32) -> f64 {
    let p = log.exp();
    if p > 0.0 {
        f64::from(p * log)
    } else {
        0.0
    }
}

/// Keeps the tokens whose surprise is nearest to the entropy, up to this mass, ties included.
fn typical_p(mass: f32, list: &mut Vec<Candidate>) {
    let logs = log_probabilities(list);
    let entropy = -logs.iter().map(|log| information(*log)).sum::<f64>() as f32;
    let distance: Vec<f32> = logs.iter().map(|log| (-log - entropy).abs()).collect();
    let probabilities = probabilities(list);
    let nearer = |a: &usize, b: &usize| distance[*a].total_cmp(&distance[*b]).then(a.cmp(b));
    let (_, last) = leading(|index| distance[index], nearer, &probabilities, |before| (before as f32) < mass);
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
    fn top_p_finds_the_same_set_however_many_tokens_there_are() {
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
    fn every_small_temperature_leaves_the_likeliest_token_beside_every_filter() {
        for temperature in ["1e-6", "1e-37", "1e-40", "1e-300", "5e-324"] {
            for more in [
                "",
                r#", "top_p": 0.9"#,
                r#", "min_p": 0.1"#,
                r#", "typical_p": 0.5"#,
                r#", "eta_cutoff": 0.1"#,
            ] {
                let json = format!(r#"{{"temperature": {temperature}{more}}}"#);
                let mut list: Vec<Candidate> = [-3.0f32, 9.5, 9.0, 0.0, -60.0]
                    .iter()
                    .enumerate()
                    .map(|(token, score)| Candidate { token: token as u32, score: *score })
                    .collect();
                apply(&Params::from_json(&json).unwrap(), &mut list);
                let probabilities = probabilities(&list);
                let likely = list.iter().zip(&probabilities).filter(|(_, p)| **p > 0.0);
                assert_eq!(likely.map(|(c, _)| c.token).collect::<Vec<_>>(), [1], "{json}");
            }
        }
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
