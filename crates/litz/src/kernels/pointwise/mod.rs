//! Kernels that work element by element, and norms and rotations of rows.

pub(super) mod activation;
pub(super) mod arithmetic;
pub(super) mod exp;
pub(super) mod norm;
pub(super) mod rope;
