//! The steps of a mixture of experts, after the router's scores: `up` leaves the hidden rows of the chosen experts, `down`
//! sums their outputs.
//!
//! Few tokens are multiplied with each of their experts one by one; of many, the rows of one expert lie side by side.

mod down;
mod mixture;
mod routing;
mod up;

pub(in crate::engine) use down::{ExpertsDown, SharedExpert};
pub(in crate::engine) use mixture::{Biased, Mixture};
pub(in crate::engine) use routing::Router;
pub(in crate::engine) use up::{Expert, ExpertGate, ExpertsUp};
