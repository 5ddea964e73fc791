//! The Spec of a causal decoder as the native engine's own description; what the engine does not run is refused by name.

use super::*;
use crate::engine;

impl Spec {
    /// What the native engine runs.
    pub fn lower(&self) -> Result<engine::Spec> {
        let tower = self.main();
        refuse(self.towers.len() > 1, "several towers")?;
        refuse(tower.streams.is_some(), "several residual streams")?;
        refuse(tower.layer_inputs.is_some(), "inputs of each layer")?;
        let Some(stem) = tower.tokens() else { return Err(unsupported("a stem that does not take tokens")) };
        refuse(stem.types > 0 || stem.tasks > 0, "token types")?;
        refuse(
            stem.project == Some(Project::Last) || stem.project_bias,
            "a projection after the embedding's norm",
        )?;
        refuse(
            stem.positions.is_some_and(|positions| positions.skip.is_some()),
            "positions that skip padding",
        )?;
        let Some(Head::Lm(head)) = &self.head else {
            return Err(unsupported("a model without a language model's head"));
        };
        refuse(head.dense.is_some(), "a dense layer in the head")?;
        refuse(head.project != stem.project.is_some(), "a projection on one side only")?;
        let mut lowering = Lowering { norm: None, scale: None, ropes: Vec::new() };
        let final_norm = lowering.norm(&tower.norm)?;
        let embed_norm = lowering.norm(&stem.norm)?;
        let layers = tower.layers().map(|layer| lowering.layer(layer)).collect::<Result<_>>()?;
        let norm = lowering.norm.unwrap_or(Norm {
            kind: NormKind::Rms,
            eps: 1e-6,
            offset: 0.0,
            weight: true,
            bias: false,
            late: false,
        });
        Ok(engine::Spec {
            width: tower.width,
            vocab: stem.vocab,
            context: tower.context,
            norm: engine::Norm {
                kind: if norm.kind == NormKind::Layer {
                    engine::NormKind::Layer
                } else {
                    engine::NormKind::Rms
                },
                eps: norm.eps,
                offset: norm.offset,
                bias: norm.bias,
            },
            embed_scale: stem.scale,
            residual_scale: lowering.scale.unwrap_or(1.0),
            logit_scale: head.scale,
            logit_softcap: head.softcap,
            tied_head: head.tied,
            head_bias: head.bias,
            final_norm,
            embed_width: stem.project.map(|_| stem.width),
            embed_norm,
            positions: stem.positions.map(|p| engine::Positions { rows: p.rows, offset: p.offset }),
            ropes: lowering.ropes.iter().map(rope).collect(),
            layers,
        })
    }
}

struct Lowering {
    norm: Option<Norm>,
    scale: Option<f32>,
    ropes: Vec<Rope>,
}

impl Lowering {
    /// Whether there is a norm; all are alike but for those of q and k.
    fn norm(&mut self, norm: &Option<Norm>) -> Result<bool> {
        let Some(norm) = norm else { return Ok(false) };
        refuse(!norm.weight || norm.late || norm.kind == NormKind::L2, "a norm without a weight")?;
        refuse(self.norm.get_or_insert_with(|| norm.clone()) != norm, "norms that differ")?;
        Ok(true)
    }

    fn layer(&mut self, layer: &Layer) -> Result<engine::Layer> {
        let branches: Vec<&Branch> = layer.iter().flat_map(|sum| &sum.branches).collect();
        for branch in &branches {
            refuse(
                *self.scale.get_or_insert(branch.scale) != branch.scale,
                "branches that are scaled otherwise",
            )?;
            refuse(branch.scale_weight, "a scale of each layer")?;
        }
        let plain = layer.iter().all(|sum| sum.keep == 1.0 && !sum.normed && !sum.scale_weight);
        refuse(!plain, "a residual that is scaled or normed")?;
        let [mixer, feed_forward] = branches[..] else {
            return Err(unsupported("a layer of other than two branches"));
        };
        let (order, norms) = self.norms(layer)?;
        let Body::Attention(attention) = &mixer.body else {
            return Err(unsupported(&format!("the mixer {}", mixer.prefix())));
        };
        Ok(engine::Layer {
            mixer: engine::Mixer::Attention(self.attention(attention)?),
            feed_forward: lowered_feed_forward(&feed_forward.body)?,
            norms,
            order,
        })
    }

    fn norms(&mut self, layer: &Layer) -> Result<(engine::Order, engine::Norms)> {
        let none = engine::Norms { attn: false, attn_post: false, mlp: false, mlp_post: false };
        if let [sum] = &layer[..] {
            let [attn, mlp] = &sum.branches[..] else { return Err(unsupported("a sum of other branches")) };
            refuse(
                sum.after.is_some() || attn.after.is_some() || mlp.after.is_some(),
                "norms after parallel branches",
            )?;
            let shared = self.norm(&sum.before)?;
            let (attn, mlp) = (self.norm(&attn.before)?, self.norm(&mlp.before)?);
            return Ok((engine::Order::Parallel, engine::Norms { attn: shared || attn, mlp, ..none }));
        }
        let [first, second] = &layer[..] else { return Err(unsupported("a layer of other than two sums")) };
        let (attn, mlp) = (&first.branches[0], &second.branches[0]);
        if first.after.is_some() || second.after.is_some() {
            let inner = [&attn.before, &attn.after, &mlp.before, &mlp.after];
            refuse(inner.into_iter().any(Option::is_some), "norms of a sum and of its branch")?;
            let norms =
                engine::Norms { attn: self.norm(&first.after)?, mlp: self.norm(&second.after)?, ..none };
            return Ok((engine::Order::Post, norms));
        }
        let norms = engine::Norms {
            attn: self.norm(&attn.before)? || self.norm(&first.before)?,
            attn_post: self.norm(&attn.after)?,
            mlp: self.norm(&mlp.before)? || self.norm(&second.before)?,
            mlp_post: self.norm(&mlp.after)?,
        };
        Ok((engine::Order::Pre, norms))
    }

    fn attention(&mut self, a: &Attention) -> Result<engine::Attention> {
        refuse(a.mask.chunk.is_some() || a.mask.groups, "chunked or grouped attention")?;
        refuse(a.v_norm.is_some() || a.o_norm.is_some(), "norms of values or mixed heads")?;
        refuse(a.norm_last, "query and key norms after the rotation")?;
        refuse(a.gate.is_some(), "gated attention")?;
        refuse(a.sinks, "attention sinks")?;
        refuse(a.memory.is_some(), "cross-attention")?;
        refuse(a.keys_of.is_some() || a.keys_are_values, "shared keys")?;
        refuse(a.value_scale != 1.0 || a.clip.is_some() || a.temper.is_some(), "scaled or clamped heads")?;
        refuse(a.q_norm != a.k_norm, "query and key norms that differ")?;
        let window = match a.mask.window {
            None => None,
            Some(Window::Even(window)) => Some(window),
            Some(Window::Sides(..)) => return Err(unsupported("a window with two sides")),
        };
        let alibi = match &a.position_bias {
            None => None,
            Some(PositionBias::Alibi(alibi)) => Some(alibi.slopes.clone()),
            Some(PositionBias::Buckets(_)) => return Err(unsupported("position buckets")),
        };
        if let (Some(norm), Some(of_layers)) = (&a.q_norm, &self.norm) {
            let alike = Norm { bias: norm.bias, ..of_layers.clone() } == *norm;
            refuse(!alike, "query norms of another kind than the layers'")?;
        }
        Ok(engine::Attention {
            heads: a.heads,
            kv_heads: a.kv_heads,
            head_dim: a.head_dim,
            value_dim: a.value_dim,
            scale: a.scale,
            softcap: a.softcap,
            causal: a.mask.causal,
            window,
            rope: a.rope.as_ref().map(|rope| self.rope(rope)).transpose()?,
            alibi,
            q_bias: a.has_bias('q'),
            k_bias: a.has_bias('k'),
            v_bias: a.has_bias('v'),
            o_bias: a.has_bias('o'),
            qk_norm: a.q_norm.as_ref().map(|_| match a.norm_over {
                NormOver::Head => engine::QkNorm::Head,
                NormOver::Whole => engine::QkNorm::Whole,
                NormOver::Each => engine::QkNorm::Each,
            }),
            qk_norm_bias: a.q_norm.as_ref().is_some_and(|norm| norm.bias),
        })
    }

    /// Equal rotations are one.
    fn rope(&mut self, rope: &Rope) -> Result<usize> {
        refuse(!rope.axes.is_empty(), "rotations of several axes")?;
        let known = self.ropes.iter().position(|known| known == rope);
        Ok(known.unwrap_or_else(|| {
            self.ropes.push(rope.clone());
            self.ropes.len() - 1
        }))
    }
}

fn rope(rope: &Rope) -> engine::Rope {
    engine::Rope {
        dim: rope.dim,
        interleaved: rope.interleaved,
        gain: rope.gain,
        frequencies: rope.frequencies.clone(),
        long: rope.long.as_ref().map(|long| engine::LongRope {
            above: long.above,
            gain: long.gain,
            frequencies: long.frequencies.clone(),
        }),
    }
}

fn lowered_feed_forward(body: &Body) -> Result<engine::FeedForward> {
    match body {
        Body::Mlp(m) => {
            refuse(m.norm.is_some(), "a norm inside the feed-forward")?;
            refuse(
                m.limit.is_some() || m.up_offset != 0.0 || m.sparsity.is_some(),
                "clamped or sparse gates",
            )?;
            let (width, gated, bias) = (m.width, m.gated, m.bias);
            Ok(engine::FeedForward::Mlp(engine::Mlp {
                width,
                activation: activation(m.activation)?,
                gated,
                bias,
            }))
        }
        Body::Moe(m) => {
            let router = &m.router;
            refuse(router.scores != Scores::Softmax, "a router of sigmoids")?;
            refuse(router.bias || router.correction, "a router with biases")?;
            refuse(
                router.groups.is_some() || router.weigh_input || router.norm.is_some(),
                "groups of experts",
            )?;
            refuse(router.scale != 1.0 || router.eps != 0.0, "scaled experts")?;
            refuse(
                !m.gated || m.bias || m.limit.is_some() || m.up_offset != 0.0,
                "experts with biases or limits",
            )?;
            refuse(m.latent.is_some(), "experts behind a projection")?;
            Ok(engine::FeedForward::Moe(engine::Moe {
                experts: m.experts,
                top_k: router.top_k,
                width: m.width,
                activation: activation(m.activation)?,
                normalize: router.normalize,
                shared_width: m.shared_width,
                shared_gate: m.shared_gate,
            }))
        }
        _ => Err(unsupported("a second mixer instead of a feed-forward")),
    }
}

fn activation(of: Activation) -> Result<engine::Activation> {
    Ok(match of {
        Activation::Silu => engine::Activation::Silu,
        Activation::Gelu => engine::Activation::Gelu,
        Activation::GeluTanh => engine::Activation::GeluTanh,
        Activation::Relu => engine::Activation::Relu,
        Activation::QuickGelu => engine::Activation::QuickGelu,
        other => return Err(unsupported(&format!("the activation {other:?}"))),
    })
}

fn refuse(when: bool, what: &str) -> Result<()> {
    if when {
        Err(unsupported(what))
    } else {
        Ok(())
    }
}

fn unsupported(what: &str) -> Error {
    Error::Unsupported(format!("the native engine does not run {what}"))
}
