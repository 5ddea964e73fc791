//! What joins the scores for the distance between a key and a query, as a table over all distances.

use std::sync::Arc;

use super::builder::Builder;
use super::refusals::unsupported;
use crate::engine::steps::Distances;
use crate::spec::{self, Alibi, Buckets, PositionBias};
use crate::Result;

/// The biases of one attention, for every distance that its context allows.
pub(super) fn distances<'a>(
    builder: &mut Builder<'a, '_>,
    spec: &'a spec::Attention,
) -> Result<Option<Distances>> {
    let Some(bias) = &spec.position_bias else { return Ok(None) };
    let reach = builder.tower.context - 1;
    if let Some((_, table)) = builder.distances.iter().find(|(known, _)| *known == (bias, spec.mask.causal)) {
        return Ok(Some(Distances { table: Arc::clone(table), reach }));
    }
    let table = match bias {
        PositionBias::Alibi(alibi) => slopes(alibi, reach, spec.mask.causal),
        PositionBias::Buckets(buckets) if buckets.shared => learned(builder, buckets, spec.heads, reach)?,
        PositionBias::Buckets(_) => return Err(unsupported("a table of position buckets for each layer")),
    };
    let table: Arc<[f32]> = table.into();
    builder.distances.push(((bias, spec.mask.causal), Arc::clone(&table)));
    Ok(Some(Distances { table, reach }))
}

/// `slope * (key - query)`; where a query sees both sides, `-slope * |key - query|`.
fn slopes(alibi: &Alibi, reach: usize, causal: bool) -> Vec<f32> {
    let width = 2 * reach + 1;
    let value = |slope: f32, place: usize| {
        let distance = place as f32 - reach as f32;
        slope * if causal { distance } else { -distance.abs() }
    };
    alibi.slopes.iter().flat_map(|&slope| (0..width).map(move |place| value(slope, place))).collect()
}

/// The bucket's number of each head: `position_bias.weight` has a row for each bucket and a column for each head.
fn learned(builder: &mut Builder<'_, '_>, buckets: &Buckets, heads: usize, reach: usize) -> Result<Vec<f32>> {
    let learned = builder.loader.columns("position_bias.weight", buckets.count, heads)?;
    let rows: Vec<usize> =
        (0..=2 * reach).map(|place| bucket(buckets, place as i64 - reach as i64)).collect();
    let of_head = |numbers: &Vec<f32>| rows.iter().map(|&row| numbers[row]).collect::<Vec<_>>();
    Ok(learned.iter().flat_map(of_head).collect())
}

/// The bucket of `key - query`: one for each small distance, then wider ones up to `distance`. Raffel et al., 2019.
fn bucket(buckets: &Buckets, distance: i64) -> usize {
    let (count, first, distance) = match buckets.two_way {
        true => {
            let half = buckets.count / 2;
            (half, if distance > 0 { half } else { 0 }, distance.unsigned_abs())
        }
        false => (buckets.count, 0, (-distance).max(0).unsigned_abs()),
    };
    let exact = count / 2;
    let Ok(distance) = usize::try_from(distance) else { return first + count - 1 };
    if distance < exact {
        return first + distance;
    }
    // In single precision, as the reference has it: bounds of buckets fall on whole numbers.
    let share = (distance as f32 / exact as f32).ln() / ((buckets.distance as f32 / exact as f32).ln());
    let wide = exact + (share * (count - exact) as f32) as usize;
    first + wide.min(count - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T5: Buckets = Buckets { count: 32, distance: 128, two_way: true, shared: true };

    #[test]
    fn near_distances_have_buckets_of_their_own_and_far_ones_share_them() {
        let found: Vec<usize> =
            [0, -1, -7, -8, -11, -12, -64, -127, -128, -1000].map(|d| bucket(&T5, d)).to_vec();
        assert_eq!(found, [0, 1, 7, 8, 8, 9, 14, 15, 15, 15]);
    }

    #[test]
    fn keys_behind_the_query_have_the_upper_half() {
        assert_eq!([1, 7, 8, 1000].map(|d| bucket(&T5, d)), [17, 23, 24, 31]);
    }

    #[test]
    fn one_way_buckets_know_no_keys_behind_the_query() {
        let one_way = Buckets { two_way: false, ..T5 };
        assert_eq!([5, 0, -15, -16, -1000].map(|d| bucket(&one_way, d)), [0, 0, 15, 16, 31]);
    }
}
