//! The step that adds learned rows to the embeddings: of positions, token types and tasks.

use std::ops::Range;

use super::norm::Norm;
use super::step::{by_tokens, Step};
use crate::engine::buffers::BufferId;
use crate::engine::pass::{Chunk, Pass, Plan, Worker};
use crate::weights::Weight;

/// `x = norm(x + rows of tables)`, each part where there is one.
pub(in crate::engine) struct AddRows {
    pub(in crate::engine) x: BufferId,
    /// Rows that nobody else uses meanwhile.
    pub(in crate::engine) spare: BufferId,
    pub(in crate::engine) tables: Vec<(Weight, RowOf)>,
    pub(in crate::engine) norm: Option<Norm>,
    pub(in crate::engine) width: usize,
}

/// Which row of a table a token gets.
#[derive(Clone, Copy)]
pub(in crate::engine) enum RowOf {
    /// `position + offset`.
    Position { offset: usize },
    /// Row `skip` for tokens of that id; the others count from `skip + 1` on, in the order of their positions.
    Counted { skip: u32 },
    /// The token's type.
    Type,
    /// The token's task.
    Task,
}

/// The rows of `RowOf::Counted`, for each token of the chunk.
#[derive(Default)]
struct CountedRows {
    rows: Vec<u32>,
    order: Vec<usize>,
}

impl CountedRows {
    fn count(&mut self, chunk: &Chunk, skip: u32) {
        self.rows.clear();
        self.rows.resize(chunk.tokens.len(), skip);
        for span in &chunk.spans {
            self.order.clear();
            self.order.extend(span.row..span.row + span.len);
            self.order.sort_by_key(|&row| chunk.positions[row]);
            let mut next = skip;
            for &row in self.order.iter().filter(|&&row| chunk.tokens[row] != skip) {
                next += 1;
                self.rows[row] = next;
            }
        }
    }
}

impl Step for AddRows {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        for (_, row) in &self.tables {
            if let RowOf::Counted { skip } = *row {
                plan.shared::<CountedRows>().count(chunk, skip);
            }
        }
        plan.stage(0, by_tokens(chunk, plan));
    }

    fn run(&self, pass: &Pass, _: u8, tokens: Range<usize>, _: &mut Worker) {
        let (x, spare, kernels) = (pass.rows(self.x), pass.rows(self.spare), pass.kernels());
        for token in tokens {
            // SAFETY: this piece alone touches this token's rows.
            let (x, y) = unsafe { (x.get_mut(token, 0..self.width), spare.get_mut(token, 0..self.width)) };
            for (table, row) in &self.tables {
                kernels.dequantize_row(&table.matrix(), row.of(pass, token), y);
                kernels.add(x, y);
            }
            if let Some(norm) = &self.norm {
                norm.apply_in_place(kernels, x);
            }
        }
    }
}

impl RowOf {
    fn of(self, pass: &Pass, token: usize) -> usize {
        let chunk = &pass.chunk;
        let given = |rows: &[u32]| rows.get(token).copied().unwrap_or(0) as usize;
        match self {
            Self::Position { offset } => given(&chunk.positions) + offset,
            Self::Counted { .. } => pass.shared::<CountedRows>().rows[token] as usize,
            Self::Type => given(&chunk.types),
            Self::Task => given(&chunk.tasks),
        }
    }
}
