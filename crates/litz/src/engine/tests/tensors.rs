//! Every tensor that the engine takes for a Spec, written down apart from the code that takes them.

use crate::spec::{
    Attention, Body, Branch, Dense, Head, Mlp, Moe, Norm, NormOver, PositionBias, ShortConv, Spec,
};

/// Names and shapes.
pub(super) type Shapes = Vec<(String, Vec<usize>)>;

/// Every tensor of a model of one tower of attention and feed-forwards.
pub(super) fn shapes(spec: &Spec) -> Shapes {
    let (tower, mut all) = (spec.main(), Vec::new());
    let (width, stem) = (tower.width, tower.tokens().unwrap());
    all.push(("embed.weight".to_owned(), vec![stem.vocab, stem.width]));
    if stem.project.is_some() {
        linear(&mut all, "project_in", (width, stem.width), stem.project_bias);
    }
    if let Some(positions) = stem.positions {
        all.push(("positions.weight".to_owned(), vec![positions.rows, width]));
    }
    for (name, rows) in [("types.weight", stem.types), ("tasks.weight", stem.tasks)] {
        if rows > 0 {
            all.push((name.to_owned(), vec![rows, width]));
        }
    }
    norm(&mut all, "embed_norm", stem.norm.as_ref(), width);
    if let Some((buckets, heads)) = buckets(spec) {
        all.push(("position_bias.weight".to_owned(), vec![buckets, heads]));
    }
    for (index, layer) in tower.layers().enumerate() {
        for sum in layer {
            let first = format!("layers.{index}.{}_norm", sum.branches[0].name);
            norm(&mut all, &first, sum.before.as_ref(), width);
            norm(&mut all, &first, sum.after.as_ref(), width);
            sum.branches.iter().for_each(|one| branch(&mut all, &format!("layers.{index}"), one, width));
        }
    }
    norm(&mut all, "norm", tower.norm.as_ref(), width);
    let head = match &spec.head {
        Some(Head::Lm(head)) => head,
        Some(Head::Pooled(head)) => {
            made(&mut all, head.dense.as_ref(), (head.outputs, width), head.bias);
            return all;
        }
        Some(Head::Token(head)) => {
            made(&mut all, head.dense.as_ref(), (Some(head.outputs), width), head.bias);
            return all;
        }
        _ => return all,
    };
    made(&mut all, head.dense.as_ref(), (None, width), false);
    if head.project {
        linear(&mut all, "project_out", (head.width, width), false);
    }
    if !head.tied {
        linear(&mut all, "head", (head.vocab, head.width), false);
    }
    if head.bias {
        all.push(("head.bias".to_owned(), vec![head.vocab]));
    }
    all
}

/// What a head makes of a vector before its last matrix, and that matrix.
fn made(all: &mut Shapes, dense: Option<&Dense>, (outputs, width): (Option<usize>, usize), bias: bool) {
    if let Some(dense) = dense {
        linear(all, "head.dense", (dense.width, width), dense.bias);
        norm(all, "head.norm", dense.norm.as_ref(), dense.width);
    }
    if let Some(outputs) = outputs {
        linear(all, "head", (outputs, dense.map_or(width, |dense| dense.width)), bias);
    }
}

/// Rows and columns of the table of position buckets.
fn buckets(spec: &Spec) -> Option<(usize, usize)> {
    let bodies = spec.main().kinds.iter().flatten().flat_map(|sum| &sum.branches).map(|branch| &branch.body);
    bodies.into_iter().find_map(|body| match body {
        Body::Attention(Attention { position_bias: Some(PositionBias::Buckets(buckets)), heads, .. }) => {
            Some((buckets.count, *heads))
        }
        _ => None,
    })
}

fn linear(all: &mut Shapes, name: &str, (rows, cols): (usize, usize), bias: bool) {
    all.push((format!("{name}.weight"), vec![rows, cols]));
    if bias {
        all.push((format!("{name}.bias"), vec![rows]));
    }
}

fn norm(all: &mut Shapes, name: &str, norm: Option<&Norm>, width: usize) {
    let Some(norm) = norm else { return };
    for (part, _) in [("weight", norm.weight), ("bias", norm.bias)].iter().filter(|(_, present)| *present) {
        all.push((format!("{name}.{part}"), vec![width]));
    }
}

fn branch(all: &mut Shapes, layer: &str, branch: &Branch, width: usize) {
    norm(all, &format!("{layer}.{}_norm", branch.name), branch.before.as_ref(), width);
    norm(all, &format!("{layer}.{}_post_norm", branch.name), branch.after.as_ref(), width);
    match &branch.body {
        Body::Attention(body) => attention(all, &format!("{layer}.{}", branch.name), body, width),
        Body::Conv(body) => short_conv(all, &format!("{layer}.conv"), body, width),
        Body::Mlp(body) => mlp(all, &format!("{layer}.{}", branch.name), body, width),
        Body::Moe(body) => moe(all, &format!("{layer}.moe"), body, width),
        other => panic!("{other:?} has no steps"),
    }
}

fn attention(all: &mut Shapes, name: &str, a: &Attention, width: usize) {
    let (queries, keys) = (a.heads * a.head_dim, a.kv_heads * a.head_dim);
    linear(all, &format!("{name}.q"), (queries, width), a.has_bias('q'));
    linear(all, &format!("{name}.k"), (keys, width), a.has_bias('k'));
    linear(all, &format!("{name}.v"), (a.kv_heads * a.value_dim, width), a.has_bias('v'));
    linear(all, &format!("{name}.o"), (width, a.heads * a.value_dim), a.has_bias('o'));
    let shared = a.norm_over == NormOver::Head;
    let of = |all: &mut Shapes, side: &str, weight: Option<&Norm>, heads: usize| {
        norm(all, &format!("{name}.{side}_norm"), weight, if shared { a.head_dim } else { heads });
    };
    of(all, "q", a.q_norm.as_ref(), queries);
    of(all, "k", a.k_norm.as_ref(), keys);
    if a.sinks {
        all.push((format!("{name}.sinks"), vec![a.heads]));
    }
}

fn short_conv(all: &mut Shapes, name: &str, conv: &ShortConv, width: usize) {
    for part in ["b", "c", "v", "o"] {
        linear(all, &format!("{name}.{part}"), (width, width), conv.bias);
    }
    linear(all, &format!("{name}.conv"), (width, conv.kernel), conv.bias);
}

fn mlp(all: &mut Shapes, name: &str, mlp: &Mlp, width: usize) {
    if mlp.gated {
        linear(all, &format!("{name}.gate"), (mlp.width, width), mlp.bias);
    }
    linear(all, &format!("{name}.up"), (mlp.width, width), mlp.bias);
    linear(all, &format!("{name}.down"), (width, mlp.width), mlp.bias);
}

fn moe(all: &mut Shapes, name: &str, moe: &Moe, width: usize) {
    linear(all, &format!("{name}.router"), (moe.experts, width), moe.router.bias);
    let own = |e: usize| (format!("{name}.experts.{e}"), moe.width, moe.bias);
    let mut experts: Vec<_> = (0..moe.experts).map(own).collect();
    experts.extend(moe.shared_width.map(|width| (format!("{name}.shared"), width, false)));
    for (expert, rows, bias) in experts {
        linear(all, &format!("{expert}.gate"), (rows, width), bias);
        linear(all, &format!("{expert}.up"), (rows, width), bias);
        linear(all, &format!("{expert}.down"), (width, rows), bias);
    }
    if moe.shared_gate {
        linear(all, &format!("{name}.shared_gate"), (1, width), false);
    }
}
