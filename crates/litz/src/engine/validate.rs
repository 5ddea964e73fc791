//! What a Spec may say: sizes and numbers that no model can have are refused before a weight is looked at.

use super::spec::{Attention, FeedForward, Layer, Mixer, Moe, Norm, NormKind, Order, Rope, Spec};
use crate::{Error, Result};

/// No size may be larger: products of any two then fit a `usize` with room to spare.
const LARGEST: usize = 1 << 28;
/// No layer may have more experts.
const EXPERTS: usize = 1024;

impl Spec {
    /// Refuses sizes and numbers that no model can have; what passes never makes the engine fail later.
    pub fn validate(&self) -> Result<()> {
        let sizes = [("width", self.width), ("vocab", self.vocab), ("context", self.context)];
        for (name, size) in sizes.into_iter().chain([("embed_width", self.outer_width())]) {
            positive(name, size)?;
        }
        check(self.layers.len() <= 4096, || format!("{} layers, expected at most 4096", self.layers.len()))?;
        check(self.ropes.len() <= 32, || format!("{} ropes, expected at most 32", self.ropes.len()))?;
        self.norm.validate()?;
        self.validate_positions()?;
        finite("embed_scale", self.embed_scale)?;
        finite("residual_scale", self.residual_scale)?;
        finite("logit_scale", self.logit_scale)?;
        cap("logit_softcap", self.logit_softcap)?;
        for (index, rope) in self.ropes.iter().enumerate() {
            rope.validate().map_err(|error| within(&format!("ropes[{index}]"), error))?;
        }
        for (index, layer) in self.layers.iter().enumerate() {
            layer.validate(self).map_err(|error| within(&format!("layers[{index}]"), error))?;
        }
        Ok(())
    }

    fn validate_positions(&self) -> Result<()> {
        let Some(positions) = self.positions else { return Ok(()) };
        positive("positions.rows", positions.rows)?;
        let last = self.context.saturating_add(positions.offset);
        check(positions.rows >= last, || {
            format!(
                "positions.rows is {}, expected at least context + offset = {} + {}",
                positions.rows, self.context, positions.offset
            )
        })
    }
}

impl Norm {
    fn validate(&self) -> Result<()> {
        check(self.eps.is_finite() && self.eps >= 0.0, || format!("norm.eps is {}", self.eps))?;
        finite("norm.offset", self.offset)?;
        let (rms, offset) = (self.kind == NormKind::Rms, self.offset);
        check(!(rms && self.bias), || "norm.bias is true, but an rms norm has none".to_owned())?;
        check(rms || offset == 0.0, || format!("norm.offset is {offset}, but a layer norm has none"))
    }
}

impl Rope {
    fn validate(&self) -> Result<()> {
        positive("dim", self.dim)?;
        check(self.dim.is_multiple_of(2), || format!("dim is {}, expected an even number", self.dim))?;
        frequencies(self.dim, self.gain, &self.frequencies)?;
        match &self.long {
            Some(long) => frequencies(self.dim, long.gain, &long.frequencies),
            None => Ok(()),
        }
    }
}

impl Layer {
    fn validate(&self, spec: &Spec) -> Result<()> {
        match &self.mixer {
            Mixer::Attention(attention) => attention.validate(spec)?,
        }
        match &self.feed_forward {
            FeedForward::Mlp(mlp) => positive("feed_forward.width", mlp.width)?,
            FeedForward::Moe(moe) => moe.validate()?,
        }
        let norms = self.norms;
        check(self.order == Order::Pre || !(norms.attn_post || norms.mlp_post), || {
            "norms.attn_post and norms.mlp_post belong to the order \"pre\"".to_owned()
        })?;
        check(self.order != Order::Parallel || norms.attn || !norms.mlp, || {
            "norms.mlp without norms.attn, which the order \"parallel\" needs".to_owned()
        })
    }
}

impl Attention {
    fn validate(&self, spec: &Spec) -> Result<()> {
        let sizes = [self.heads, self.kv_heads, self.head_dim, self.value_dim];
        for (name, size) in ["heads", "kv_heads", "head_dim", "value_dim"].into_iter().zip(sizes) {
            positive(name, size)?;
        }
        check(self.heads.is_multiple_of(self.kv_heads), || {
            format!("{} heads are no multiple of {} kv_heads", self.heads, self.kv_heads)
        })?;
        positive("heads * head_dim", self.heads.saturating_mul(self.head_dim.max(self.value_dim)))?;
        finite("scale", self.scale)?;
        cap("softcap", self.softcap)?;
        check(self.window != Some(0), || "window is 0, expected at least 1 or null".to_owned())?;
        check(!self.qk_norm_bias || self.qk_norm.is_some(), || "qk_norm_bias without qk_norm".to_owned())?;
        check(!self.qk_norm_bias || spec.norm.kind == NormKind::Layer, || {
            "qk_norm_bias is true, but an rms norm has none".to_owned()
        })?;
        self.validate_alibi()?;
        self.validate_rope(&spec.ropes)
    }

    fn validate_alibi(&self) -> Result<()> {
        let Some(slopes) = &self.alibi else { return Ok(()) };
        check(slopes.len() == self.heads, || {
            format!("{} alibi slopes, expected one for each of {} heads", slopes.len(), self.heads)
        })?;
        slopes.iter().try_for_each(|&slope| finite("an alibi slope", slope))?;
        check(self.causal, || "alibi slopes without causal have no agreed sign".to_owned())?;
        check(self.softcap.is_none(), || "alibi and a softcap have no agreed order".to_owned())
    }

    fn validate_rope(&self, ropes: &[Rope]) -> Result<()> {
        let Some(index) = self.rope else { return Ok(()) };
        let Some(rope) = ropes.get(index) else {
            return Err(Error::Config(format!("rope is {index}, but there are {} ropes", ropes.len())));
        };
        check(rope.dim <= self.head_dim, || {
            format!("rope {index} turns {} elements, but head_dim is {}", rope.dim, self.head_dim)
        })
    }
}

impl Moe {
    fn validate(&self) -> Result<()> {
        let (experts, top_k) = (self.experts, self.top_k);
        check((1..=EXPERTS).contains(&experts), || format!("experts is {experts}, expected 1 to {EXPERTS}"))?;
        check((1..=experts).contains(&top_k), || format!("top_k is {top_k}, expected 1 to {experts}"))?;
        positive("feed_forward.width", self.width)?;
        positive("feed_forward.shared_width", self.shared_width.unwrap_or(1))?;
        check(!self.shared_gate || self.shared_width.is_some(), || {
            "shared_gate is true, but there is no shared_width".to_owned()
        })
    }
}

fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    holds.then_some(()).ok_or_else(|| Error::Config(otherwise()))
}

fn positive(name: &str, size: usize) -> Result<()> {
    check((1..=LARGEST).contains(&size), || format!("{name} is {size}, expected 1 to {LARGEST}"))
}

fn finite(name: &str, value: f32) -> Result<()> {
    check(value.is_finite(), || format!("{name} is {value}, expected a finite number"))
}

fn cap(name: &str, value: Option<f32>) -> Result<()> {
    check(value.is_none_or(|cap| cap.is_finite() && cap > 0.0), || {
        format!("{name} is {value:?}, expected a positive number or null")
    })
}

fn frequencies(dim: usize, gain: f64, values: &[f64]) -> Result<()> {
    check(values.len() == dim / 2, || format!("{} frequencies, expected dim/2 = {}", values.len(), dim / 2))?;
    check(gain.is_finite() && values.iter().all(|value| value.is_finite()), || {
        "gain and frequencies must be finite".to_owned()
    })
}

fn within(place: &str, error: Error) -> Error {
    Error::Config(format!("{place}: {error}"))
}
