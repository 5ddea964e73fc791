//! What mixes positions: one row for each kind of mixer, one function that takes its weights and makes its steps.

use super::biases::distances;
use super::branch::{Branch, Last};
use super::builder::Builder;
use super::refusals::{check_attention, unsupported};
use crate::engine::buffers::{BufferId, RowsPer, Tiling};
use crate::engine::state::{ConvShape, KvShape, SlotKind};
use crate::engine::steps::{Attention, HeadNorms, Norm, Rotation, ShortConv, Step, WholeAttention};
use crate::kernels::{AttendSpec, WholeSpec};
use crate::spec::{self, NormOver, PositionBias, Window};
use crate::Result;

/// Softmax attention over the tokens themselves.
pub(super) fn attention<'a>(
    builder: &mut Builder<'a, '_>,
    name: &str,
    spec: &'a spec::Attention,
) -> Result<Branch> {
    check_attention(spec, builder.takes_whole_sequences)?;
    let (width, query_width) = (builder.width(), spec.heads * spec.head_dim);
    let (key_width, value_width) = (spec.kv_heads * spec.head_dim, spec.kv_heads * spec.value_dim);
    let queries = builder.rows("queries", query_width, RowsPer::Token);
    let keys = builder.rows("keys", key_width, RowsPer::Token);
    let values = builder.rows("values", value_width, RowsPer::Token);
    let mixed_width = spec.heads * spec.value_dim;
    let mixed = builder.rows("mixed", mixed_width, RowsPer::Token);
    let first = vec![
        builder.term(&format!("{name}.q"), (query_width, width), spec.has_bias('q'), queries)?.into(),
        builder.term(&format!("{name}.k"), (key_width, width), spec.has_bias('k'), keys)?.into(),
        builder.term(&format!("{name}.v"), (value_width, width), spec.has_bias('v'), values)?.into(),
    ];
    let heads = Heads {
        queries,
        keys,
        values,
        mixed,
        tiling: builder.tiling(Tiling { group: spec.group(), heads: spec.kv_heads }),
        rotation: rotation(builder, spec.rope.as_ref())?,
        query_norms: head_norms(
            builder,
            &format!("{name}.q_norm"),
            spec.q_norm.as_ref(),
            (spec, spec.heads),
        )?,
        key_norms: head_norms(
            builder,
            &format!("{name}.k_norm"),
            spec.k_norm.as_ref(),
            (spec, spec.kv_heads),
        )?,
    };
    let step = match builder.takes_whole_sequences {
        true => whole_attention(builder, spec, heads)?,
        false => cached_attention(builder, name, spec, heads)?,
    };
    let term =
        builder.term(&format!("{name}.o"), (width, mixed_width), spec.has_bias('o'), builder.branch)?;
    Ok(Branch { first, middle: vec![step], last: Last::Matrix { source: mixed, term } })
}

/// What every attention step is made of.
struct Heads {
    queries: BufferId,
    keys: BufferId,
    values: BufferId,
    mixed: BufferId,
    tiling: usize,
    rotation: Option<Rotation>,
    query_norms: HeadNorms,
    key_norms: HeadNorms,
}

/// Attention whose keys and values stay in a slot for later passes.
fn cached_attention(
    builder: &mut Builder<'_, '_>,
    name: &str,
    spec: &spec::Attention,
    heads: Heads,
) -> Result<Box<dyn Step>> {
    let kv = KvShape { heads: spec.kv_heads, head_dim: spec.head_dim, value_dim: spec.value_dim };
    Ok(Box::new(Attention {
        queries: heads.queries,
        keys: heads.keys,
        values: heads.values,
        mixed: heads.mixed,
        slot: builder.slot(SlotKind::Kv(kv)),
        number: builder.number(),
        tiling: heads.tiling,
        kv_heads: spec.kv_heads,
        group: spec.group(),
        spec: attend_spec(spec),
        rotation: heads.rotation,
        alibi: slopes(spec)?,
        sinks: builder.loader.vector_if(spec.sinks, &format!("{name}.sinks"), spec.heads)?,
        query_norms: heads.query_norms,
        key_norms: heads.key_norms,
    }))
}

/// Attention of a pass that holds whole sequences, whose keys and values no later pass reads.
fn whole_attention<'a>(
    builder: &mut Builder<'a, '_>,
    spec: &'a spec::Attention,
    heads: Heads,
) -> Result<Box<dyn Step>> {
    let (before, after) = reach(spec);
    Ok(Box::new(WholeAttention {
        queries: heads.queries,
        keys: heads.keys,
        values: heads.values,
        mixed: heads.mixed,
        tiling: heads.tiling,
        kv_heads: spec.kv_heads,
        group: spec.group(),
        spec: whole_spec(spec),
        before,
        after,
        rotation: heads.rotation,
        bias: distances(builder, spec)?,
        query_norms: heads.query_norms,
        key_norms: heads.key_norms,
    }))
}

fn rotation<'a>(builder: &mut Builder<'a, '_>, rope: Option<&'a spec::Rope>) -> Result<Option<Rotation>> {
    rope.map(|rope| Ok(Rotation { rope: builder.rope(rope)?, interleaved: rope.interleaved })).transpose()
}

fn slopes(spec: &spec::Attention) -> Result<Option<Vec<f32>>> {
    match &spec.position_bias {
        None => Ok(None),
        Some(PositionBias::Alibi(alibi)) => Ok(Some(alibi.slopes.clone())),
        Some(PositionBias::Buckets(_)) => Err(unsupported("biases of position buckets")),
    }
}

fn head_norms(
    builder: &mut Builder<'_, '_>,
    name: &str,
    norm: Option<&spec::Norm>,
    (spec, heads): (&spec::Attention, usize),
) -> Result<HeadNorms> {
    let Some(norm) = norm else { return Ok(HeadNorms::None) };
    let (over, head_dim) = (spec.norm_over, spec.head_dim);
    let width = if over == NormOver::Head { head_dim } else { heads * head_dim };
    let all = builder.norm(name, width, norm)?;
    Ok(match over {
        NormOver::Whole => HeadNorms::Whole(all),
        NormOver::Head => HeadNorms::Head(all),
        NormOver::Each => HeadNorms::Each(norms_of_heads(&all, head_dim)),
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
        window: reach(spec).0,
        ahead: 0,
    }
}

fn whole_spec(spec: &spec::Attention) -> WholeSpec {
    WholeSpec { head_dim: spec.head_dim, value_dim: spec.value_dim, scale: spec.scale, softcap: spec.softcap }
}

/// How many positions a query sees up to its own, and after it; `None`: all.
fn reach(spec: &spec::Attention) -> (Option<usize>, Option<usize>) {
    match (spec.mask.window, spec.mask.causal) {
        (None, true) => (None, Some(0)),
        (None, false) => (None, None),
        (Some(Window::Even(left) | Window::Sides(left, _)), true) => (Some(left), Some(0)),
        (Some(Window::Even(width)), false) => (Some(width), Some(width - 1)),
        (Some(Window::Sides(left, right)), false) => (Some(left), Some(right - 1)),
    }
}

/// A convolution over each channel's last positions, between two gates.
pub(super) fn short_conv(
    builder: &mut Builder<'_, '_>,
    name: &str,
    spec: &spec::ShortConv,
) -> Result<Branch> {
    if builder.takes_whole_sequences {
        return Err(unsupported("short convolutions in a model that encodes whole texts"));
    }
    let channels = builder.width();
    let [b, c, v] =
        ["gates in", "gates out", "convolved"].map(|name| builder.rows(name, channels, RowsPer::Token));
    let mut first = Vec::with_capacity(3);
    for (part, to) in [("b", b), ("c", c), ("v", v)] {
        first.push(builder.term(&format!("{name}.{part}"), (channels, channels), spec.bias, to)?.into());
    }
    let conv = ShortConv {
        b,
        c,
        v,
        window: builder.slot(SlotKind::Conv(ConvShape { channels, kernel: spec.kernel })),
        taps: builder.loader.columns(&format!("{name}.conv.weight"), channels, spec.kernel)?,
        bias: builder.loader.vector_if(spec.bias, &format!("{name}.conv.bias"), channels)?,
        channels,
    };
    let term = builder.term(&format!("{name}.o"), (channels, channels), spec.bias, builder.branch)?;
    Ok(Branch { first, middle: vec![Box::new(conv)], last: Last::Matrix { source: c, term } })
}
