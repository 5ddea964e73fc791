//! Causal attention between its matrices: heads are normed, rotated and appended to the cache, then queries attend to it.

use std::ops::Range;

use super::norm::Norm;
use super::step::{by_tokens, Step};
use crate::engine::buffers::{BufferId, SlotId};
use crate::engine::pass::{Chunk, Pass, Plan, Rows, Span, Tile, Worker};
use crate::engine::state::{KvCache, PAGE};
use crate::kernels::{AttendSpec, AttendState, Kernels, Pages, Queries, SharedSlice};
use crate::shared::assume_static;
use crate::threads::Split;

/// Pages whose attention is computed on its own and then merged.
const PAGES: usize = 8;
/// Positions of a segment.
const SEGMENT: usize = PAGES * PAGE;

/// Norms over all heads of a token, by tokens.
const NORM_WHOLE: u8 = 0;
/// Norm, rotate and append keys and values, by page and key head.
const APPEND: u8 = 1;
/// Attend, by tile and key head.
const ATTEND: u8 = 2;
/// `APPEND` and `ATTEND`, where no two tokens belong to one sequence.
const APPEND_AND_ATTEND: u8 = 3;
/// Attend to one segment of the positions, by tile, key head and segment, the last fastest.
const ATTEND_SEGMENT: u8 = 4;
/// `APPEND` by whoever has the last segment, and `ATTEND_SEGMENT`, where no two tokens belong to one sequence.
const APPEND_AND_ATTEND_SEGMENT: u8 = 5;
/// Merge the segments, by tile and key head.
const MERGE: u8 = 6;

/// Attention of every query to the keys of its sequence up to its own.
pub(in crate::engine) struct Attention {
    pub(in crate::engine) queries: BufferId,
    pub(in crate::engine) keys: BufferId,
    pub(in crate::engine) values: BufferId,
    pub(in crate::engine) mixed: BufferId,
    /// The sequence's keys and values.
    pub(in crate::engine) slot: SlotId,
    /// Tells the attention steps of a program apart.
    pub(in crate::engine) number: usize,
    /// Which of the program's tilings cuts the tokens.
    pub(in crate::engine) tiling: usize,
    pub(in crate::engine) kv_heads: usize,
    /// Query heads of a key head.
    pub(in crate::engine) group: usize,
    /// Head sizes, scale, cap, and which keys a query sees.
    pub(in crate::engine) spec: AttendSpec,
    pub(in crate::engine) rotation: Option<Rotation>,
    /// One for each query head: `slope * (key position - query position)` is added to the scaled score.
    pub(in crate::engine) alibi: Option<Vec<f32>>,
    /// One for each query head: a score that joins the softmax and has no value.
    pub(in crate::engine) sinks: Option<Vec<f32>>,
    pub(in crate::engine) query_norms: HeadNorms,
    pub(in crate::engine) key_norms: HeadNorms,
}

/// Which of the model's ropes rotates queries and keys.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Rotation {
    pub(in crate::engine) rope: usize,
    /// Pairs are neighbours, not halves.
    pub(in crate::engine) interleaved: bool,
}

/// The norms of the heads of one side.
pub(in crate::engine) enum HeadNorms {
    None,
    /// Over all heads of a token at once.
    Whole(Norm),
    /// One for every head.
    Head(Norm),
    /// One for each head.
    Each(Vec<Norm>),
}

impl HeadNorms {
    /// The norm of one head by itself.
    pub(super) fn of_head(&self, head: usize) -> Option<&Norm> {
        match self {
            Self::None | Self::Whole(_) => None,
            Self::Head(norm) => Some(norm),
            Self::Each(norms) => norms.get(head),
        }
    }

    pub(super) fn whole(&self) -> Option<&Norm> {
        match self {
            Self::Whole(norm) => Some(norm),
            _ => None,
        }
    }
}

/// Attention to single segments, which waits to be merged.
struct Segments {
    owner: Vec<AttendState>,
    view: SharedSlice<'static, AttendState>,
    /// For each attention step, how many segments of a tile are units of their own.
    counts: Vec<usize>,
}

impl Default for Segments {
    fn default() -> Self {
        Self { owner: Vec::new(), view: assume_static(&mut []), counts: Vec::new() }
    }
}

/// What a worker needs.
#[derive(Default)]
struct Own {
    queries: Vec<f32>,
    total: AttendState,
    segment: AttendState,
}

/// The queries of one key head at the positions of a tile.
#[derive(Clone, Copy)]
struct Unit {
    tile: Tile,
    head: usize,
}

impl Step for Attention {
    fn plan(&self, chunk: &Chunk, plan: &mut Plan<'_>) {
        if self.query_norms.whole().is_some() || self.key_norms.whole().is_some() {
            plan.stage(NORM_WHOLE, by_tokens(chunk, plan));
        }
        let (threads, tiles) = (plan.threads(), &chunk.tiles[self.tiling]);
        let units = tiles.len() * self.kv_heads;
        let segments = tiles.iter().map(|&tile| self.segments_of(chunk, tile).len()).max().unwrap_or(0);
        let by_tile = Split::new(units, 1, 1, threads);
        let split = segments > 1 && threads > 1 && units < 4 * threads;
        let alone = chunk.has_one_token_a_sequence();
        if !alone {
            plan.stage(APPEND, Split::new(chunk.pages.len() * self.kv_heads, 1, 1, threads));
        }
        if !split {
            return plan.stage(if alone { APPEND_AND_ATTEND } else { ATTEND }, by_tile);
        }
        plan.shared::<Segments>().reserve(self.number, segments, units);
        let by_segment = Split::new(units * segments, 1, 1, threads);
        plan.stage(if alone { APPEND_AND_ATTEND_SEGMENT } else { ATTEND_SEGMENT }, by_segment);
        plan.stage(MERGE, by_tile);
    }

    fn run(&self, pass: &Pass, stage: u8, units: Range<usize>, worker: &mut Worker) {
        match stage {
            NORM_WHOLE => return self.norm_whole(pass, units),
            APPEND => {
                let pages = &pass.chunk.pages;
                return units.for_each(|unit| {
                    let (tile, head) = (pages[unit / self.kv_heads], unit % self.kv_heads);
                    self.append_kv(pass, Unit { tile, head });
                });
            }
            _ => {}
        }
        let own = worker.scratch.get_mut::<Own>();
        for unit in units {
            match stage {
                ATTEND_SEGMENT | APPEND_AND_ATTEND_SEGMENT => self.run_segment(pass, stage, unit, own),
                MERGE => self.merge(pass, unit, own),
                _ => self.run_tile(pass, stage, unit, own),
            }
        }
    }
}

impl Segments {
    /// Makes room for `count` segments of each of so many units.
    fn reserve(&mut self, step: usize, count: usize, units: usize) {
        self.counts.resize(self.counts.len().max(step + 1), 0);
        self.counts[step] = count;
        if self.owner.len() < units * count {
            self.owner.resize_with(units * count, AttendState::default);
        }
        self.view = assume_static(&mut self.owner);
    }
}

impl Attention {
    fn unit(&self, pass: &Pass, unit: usize) -> Unit {
        let tile = pass.chunk.tiles[self.tiling][unit / self.kv_heads];
        Unit { tile, head: unit % self.kv_heads }
    }

    fn norm_whole(&self, pass: &Pass, tokens: Range<usize>) {
        for (norms, buffer) in [(&self.query_norms, self.queries), (&self.key_norms, self.keys)] {
            let Some(norm) = norms.whole() else { continue };
            for token in tokens.clone() {
                // SAFETY: this piece alone touches this token's heads.
                let x = unsafe { pass.rows(buffer).get_mut(token, 0..norm.weight.len()) };
                norm.apply_in_place(pass.kernels(), x);
            }
        }
    }

    /// Norms and rotates one key head, and appends the key and value.
    fn append_kv(&self, pass: &Pass, Unit { tile, head }: Unit) {
        let (keys, values) = (pass.rows(self.keys), pass.rows(self.values));
        let (span, cache) = (&pass.chunk.spans[tile.span], self.cache(pass, tile.span));
        let cols = |dim: usize| head * dim..(head + 1) * dim;
        for token in pass.chunk.rows(tile) {
            let position = span.position + token - span.row;
            // SAFETY: within a phase, this piece alone touches this key head of this token.
            let (key, value) = unsafe {
                (keys.get_mut(token, cols(self.spec.head_dim)), values.get(token, cols(self.spec.value_dim)))
            };
            self.norm_and_rotate(pass, self.key_norms.of_head(head), span, position, key);
            store(pass.kernels(), cache, head, position, (key, value));
        }
    }

    /// Norms and rotates a query or key.
    fn norm_and_rotate(&self, pass: &Pass, norm: Option<&Norm>, span: &Span, position: usize, x: &mut [f32]) {
        if let Some(norm) = norm {
            norm.apply_in_place(pass.kernels(), x);
        }
        if let Some(rotation) = self.rotation {
            apply_rope(pass, rotation, span.long, position, x);
        }
    }

    fn cache<'a>(&self, pass: &'a Pass, span: usize) -> &'a KvCache {
        pass.chunk.spans[span].slots.kv(self.slot)
    }

    /// The positions that any query of a tile sees.
    fn seen(&self, span: &Span, tile: Tile) -> Range<usize> {
        let first = span.position + tile.start;
        let last = first + tile.count - 1;
        let end = last.saturating_add(self.spec.ahead).min(span.position + span.len - 1) + 1;
        self.spec.window.map_or(0, |window| (first + 1).saturating_sub(window))..end
    }

    /// The segments that any query of a tile sees. A query's result is the merge of its segments in their order,
    /// whoever computes them.
    fn segments_of(&self, chunk: &Chunk, tile: Tile) -> Range<usize> {
        let seen = self.seen(&chunk.spans[tile.span], tile);
        seen.start / SEGMENT..seen.end.div_ceil(SEGMENT)
    }

    /// The queries of one key head at the positions of a tile, over all that they see.
    fn run_tile(&self, pass: &Pass, stage: u8, unit: usize, own: &mut Own) {
        let unit = self.unit(pass, unit);
        if stage == APPEND_AND_ATTEND {
            self.append_kv(pass, unit);
        }
        self.gather_queries(pass, unit, &mut own.queries);
        let Own { queries, total, segment } = own;
        let mut segments = self.segments_of(&pass.chunk, unit.tile);
        if let Some(first) = segments.next() {
            self.attend(pass, unit, first, queries, total);
        }
        for next in segments {
            self.attend(pass, unit, next, queries, segment);
            pass.kernels().merge(total, segment);
        }
        self.write_output(pass, unit, total);
    }

    /// One segment, whose result waits for `merge`.
    fn run_segment(&self, pass: &Pass, stage: u8, number: usize, own: &mut Own) {
        let segments = pass.shared::<Segments>();
        let count = segments.counts[self.number];
        let unit = self.unit(pass, number / count);
        let mut seen = self.segments_of(&pass.chunk, unit.tile);
        if stage == APPEND_AND_ATTEND_SEGMENT && number % count + 1 == seen.len() {
            self.append_kv(pass, unit);
        }
        let Some(segment) = seen.nth(number % count) else { return };
        self.gather_queries(pass, unit, &mut own.queries);
        // SAFETY: this piece alone has this unit.
        let state = unsafe { &mut segments.view.range_mut(number..number + 1)[0] };
        self.attend(pass, unit, segment, &own.queries, state);
    }

    fn merge(&self, pass: &Pass, number: usize, own: &mut Own) {
        let (segments, unit) = (pass.shared::<Segments>(), self.unit(pass, number));
        let first = number * segments.counts[self.number];
        let count = self.segments_of(&pass.chunk, unit.tile).len();
        // SAFETY: the segments were written in the phase before.
        let states = unsafe { segments.view.range(first..first + count) };
        own.total.clone_from(&states[0]);
        states[1..].iter().for_each(|state| pass.kernels().merge(&mut own.total, state));
        self.write_output(pass, unit, &own.total);
    }

    /// The pages of one segment, into a fresh state.
    fn attend(&self, pass: &Pass, unit: Unit, segment: usize, queries: &[f32], state: &mut AttendState) {
        let (Unit { tile, head }, group) = (unit, self.group);
        let span = &pass.chunk.spans[tile.span];
        state.reset(tile.count * group, self.spec.value_dim);
        let (cache, seen) = (self.cache(pass, tile.span), self.seen(span, tile));
        let pages_seen = seen.start / PAGE..seen.end.div_ceil(PAGE);
        let start = pages_seen.start.max(segment * PAGES);
        let end = pages_seen.end.min((segment + 1) * PAGES);
        let mut pages: [&[u8]; PAGES] = [&[]; PAGES];
        for (page, number) in pages.iter_mut().zip(start..end) {
            *page = read(cache, number, head);
        }
        let ahead = (end < pages_seen.end).then(|| read(cache, end, head));
        let pages =
            Pages { layout: cache.layout(), start: start * PAGE, pages: &pages[..end - start], ahead };
        let slopes = self.alibi.as_ref().map(|slopes| &slopes[head * group..(head + 1) * group]);
        let (position, keys) = (span.position + tile.start, span.position + span.len);
        let queries = Queries { values: queries, group, position, keys, slopes };
        pass.kernels().attend(&self.spec, &queries, &pages, state);
    }

    /// Writes a tile's attention to the mixed rows.
    fn write_output(&self, pass: &Pass, Unit { tile, head }: Unit, state: &AttendState) {
        let (group, value_dim) = (self.group, self.spec.value_dim);
        let mixed = pass.rows(self.mixed);
        for (index, token) in pass.chunk.rows(tile).enumerate() {
            for query in 0..group {
                let number = head * group + query;
                let (start, sink) = (number * value_dim, self.sinks.as_ref().map(|sinks| sinks[number]));
                // SAFETY: this piece alone writes these heads of these tokens.
                let out = unsafe { mixed.get_mut(token, start..start + value_dim) };
                state.finish(index * group + query, sink, out);
            }
        }
    }

    /// The queries of a key head side by side, normed and rotated: (tokens * group, head_dim).
    fn gather_queries(&self, pass: &Pass, Unit { tile, head }: Unit, out: &mut Vec<f32>) {
        let (head_dim, span) = (self.spec.head_dim, &pass.chunk.spans[tile.span]);
        let width = self.group * head_dim;
        let queries: Rows = pass.rows(self.queries);
        out.clear();
        for token in pass.chunk.rows(tile) {
            // SAFETY: queries were written in an earlier phase.
            out.extend_from_slice(unsafe { queries.get(token, head * width..(head + 1) * width) });
        }
        for (index, token) in out.chunks_exact_mut(width).enumerate() {
            let position = span.position + tile.start + index;
            for (own, query) in token.chunks_exact_mut(head_dim).enumerate() {
                let norm = self.query_norms.of_head(head * self.group + own);
                self.norm_and_rotate(pass, norm, span, position, query);
            }
        }
    }
}

pub(super) fn apply_rope(pass: &Pass, rotation: Rotation, long: u32, position: usize, x: &mut [f32]) {
    let rope = rotation.rope;
    let (cos, sin) = pass.chunk.tables.at(rope, long >> rope & 1 == 1, position);
    match rotation.interleaved {
        true => pass.kernels().rope_interleaved(x, cos, sin),
        false => pass.kernels().rope_half(x, cos, sin),
    }
}

/// Writes one head of one position.
fn store(kernels: &Kernels, cache: &KvCache, head: usize, position: usize, (key, value): (&[f32], &[f32])) {
    let (block, range) = cache.page(position / PAGE, head);
    // SAFETY: in this phase this piece alone touches this head of this page.
    let page = unsafe { block.range_mut(range) };
    kernels.store_kv(cache.layout(), page, position % PAGE, key, value);
}

/// One head of a page.
fn read(cache: &KvCache, number: usize, head: usize) -> &[u8] {
    let (block, range) = cache.page(number, head);
    // SAFETY: keys and values were stored in an earlier phase, or by this piece; nobody writes this page now.
    unsafe { block.range(range) }
}
