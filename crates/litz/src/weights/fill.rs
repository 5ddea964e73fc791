//! Packs, converts and copies weights into the arena, in parallel, piece by piece; file pages that were read are released.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::arena::Arena;
use super::convert;
use super::sources::StoredRows;
use crate::kernels::{Kernels, WeightDType, GROUP};
use crate::threads::{Pool, Region};
use crate::{Error, Result};

/// Bytes that a piece writes, about: small enough for a cache, and for memory that is held twice.
const PIECE: usize = 1 << 20;

/// How many pieces ahead of the reading are prefetched from the disk.
const AHEAD: usize = 16;

/// One matrix to be written into the arena.
pub(super) struct FillJob {
    pub(super) name: String,
    pub(super) stored: Arc<StoredRows>,
    pub(super) to: WeightDType,
    /// Whether the values become floats, or the rows are packed; neither is a copy.
    pub(super) converted: bool,
    pub(super) packed: bool,
    /// Its place in the arena.
    pub(super) start: usize,
}

impl FillJob {
    /// Bytes of sixteen rows in the arena.
    fn group_bytes(&self) -> Option<usize> {
        match self.packed {
            true => self.to.group_bytes(self.stored.cols),
            false => self.to.row_bytes(self.stored.cols)?.checked_mul(GROUP),
        }
    }

    /// Bytes of the whole matrix in the arena.
    pub(super) fn len(&self) -> Option<usize> {
        let groups = self.stored.rows.div_ceil(GROUP);
        match self.packed {
            true => self.group_bytes()?.checked_mul(groups),
            false => self.to.row_bytes(self.stored.cols)?.checked_mul(self.stored.rows),
        }
    }

    /// The rows of some groups, as the kernels read them.
    fn fill(&self, kernels: &Kernels, groups: &Range<usize>, out: &mut [u8]) -> Result<()> {
        let stored = &self.stored;
        let rows = groups.start * GROUP..stored.rows.min(groups.end * GROUP);
        if !self.packed && !self.converted {
            stored.read(rows, out);
            return Ok(());
        }
        let bytes = stored.bytes(rows);
        if self.converted {
            return convert::rows(stored.dtype, self.to, &bytes, stored.cols, out);
        }
        let every: Vec<&[u8]> = bytes.chunks_exact(stored.row_bytes).collect();
        let group_bytes = out.len() / groups.len();
        for (group, out) in every.chunks(GROUP).zip(out.chunks_exact_mut(group_bytes)) {
            kernels.pack_group(self.to, stored.cols, group, out);
        }
        Ok(())
    }
}

/// Some groups of one matrix.
struct GroupRange {
    job: usize,
    groups: Range<usize>,
}

struct Fill {
    jobs: Arc<Vec<FillJob>>,
    pieces: Vec<GroupRange>,
    arena: Arc<Arena>,
    kernels: &'static Kernels,
    failure: Mutex<Option<Error>>,
}

impl Region for Fill {
    fn phases(&self) -> usize {
        1
    }

    fn pieces(&self, _: usize) -> usize {
        self.pieces.len()
    }

    fn run(&self, _: usize, piece: usize, _: usize) {
        let GroupRange { job, groups } = &self.pieces[piece];
        let job = &self.jobs[*job];
        if let Some(next) = self.pieces.get(piece + AHEAD) {
            self.jobs[next.job].stored.prefetch(next.groups.start * GROUP..next.groups.end * GROUP);
        }
        let (Some(group), Some(len)) = (job.group_bytes(), job.len()) else { return };
        let range = job.start + groups.start * group..job.start + len.min(groups.end * group);
        // SAFETY: the pieces' ranges do not overlap, and nobody reads the arena before the region is over.
        let out = unsafe { self.arena.view().range_mut(range) };
        let outcome = job.fill(self.kernels, groups, out);
        job.stored.release(groups.start * GROUP..job.stored.rows.min(groups.end * GROUP));
        if let Err(error) = outcome {
            let error = Error::Format(format!("the weight {}: {error}", job.name));
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}

/// Fills the arena with all jobs.
pub(super) fn fill(
    jobs: &Arc<Vec<FillJob>>,
    arena: &Arc<Arena>,
    kernels: &'static Kernels,
    pool: &Pool,
) -> Result<()> {
    let mut pieces = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        let groups = job.stored.rows.div_ceil(GROUP);
        let most = (PIECE / job.group_bytes().unwrap_or(PIECE).max(1)).max(1);
        let starts = (0..groups).step_by(most);
        pieces.extend(starts.map(|start| GroupRange { job: index, groups: start..groups.min(start + most) }));
    }
    let (jobs, arena) = (Arc::clone(jobs), Arc::clone(arena));
    let work = Arc::new(Fill { jobs, pieces, arena, kernels, failure: Mutex::new(None) });
    pool.run(work.clone())?;
    let failure = work.failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    failure.map_or(Ok(()), Err)
}
