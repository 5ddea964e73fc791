//! The limits of this process (memory, cores, control groups), and its pool of threads.

mod control_groups;
pub mod memory;
pub mod threads;
