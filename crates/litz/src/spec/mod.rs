//! What a model computes, as data: towers of layers, each a tuple of residual sums, and a head.
//!
//! The JSON form is the contract with `litz/spec/`. Unknown keys are errors, and every invariant is checked here, once.

mod attention;
mod checks;
mod feed_forward;
mod heads;
mod layer;
mod norm;
mod position;
mod recurrent;
mod tower;

#[cfg(test)]
pub(crate) mod tests;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

pub use attention::{Attention, Gate, IndexPool, Indexer, Latent, Mask, Memory, NormOver, Window};
pub use feed_forward::{Activation, Groups, LayerInput, Mlp, Moe, Router, Scores};
pub use heads::{CtcHead, Dense, Head, LmHead, PooledHead, Pooling, TokenHead};
pub use layer::{Body, Branch, Layer, Sum};
pub use norm::{Norm, NormKind};
pub use position::{Alibi, Buckets, LongRope, PositionBias, Positions, Rope, Temper};
pub use recurrent::{
    ConvOver, Decay, DecayKind, DecayOver, Recurrent, RecurrentGate, RecurrentNormOver, ShortConv,
};
pub use tower::{Convolution, LayerInputs, PatchStem, Project, Stem, Streams, TokenStem, Tower, WaveStem};

use checks::{check, within};

use crate::{Error, Result};

/// A whole model; the head reads the last tower.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Towers by name, in the order in which they run.
    #[serde(deserialize_with = "in_order")]
    pub towers: Vec<(String, Tower)>,
    /// What is computed from the last tower's output.
    pub head: Option<Head>,
}

impl Spec {
    /// Parses and checks.
    pub fn from_json(text: &str) -> Result<Self> {
        let spec: Self = serde_json::from_str(text)
            .map_err(|error| Error::Config(format!("the model's spec: {error}")))?;
        spec.check()?;
        Ok(spec)
    }

    /// Refuses sizes and numbers that no model can have; what passes never makes an executor fail later.
    pub fn check(&self) -> Result<()> {
        let Some((_, main)) = self.towers.last() else { return check(false, || "no towers".to_owned()) };
        for (index, (name, tower)) in self.towers.iter().enumerate() {
            let whole = || -> Result<()> {
                tower.check()?;
                let Some(memory) = &tower.memory else { return Ok(()) };
                check(self.towers[..index].iter().any(|(earlier, _)| earlier == memory), || {
                    format!("memory is {memory:?}, expected an earlier tower")
                })
            };
            match self.towers.len() {
                1 => whole()?,
                _ => whole().map_err(|error| within(name, error))?,
            }
        }
        self.head.as_ref().map_or(Ok(()), |head| head.check(main))
    }

    /// The tower that the head reads.
    pub fn main(&self) -> &Tower {
        &self.towers[self.towers.len() - 1].1
    }
}

/// The entries of a JSON object in their order; a name that comes twice is an error.
fn in_order<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> std::result::Result<Vec<(String, Tower)>, D::Error> {
    struct Entries;
    impl<'de> Visitor<'de> for Entries {
        type Value = Vec<(String, Tower)>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("towers by name")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Self::Value, A::Error> {
            let mut entries: Self::Value = Vec::new();
            while let Some((name, tower)) = map.next_entry::<String, Tower>()? {
                if entries.iter().any(|(other, _)| *other == name) {
                    return Err(serde::de::Error::custom(format!("two towers are called {name:?}")));
                }
                entries.push((name, tower));
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(Entries)
}
