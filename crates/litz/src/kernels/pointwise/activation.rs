//! Activation functions, plain and gated.

use super::exp::{normal_cdf, sigmoid, tanh};
use crate::kernels::simd::{at, map, Simd};

/// A feed-forward network's non-linearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// `x` times the normal distribution function: the exact GELU.
    Gelu,
    /// GELU by its tanh formula.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `x * sigmoid(1.702 x)`.
    QuickGelu,
    /// `tanh(x)`.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
}

#[inline(always)]
fn apply<S: Simd>(s: S, activation: Activation, x: S::F) -> S::F {
    match activation {
        Activation::Silu => s.mul(x, sigmoid(s, x)),
        Activation::Gelu => s.mul(x, normal_cdf(s, x)),
        // (1 + tanh u) / 2 is sigmoid(2u); here 2u = x (1.5957692 + 0.0713548 x^2).
        Activation::GeluTanh => {
            let inner = s.fma(s.mul(x, x), s.splat(0.071_354_814), s.splat(1.595_769_2));
            s.mul(x, sigmoid(s, s.mul(x, inner)))
        }
        Activation::Relu => s.max(s.splat(0.0), x),
        Activation::QuickGelu => s.mul(x, sigmoid(s, s.mul(x, s.splat(1.702)))),
        Activation::Tanh => tanh(s, x),
        Activation::Sigmoid => sigmoid(s, x),
    }
}

/// `x[i] = activation(x[i])`.
#[inline(always)]
pub(in crate::kernels) fn activate<S: Simd>(s: S, activation: Activation, x: &mut [f32]) {
    // SAFETY: all of x.
    unsafe { map!(s, x.as_ptr(), x.as_mut_ptr(), x.len(), |_i, v| apply(s, activation, v)) }
}

/// `gate[i] = activation(gate[i]) * up[i]`.
#[inline(always)]
pub(in crate::kernels) fn gate<S: Simd>(s: S, activation: Activation, gate: &mut [f32], up: &[f32]) {
    let n = gate.len();
    // SAFETY: all of gate.
    unsafe {
        map!(s, gate.as_ptr(), gate.as_mut_ptr(), n, |i, v| s.mul(apply(s, activation, v), at(s, up, i)))
    }
}
