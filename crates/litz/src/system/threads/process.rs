//! What a forked child must not share with its parent.

use std::sync::{Arc, OnceLock};

/// A value for each process. A forked child finds a fresh one: its parent's may be locked by a thread that the child
/// does not have, for ever, or half written.
#[derive(Debug)]
pub(crate) struct PerProcess<T> {
    process: u32,
    value: Arc<T>,
    child: OnceLock<Box<Self>>,
}

impl<T: Default> Default for PerProcess<T> {
    fn default() -> Self {
        Self { process: std::process::id(), value: Arc::default(), child: OnceLock::new() }
    }
}

impl<T: Default> PerProcess<T> {
    /// This process's value.
    pub(crate) fn get(&self) -> &T {
        let (process, mut slot) = (std::process::id(), self);
        while slot.process != process {
            slot = slot.child.get_or_init(Box::default);
        }
        &slot.value
    }
}

impl<T> Drop for PerProcess<T> {
    fn drop(&mut self) {
        if self.process != std::process::id() {
            // Another process's threads and locks: dropping could wait for them.
            std::mem::forget(Arc::clone(&self.value));
        }
    }
}
