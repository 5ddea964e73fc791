//! What a Spec may say and this engine does not run: each is refused by name.

use crate::spec::{Attention, Body, LmHead, Mlp, Moe, Scores, Spec, Sum, TokenStem};
use crate::{Error, Result};

/// An error that names what the engine does not run.
pub(super) fn unsupported(what: &str) -> Error {
    Error::Unsupported(format!("the native engine does not run {what}"))
}

fn refuse(cases: &[(bool, &str)]) -> Result<()> {
    cases.iter().find(|(found, _)| *found).map_or(Ok(()), |(_, what)| Err(unsupported(what)))
}

pub(super) fn check_model(spec: &Spec) -> Result<()> {
    let tower = spec.main();
    refuse(&[
        (spec.towers.len() > 1, "several towers"),
        (tower.memory.is_some(), "cross-attention"),
        (tower.streams.is_some(), "several residual streams"),
        (tower.layer_inputs.is_some(), "inputs of each layer"),
    ])
}

pub(super) fn check_head(head: &LmHead, stem: &TokenStem) -> Result<()> {
    refuse(&[
        (head.dense.is_some() && head.project, "a dense layer and a projection before the logits"),
        (head.vocab != stem.vocab, "logits for another vocabulary than the embedding's"),
    ])
}

pub(super) fn check_sum(sum: &Sum) -> Result<()> {
    refuse(&[
        (sum.keep != 1.0 || sum.normed, "a residual that is scaled or normed"),
        (sum.scale_weight, "a scale of each layer"),
        (
            sum.before.is_some() && sum.branches.iter().any(|branch| branch.before.is_some()),
            "a branch's norm behind that of its sum",
        ),
        (sum.branches.iter().any(|branch| branch.scale_weight), "branches that a vector scales"),
    ])
}

pub(super) fn check_attention(spec: &Attention, whole: bool) -> Result<()> {
    refuse(&[
        (spec.sinks && whole, "attention sinks in a model that encodes whole texts"),
        (spec.mask.chunk.is_some(), "attention inside chunks"),
        (spec.mask.groups, "attention inside groups"),
        (spec.v_norm.is_some(), "a norm of values"),
        (spec.o_norm.is_some(), "a norm of the mixed heads"),
        (spec.norm_last, "query and key norms after the rotation"),
        (spec.gate.is_some(), "gated attention"),
        (spec.memory.is_some(), "cross-attention"),
        (spec.keys_of.is_some(), "keys of another layer"),
        (spec.keys_are_values, "keys that are values"),
        (spec.value_scale != 1.0, "scaled values"),
        (spec.clip.is_some(), "clamped heads"),
        (spec.temper.is_some(), "queries that grow with their position"),
        (spec.rope.as_ref().is_some_and(|rope| !rope.axes.is_empty()), "rotations of several axes"),
    ])
}

pub(super) fn check_mlp(spec: &Mlp) -> Result<()> {
    refuse(&[
        (spec.norm.is_some(), "a norm inside the feed-forward"),
        (spec.limit.is_some(), "clamped gates"),
        (spec.up_offset != 0.0, "an offset beside the gate"),
        (spec.sparsity.is_some(), "sparse gates"),
    ])
}

pub(super) fn check_moe(spec: &Moe) -> Result<()> {
    let router = &spec.router;
    refuse(&[
        (router.scores != Scores::Softmax, "a router of sigmoids"),
        (router.correction, "a router that corrects its choice"),
        (router.groups.is_some(), "groups of experts"),
        (router.weigh_input || router.norm.is_some(), "routers with inputs of their own"),
        (router.scale != 1.0 || router.eps != 0.0, "scaled experts"),
        (!spec.gated, "experts without gates"),
        (spec.latent.is_some(), "experts behind a projection"),
    ])
}

/// The name of a mixer that has no steps yet.
pub(super) fn name_of(body: &Body) -> &'static str {
    match body {
        Body::Attention(_) => "attention",
        Body::Latent(_) => "latent attention",
        Body::Recurrent(_) => "linear recurrences",
        Body::Conv(_) => "short convolutions",
        Body::Mlp(_) => "a feed-forward",
        Body::Moe(_) => "experts",
        Body::LayerInput(_) => "inputs of each layer",
    }
}
