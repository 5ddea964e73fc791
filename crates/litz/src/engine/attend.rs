//! The attention step between its matrices: heads are normed, turned and stored, then queries meet the stored keys.

use std::ops::Range;

use super::cache::{KvCache, PAGE};
use super::exec::row;
use super::program::{Attend, NormWeights};
use super::session::{Run, Session, Stage, Tile, Worker};
use super::state::LayerState;
use crate::kernels::{AttendSpec, AttendState, Pages, Queries};

/// Pages whose attention is computed on its own and then merged.
const PAGES: usize = 8;
/// Positions of a segment.
const SEGMENT: usize = PAGES * PAGE;

impl Session {
    /// `units` count tiles, key heads and (where the stage splits them) segments, the last fastest.
    pub(super) fn attention(
        &self,
        attend: &Attend,
        stage: (Stage, usize),
        units: Range<usize>,
        worker: usize,
    ) {
        let (stage, segments) = stage;
        if stage == Stage::WholeNorms {
            return self.whole_norms(attend, units);
        }
        if stage == Stage::Place {
            let heads = attend.spec.kv_heads;
            return units
                .for_each(|unit| self.place(attend, unit % heads, self.rows(self.places[unit / heads])));
        }
        // SAFETY: this piece runs on this worker.
        let own = unsafe { self.worker(worker) };
        for unit in units {
            let whole = if self.splits(stage) { unit / segments } else { unit };
            let (tile, head) = (self.tiles[whole / attend.spec.kv_heads], whole % attend.spec.kv_heads);
            let last = unit % segments + 1 == self.segments_of(attend, tile).len();
            match stage {
                Stage::PlaceAndAttend => self.place(attend, head, self.rows(tile)),
                Stage::PlaceAndAttendSegment if last => self.place(attend, head, self.rows(tile)),
                _ => {}
            }
            match stage {
                Stage::Merge => self.merge(attend, tile, head, unit, segments, own),
                _ if self.splits(stage) => self.attend_segment(attend, tile, head, unit, segments, own),
                _ => self.attend(attend, tile, head, own),
            }
        }
    }

    fn splits(&self, stage: Stage) -> bool {
        matches!(stage, Stage::AttendSegment | Stage::PlaceAndAttendSegment)
    }

    fn whole_norms(&self, attend: &Attend, tokens: Range<usize>) {
        let sides = [&attend.q_norms, &attend.k_norms];
        for (norms, (heads, stride)) in
            sides.into_iter().zip(self.heads.iter().zip(self.core.program.widths.heads))
        {
            let Some(norm) = norms.first() else { continue };
            for token in tokens.clone() {
                // SAFETY: this piece alone touches this token's heads.
                let x = unsafe { heads.view().range_mut(row(token, stride, norm.weight.len())) };
                self.norm_in_place(norm, x);
            }
        }
    }

    /// Norms and turns one key head, and stores the key and value.
    fn place(&self, attend: &Attend, head: usize, tokens: Range<usize>) {
        let spec = &attend.spec;
        let [keys, values] =
            [1, 2].map(|side| (self.heads[side].view(), self.core.program.widths.heads[side]));
        for token in tokens {
            let run = self.run_of(token);
            let position = run.position + token - run.row;
            let head_of =
                |stride: usize, dim: usize| token * stride + head * dim..token * stride + (head + 1) * dim;
            // SAFETY: within a phase, this piece alone touches this key head of this token.
            let (key, value) = unsafe {
                (
                    keys.0.range_mut(head_of(keys.1, spec.head_dim)),
                    values.0.range(head_of(values.1, spec.value_dim)),
                )
            };
            self.ready(attend, attend.k_norm(head), run, position, key);
            self.store(self.cache(attend, run), head, position, (key, value));
        }
    }

    /// Norms and turns a query or key.
    fn ready(
        &self,
        attend: &Attend,
        norm: Option<&NormWeights>,
        run: &Run,
        position: usize,
        head: &mut [f32],
    ) {
        if let Some(norm) = norm {
            self.norm_in_place(norm, head);
        }
        self.turn(attend, run, position, head);
    }

    fn turn(&self, attend: &Attend, run: &Run, position: usize, head: &mut [f32]) {
        let Some(rope) = attend.spec.rope else { return };
        let (cos, sin) = self.tables.at(rope, run.long >> rope & 1 == 1, position);
        match attend.interleaved {
            true => self.core.kernels.rope_interleaved(head, cos, sin),
            false => self.core.kernels.rope_half(head, cos, sin),
        }
    }

    fn cache(&self, attend: &Attend, run: &Run) -> &KvCache {
        // SAFETY: the caller borrows the sequence for the whole region and changes it only between regions.
        let layers = unsafe { run.layers.range(0..run.layers.len()) };
        match &layers[attend.layer] {
            LayerState::Kv(cache) => cache,
        }
    }

    fn store(&self, cache: &KvCache, head: usize, position: usize, (key, value): (&[f32], &[f32])) {
        let (block, range) = cache.page(position / PAGE, head);
        // SAFETY: in this phase this piece alone touches this head of this page.
        let page = unsafe { block.range_mut(range) };
        self.core.kernels.store_kv(cache.layout(), page, position % PAGE, key, value);
    }

    /// The segments that any query of a tile sees. A query's result is the merge of its segments in their order,
    /// whoever computes them.
    pub(super) fn segments_of(&self, attend: &Attend, tile: Tile) -> Range<usize> {
        let first = self.runs[tile.run].position + tile.start;
        let last = first + tile.count - 1;
        start_of_window(attend.spec.window, first) / SEGMENT..last / SEGMENT + 1
    }

    /// The queries of one key head at the positions of a tile, over all that they see.
    fn attend(&self, attend: &Attend, tile: Tile, head: usize, own: &mut Worker) {
        self.gather(attend, head, tile, &mut own.queries);
        let Worker { queries, total, segment, .. } = own;
        let mut segments = self.segments_of(attend, tile);
        if let Some(first) = segments.next() {
            self.segment(attend, tile, head, first, queries, total);
        }
        for next in segments {
            self.segment(attend, tile, head, next, queries, segment);
            self.core.kernels.merge(total, segment);
        }
        self.leave(attend, tile, head, total);
    }

    /// One segment of `attend`, whose result waits for `merge`.
    fn attend_segment(
        &self,
        attend: &Attend,
        tile: Tile,
        head: usize,
        unit: usize,
        segments: usize,
        own: &mut Worker,
    ) {
        let Some(segment) = self.segments_of(attend, tile).nth(unit % segments) else { return };
        self.gather(attend, head, tile, &mut own.queries);
        // SAFETY: this piece alone has this unit.
        let state = unsafe { &mut self.segment_views.range_mut(unit..unit + 1)[0] };
        self.segment(attend, tile, head, segment, &own.queries, state);
    }

    fn merge(
        &self,
        attend: &Attend,
        tile: Tile,
        head: usize,
        unit: usize,
        segments: usize,
        own: &mut Worker,
    ) {
        let count = self.segments_of(attend, tile).len();
        // SAFETY: the segments were written in the phase before.
        let states = unsafe { self.segment_views.range(unit * segments..unit * segments + count) };
        own.total.clone_from(&states[0]);
        states[1..].iter().for_each(|state| self.core.kernels.merge(&mut own.total, state));
        self.leave(attend, tile, head, &own.total);
    }

    fn rows(&self, tile: Tile) -> Range<usize> {
        let first = self.runs[tile.run].row + tile.start;
        first..first + tile.count
    }

    /// The pages of one segment, into a fresh state.
    fn segment(
        &self,
        attend: &Attend,
        tile: Tile,
        head: usize,
        segment: usize,
        queries: &[f32],
        state: &mut AttendState,
    ) {
        let (spec, group, run) = (&attend.spec, attend.spec.group(), &self.runs[tile.run]);
        state.reset(tile.count * group, spec.value_dim);
        let cache = self.cache(attend, run);
        let position = run.position + tile.start;
        let last = (position + tile.count - 1) / PAGE;
        let start = (start_of_window(spec.window, position) / PAGE).max(segment * PAGES);
        let end = (last + 1).min((segment + 1) * PAGES);
        let mut pages: [&[u8]; PAGES] = [&[]; PAGES];
        for (page, number) in pages.iter_mut().zip(start..end) {
            *page = read(cache, number, head);
        }
        let ahead = (end <= last).then(|| read(cache, end, head));
        let pages =
            Pages { layout: cache.layout(), start: start * PAGE, pages: &pages[..end - start], ahead };
        let slopes = spec.alibi.as_ref().map(|slopes| &slopes[head * group..(head + 1) * group]);
        let queries = Queries { values: queries, group, position, slopes };
        self.core.kernels.attend(&common(attend), &queries, &pages, state);
    }

    /// Writes a tile's attention to the mixed rows.
    fn leave(&self, attend: &Attend, tile: Tile, head: usize, state: &AttendState) {
        let (group, value_dim) = (attend.spec.group(), attend.spec.value_dim);
        let stride = self.core.program.widths.mixed;
        for (index, token) in self.rows(tile).enumerate() {
            for query in 0..group {
                let start = token * stride + (head * group + query) * value_dim;
                // SAFETY: this piece alone writes these heads of these tokens.
                let out = unsafe { self.mixed.view().range_mut(start..start + value_dim) };
                state.finish(index * group + query, out);
            }
        }
    }

    /// The queries of a key head side by side, normed and turned: (tokens * group, head_dim).
    fn gather(&self, attend: &Attend, head: usize, tile: Tile, out: &mut Vec<f32>) {
        let (head_dim, run) = (attend.spec.head_dim, &self.runs[tile.run]);
        let width = attend.spec.group() * head_dim;
        let stride = self.core.program.widths.heads[0];
        out.clear();
        for token in self.rows(tile) {
            let start = token * stride + head * width;
            // SAFETY: queries were written in an earlier phase.
            out.extend_from_slice(unsafe { self.heads[0].view().range(start..start + width) });
        }
        for (index, token) in out.chunks_exact_mut(width).enumerate() {
            let position = run.position + tile.start + index;
            for (own, query) in token.chunks_exact_mut(head_dim).enumerate() {
                let norm = attend.q_norm(head * attend.spec.group() + own);
                self.ready(attend, norm, run, position, query);
            }
        }
    }
}

fn common(attend: &Attend) -> AttendSpec {
    let spec = &attend.spec;
    AttendSpec {
        head_dim: spec.head_dim,
        value_dim: spec.value_dim,
        scale: spec.scale,
        softcap: spec.softcap,
        window: spec.window,
    }
}

/// The first position that a query at `position` sees.
fn start_of_window(window: Option<usize>, position: usize) -> usize {
    window.map_or(0, |window| (position + 1).saturating_sub(window))
}

/// One head of a page.
fn read(cache: &KvCache, number: usize, head: usize) -> &[u8] {
    let (block, range) = cache.page(number, head);
    // SAFETY: keys and values were stored in an earlier phase, or by this piece; nobody writes this page now.
    unsafe { block.range(range) }
}
