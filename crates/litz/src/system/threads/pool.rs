//! Threads that run regions.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread::JoinHandle;

use super::event_count::{lock, EventCount};
use super::process::PerProcess;
use super::region::{Execution, Region};
use crate::Result;

/// What the caller and the workers share.
#[derive(Default)]
struct Shared {
    epoch: AtomicU64,
    stop: AtomicBool,
    current: Mutex<Option<Arc<Execution>>>,
    idle: EventCount,
    phase: EventCount,
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
            let execution = lock(&self.current).clone();
            if let Some(execution) = execution {
                execution.drive(worker, &self.phase);
            }
        }
    }
}

/// The running threads of a pool.
struct Workers {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

impl Workers {
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

    fn run(&self, region: Arc<dyn Region>) -> Result<()> {
        let execution = Arc::new(Execution::new(region));
        *lock(&self.shared.current) = Some(Arc::clone(&execution));
        self.shared.epoch.fetch_add(1, Ordering::Release);
        self.shared.idle.open();
        execution.drive(0, &self.shared.phase);
        *lock(&self.shared.current) = None;
        execution.outcome()
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.idle.open();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// Threads for regions: started when first used, asleep between regions, safe to use in a forked child.
pub struct Pool {
    threads: usize,
    workers: PerProcess<Mutex<Option<Workers>>>,
}

impl Pool {
    /// A pool of `threads` workers, the calling thread among them.
    pub fn new(threads: usize) -> Self {
        Self { threads: threads.max(1), workers: PerProcess::default() }
    }

    /// How many workers there are at most.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs all phases and returns when the last is done. A piece that panics makes it an error.
    ///
    /// The caller is worker 0. When another thread uses the pool, the caller does all the work rather than wait.
    pub fn run(&self, region: Arc<dyn Region>) -> Result<()> {
        if self.threads == 1 {
            return alone(region);
        }
        let mut workers = match self.workers.get().try_lock() {
            Ok(workers) => workers,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return alone(region),
        };
        workers.get_or_insert_with(|| Workers::start(self.threads)).run(region)
    }
}

fn alone(region: Arc<dyn Region>) -> Result<()> {
    let execution = Execution::new(region);
    execution.drive(0, &EventCount::default());
    execution.outcome()
}
