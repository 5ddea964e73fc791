//! Norms.

use serde::Deserialize;

use super::checks::{check, finite};
use crate::Result;

/// A norm over the last axis; its weight is stored as `w - offset`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Norm {
    /// What the values are divided by.
    pub kind: NormKind,
    /// Added to the mean square or variance.
    pub eps: f32,
    /// 0, or 1 where checkpoints store `w - 1`.
    pub offset: f32,
    /// Whether it has a weight.
    pub weight: bool,
    /// Whether it has a bias.
    pub bias: bool,
    /// In half precision: multiplied by the weight in single precision, rounded afterwards.
    pub late: bool,
}

/// What a norm divides by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormKind {
    /// The root mean square.
    Rms,
    /// The deviation, after the mean is subtracted.
    Layer,
    /// The length.
    L2,
}

impl Norm {
    pub(super) fn check(&self) -> Result<()> {
        check(self.eps.is_finite() && self.eps >= 0.0, || format!("norm.eps is {}", self.eps))?;
        finite("norm.offset", self.offset)?;
        let (layer, offset) = (self.kind == NormKind::Layer, self.offset);
        check(layer || !self.bias, || "norm.bias is true, but only a layer norm has one".to_owned())?;
        check(!layer || offset == 0.0, || format!("norm.offset is {offset}, but a layer norm has none"))
    }
}
