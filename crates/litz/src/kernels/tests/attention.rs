//! Attention against its definition in f64, and against itself however it is cut.
