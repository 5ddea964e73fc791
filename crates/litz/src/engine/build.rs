//! Compiles a Spec into its program, and takes every weight that it needs.

use std::sync::Arc;

use super::program::{
    Attend, Expert, Experts, Forms, InputKind, InputRows, LearnedPositions, Linear, NormWeights, Output,
    Program, Read, Shared, Sink, Source, Step, Term,
};
use super::spec::{Attention, FeedForward, Layer, Mixer, Mlp, Moe, Order, QkNorm, Spec};
use super::weights::{Loader, Weight};
use super::widths::Widths;
use crate::Result;

/// Builds the program.
pub(super) fn build(spec: &Spec, loader: &mut Loader<'_>) -> Result<Program> {
    let mut builder = Builder { spec, loader, steps: Vec::new(), inputs: Vec::new(), experts: Vec::new() };
    let embed = builder.entrance()?;
    for (index, layer) in spec.layers.iter().enumerate() {
        builder.layer(&format!("layers.{index}"), index, layer)?;
    }
    builder.head(embed)?;
    let Builder { steps, inputs, experts, .. } = builder;
    Ok(Program { steps, inputs, experts, widths: Widths::of(spec) })
}

struct Builder<'a, 'b> {
    spec: &'a Spec,
    loader: &'a mut Loader<'b>,
    steps: Vec<Step>,
    inputs: Vec<InputKind>,
    experts: Vec<Experts>,
}

/// A feed-forward: the matrices that read the stream, and what follows them.
struct Fed {
    outputs: Vec<Output>,
    rest: Rest,
}

enum Rest {
    Dense(Term),
    Experts(Mixture),
}

/// The weights of a mixture of experts but for those that read with the router.
struct Mixture {
    layer: usize,
    spec: Moe,
    experts: Vec<Expert>,
    shared: Option<Weight>,
}

/// Where a read comes from and the norm on its way.
type From = (Source, Option<NormWeights>);

impl Builder<'_, '_> {
    fn entrance(&mut self) -> Result<Arc<Weight>> {
        let (spec, outer) = (self.spec, self.spec.outer_width());
        let embed = Arc::new(self.loader.table("embed.weight", spec.vocab, outer)?);
        self.steps.push(Step::Embed { weight: Arc::clone(&embed), scale: spec.embed_scale });
        if spec.embed_width.is_some() {
            let project = self.term("project_in", spec.width, outer, false)?;
            self.linear(
                vec![(Source::Outer, None)],
                vec![Output { terms: vec![project], sink: Sink::Start }],
                false,
            );
        }
        let positions = match spec.positions {
            Some(positions) => {
                let weight = self.loader.table("positions.weight", positions.rows, spec.width)?;
                Some(LearnedPositions { weight, offset: positions.offset })
            }
            None => None,
        };
        let norm = self.norm_if(spec.embed_norm, "embed_norm")?;
        if positions.is_some() || norm.is_some() {
            self.steps.push(Step::Enter { positions, norm });
        }
        Ok(embed)
    }

    fn layer(&mut self, name: &str, index: usize, layer: &Layer) -> Result<()> {
        let attn_norm = self.norm_if(layer.norms.attn, &format!("{name}.attn_norm"))?;
        let mlp_norm = self.norm_if(layer.norms.mlp, &format!("{name}.mlp_norm"))?;
        let Mixer::Attention(attention) = &layer.mixer;
        let heads = self.heads(name, attention)?;
        let attend = Step::Attend(self.attend(name, index, attention)?);
        let (rows, cols) = (self.spec.width, attention.heads * attention.value_dim);
        let mixed = self.term(&format!("{name}.attn.o"), rows, cols, attention.o_bias)?;
        let fed = self.feed_forward(name, index, &layer.feed_forward)?;
        match layer.order {
            Order::Parallel => self.parallel((attn_norm, mlp_norm), heads, attend, mixed, fed),
            Order::Pre => {
                let post = self.norm_if(layer.norms.attn_post, &format!("{name}.attn_post_norm"))?;
                self.linear(vec![(Source::Stream, attn_norm)], heads, false);
                self.steps.push(attend);
                self.branch(Source::Mixed, mixed, post);
                let post = self.norm_if(layer.norms.mlp_post, &format!("{name}.mlp_post_norm"))?;
                self.fed(mlp_norm, fed, post);
            }
            Order::Post => {
                self.linear(vec![(Source::Stream, None)], heads, false);
                self.steps.push(attend);
                self.branch(Source::Mixed, mixed, None);
                self.steps.extend(attn_norm.map(Step::Norm));
                self.fed(None, fed, None);
                self.steps.extend(mlp_norm.map(Step::Norm));
            }
        }
        Ok(())
    }

    /// A feed-forward that follows its mixer.
    fn fed(&mut self, norm: Option<NormWeights>, fed: Fed, post: Option<NormWeights>) {
        let reads = self.linear(vec![(Source::Stream, norm)], fed.outputs, false);
        match fed.rest {
            Rest::Dense(down) => self.branch(Source::Hidden, down, post),
            Rest::Experts(mixture) => {
                let scale = self.spec.residual_scale;
                let sink = if post.is_some() { Sink::Branch } else { Sink::Stream { scale } };
                let experts = self.experts(mixture, &reads[0], sink);
                self.steps.push(Step::ExpertsUp(experts));
                self.steps.push(Step::ExpertsDown(experts));
                self.steps.extend(post.map(|norm| Step::Sum { norm, scale }));
            }
        }
    }

    /// Both branches read the stream before either joins it.
    fn parallel(
        &mut self,
        (attn_norm, mlp_norm): (Option<NormWeights>, Option<NormWeights>),
        mut outputs: Vec<Output>,
        attend: Step,
        mixed: Term,
        mut fed: Fed,
    ) {
        let mut from = vec![(Source::Stream, attn_norm)];
        if mlp_norm.is_some() {
            from.push((Source::Stream, mlp_norm));
            fed.outputs.iter_mut().flat_map(|output| &mut output.terms).for_each(|term| term.read = 1);
        }
        outputs.append(&mut fed.outputs);
        let reads = self.linear(from, outputs, false);
        self.steps.push(attend);
        let sink = Sink::Stream { scale: self.spec.residual_scale };
        match fed.rest {
            Rest::Dense(down) => {
                let terms = vec![mixed, Term { read: 1, ..down }];
                let from = vec![(Source::Mixed, None), (Source::Hidden, None)];
                self.linear(from, vec![Output { terms, sink }], false);
            }
            Rest::Experts(mixture) => {
                let experts = self.experts(mixture, &reads[reads.len() - 1], sink);
                self.steps.push(Step::ExpertsUp(experts));
                self.branch(Source::Mixed, mixed, None);
                self.steps.push(Step::ExpertsDown(experts));
            }
        }
    }

    fn feed_forward(&mut self, name: &str, layer: usize, spec: &FeedForward) -> Result<Fed> {
        match spec {
            FeedForward::Mlp(mlp) => {
                let outputs = vec![self.hidden(name, mlp)?];
                let down = self.term(&format!("{name}.mlp.down"), self.spec.width, mlp.width, mlp.bias)?;
                Ok(Fed { outputs, rest: Rest::Dense(down) })
            }
            FeedForward::Moe(moe) => self.mixture(&format!("{name}.moe"), layer, moe),
        }
    }

    fn mixture(&mut self, name: &str, layer: usize, moe: &Moe) -> Result<Fed> {
        let width = self.spec.width;
        let mut outputs = Vec::with_capacity(3);
        let mut shared = None;
        if let Some(rows) = moe.shared_width {
            let terms = vec![
                self.term(&format!("{name}.shared.gate"), rows, width, false)?,
                self.term(&format!("{name}.shared.up"), rows, width, false)?,
            ];
            outputs.push(Output { terms, sink: Sink::Hidden(moe.activation) });
            shared = Some(self.loader.matrix(&format!("{name}.shared.down.weight"), width, rows)?);
        }
        let router = self.term(&format!("{name}.router"), moe.experts, width, false)?;
        outputs.push(Output { terms: vec![router], sink: Sink::Scores });
        if moe.shared_gate {
            let gate = self.term(&format!("{name}.shared_gate"), 1, width, false)?;
            outputs.push(Output { terms: vec![gate], sink: Sink::Gate });
        }
        let mut experts = Vec::with_capacity(moe.experts);
        for expert in 0..moe.experts {
            let name = |part: &str| format!("{name}.experts.{expert}.{part}.weight");
            experts.push(Expert {
                gate: self.loader.matrix(&name("gate"), moe.width, width)?,
                up: self.loader.matrix(&name("up"), moe.width, width)?,
                down: self.loader.matrix(&name("down"), width, moe.width)?,
            });
        }
        Ok(Fed { outputs, rest: Rest::Experts(Mixture { layer, spec: moe.clone(), experts, shared }) })
    }

    /// Keeps a mixture whose router read `read`, and gives its index.
    fn experts(&mut self, mixture: Mixture, read: &Read, sink: Sink) -> usize {
        let Mixture { layer, spec, experts, shared } = mixture;
        let rows = InputRows::Chosen { top_k: spec.top_k, experts: spec.experts };
        let permuted = InputKind {
            source: Source::Stream,
            cols: self.spec.width,
            number: 0,
            rows,
            forms: Forms::default(),
        };
        let permuted = self.input(permuted);
        let hidden =
            InputKind { source: Source::Experts, cols: spec.width, number: 0, rows, forms: Forms::default() };
        let (input, forms) = (self.input(hidden), Forms::default());
        let hidden = Read { source: Source::Experts, norm: None, input, forms, direct: true };
        let shared = shared.map(|down| Shared {
            read: self.read((Source::Hidden, None), 0, down.cols(), false),
            down,
            gated: spec.shared_gate,
        });
        self.experts.push(Experts {
            layer,
            read: read.clone(),
            permuted,
            hidden,
            shared,
            sink,
            spec,
            experts,
        });
        self.experts.len() - 1
    }

    fn heads(&mut self, name: &str, spec: &Attention) -> Result<Vec<Output>> {
        let sides = [
            ("q", spec.heads * spec.head_dim, spec.q_bias),
            ("k", spec.kv_heads * spec.head_dim, spec.k_bias),
            ("v", spec.kv_heads * spec.value_dim, spec.v_bias),
        ];
        let mut outputs = Vec::with_capacity(3);
        for (number, (side, rows, bias)) in sides.into_iter().enumerate() {
            let term = self.term(&format!("{name}.attn.{side}"), rows, self.spec.width, bias)?;
            outputs.push(Output { terms: vec![term], sink: Sink::Heads(number) });
        }
        Ok(outputs)
    }

    fn attend(&mut self, name: &str, index: usize, spec: &Attention) -> Result<Attend> {
        Ok(Attend {
            layer: index,
            spec: spec.clone(),
            interleaved: spec.rope.is_some_and(|rope| self.spec.ropes[rope].interleaved),
            q_norms: self.head_norms(&format!("{name}.attn.q_norm"), spec, spec.heads)?,
            k_norms: self.head_norms(&format!("{name}.attn.k_norm"), spec, spec.kv_heads)?,
        })
    }

    fn head_norms(&mut self, name: &str, spec: &Attention, heads: usize) -> Result<Vec<NormWeights>> {
        let Some(over) = spec.qk_norm else { return Ok(Vec::new()) };
        let width = if over == QkNorm::Head { spec.head_dim } else { heads * spec.head_dim };
        let all = self.norm(name, width, spec.qk_norm_bias)?;
        if over != QkNorm::Each {
            return Ok(vec![all]);
        }
        let head = |head: usize| {
            let range = head * spec.head_dim..(head + 1) * spec.head_dim;
            let bias = all.bias.as_ref().map(|bias| bias[range.clone()].to_vec());
            NormWeights { weight: all.weight[range].to_vec(), bias, ..all }
        };
        Ok((0..heads).map(head).collect())
    }

    fn hidden(&mut self, name: &str, spec: &Mlp) -> Result<Output> {
        let mut terms = Vec::with_capacity(2);
        if spec.gated {
            terms.push(self.term(&format!("{name}.mlp.gate"), spec.width, self.spec.width, spec.bias)?);
        }
        terms.push(self.term(&format!("{name}.mlp.up"), spec.width, self.spec.width, spec.bias)?);
        Ok(Output { terms, sink: Sink::Hidden(spec.activation) })
    }

    fn head(&mut self, embed: Arc<Weight>) -> Result<()> {
        let (spec, outer) = (self.spec, self.spec.outer_width());
        let mut from = (Source::Stream, self.norm_if(spec.final_norm, "norm")?);
        if spec.embed_width.is_some() {
            let project = self.term("project_out", outer, spec.width, false)?;
            self.linear(vec![from], vec![Output { terms: vec![project], sink: Sink::Outer }], true);
            from = (Source::Outer, None);
        }
        let weight = match spec.tied_head {
            true => Arc::new(self.loader.tied(&embed)),
            false => Arc::new(self.loader.matrix("head.weight", spec.vocab, outer)?),
        };
        let bias = self.loader.vector_if(spec.head_bias, "head.bias", spec.vocab)?;
        let sink = Sink::Logits { scale: spec.logit_scale, cap: spec.logit_softcap };
        self.linear(vec![from], vec![Output { terms: vec![Term { read: 0, weight, bias }], sink }], true);
        Ok(())
    }

    /// A matrix whose output joins the stream, through a norm if there is one.
    fn branch(&mut self, source: Source, term: Term, post: Option<NormWeights>) {
        let scale = self.spec.residual_scale;
        let sink = if post.is_some() { Sink::Branch } else { Sink::Stream { scale } };
        self.linear(vec![(source, None)], vec![Output { terms: vec![term], sink }], false);
        self.steps.extend(post.map(|norm| Step::Sum { norm, scale }));
    }

    /// Pushes a linear step, and tells how it reads.
    fn linear(&mut self, from: Vec<From>, outputs: Vec<Output>, last: bool) -> Vec<Read> {
        let mut reads: Vec<Read> = Vec::with_capacity(from.len());
        for (index, from) in from.into_iter().enumerate() {
            let mut terms = outputs.iter().flat_map(|output| &output.terms);
            let cols = terms.find(|term| term.read == index).map_or(0, |term| term.weight.cols());
            let number = reads.iter().filter(|read| read.source == from.0).count();
            reads.push(self.read(from, number, cols, last));
        }
        self.steps.push(Step::Linear(Linear { reads: reads.clone(), outputs, last }));
        reads
    }

    fn read(&mut self, (source, norm): From, number: usize, cols: usize, last: bool) -> Read {
        let direct = norm.is_none() && !(last && source == Source::Stream);
        let kind = InputKind { source, cols, number, rows: InputRows::Token, forms: Forms::default() };
        Read { source, norm: norm.map(Arc::new), input: self.input(kind), forms: Forms::default(), direct }
    }

    /// The input of a kind, which other steps may use too.
    fn input(&mut self, kind: InputKind) -> usize {
        let same = |known: &InputKind| {
            let of = |kind: &InputKind| (kind.source, kind.cols, kind.number, kind.rows);
            of(known) == of(&kind)
        };
        self.inputs.iter().position(same).unwrap_or_else(|| {
            self.inputs.push(kind);
            self.inputs.len() - 1
        })
    }

    fn term(&mut self, name: &str, rows: usize, cols: usize, bias: bool) -> Result<Term> {
        let weight = Arc::new(self.loader.matrix(&format!("{name}.weight"), rows, cols)?);
        Ok(Term { read: 0, weight, bias: self.loader.vector_if(bias, &format!("{name}.bias"), rows)? })
    }

    fn norm_if(&mut self, present: bool, name: &str) -> Result<Option<NormWeights>> {
        present.then(|| self.norm(name, self.spec.width, self.spec.norm.bias)).transpose()
    }

    fn norm(&mut self, name: &str, width: usize, bias: bool) -> Result<NormWeights> {
        let norm = &self.spec.norm;
        let weight = self.loader.vector(&format!("{name}.weight"), width)?;
        let bias = self.loader.vector_if(bias, &format!("{name}.bias"), width)?;
        Ok(NormWeights { kind: norm.kind, eps: norm.eps, offset: norm.offset, weight, bias })
    }
}
