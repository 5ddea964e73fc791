//! A region, and one execution of it by several threads.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::event_count::{lock, EventCount};
use crate::{Error, Result};

/// Work in phases. Its pieces may run on any worker, in any order within their phase.
pub trait Region: Send + Sync {
    /// How many phases there are; each begins when the one before is done.
    fn phases(&self) -> usize;
    /// How many pieces a phase has; may be zero. Called often: must be cheap and constant.
    fn pieces(&self, phase: usize) -> usize;
    /// Does one piece. `worker` is below the pool's `threads()`, and two pieces never share it at one time.
    fn run(&self, phase: usize, piece: usize, worker: usize);
}

/// One call of `Pool::run`, with its own counters: a late worker finds `claim` past the last phase and leaves.
pub(super) struct Execution {
    region: Arc<dyn Region>,
    phases: usize,
    /// The phase in the upper half, the next free piece in the lower.
    claim: AtomicU64,
    done: AtomicUsize,
    failed: AtomicBool,
    failure: Mutex<Option<String>>,
}

fn unpack(claim: u64) -> (usize, usize) {
    ((claim >> 32) as usize, (claim & 0xFFFF_FFFF) as usize)
}

impl Execution {
    pub(super) fn new(region: Arc<dyn Region>) -> Self {
        let execution = Self {
            phases: region.phases(),
            region,
            claim: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
        };
        execution.claim.store(execution.first_from(0), Ordering::Relaxed);
        execution
    }

    /// The claim word of the first phase from `phase` on that has pieces.
    fn first_from(&self, mut phase: usize) -> u64 {
        while phase < self.phases && self.region.pieces(phase) == 0 {
            phase += 1;
        }
        (phase as u64) << 32
    }

    /// Works until the last phase is done.
    pub(super) fn drive(&self, worker: usize, waiters: &EventCount) {
        loop {
            // Acquire: what earlier phases wrote is visible once their successor's claim word is.
            let (phase, next) = unpack(self.claim.load(Ordering::Acquire));
            if phase >= self.phases {
                return;
            }
            if next >= self.region.pieces(phase) {
                waiters.wait_until(|| unpack(self.claim.load(Ordering::Acquire)).0 != phase);
                continue;
            }
            // The phase may have moved on since the load: what counts is what this returns. Past the end it claims nothing.
            let (phase, piece) = unpack(self.claim.fetch_add(1, Ordering::AcqRel));
            if phase < self.phases && piece < self.region.pieces(phase) {
                self.piece(phase, piece, worker, waiters);
            }
        }
    }

    fn piece(&self, phase: usize, piece: usize, worker: usize, waiters: &EventCount) {
        if !self.failed.load(Ordering::Relaxed) {
            let outcome = catch_unwind(AssertUnwindSafe(|| self.region.run(phase, piece, worker)));
            if let Err(panic) = outcome {
                self.fail(phase, piece, panic.as_ref());
            }
        }
        // AcqRel: the thread that counts the last piece has seen the writes of all others, and publishes them by `claim`.
        if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.region.pieces(phase) {
            // Nobody counts pieces of the next phase before `claim` is stored, so that the reset cannot be overtaken.
            self.done.store(0, Ordering::Relaxed);
            self.claim.store(self.first_from(phase + 1), Ordering::Release);
            waiters.open();
        }
    }

    fn fail(&self, phase: usize, piece: usize, panic: &(dyn std::any::Any + Send)) {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        lock(&self.failure).get_or_insert(format!("piece {piece} of phase {phase} panicked: {text}"));
        self.failed.store(true, Ordering::Relaxed);
    }

    pub(super) fn outcome(&self) -> Result<()> {
        match lock(&self.failure).take() {
            Some(text) => Err(Error::Value(format!("internal error, please report it: {text}"))),
            None => Ok(()),
        }
    }
}
