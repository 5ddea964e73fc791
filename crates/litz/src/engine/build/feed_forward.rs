//! What works on each position by itself: one row for each kind of feed-forward.

use super::branch::{Branch, Last};
use super::builder::Builder;
use super::refusals::{check_mlp, check_moe, unsupported};
use crate::engine::buffers::{BufferId, RowsPer};
use crate::engine::steps::{
    Biased, Epilogue, Expert, ExpertGate, ExpertsDown, ExpertsUp, Mixture, Output, Read, Router,
    SharedExpert, Term,
};
use crate::kernels::Activation;
use crate::spec::{self, Mlp, Moe};
use crate::Result;

/// The matrices of experts.
type Experts = (Vec<Expert>, Vec<Biased>);

/// A dense feed-forward.
pub(super) fn mlp(builder: &mut Builder<'_, '_>, name: &str, spec: &Mlp) -> Result<Branch> {
    check_mlp(spec)?;
    let width = builder.width();
    let (output, hidden) =
        hidden(builder, name, (spec.width, spec.gated), spec.bias, activation(spec.activation)?)?;
    let term = builder.term(&format!("{name}.down"), (width, spec.width), spec.bias, builder.branch)?;
    Ok(Branch { first: vec![output], middle: Vec::new(), last: Last::Matrix { source: hidden, term } })
}

/// `activation(gate(x)) * up(x)`, or `activation(up(x))`, and the buffer that has it.
fn hidden(
    builder: &mut Builder<'_, '_>,
    name: &str,
    (rows, gated): (usize, bool),
    bias: bool,
    activation: Activation,
) -> Result<(Output, BufferId)> {
    let shape = (rows, builder.width());
    let hidden = builder.rows("hidden", rows, RowsPer::Token);
    if !gated {
        let up = builder.term(&format!("{name}.up"), shape, bias, hidden)?;
        return Ok((Term { then: Epilogue::Activate(activation), ..up }.into(), hidden));
    }
    let up = builder.rows("up", rows, RowsPer::Token);
    let gate = builder.term(&format!("{name}.gate"), shape, bias, hidden)?;
    let then = Epilogue::Gate { gate: hidden, activation };
    let up = Term { then, ..builder.term(&format!("{name}.up"), shape, bias, up)? };
    Ok((Output { terms: vec![gate, up] }, hidden))
}

/// The router and the shared expert run with the matrices that read the residual; the chosen experts follow.
pub(super) fn mixture(builder: &mut Builder<'_, '_>, name: &str, spec: &Moe, read: &Read) -> Result<Branch> {
    check_moe(spec)?;
    let (width, act) = (builder.width(), activation(spec.activation)?);
    let mut first = Vec::with_capacity(3);
    let mut shared = None;
    if let Some(rows) = spec.shared_width {
        let name = format!("{name}.shared");
        let (output, hidden) = hidden(builder, &name, (rows, true), false, act)?;
        first.push(output);
        let down = builder.loader.matrix(&format!("{name}.down.weight"), width, rows)?;
        let read = builder.read(hidden, None, (rows, 0), RowsPer::Token);
        shared = Some(SharedExpert { read, down, gate: None });
    }
    let scores = builder.rows("router scores", spec.experts, RowsPer::Token);
    let router = (spec.experts, width);
    first.push(builder.term(&format!("{name}.router"), router, spec.router.bias, scores)?.into());
    if spec.shared_gate {
        let gate = builder.rows("shared gate", 1, RowsPer::Token);
        first.push(builder.term(&format!("{name}.shared_gate"), (1, width), false, gate)?.into());
        shared.iter_mut().for_each(|shared| shared.gate = Some(gate));
    }
    let router = Router { experts: spec.experts, top_k: spec.router.top_k, normalize: spec.router.normalize };
    let mixture = Mixture { router, scores, number: builder.number() };
    let (up, down) = experts(builder, name, spec, (mixture, read), shared)?;
    Ok(Branch { first, middle: vec![Box::new(up)], last: Last::Experts(down) })
}

fn experts(
    builder: &mut Builder<'_, '_>,
    name: &str,
    spec: &Moe,
    (mixture, read): (Mixture, &Read),
    shared: Option<SharedExpert>,
) -> Result<(ExpertsUp, ExpertsDown)> {
    let rows = RowsPer::Choice { top_k: spec.router.top_k, experts: spec.experts };
    let hidden = builder.rows("expert hidden", spec.width, rows);
    let (reads, downs) = matrices_of_experts(builder, name, spec)?;
    let up = ExpertsUp {
        mixture,
        experts: reads,
        gate: ExpertGate {
            activation: activation(spec.activation)?,
            limit: spec.limit,
            offset: spec.up_offset,
        },
        read: read.clone(),
        permuted: builder.permuted(read, rows),
        hidden,
        up: builder.rows("expert up", spec.width, rows),
        width: builder.width(),
    };
    let read = builder.read(hidden, None, (spec.width, 0), rows);
    let to = builder.branch;
    Ok((up, ExpertsDown { mixture, experts: downs, hidden: read, shared, to, add_to: None }))
}

fn matrices_of_experts(builder: &mut Builder<'_, '_>, name: &str, spec: &Moe) -> Result<Experts> {
    let width = builder.width();
    let mut experts = (Vec::with_capacity(spec.experts), Vec::with_capacity(spec.experts));
    for expert in 0..spec.experts {
        let mut matrix = |part: &str, rows: usize, cols: usize| -> Result<Biased> {
            let name = format!("{name}.experts.{expert}.{part}");
            Ok(Biased {
                weight: builder.loader.matrix(&format!("{name}.weight"), rows, cols)?,
                bias: builder.loader.vector_if(spec.bias, &format!("{name}.bias"), rows)?,
            })
        };
        let (gate, up) = (matrix("gate", spec.width, width)?, matrix("up", spec.width, width)?);
        experts.0.push(Expert { gate, up });
        experts.1.push(matrix("down", width, spec.width)?);
    }
    Ok(experts)
}

pub(super) fn activation(activation: spec::Activation) -> Result<Activation> {
    Ok(match activation {
        spec::Activation::Silu => Activation::Silu,
        spec::Activation::Gelu => Activation::Gelu,
        spec::Activation::GeluTanh => Activation::GeluTanh,
        spec::Activation::Relu => Activation::Relu,
        spec::Activation::QuickGelu => Activation::QuickGelu,
        spec::Activation::Tanh => Activation::Tanh,
        spec::Activation::Sigmoid => Activation::Sigmoid,
        other => return Err(unsupported(&format!("the activation {other:?}"))),
    })
}
