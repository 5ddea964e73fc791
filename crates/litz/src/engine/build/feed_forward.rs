//! What works on each position by itself: one row for each kind of feed-forward.

use super::layer::{Branch, Last};
use super::Builder;
use crate::engine::program::{BufferId, RowsPer};
use crate::engine::spec::{FeedForward, Mlp, Moe};
use crate::engine::steps::{
    Epilogue, Expert, ExpertsDown, ExpertsUp, Mixture, Output, Read, Router, SharedExpert, Term,
};
use crate::kernels::Activation;
use crate::weights::Weight;
use crate::Result;

/// The matrices of experts.
type Experts = (Vec<Expert>, Vec<Weight>);

impl Builder<'_, '_> {
    /// The branch of a feed-forward that reads the residual as `read` says.
    pub(super) fn feed_forward(&mut self, name: &str, spec: &FeedForward, read: &Read) -> Result<Branch> {
        match spec {
            FeedForward::Mlp(mlp) => self.mlp(&format!("{name}.mlp"), mlp),
            FeedForward::Moe(moe) => self.mixture(&format!("{name}.moe"), moe, read),
        }
    }

    fn mlp(&mut self, name: &str, spec: &Mlp) -> Result<Branch> {
        let width = self.spec.width;
        let (output, hidden) =
            self.hidden(name, (spec.width, spec.gated), spec.bias, spec.activation.into())?;
        let term = self.term(&format!("{name}.down"), (width, spec.width), spec.bias, self.branch)?;
        Ok(Branch { first: vec![output], middle: Vec::new(), last: Last::Matrix { source: hidden, term } })
    }

    /// `activation(gate(x)) * up(x)`, or `activation(up(x))`, and the buffer that has it.
    fn hidden(
        &mut self,
        name: &str,
        (rows, gated): (usize, bool),
        bias: bool,
        activation: Activation,
    ) -> Result<(Output, BufferId)> {
        let shape = (rows, self.spec.width);
        let hidden = self.rows("hidden", rows, RowsPer::Token);
        if !gated {
            let up = self.term(&format!("{name}.up"), shape, bias, hidden)?;
            return Ok((Term { then: Epilogue::Activate(activation), ..up }.into(), hidden));
        }
        let up = self.rows("up", rows, RowsPer::Token);
        let gate = self.term(&format!("{name}.gate"), shape, bias, hidden)?;
        let then = Epilogue::Gate { gate: hidden, activation };
        let up = Term { then, ..self.term(&format!("{name}.up"), shape, bias, up)? };
        Ok((Output { terms: vec![gate, up] }, hidden))
    }

    /// The router and the shared expert run with the matrices that read the residual; the chosen experts follow.
    fn mixture(&mut self, name: &str, spec: &Moe, read: &Read) -> Result<Branch> {
        let width = self.spec.width;
        let mut first = Vec::with_capacity(3);
        let mut shared = None;
        if let Some(rows) = spec.shared_width {
            let name = format!("{name}.shared");
            let (output, hidden) = self.hidden(&name, (rows, true), false, spec.activation.into())?;
            first.push(output);
            let down = self.loader.matrix(&format!("{name}.down.weight"), width, rows)?;
            let read = self.read(hidden, None, (rows, 0), RowsPer::Token);
            shared = Some(SharedExpert { read, down, gate: None });
        }
        let scores = self.rows("router scores", spec.experts, RowsPer::Token);
        first.push(self.term(&format!("{name}.router"), (spec.experts, width), false, scores)?.into());
        if spec.shared_gate {
            let gate = self.rows("shared gate", 1, RowsPer::Token);
            first.push(self.term(&format!("{name}.shared_gate"), (1, width), false, gate)?.into());
            shared.iter_mut().for_each(|shared| shared.gate = Some(gate));
        }
        let Moe { experts, top_k, normalize, .. } = *spec;
        let router = Router { experts, top_k, normalize };
        let mixture = Mixture { router, scores, number: self.number() };
        let (up, down) = self.experts(name, spec, (mixture, read), shared)?;
        Ok(Branch { first, middle: vec![Box::new(up)], last: Last::Experts(down) })
    }

    fn experts(
        &mut self,
        name: &str,
        spec: &Moe,
        (mixture, read): (Mixture, &Read),
        shared: Option<SharedExpert>,
    ) -> Result<(ExpertsUp, ExpertsDown)> {
        let rows = RowsPer::Choice { top_k: spec.top_k, experts: spec.experts };
        let hidden = self.rows("expert hidden", spec.width, rows);
        let (reads, downs) = self.matrices_of_experts(name, spec)?;
        let up = ExpertsUp {
            mixture,
            experts: reads,
            activation: spec.activation.into(),
            read: read.clone(),
            permuted: self.permuted(read, rows),
            hidden,
            up: self.rows("expert up", spec.width, rows),
            width: self.spec.width,
        };
        let read = self.read(hidden, None, (spec.width, 0), rows);
        let to = self.branch;
        Ok((up, ExpertsDown { mixture, experts: downs, hidden: read, shared, to, add_to: None }))
    }

    fn matrices_of_experts(&mut self, name: &str, spec: &Moe) -> Result<Experts> {
        let width = self.spec.width;
        let mut experts = (Vec::with_capacity(spec.experts), Vec::with_capacity(spec.experts));
        for expert in 0..spec.experts {
            let name = |part: &str| format!("{name}.experts.{expert}.{part}.weight");
            experts.0.push(Expert {
                gate: self.loader.matrix(&name("gate"), spec.width, width)?,
                up: self.loader.matrix(&name("up"), spec.width, width)?,
            });
            experts.1.push(self.loader.matrix(&name("down"), width, spec.width)?);
        }
        Ok(experts)
    }
}
