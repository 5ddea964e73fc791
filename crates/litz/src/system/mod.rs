//! What the operating system gives this process: memory, cores, and the threads of a pool.

mod control_groups;
pub mod memory;
pub mod threads;
