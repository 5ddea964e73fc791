//! Both ends of a model: the embedding, and the head that gives logits.

use std::sync::Arc;

use super::Builder;
use crate::engine::program::{BufferId, RowsPer};
use crate::engine::steps::{AddPositions, Embed, Epilogue, HiddenStates, Linear, Norm, Term};
use crate::weights::Weight;
use crate::Result;

impl Builder<'_, '_> {
    /// The embedding, its projection, positions and norm; gives the table.
    pub(super) fn embedding(&mut self) -> Result<Weight> {
        let (spec, width) = (self.spec, self.spec.outer_width());
        let table = self.loader.table("embed.weight", spec.vocab, width)?;
        let projects = spec.embed_width.is_some();
        let to = if projects { self.rows("embedding", width, RowsPer::Token) } else { self.residual };
        self.push(Embed { table: table.clone(), scale: spec.embed_scale, to });
        if projects {
            let project = self.term("project_in", (spec.width, width), false, self.residual)?;
            self.matrix(to, project);
        }
        let positions = match spec.positions {
            Some(positions) => Some(self.loader.table("positions.weight", positions.rows, spec.width)?),
            None => None,
        };
        let norm = self.norm_if(spec.embed_norm, "embed_norm")?;
        if positions.is_some() || norm.is_some() {
            let offset = spec.positions.map_or(0, |positions| positions.offset);
            let (x, spare, width) = (self.residual, self.branch, spec.width);
            self.push(AddPositions { x, spare, table: positions, offset, norm, width });
        }
        Ok(table)
    }

    /// Hands out what enters a layer, or with a norm what leaves the last one.
    pub(super) fn hidden_states(&mut self, layer: usize, norm: Option<Arc<Norm>>) {
        let (x, to, width) = (self.residual, self.outputs.hidden, self.spec.width);
        self.push(HiddenStates { x, to, norm, width, layer, is_last: layer == self.spec.layers.len() });
    }

    /// The final norm, a projection to the embedding's width, and the matrix of the logits.
    pub(super) fn head(&mut self, embed: &Weight) -> Result<()> {
        let (spec, width) = (self.spec, self.spec.outer_width());
        let mut norm = self.norm_if(spec.final_norm, "norm")?.map(Arc::new);
        self.hidden_states(spec.layers.len(), norm.clone());
        let mut source = self.residual;
        if spec.embed_width.is_some() {
            let projected = self.rows("projected", width, RowsPer::Output);
            let project = self.term("project_out", (width, spec.width), false, projected)?;
            self.output_matrix(source, norm.take(), project);
            source = projected;
        }
        let weight = match spec.tied_head {
            true => self.loader.tied(embed),
            false => self.loader.matrix("head.weight", spec.vocab, width)?,
        };
        let bias = self.loader.vector_if(spec.head_bias, "head.bias", spec.vocab)?;
        let then = Epilogue::Cap { scale: spec.logit_scale, cap: spec.logit_softcap };
        self.output_matrix(source, norm, Term { read: 0, weight, bias, to: self.outputs.logits, then });
        Ok(())
    }

    /// A matrix for those rows whose outputs are wanted.
    fn output_matrix(&mut self, source: BufferId, norm: Option<Arc<Norm>>, term: Term) {
        let read = self.read(source, norm, (term.weight.cols(), 0), RowsPer::Output);
        self.push(Linear { reads: vec![read], outputs: vec![term.into()], rows: RowsPer::Output });
    }
}
