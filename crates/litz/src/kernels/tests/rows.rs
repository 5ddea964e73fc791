//! Norms, rotations, activations and conversions against their definitions in f64.
