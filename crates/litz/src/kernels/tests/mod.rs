//! The contract of the kernels, on every instruction set that this CPU has.

#![allow(clippy::single_range_in_vec_init)] // a query's visible keys are a range

mod attention;
mod inputs;
mod matmul;
mod outer;
mod quant;
mod rows;
mod whole;

use super::{Isa, Kernels};

/// The kernels of every instruction set of this CPU, but for the dot product of bfloats, which `inputs` tests.
fn all() -> Vec<&'static Kernels> {
    Isa::ALL
        .into_iter()
        .filter(|&isa| isa < Isa::Avx512Bf16)
        .filter_map(|isa| Kernels::new(isa).ok())
        .collect()
}

/// Reproducible numbers, roughly normal.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ (self.0 >> 29)
    }

    fn uniform(&mut self) -> f32 {
        ((self.bits() >> 40) as f32 + 0.5) / (1u64 << 24) as f32
    }

    fn normal(&mut self) -> f32 {
        (0..4).map(|_| self.uniform()).sum::<f32>() * 1.7 - 3.4
    }

    fn normals(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.normal()).collect()
    }
}

/// `|a - b| <= tolerance * (1 + |b|)` everywhere.
fn assert_close(a: &[f32], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    for (i, (&a, &b)) in a.iter().zip(b).enumerate() {
        let error = (f64::from(a) - b).abs();
        assert!(error <= tolerance * (1.0 + b.abs()), "element {i}: {a} for {b}");
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones() {
    let message = Isa::parse("sse9").unwrap_err().to_string();
    assert!(Isa::ALL.iter().all(|isa| message.contains(isa.name())), "{message}");
}

#[test]
fn every_name_parses_to_itself() {
    for kernels in all() {
        assert_eq!(Isa::parse(kernels.isa().name()).unwrap(), kernels.isa());
    }
    assert_eq!(Isa::parse("portable").unwrap(), Isa::Portable);
}
