//! Attention between its matrices where a chunk holds whole sequences: all keys and values are rows of this pass.

use std::ops::Range;
use std::sync::Arc;

use super::attention::{apply_rope, HeadNorms, Rotation};
use super::norm::Norm;
use super::step::{by_tokens, Step};
use crate::engine::buffers::BufferId;
use crate::engine::pass::{Chunk, Pass, Plan, Rows, Span, Tile, Worker};
use crate::kernels::{DistanceBias, HeadRows, KeyPanels, OutView, WholeQueries, WholeScratch, WholeSpec};
use crate::shared::Buffer;
use crate::threads::Split;

/// Keys of a panel.
const PANEL: usize = 16;
/// More sequences than this are in no chunk whose memory is estimated.
const SEQUENCES: usize = 1024;

/// Norm and rotate queries and keys, by tokens.
const NORM_AND_ROTATE: u8 = 0;
/// Pack keys, by sequence and key head.
const PACK: u8 = 1;
/// Attend, by tile and key head.
const ATTEND: u8 = 2;
/// `PACK` and `ATTEND`, where each sequence is one tile.
const PACK_AND_ATTEND: u8 = 3;

/// Attention of every query to the keys of its sequence that it sees.
pub(in crate::engine) struct WholeAttention {
    pub(in crate::engine) queries: BufferId,
    pub(in crate::engine) keys: BufferId,
    pub(in crate::engine) values: BufferId,
    pub(in crate::engine) mixed: BufferId,
    /// Which of the program's tilings cuts the tokens.
    pub(in crate::engine) tiling: usize,
    pub(in crate::engine) kv_heads: usize,
    /// Query heads of a key head.
    pub(in crate::engine) group: usize,
    pub(in crate::engine) spec: WholeSpec,
    /// How many positions a query sees up to its own, and after it; `None`: all.
    pub(in crate::engine) before: Option<usize>,
    pub(in crate::engine) after: Option<usize>,
    pub(in crate::engine) rotation: Option<Rotation>,
    pub(in crate::engine) bias: Option<Distances>,
    pub(in crate::engine) query_norms: HeadNorms,
    pub(in crate::engine) key_norms: HeadNorms,
}

/// What joins the scores for the distance of a key from a query: `(heads, 2 * reach + 1)`, of `-reach..=reach`.
pub(in crate::engine) struct Distances {
    pub(in crate::engine) table: Arc<[f32]>,
    pub(in crate::engine) reach: usize,
}

/// The keys of a chunk in panels, of all heads; the steps of a program share them.
#[derive(Default)]
struct Panels {
    memory: Buffer<f32>,
}

/// What a worker needs.
#[derive(Default)]
struct Own {
    seen: Vec<(u32, u32)>,
    scratch: WholeScratch,
}

impl Step for WholeAttention {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        let (threads, tiles) = (plan.threads(), chunk.tiles[self.tiling].len());
        let normed = !matches!((&self.query_norms, &self.key_norms), (HeadNorms::None, HeadNorms::None));
        if normed || self.rotation.is_some() {
            plan.stage(NORM_AND_ROTATE, by_tokens(chunk, plan));
        }
        plan.shared::<Panels>().memory.reserve(panel_rows(chunk) * self.kv_heads * self.spec.head_dim);
        let by_tile = Split::new(tiles * self.kv_heads, 1, 1, threads);
        if tiles == chunk.spans.len() {
            return plan.stage(PACK_AND_ATTEND, by_tile);
        }
        plan.stage(PACK, Split::new(chunk.spans.len() * self.kv_heads, 1, 1, threads));
        plan.stage(ATTEND, by_tile);
    }

    fn bytes(&self, tokens: usize) -> usize {
        4 * (tokens + PANEL * tokens.min(SEQUENCES)) * self.kv_heads * self.spec.head_dim
    }

    fn run(&self, pass: &Pass, stage: u8, units: Range<usize>, worker: &mut Worker) {
        if stage == NORM_AND_ROTATE {
            return self.norm_and_rotate(pass, units);
        }
        let own = worker.scratch.get_mut::<Own>();
        for unit in units {
            let (index, head) = (unit / self.kv_heads, unit % self.kv_heads);
            if stage == PACK {
                self.pack(pass, index, head);
                continue;
            }
            let tile = pass.chunk.tiles[self.tiling][index];
            if stage == PACK_AND_ATTEND {
                self.pack(pass, tile.span, head);
            }
            self.attend(pass, tile, head, own);
        }
    }
}

impl WholeAttention {
    fn norm_and_rotate(&self, pass: &Pass, tokens: Range<usize>) {
        for token in tokens {
            let heads = self.kv_heads * self.group;
            self.norm_and_rotate_row(pass, token, (self.queries, &self.query_norms, heads));
            self.norm_and_rotate_row(pass, token, (self.keys, &self.key_norms, self.kv_heads));
        }
    }

    fn norm_and_rotate_row(
        &self,
        pass: &Pass,
        token: usize,
        (buffer, norms, heads): (BufferId, &HeadNorms, usize),
    ) {
        let dim = self.spec.head_dim;
        // SAFETY: this piece alone touches this token's heads.
        let row = unsafe { pass.rows(buffer).get_mut(token, 0..heads * dim) };
        if let Some(norm) = norms.whole() {
            norm.apply_in_place(pass.kernels(), row);
        }
        let long = pass.chunk.span_of(token).long;
        for (head, x) in row.chunks_exact_mut(dim).enumerate() {
            let norm: Option<&Norm> = norms.of_head(head);
            norm.into_iter().for_each(|norm| norm.apply_in_place(pass.kernels(), x));
            if let Some(rotation) = self.rotation {
                apply_rope(pass, rotation, long, pass.chunk.positions[token] as usize, x);
            }
        }
    }

    /// Where the panels of a sequence's keys lie.
    fn panels(&self, chunk: &Chunk, span: usize, head: usize) -> Range<usize> {
        let (dim, own) = (self.spec.head_dim, &chunk.spans[span]);
        // Sequences begin at panels of their own: each may leave one that is not full.
        let start = (head * panel_rows(chunk) + (own.row / PANEL + span) * PANEL) * dim;
        start..start + KeyPanels::len_of(own.keys, dim)
    }

    fn pack(&self, pass: &Pass, span: usize, head: usize) {
        let (dim, own) = (self.spec.head_dim, &pass.chunk.spans[span]);
        let memory = pass.shared::<Panels>().memory.view();
        // SAFETY: this piece alone has these panels; keys were written in an earlier phase.
        let (panels, keys) = unsafe {
            let panels = memory.range_mut(self.panels(&pass.chunk, span, head));
            (panels, head_rows(pass.rows(self.keys), own.row..own.row + own.keys, head * dim, dim))
        };
        pass.kernels().pack_keys(dim, &keys, panels);
    }

    /// The queries of a key head in a tile.
    fn attend(&self, pass: &Pass, tile: Tile, head: usize, own: &mut Own) {
        let WholeSpec { head_dim, value_dim, .. } = self.spec;
        let (chunk, span) = (&pass.chunk, &pass.chunk.spans[tile.span]);
        let (rows, keys) = (chunk.rows(tile), span.row..span.row + span.keys);
        let Own { seen, scratch } = own;
        seen.clear();
        if self.before.is_some() || self.after.is_some() {
            seen.extend(rows.clone().map(|row| self.seen(chunk, span, row)));
        }
        let memory = pass.shared::<Panels>().memory.view();
        // SAFETY: queries, keys and values were written in earlier phases, or by this piece.
        let (panels, values) = unsafe {
            let panels = memory.range(self.panels(chunk, tile.span, head));
            (panels, head_rows(pass.rows(self.values), keys.clone(), head * value_dim, value_dim))
        };
        for query in head * self.group..(head + 1) * self.group {
            // SAFETY: as above.
            let queries =
                unsafe { head_rows(pass.rows(self.queries), rows.clone(), query * head_dim, head_dim) };
            let bias = self.bias.as_ref().map(|distances| DistanceBias {
                table: distances.of_head(query),
                zero: distances.reach,
                queries: &chunk.positions[rows.clone()],
                keys: &chunk.positions[keys.clone()],
            });
            let keys = KeyPanels::new(panels, span.keys);
            let seen = (!seen.is_empty()).then_some(&seen[..]);
            let whole = WholeQueries { queries, keys, values, seen, bias };
            let mixed = pass.rows(self.mixed).from(rows.start);
            let floats = mixed.floats.from(query * value_dim);
            // SAFETY: this piece alone writes this head of these rows.
            let mut out = unsafe { OutView::alias(floats, mixed.stride) };
            pass.kernels().attend_whole(&self.spec, &whole, scratch, &mut out);
        }
    }

    /// The keys that a row sees, counted among its sequence's.
    fn seen(&self, chunk: &Chunk, span: &Span, row: usize) -> (u32, u32) {
        let (keys, own) = (chunk.key_positions(span), chunk.positions[row] as usize);
        let first = |before| keys.partition_point(|&key| key as usize + before <= own);
        let end = |after| keys.partition_point(|&key| key as usize <= own + after);
        let (first, end) = (self.before.map_or(0, first), self.after.map_or(keys.len(), end));
        (first.min(end) as u32, end as u32)
    }
}

impl Distances {
    fn of_head(&self, head: usize) -> &[f32] {
        let width = 2 * self.reach + 1;
        &self.table[head * width..(head + 1) * width]
    }
}

/// Rows of panels for all keys of a head.
fn panel_rows(chunk: &Chunk) -> usize {
    (chunk.tokens.len() / PANEL + 1 + chunk.spans.len()) * PANEL
}

/// One head of some rows.
///
/// # Safety
/// Nobody writes them for as long as the result lives.
unsafe fn head_rows(all: Rows, rows: Range<usize>, start: usize, dim: usize) -> HeadRows<'static> {
    let first = rows.start * all.stride + start;
    // SAFETY: the caller's promise.
    let values = unsafe { all.floats.range(first..first + (rows.len() - 1) * all.stride + dim) };
    HeadRows { values, stride: all.stride, count: rows.len() }
}
