//! Attention of consecutive tokens' queries over pages of keys and values, with a running softmax.
//!
//! A query's result depends on the absolute positions of the keys it sees and on nothing else: pages are taken in
//! order, a page's scores are reduced in one order, and values that a query does not see are never touched for it.
//! A page is widened to f32 once for many queries; tiles of up to twelve queries share every load.

mod page;
mod tile;
mod types;
pub(super) mod whole;

use super::convert::{Float, F16, F32};
use super::simd::Simd;
pub(super) use page::store;
pub use page::{KvDType, KvLayout, PAGE};
use page::{Line, NextPage, Wide};
use tile::{attend_rows, exp2, TileScores, NARROW_TILE_ROWS, TILE_ROWS};
pub use types::{AttendSpec, AttendState, Pages, Queries};
pub use whole::{DistanceBias, HeadRows, KeyPanels, WholeQueries, WholeScratch, WholeSpec};

/// Adds pages to the running softmax of every query.
///
/// # Safety
/// Queries, pages and state have the sizes that `AttendState::check` requires.
#[inline(always)]
pub(super) unsafe fn attend<S: Simd>(
    s: S,
    spec: &AttendSpec,
    queries: &Queries<'_>,
    pages: &Pages<'_>,
    state: &mut AttendState,
) {
    let rows = queries.rows(spec);
    let mut lines = std::mem::take(&mut state.page);
    let mut scores = [[0.0; PAGE]; TILE_ROWS];
    for (index, page) in pages.pages.iter().enumerate() {
        let start = pages.start + index * PAGE;
        // Both ends of what a query sees grow with its position.
        let seen = queries.seen(spec, 0, start).start..queries.seen(spec, rows - 1, start).end;
        if seen.is_empty() {
            continue;
        }
        let (layout, ahead) =
            (pages.layout, NextPage::new(pages.pages.get(index + 1).copied().or(pages.ahead)));
        // SAFETY: the page is as long as its layout says; rows exist in queries and state.
        unsafe {
            match layout.dtype {
                KvDType::F32 => {
                    let page = Wide::stored(s, layout, page, ahead);
                    attend_all::<S, F32>(s, spec, queries, (&page, start), &mut scores, state);
                }
                KvDType::F16 if rows <= NARROW_TILE_ROWS => {
                    let page = Wide::stored(s, layout, page, ahead);
                    attend_all::<S, F16>(s, spec, queries, (&page, start), &mut scores, state);
                }
                _ => {
                    let page = Wide::new(s, layout, page, seen, &mut lines, ahead);
                    attend_all::<S, F32>(s, spec, queries, (&page, start), &mut scores, state);
                }
            }
        }
    }
    state.page = lines;
}

/// Adds a page to all rows, tile after tile.
///
/// # Safety
/// As `attend`; the page holds elements of `E`.
#[inline(always)]
unsafe fn attend_all<S: Simd, E: Float>(
    s: S,
    spec: &AttendSpec,
    queries: &Queries<'_>,
    page: (&Wide, usize),
    scores: &mut [TileScores; TILE_ROWS],
    state: &mut AttendState,
) {
    let (mut row, rows) = (0, queries.rows(spec));
    while row < rows {
        // SAFETY: the caller's promise.
        row += unsafe { attend_rows::<S, E>(s, spec, queries, page, row..rows, scores, state) };
    }
}

/// Merges the state of the same queries over later pages.
#[inline(always)]
pub(super) fn merge<S: Simd>(s: S, state: &mut AttendState, later: &AttendState) {
    let lines = state.values.len() / state.sums.len().max(1);
    for query in 0..state.sums.len() {
        if later.sums[query].0.iter().all(|&sum| sum == 0.0) {
            continue;
        }
        let (old, new) = (state.greatest[query], later.greatest[query]);
        let greatest = if new > old { new } else { old };
        let keep = exp2(s, s.splat(old - greatest));
        let take = exp2(s, s.splat(new - greatest));
        state.greatest[query] = greatest;
        join(s, &mut state.sums[query], &later.sums[query], (keep, take));
        for line in query * lines..(query + 1) * lines {
            join(s, &mut state.values[line], &later.values[line], (keep, take));
        }
    }
}

/// `line = line * keep + later * take`.
#[inline(always)]
fn join<S: Simd>(s: S, line: &mut Line, later: &Line, (keep, take): (S::F, S::F)) {
    // SAFETY: lines have sixteen lanes.
    unsafe {
        let own = s.mul(s.load(line.0.as_ptr()), keep);
        s.store(line.0.as_mut_ptr(), s.fma(s.load(later.0.as_ptr()), take, own));
    }
}
