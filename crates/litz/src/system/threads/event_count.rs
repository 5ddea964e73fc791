//! How threads wait for each other.

use std::sync::atomic::{fence, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a waiting thread spins, and then how long it yields, before it sleeps.
const SPIN: Duration = Duration::from_micros(40);
const YIELD: Duration = Duration::from_micros(200);

/// A condition to wait for, as an event count: a waiting thread spins, then yields, then sleeps.
#[derive(Default)]
pub(super) struct EventCount {
    sleepers: AtomicUsize,
    lock: Mutex<()>,
    wake: Condvar,
}

impl EventCount {
    pub(super) fn wait_until(&self, ready: impl Fn() -> bool) {
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
    pub(super) fn open(&self) {
        fence(Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            // A sleeper holds the lock from its last check until it waits: once we have had it, the notification reaches it.
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

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
