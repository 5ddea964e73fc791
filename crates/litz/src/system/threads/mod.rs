//! The pool of threads: one parallel region a token, whose work threads claim piece by piece.
//!
//! A region is a sequence of phases, a phase a number of pieces. There is no barrier of threads: a phase ends when its
//! pieces are done, so that a thread that the system suspended between two pieces delays nobody.

mod available;
mod event_count;
mod parallel_map;
mod pool;
mod process;
mod region;
mod split;

#[cfg(test)]
mod tests;

pub use available::available_threads;
pub(crate) use parallel_map::{parallel_map, parallel_map_with};
pub use pool::Pool;
pub(crate) use process::PerProcess;
pub use region::Region;
pub use split::Split;
