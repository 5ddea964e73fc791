//! The steps of a program: one file each, with its plan, its arithmetic and the memory that it keeps between its stages.
//!
//! A new mixer or head is a file here and a row in `build`.

mod attention;
mod embed;
mod experts;
mod hidden;
mod input;
mod linear;
mod norm;
mod pool;
mod positions;
mod residual;
mod short_conv;
mod step;
mod whole_attention;

pub(super) use attention::{Attention, HeadNorms, Rotation};
pub(super) use embed::Embed;
pub(super) use experts::{Biased, Expert, ExpertGate, ExpertsDown, ExpertsUp, Mixture, Router, SharedExpert};
pub(super) use hidden::HiddenStates;
pub(super) use input::Read;
pub(super) use linear::{Epilogue, Linear, Output, Term};
pub(super) use norm::{Norm, NormInPlace, NormKind};
pub(super) use pool::{Pool, Which};
pub(super) use positions::{AddRows, RowOf};
pub(super) use residual::AddNormed;
pub(super) use short_conv::ShortConv;
pub(super) use step::Step;
pub(super) use whole_attention::{Distances, WholeAttention};
