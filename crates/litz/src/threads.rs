//! One parallel region per token: a region is a sequence of phases, a phase is a number of pieces that threads claim one by one.
//!
//! A phase is over when all its pieces are *done*, not when all threads have met: a thread that the system put aside between
//! two pieces delays nobody. The caller works as worker 0; between regions the others sleep.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{fence, AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::{Error, Result};

mod available;
mod parallel_map;
mod process;
pub use available::available_threads;
pub(crate) use parallel_map::{parallel_map, parallel_map_with};
pub(crate) use process::PerProcess;

#[cfg(test)]
mod tests;

/// How long a thread that waits keeps its core before it offers it, and before it sleeps.
const SPIN: Duration = Duration::from_micros(40);
const YIELD: Duration = Duration::from_micros(200);

/// What a region does. Its pieces may run on any worker, in any order within their phase.
pub trait Work: Send + Sync {
    /// How many phases there are; each begins when the one before is done.
    fn phases(&self) -> usize;
    /// How many pieces a phase has; may be zero. Asked often: must be cheap and constant.
    fn pieces(&self, phase: usize) -> usize;
    /// Does one piece. `worker` is below the pool's `threads()`, and two pieces never share it at one time.
    fn run(&self, phase: usize, piece: usize, worker: usize);
}

/// How a number of equal units is cut into pieces. Results never depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Split {
    units: usize,
    size: usize,
}

impl Split {
    /// Cuts `units` into as few equal pieces for each thread as keep them within `most` units; sizes are multiples of `align`.
    ///
    /// Few, because a piece costs its claim and the memory's run-up: about half a microsecond.
    pub fn new(units: usize, align: usize, most: usize, threads: usize) -> Self {
        let rounds = if threads == 1 { 1 } else { units.div_ceil(threads * most.max(1)).max(1) };
        let size = units.div_ceil(threads * rounds).max(1).next_multiple_of(align.max(1));
        Self { units, size }
    }

    /// How many pieces there are.
    pub fn pieces(&self) -> usize {
        self.units.div_ceil(self.size)
    }

    /// The units of one piece.
    pub fn range(&self, piece: usize) -> std::ops::Range<usize> {
        let start = piece * self.size;
        start..self.units.min(start + self.size)
    }
}

/// A place to wait: spins, then yields, then sleeps.
#[derive(Default)]
struct Gate {
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Gate {
    fn wait_until(&self, ready: impl Fn() -> bool) {
        if spin_until(&ready) {
            return;
        }
        let mut guard = lock(&self.lock);
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        // Pairs with the fence in `open`: either we see what it published, or it sees us.
        fence(Ordering::SeqCst);
        while !ready() {
            guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }

    /// Wakes the sleepers; what they wait for must be stored before.
    fn open(&self) {
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            // A sleeper holds the lock from its last look until it waits: taking it once means that it hears us.
            drop(lock(&self.lock));
            self.wake.notify_all();
        }
    }
}

fn spin_until(ready: &impl Fn() -> bool) -> bool {
    let start = Instant::now();
    loop {
        for _ in 0..16 {
            if ready() {
                return true;
            }
            std::hint::spin_loop();
        }
        let waited = start.elapsed();
        if waited > SPIN + YIELD {
            return false;
        }
        if waited > SPIN {
            std::thread::yield_now();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One call of `Pool::run`. It owns its counters: a worker that comes late finds `claim` past the last phase and leaves.
struct Region {
    work: Arc<dyn Work>,
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

impl Region {
    fn new(work: Arc<dyn Work>) -> Self {
        let region = Self {
            phases: work.phases(),
            work,
            claim: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
        };
        region.claim.store(region.first_from(0), Ordering::Relaxed);
        region
    }

    /// The claim word of the first phase from `phase` on that has pieces.
    fn first_from(&self, mut phase: usize) -> u64 {
        while phase < self.phases && self.work.pieces(phase) == 0 {
            phase += 1;
        }
        (phase as u64) << 32
    }

    /// Works until the last phase is done.
    fn drive(&self, worker: usize, gate: &Gate) {
        loop {
            // Acquire: what earlier phases wrote is visible once their successor's claim word is.
            let (phase, next) = unpack(self.claim.load(Ordering::Acquire));
            if phase >= self.phases {
                return;
            }
            if next >= self.work.pieces(phase) {
                gate.wait_until(|| unpack(self.claim.load(Ordering::Acquire)).0 != phase);
                continue;
            }
            // The phase may have moved on since the load: what counts is what this returns. Past the end it claims nothing.
            let (phase, piece) = unpack(self.claim.fetch_add(1, Ordering::AcqRel));
            if phase < self.phases && piece < self.work.pieces(phase) {
                self.piece(phase, piece, worker, gate);
            }
        }
    }

    fn piece(&self, phase: usize, piece: usize, worker: usize, gate: &Gate) {
        if !self.failed.load(Ordering::Relaxed) {
            let outcome = catch_unwind(AssertUnwindSafe(|| self.work.run(phase, piece, worker)));
            if let Err(panic) = outcome {
                self.fail(phase, piece, panic.as_ref());
            }
        }
        // AcqRel: the thread that counts the last piece has seen the writes of all others, and hands them on by `claim`.
        if self.done.fetch_add(1, Ordering::AcqRel) + 1 == self.work.pieces(phase) {
            // Nobody counts pieces of the next phase before `claim` is stored, so that the reset cannot be overtaken.
            self.done.store(0, Ordering::Relaxed);
            self.claim.store(self.first_from(phase + 1), Ordering::Release);
            gate.open();
        }
    }

    fn fail(&self, phase: usize, piece: usize, panic: &(dyn std::any::Any + Send)) {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        lock(&self.failure).get_or_insert(format!("piece {piece} of phase {phase} panicked: {text}"));
        self.failed.store(true, Ordering::Relaxed);
    }

    fn outcome(&self) -> Result<()> {
        match lock(&self.failure).take() {
            Some(text) => Err(Error::Value(format!("internal error, please report it: {text}"))),
            None => Ok(()),
        }
    }
}

/// What the caller and the workers share.
#[derive(Default)]
struct Shared {
    epoch: AtomicU64,
    stop: AtomicBool,
    current: Mutex<Option<Arc<Region>>>,
    idle: Gate,
    phase: Gate,
}

impl Shared {
    fn worker(&self, worker: usize) {
        let mut seen = 0;
        loop {
            self.idle.wait_until(|| {
                self.epoch.load(Ordering::Acquire) != seen || self.stop.load(Ordering::Acquire)
            });
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            seen = self.epoch.load(Ordering::Acquire);
            let region = lock(&self.current).clone();
            if let Some(region) = region {
                region.drive(worker, &self.phase);
            }
        }
    }
}

/// The threads of a pool.
struct Live {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Live {
    fn start(threads: usize) -> Self {
        let shared = Arc::<Shared>::default();
        let spawn = |worker: usize| {
            let shared = Arc::clone(&shared);
            let named = std::thread::Builder::new().name(format!("litz-{worker}"));
            named.spawn(move || shared.worker(worker)).ok()
        };
        // A system that refuses a thread leaves the work to those that there are.
        let workers = (1..threads).map_while(spawn).collect();
        Self { shared, workers }
    }

    fn run(&self, work: Arc<dyn Work>) -> Result<()> {
        let region = Arc::new(Region::new(work));
        *lock(&self.shared.current) = Some(Arc::clone(&region));
        self.shared.epoch.fetch_add(1, Ordering::Release);
        self.shared.idle.open();
        region.drive(0, &self.shared.phase);
        *lock(&self.shared.current) = None;
        region.outcome()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.idle.open();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// Threads for regions. Made lazily, asleep between regions, safe to use in a forked child.
pub struct Pool {
    threads: usize,
    live: PerProcess<Mutex<Option<Live>>>,
}

impl Pool {
    /// A pool of `threads` workers, the calling thread among them.
    pub fn new(threads: usize) -> Self {
        Self { threads: threads.max(1), live: PerProcess::default() }
    }

    /// How many workers there are at most.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs all phases and returns when the last is done. A piece that panics makes it an error.
    ///
    /// When another thread uses the pool, the caller does the work alone rather than wait.
    pub fn run(&self, work: Arc<dyn Work>) -> Result<()> {
        if self.threads == 1 {
            return alone(work);
        }
        let mut live = match self.live.get().try_lock() {
            Ok(live) => live,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return alone(work),
        };
        live.get_or_insert_with(|| Live::start(self.threads)).run(work)
    }
}

fn alone(work: Arc<dyn Work>) -> Result<()> {
    let region = Region::new(work);
    region.drive(0, &Gate::default());
    region.outcome()
}
