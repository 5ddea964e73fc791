//! How positions enter: rotations, biases of the scores, learned rows.

use serde::Deserialize;

use super::checks::{check, finite, positive};
use crate::Result;

/// A rotation of the first `dim` elements of each query and key head.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rope {
    /// How many elements rotate.
    pub dim: usize,
    /// Pairs are neighbours, not halves.
    pub interleaved: bool,
    /// Multiplies cos and sin.
    pub gain: f64,
    /// Radians per position, one per pair.
    pub frequencies: Vec<f64>,
    /// Other frequencies for long sequences.
    pub long: Option<LongRope>,
    /// For each pair, which position axis it rotates with; empty: there is one axis.
    pub axes: Vec<usize>,
}

/// What a sequence of more than `above` tokens uses, for every position.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongRope {
    /// The longest sequence that still uses the short frequencies.
    pub above: usize,
    /// Multiplies cos and sin.
    pub gain: f64,
    /// Radians per position, one per pair.
    pub frequencies: Vec<f64>,
}

/// What is added to the scaled score of a query and a key for their distance.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum PositionBias {
    /// `slope * (key position - query position)`.
    Alibi(Alibi),
    /// A learned number for each bucket of distances.
    Buckets(Buckets),
}

/// One slope for every query head.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alibi {
    /// One for every query head.
    pub slopes: Vec<f32>,
}

/// Buckets of distances, which widen up to `distance`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Buckets {
    /// How many there are.
    pub count: usize,
    /// Where the last one begins.
    pub distance: usize,
    /// Keys before and after the query have buckets of their own.
    pub two_way: bool,
    /// One table serves every layer.
    pub shared: bool,
}

/// Rows of `positions.weight`; a token at `position` takes row `position + offset`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Positions {
    /// How many rows there are.
    pub rows: usize,
    /// How many rows in front stay unused.
    pub offset: usize,
    /// Tokens of this id keep row `skip`; the others count from `skip + 1`.
    pub skip: Option<usize>,
}

/// `q *= 1 + beta * log(1 + floor((position + shift) / every))`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temper {
    /// How fast queries grow.
    pub beta: f32,
    /// How many positions share a factor.
    pub every: usize,
    /// Added to the position.
    pub shift: usize,
}

impl Rope {
    pub(super) fn check(&self) -> Result<()> {
        positive("dim", self.dim)?;
        check(self.dim.is_multiple_of(2), || format!("dim is {}, expected an even number", self.dim))?;
        frequencies(self.dim, self.gain, &self.frequencies)?;
        let axes = self.axes.len();
        check(axes == 0 || axes == self.dim / 2, || {
            format!("{axes} axes, expected none or dim/2 = {}", self.dim / 2)
        })?;
        match &self.long {
            Some(long) => frequencies(self.dim, long.gain, &long.frequencies),
            None => Ok(()),
        }
    }
}

impl PositionBias {
    pub(super) fn check(&self, heads: usize, softcap: Option<f32>) -> Result<()> {
        match self {
            Self::Alibi(Alibi { slopes }) => {
                check(slopes.len() == heads, || {
                    format!("{} alibi slopes, expected one for each of {heads} heads", slopes.len())
                })?;
                slopes.iter().try_for_each(|&slope| finite("an alibi slope", slope))?;
                check(softcap.is_none(), || "alibi and a softcap have no agreed order".to_owned())
            }
            Self::Buckets(buckets) => {
                positive("position_bias.count", buckets.count)?;
                positive("position_bias.distance", buckets.distance)
            }
        }
    }
}

impl Positions {
    pub(super) fn check(&self, context: usize) -> Result<()> {
        positive("positions.rows", self.rows)?;
        let offset = self.skip.map_or(self.offset, |skip| skip.saturating_add(1));
        check(self.rows >= context.saturating_add(offset), || {
            let rows = self.rows;
            format!("positions.rows is {rows}, expected at least context + offset = {context} + {offset}")
        })
    }
}

impl Temper {
    pub(super) fn check(&self) -> Result<()> {
        finite("temper.beta", self.beta)?;
        positive("temper.every", self.every)
    }
}

fn frequencies(dim: usize, gain: f64, values: &[f64]) -> Result<()> {
    check(values.len() == dim / 2, || format!("{} frequencies, expected dim/2 = {}", values.len(), dim / 2))?;
    check(gain.is_finite() && values.iter().all(|value| value.is_finite()), || {
        "gain and frequencies must be finite".to_owned()
    })
}
