//! Heads: what is computed from a tower's output.

use serde::Deserialize;

use super::checks::{cap, check, finite, positive, positive_if};
use super::feed_forward::Activation;
use super::norm::Norm;
use super::tower::Tower;
use crate::Result;

/// What is computed from the last tower's output.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Head {
    /// Logits over the vocabulary for every position.
    Lm(LmHead),
    /// Numbers for a whole sequence.
    Pooled(PooledHead),
    /// Numbers for each token.
    Token(TokenHead),
    /// Logits over characters for each frame.
    Ctc(CtcHead),
}

/// `norm(activation(dense(x)))`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Its rows.
    pub width: usize,
    /// Its activation.
    pub activation: Option<Activation>,
    /// It has a bias.
    pub bias: bool,
    /// Its norm.
    pub norm: Option<Norm>,
}

/// `softcap(output(x) * scale)`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LmHead {
    /// Rows of the output.
    pub vocab: usize,
    /// Elements of a row.
    pub width: usize,
    /// The output is the embedding.
    pub tied: bool,
    /// It has a bias.
    pub bias: bool,
    /// Multiplies the logits, before the cap.
    pub scale: f32,
    /// `cap * tanh(logits / cap)`
    pub softcap: Option<f32>,
    /// `project_out` leads from the tower's width to that of the rows.
    pub project: bool,
    /// Before the output.
    pub dense: Option<Dense>,
}

/// One vector for a sequence, and numbers made of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PooledHead {
    /// Which vector.
    pub pool: Pooling,
    /// How many numbers; none: the vector itself.
    pub outputs: Option<usize>,
    /// Before the output.
    pub dense: Option<Dense>,
    /// The output has a bias.
    pub bias: bool,
    /// Dense and output are computed for each token, and pooled then.
    pub pool_last: bool,
}

/// Which vector stands for a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pooling {
    /// That of the first token.
    First,
    /// That of the first token that is seen.
    #[serde(rename = "first_real")]
    FirstReal,
    /// The mean.
    Mean,
    /// That of the last token.
    Last,
}

/// Numbers for each token.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenHead {
    /// How many.
    pub outputs: usize,
    /// Before the output.
    pub dense: Option<Dense>,
    /// The output has a bias.
    pub bias: bool,
}

/// Logits over characters for each frame.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CtcHead {
    /// How many characters.
    pub vocab: usize,
    /// The one that stands for none.
    pub blank: usize,
    /// The output has a bias.
    pub bias: bool,
}

impl Head {
    pub(super) fn check(&self, tower: &Tower) -> Result<()> {
        match self {
            Self::Lm(head) => head.check(tower),
            Self::Pooled(head) => {
                positive_if("head.outputs", head.outputs)?;
                head.dense.as_ref().map_or(Ok(()), Dense::check)
            }
            Self::Token(head) => {
                positive("head.outputs", head.outputs)?;
                head.dense.as_ref().map_or(Ok(()), Dense::check)
            }
            Self::Ctc(head) => {
                positive("head.vocab", head.vocab)?;
                check(head.blank < head.vocab, || {
                    format!("blank is {}, of {} characters", head.blank, head.vocab)
                })
            }
        }
    }
}

impl LmHead {
    fn check(&self, tower: &Tower) -> Result<()> {
        positive("vocab", self.vocab)?;
        positive("the head's width", self.width)?;
        finite("logit_scale", self.scale)?;
        cap("logit_softcap", self.softcap)?;
        self.dense.as_ref().map_or(Ok(()), Dense::check)?;
        let before = self.dense.as_ref().map_or(tower.width, |dense| dense.width);
        check(self.project || self.width == before, || {
            format!("a head of width {} after {before}, and no projection", self.width)
        })?;
        let Some(stem) = tower.tokens().filter(|_| self.tied) else { return Ok(()) };
        check((stem.vocab, stem.width) == (self.vocab, self.width), || {
            format!(
                "a tied head of {} x {}, but an embedding of {} x {}",
                self.vocab, self.width, stem.vocab, stem.width
            )
        })
    }
}

impl Dense {
    fn check(&self) -> Result<()> {
        positive("dense.width", self.width)?;
        self.norm.as_ref().map_or(Ok(()), Norm::check)
    }
}
