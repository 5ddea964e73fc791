//! Compiles a Spec into its program, and takes every weight that it needs.

use std::sync::Arc;

use super::program::{
    Attend, InputKind, LearnedPositions, Linear, NormWeights, Output, Program, Read, Sink, Source, Step, Term,
};
use super::spec::{Attention, FeedForward, Layer, Mixer, Mlp, Order, QkNorm, Spec};
use super::weights::{Loader, Weight};
use super::widths::Widths;
use crate::{Error, Result};

/// Builds the program.
pub(super) fn build(spec: &Spec, loader: &mut Loader<'_>) -> Result<Program> {
    let mut builder = Builder { spec, loader, steps: Vec::new(), inputs: Vec::new() };
    let embed = builder.entrance()?;
    for (index, layer) in spec.layers.iter().enumerate() {
        builder.layer(&format!("layers.{index}"), index, layer)?;
    }
    builder.head(embed)?;
    Ok(Program { steps: builder.steps, inputs: builder.inputs, widths: Widths::of(spec) })
}

struct Builder<'a, 'b> {
    spec: &'a Spec,
    loader: &'a mut Loader<'b>,
    steps: Vec<Step>,
    inputs: Vec<InputKind>,
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
        let FeedForward::Mlp(mlp) = &layer.feed_forward else {
            return Err(Error::Config("experts are not supported yet".to_owned()));
        };
        let heads = self.heads(name, attention)?;
        let attend = self.attend(name, index, attention)?;
        let mixed = self.term(
            &format!("{name}.attn.o"),
            self.spec.width,
            attention.heads * attention.value_dim,
            attention.o_bias,
        )?;
        let hidden = self.hidden(name, mlp)?;
        let down = self.term(&format!("{name}.mlp.down"), self.spec.width, mlp.width, mlp.bias)?;
        match layer.order {
            Order::Pre => {
                self.linear(vec![(Source::Stream, attn_norm)], heads, false);
                self.steps.push(Step::Attend(attend));
                let post = self.norm_if(layer.norms.attn_post, &format!("{name}.attn_post_norm"))?;
                self.branch(Source::Mixed, mixed, post);
                self.linear(vec![(Source::Stream, mlp_norm)], vec![hidden], false);
                let post = self.norm_if(layer.norms.mlp_post, &format!("{name}.mlp_post_norm"))?;
                self.branch(Source::Hidden, down, post);
            }
            Order::Post => {
                self.linear(vec![(Source::Stream, None)], heads, false);
                self.steps.push(Step::Attend(attend));
                self.branch(Source::Mixed, mixed, None);
                self.steps.extend(attn_norm.map(Step::Norm));
                self.linear(vec![(Source::Stream, None)], vec![hidden], false);
                self.branch(Source::Hidden, down, None);
                self.steps.extend(mlp_norm.map(Step::Norm));
            }
            Order::Parallel => self.parallel((attn_norm, mlp_norm), heads, attend, mixed, (hidden, down)),
        }
        Ok(())
    }

    /// Both branches read the stream at once, and join it at once.
    fn parallel(
        &mut self,
        (attn_norm, mlp_norm): (Option<NormWeights>, Option<NormWeights>),
        mut outputs: Vec<Output>,
        attend: Attend,
        mixed: Term,
        (mut hidden, down): (Output, Term),
    ) {
        let mut reads = vec![(Source::Stream, attn_norm)];
        if mlp_norm.is_some() {
            reads.push((Source::Stream, mlp_norm));
            hidden.terms.iter_mut().for_each(|term| term.read = 1);
        }
        outputs.push(hidden);
        self.linear(reads, outputs, false);
        self.steps.push(Step::Attend(attend));
        let terms = vec![mixed, Term { read: 1, ..down }];
        let sink = Sink::Stream { scale: self.spec.residual_scale };
        self.linear(vec![(Source::Mixed, None), (Source::Hidden, None)], vec![Output { terms, sink }], false);
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

    fn linear(&mut self, from: Vec<From>, outputs: Vec<Output>, last: bool) {
        let mut reads: Vec<Read> = Vec::with_capacity(from.len());
        for (index, (source, norm)) in from.into_iter().enumerate() {
            let mut terms = outputs.iter().flat_map(|output| &output.terms);
            let cols = terms.find(|term| term.read == index).map_or(0, |term| term.weight.cols());
            let number = reads.iter().filter(|read| read.source == source).count();
            let kind = InputKind { source, cols, number };
            let input = self.inputs.iter().position(|&known| known == kind).unwrap_or_else(|| {
                self.inputs.push(kind);
                self.inputs.len() - 1
            });
            reads.push(Read { source, norm, input });
        }
        self.steps.push(Step::Linear(Linear { reads, outputs, last }));
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
