//! What mixes positions: one row for each kind of mixer, one function that takes its weights and makes its steps.

use super::layer::{Branch, Last};
use super::Builder;
use crate::engine::program::{RowsPer, Tiling};
use crate::engine::spec::{self, Mixer, QkNorm};
use crate::engine::state::{KvShape, SlotKind};
use crate::engine::steps::{Attention, HeadNorms, KeyValues, Norm, Read, Rotation};
use crate::kernels::AttendSpec;
use crate::Result;

impl Builder<'_, '_> {
    /// The branch of a mixer that reads the residual as `read` says.
    pub(super) fn mixer(&mut self, name: &str, mixer: &Mixer, _read: &Read) -> Result<Branch> {
        match mixer {
            Mixer::Attention(spec) => self.attention(&format!("{name}.attn"), spec),
        }
    }

    fn attention(&mut self, name: &str, spec: &spec::Attention) -> Result<Branch> {
        let (width, query_width) = (self.spec.width, spec.heads * spec.head_dim);
        let (key_width, value_width) = (spec.kv_heads * spec.head_dim, spec.kv_heads * spec.value_dim);
        let queries = self.rows("queries", query_width, RowsPer::Token);
        let keys = self.rows("keys", key_width, RowsPer::Token);
        let values = self.rows("values", value_width, RowsPer::Token);
        let mixed_width = spec.heads * spec.value_dim;
        let mixed = self.rows("mixed", mixed_width, RowsPer::Token);
        let first = vec![
            self.term(&format!("{name}.q"), (query_width, width), spec.q_bias, queries)?.into(),
            self.term(&format!("{name}.k"), (key_width, width), spec.k_bias, keys)?.into(),
            self.term(&format!("{name}.v"), (value_width, width), spec.v_bias, values)?.into(),
        ];
        let kv = KvShape { heads: spec.kv_heads, head_dim: spec.head_dim, value_dim: spec.value_dim };
        let attention = Attention {
            queries,
            keys,
            values,
            mixed,
            memory: self.key_values(spec.causal, kv),
            number: self.number(),
            tiling: self.tiling(Tiling { group: spec.group(), heads: spec.kv_heads }),
            kv_heads: spec.kv_heads,
            group: spec.group(),
            spec: attend_spec(spec),
            rotation: self.rotation(spec.rope),
            alibi: spec.alibi.clone(),
            query_norms: self.head_norms(&format!("{name}.q_norm"), spec, spec.heads)?,
            key_norms: self.head_norms(&format!("{name}.k_norm"), spec, spec.kv_heads)?,
        };
        let term = self.term(&format!("{name}.o"), (width, mixed_width), spec.o_bias, self.branch)?;
        Ok(Branch { first, middle: vec![Box::new(attention)], last: Last::Matrix { source: mixed, term } })
    }

    /// Causal attention keeps keys and values for later passes; of the other kind each pass computes all of them.
    fn key_values(&mut self, causal: bool, shape: KvShape) -> KeyValues {
        if causal {
            return KeyValues::Slot(self.slot(SlotKind::Kv(shape)));
        }
        self.takes_whole_sequences = true;
        KeyValues::Pass(shape)
    }

    fn rotation(&self, rope: Option<usize>) -> Option<Rotation> {
        rope.map(|rope| Rotation { rope, interleaved: self.spec.ropes[rope].interleaved })
    }

    fn head_norms(&mut self, name: &str, spec: &spec::Attention, heads: usize) -> Result<HeadNorms> {
        let Some(over) = spec.qk_norm else { return Ok(HeadNorms::None) };
        let width = if over == QkNorm::Head { spec.head_dim } else { heads * spec.head_dim };
        let all = self.norm(name, width, spec.qk_norm_bias)?;
        Ok(match over {
            QkNorm::Whole => HeadNorms::Whole(all),
            QkNorm::Head => HeadNorms::Head(all),
            QkNorm::Each => HeadNorms::Each(norms_of_heads(&all, spec.head_dim)),
        })
    }
}

/// A norm over all heads in parts, one for each head.
fn norms_of_heads(all: &Norm, head_dim: usize) -> Vec<Norm> {
    let norm = |(head, weight): (usize, &[f32])| {
        let bias = all.bias.as_ref().map(|bias| bias[head * head_dim..(head + 1) * head_dim].to_vec());
        Norm { weight: weight.to_vec(), bias, ..*all }
    };
    all.weight.chunks_exact(head_dim).enumerate().map(norm).collect()
}

fn attend_spec(spec: &spec::Attention) -> AttendSpec {
    AttendSpec {
        head_dim: spec.head_dim,
        value_dim: spec.value_dim,
        scale: spec.scale,
        softcap: spec.softcap,
        window: spec.window,
        ahead: match spec.causal {
            true => 0,
            false => spec.window.map_or(usize::MAX, |window| window - 1),
        },
    }
}
