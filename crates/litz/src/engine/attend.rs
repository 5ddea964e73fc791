//! The attention step between its matrices: heads are normed, turned and stored, then queries meet the stored keys.

use std::ops::Range;

use super::cache::{KvCache, Page, Rows, PAGE};
use super::exec::row;
use super::program::Attend;
use super::session::{Run, Session, Stage, Tile, Worker};
use super::state::LayerState;
use crate::kernels::{AttendSpec, AttendState, KvPage, KvPageMut};

/// Positions whose attention is computed on its own and then merged: a multiple of `PAGE`.
const SEGMENT: usize = 8 * PAGE;

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
        match stage {
            Stage::WholeNorms => return self.whole_norms(attend, units),
            Stage::Place => return units.for_each(|head| self.place(attend, head, 0..self.tokens.len())),
            _ => {}
        }
        // SAFETY: this piece runs on this worker.
        let own = unsafe { self.worker(worker) };
        for unit in units {
            let whole = if stage == Stage::AttendSegment { unit / segments } else { unit };
            let (tile, head) = (self.tiles[whole / attend.spec.kv_heads], whole % attend.spec.kv_heads);
            match stage {
                Stage::AttendSegment => self.attend_segment(attend, tile, head, unit, segments, own),
                Stage::Merge => self.merge(attend, tile, head, unit, segments, own),
                _ => {
                    if stage == Stage::PlaceAndAttend {
                        let first = self.runs[tile.run].row;
                        self.place(attend, head, first..first + 1);
                    }
                    self.attend(attend, tile, head, own);
                }
            }
        }
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

    /// Norms and turns one key head and its query heads, and stores the key and value.
    fn place(&self, attend: &Attend, head: usize, tokens: Range<usize>) {
        let (spec, group) = (&attend.spec, attend.spec.group());
        let [queries, keys, values] =
            [0, 1, 2].map(|side| (self.heads[side].view(), self.core.program.widths.heads[side]));
        for token in tokens {
            let run = self.run_of(token);
            let position = run.position + token - run.row;
            let head_of = |stride: usize, head: usize, dim: usize| {
                token * stride + head * dim..token * stride + (head + 1) * dim
            };
            // SAFETY: within a phase, this piece alone touches this key head and its queries of this token.
            let (key, value) = unsafe {
                (
                    keys.0.range_mut(head_of(keys.1, head, spec.head_dim)),
                    values.0.range(head_of(values.1, head, spec.value_dim)),
                )
            };
            if let Some(norm) = attend.k_norm(head) {
                self.norm_in_place(norm, key);
            }
            self.turn(attend, run, position, key);
            for own in head * group..(head + 1) * group {
                // SAFETY: as above.
                let query = unsafe { queries.0.range_mut(head_of(queries.1, own, spec.head_dim)) };
                if let Some(norm) = attend.q_norm(own) {
                    self.norm_in_place(norm, query);
                }
                self.turn(attend, run, position, query);
            }
            self.store(self.cache(attend, run), attend, head, position, (key, value));
        }
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

    fn store(
        &self,
        cache: &KvCache,
        attend: &Attend,
        head: usize,
        position: usize,
        (key, value): (&[f32], &[f32]),
    ) {
        let page = &cache.pages[position / PAGE];
        let [keys, values] = page_ranges(attend, head);
        // SAFETY: in this phase this piece alone touches this head of this sequence's pages.
        let mut page = unsafe {
            match (&page.keys, &page.values) {
                (Rows::F16(k), Rows::F16(v)) => {
                    KvPageMut::F16 { keys: k.view().range_mut(keys), values: v.view().range_mut(values) }
                }
                (Rows::F32(k), Rows::F32(v)) => {
                    KvPageMut::F32 { keys: k.view().range_mut(keys), values: v.view().range_mut(values) }
                }
                _ => unreachable!("a page has one storage"),
            }
        };
        self.core.kernels.store_key(&mut page, position % PAGE, key);
        self.core.kernels.store_value(&mut page, position % PAGE, value);
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
        self.gather(attend, head, self.rows(tile), &mut own.queries);
        let Worker { queries, visible, total, segment, .. } = own;
        let mut segments = self.segments_of(attend, tile);
        if let Some(first) = segments.next() {
            self.segment(attend, tile, head, first, queries, visible, total);
        }
        for next in segments {
            self.segment(attend, tile, head, next, queries, visible, segment);
            total.merge(segment);
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
        self.gather(attend, head, self.rows(tile), &mut own.queries);
        // SAFETY: this piece alone has this unit.
        let state = unsafe { &mut self.segment_views.range_mut(unit..unit + 1)[0] };
        self.segment(attend, tile, head, segment, &own.queries, &mut own.visible, state);
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
        states[1..].iter().for_each(|state| own.total.merge(state));
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
        visible: &mut Vec<Range<usize>>,
        state: &mut AttendState,
    ) {
        let (spec, group, run) = (&attend.spec, attend.spec.group(), &self.runs[tile.run]);
        let (head_dim, value_dim, scale, softcap) = (spec.head_dim, spec.value_dim, spec.scale, spec.softcap);
        state.reset(tile.count * group, value_dim);
        let first = run.position + tile.start;
        let last = first + tile.count - 1;
        let pages = &self.cache(attend, run).pages;
        let start = (start_of_window(spec.window, first) / PAGE).max(segment * SEGMENT / PAGE);
        let end = (last / PAGE + 1).min((segment + 1) * SEGMENT / PAGE);
        for (number, page) in pages.iter().enumerate().take(end).skip(start) {
            visible.clear();
            for position in first..=last {
                visible.extend(std::iter::repeat_n(seen(spec.window, position, number), group));
            }
            let common = AttendSpec { head_dim, value_dim, scale, softcap };
            self.core.kernels.attend(&common, queries, read(page, attend, head), visible, state);
        }
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

    /// The queries of a key head side by side: (tokens * group, head_dim).
    fn gather(&self, attend: &Attend, head: usize, rows: Range<usize>, out: &mut Vec<f32>) {
        let width = attend.spec.group() * attend.spec.head_dim;
        let stride = self.core.program.widths.heads[0];
        out.clear();
        for token in rows {
            let start = token * stride + head * width;
            // SAFETY: queries were written in an earlier phase, or by this piece.
            out.extend_from_slice(unsafe { self.heads[0].view().range(start..start + width) });
        }
    }
}

/// The first position that a query at `position` sees.
fn start_of_window(window: Option<usize>, position: usize) -> usize {
    window.map_or(0, |window| (position + 1).saturating_sub(window))
}

/// The slots of page `number` that a query at `position` sees.
fn seen(window: Option<usize>, position: usize, number: usize) -> Range<usize> {
    let slot = |position: usize| position.saturating_sub(number * PAGE).min(PAGE);
    let (start, end) = (slot(start_of_window(window, position)), slot(position + 1));
    start.min(end)..end
}

fn page_ranges(attend: &Attend, head: usize) -> [Range<usize>; 2] {
    [attend.spec.head_dim, attend.spec.value_dim].map(|dim| head * PAGE * dim..(head + 1) * PAGE * dim)
}

fn read<'a>(page: &'a Page, attend: &Attend, head: usize) -> KvPage<'a> {
    let [keys, values] = page_ranges(attend, head);
    // SAFETY: keys and values were stored in an earlier phase, or by this piece; nobody writes this head now.
    unsafe {
        match (&page.keys, &page.values) {
            (Rows::F16(k), Rows::F16(v)) => {
                KvPage::F16 { keys: k.view().range(keys), values: v.view().range(values) }
            }
            (Rows::F32(k), Rows::F32(v)) => {
                KvPage::F32 { keys: k.view().range(keys), values: v.view().range(values) }
            }
            _ => unreachable!("a page has one storage"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_sees_what_is_before_it_and_inside_its_window() {
        assert_eq!(seen(None, 5, 0), 0..6);
        assert_eq!(seen(None, 70, 0), 0..64);
        assert_eq!(seen(None, 70, 1), 0..7);
        assert!(seen(None, 5, 1).is_empty());
        assert_eq!(seen(Some(4), 65, 0), 62..64);
        assert_eq!(seen(Some(4), 65, 1), 0..2);
        assert!(seen(Some(2), 65, 0).is_empty());
        assert_eq!(seen(Some(1), 64, 1), 0..1);
    }
}
