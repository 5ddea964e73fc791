//! What mixes positions: one row for each kind of mixer, one function that takes its weights and makes its steps.

use super::branch::{Branch, Last};
use super::builder::Builder;
use crate::engine::buffers::{RowsPer, Tiling};
use crate::engine::spec::{self, Mixer, QkNorm};
use crate::engine::state::{KvShape, SlotKind};
use crate::engine::steps::{Attention, HeadNorms, KeyValues, Norm, Read, Rotation};
use crate::kernels::AttendSpec;
use crate::Result;

/// The branch of a mixer that reads the residual as `read` says.
pub(super) fn mixer(
    builder: &mut Builder<'_, '_>,
    name: &str,
    mixer: &Mixer,
    _read: &Read,
) -> Result<Branch> {
    match mixer {
        Mixer::Attention(spec) => attention(builder, &format!("{name}.attn"), spec),
    }
}

fn attention(builder: &mut Builder<'_, '_>, name: &str, spec: &spec::Attention) -> Result<Branch> {
    let (width, query_width) = (builder.spec.width, spec.heads * spec.head_dim);
    let (key_width, value_width) = (spec.kv_heads * spec.head_dim, spec.kv_heads * spec.value_dim);
    let queries = builder.rows("queries", query_width, RowsPer::Token);
    let keys = builder.rows("keys", key_width, RowsPer::Token);
    let values = builder.rows("values", value_width, RowsPer::Token);
    let mixed_width = spec.heads * spec.value_dim;
    let mixed = builder.rows("mixed", mixed_width, RowsPer::Token);
    let first = vec![
        builder.term(&format!("{name}.q"), (query_width, width), spec.q_bias, queries)?.into(),
        builder.term(&format!("{name}.k"), (key_width, width), spec.k_bias, keys)?.into(),
        builder.term(&format!("{name}.v"), (value_width, width), spec.v_bias, values)?.into(),
    ];
    let kv = KvShape { heads: spec.kv_heads, head_dim: spec.head_dim, value_dim: spec.value_dim };
    let attention = Attention {
        queries,
        keys,
        values,
        mixed,
        memory: key_values(builder, spec.causal, kv),
        number: builder.number(),
        tiling: builder.tiling(Tiling { group: spec.group(), heads: spec.kv_heads }),
        kv_heads: spec.kv_heads,
        group: spec.group(),
        spec: attend_spec(spec),
        rotation: rotation(builder, spec.rope),
        alibi: spec.alibi.clone(),
        query_norms: head_norms(builder, &format!("{name}.q_norm"), spec, spec.heads)?,
        key_norms: head_norms(builder, &format!("{name}.k_norm"), spec, spec.kv_heads)?,
    };
    let term = builder.term(&format!("{name}.o"), (width, mixed_width), spec.o_bias, builder.branch)?;
    Ok(Branch { first, middle: vec![Box::new(attention)], last: Last::Matrix { source: mixed, term } })
}

/// Causal attention keeps keys and values for later passes; of the other kind each pass computes all of them.
fn key_values(builder: &mut Builder<'_, '_>, causal: bool, shape: KvShape) -> KeyValues {
    if causal {
        return KeyValues::Slot(builder.slot(SlotKind::Kv(shape)));
    }
    builder.takes_whole_sequences = true;
    KeyValues::Pass(shape)
}

fn rotation(builder: &Builder<'_, '_>, rope: Option<usize>) -> Option<Rotation> {
    rope.map(|rope| Rotation { rope, interleaved: builder.spec.ropes[rope].interleaved })
}

fn head_norms(
    builder: &mut Builder<'_, '_>,
    name: &str,
    spec: &spec::Attention,
    heads: usize,
) -> Result<HeadNorms> {
    let Some(over) = spec.qk_norm else { return Ok(HeadNorms::None) };
    let width = if over == QkNorm::Head { spec.head_dim } else { heads * spec.head_dim };
    let all = builder.norm(name, width, spec.qk_norm_bias)?;
    Ok(match over {
        QkNorm::Whole => HeadNorms::Whole(all),
        QkNorm::Head => HeadNorms::Head(all),
        QkNorm::Each => HeadNorms::Each(norms_of_heads(&all, spec.head_dim)),
    })
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
