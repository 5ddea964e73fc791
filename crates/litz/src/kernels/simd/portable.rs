//! Sixteen lanes in plain Rust.

use super::{Simd, LANES};
use half::{bf16, f16};

/// Plain Rust; every CPU has it.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Portable;

type Lanes = [f32; LANES];

#[inline(always)]
fn zip(a: Lanes, b: Lanes, f: impl Fn(f32, f32) -> f32) -> Lanes {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// Folds lane `i` with `i + 8`, then `i + 4`, `i + 2`, `i + 1`.
#[inline(always)]
fn fold(mut a: Lanes, f: impl Fn(f32, f32) -> f32) -> f32 {
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            a[i] = f(a[i], a[i + half]);
        }
    }
    a[0]
}

impl Simd for Portable {
    type F = Lanes;
    type V = Lanes;
    const WIDTH: usize = 16;
    const VECTOR: bool = false;
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        [value; LANES]
    }
    #[inline(always)]
    fn add(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn fma(self, a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        std::array::from_fn(|i| a[i] * b[i] + c[i])
    }
    #[inline(always)]
    fn min(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, a: Lanes, b: Lanes) -> Lanes {
        zip(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn abs(self, a: Lanes) -> Lanes {
        a.map(f32::abs)
    }
    #[inline(always)]
    fn round(self, a: Lanes) -> Lanes {
        a.map(f32::round_ties_even)
    }
    #[inline(always)]
    fn pow2(self, n: Lanes) -> Lanes {
        n.map(|n| f32::from_bits(((n as i32 + 127) as u32) << 23))
    }
    #[inline(always)]
    fn scale_down(self, p: Lanes, n: Lanes) -> Lanes {
        zip(p, n, |p, n| f32::from_bits(p.to_bits().wrapping_add((n as i32 as u32) << 23)))
    }
    #[inline(always)]
    fn select_lt(self, a: Lanes, b: Lanes, yes: Lanes, no: Lanes) -> Lanes {
        std::array::from_fn(|i| if a[i] < b[i] { yes[i] } else { no[i] })
    }
    #[inline(always)]
    fn sum(self, a: Lanes) -> f32 {
        fold(a, |a, b| a + b)
    }
    #[inline(always)]
    fn max_lane(self, a: Lanes) -> f32 {
        fold(a, f32::max)
    }
    #[inline(always)]
    fn widen(self, bits: u16) -> f32 {
        f16::from_bits(bits).to_f32()
    }
    #[inline(always)]
    fn prefetch(self, _: *const u8) {}
    #[inline(always)]
    fn prefetch_far(self, _: *const u8) {}
    #[inline(always)]
    fn dot_zero(self) -> Self::V {
        self.splat(0.0)
    }
    #[inline(always)]
    fn dot_add(self, w: Self::V, x: Self::V, sum: Self::V) -> Self::V {
        self.fma(w, x, sum)
    }
    #[inline(always)]
    fn dot_sum(self, sum: Self::V) -> f32 {
        self.sum(sum)
    }
    #[inline(always)]
    fn dot_odd(self, pairs: Self::V) -> Self::V {
        pairs.map(|pair| f32::from_bits(pair.to_bits() & 0xffff_0000))
    }
    #[inline(always)]
    fn dot_even(self, pairs: Self::V) -> Self::V {
        pairs.map(|pair| f32::from_bits(pair.to_bits() << 16))
    }
    #[inline(always)]
    unsafe fn dot_load(self, from: *const f32) -> Self::V {
        // SAFETY: the caller's promise.
        unsafe { self.load(from) }
    }
    #[inline(always)]
    unsafe fn dot_load_f16(self, from: *const u8) -> Self::V {
        // SAFETY: the caller's promise.
        unsafe { self.load_f16(from) }
    }
    #[inline(always)]
    unsafe fn dot_load_bf16(self, from: *const u8) -> Self::V {
        // SAFETY: the caller's promise.
        unsafe { self.load_bf16(from) }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Lanes {
        // SAFETY: the caller vouches for 16 elements.
        unsafe { from.cast::<Lanes>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, a: Lanes) {
        // SAFETY: the caller vouches for 16 elements.
        unsafe { to.cast::<Lanes>().write_unaligned(a) }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u8) -> Lanes {
        // SAFETY: the caller vouches for 32 bytes.
        let halves = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        halves.map(|bits| f16::from_bits(bits).to_f32())
    }
    #[inline(always)]
    unsafe fn load_bf16(self, from: *const u8) -> Lanes {
        // SAFETY: the caller vouches for 32 bytes.
        let halves = unsafe { from.cast::<[u16; LANES]>().read_unaligned() };
        halves.map(|bits| bf16::from_bits(bits).to_f32())
    }
    #[inline(always)]
    unsafe fn load_i8(self, from: *const i8) -> Lanes {
        // SAFETY: the caller vouches for 16 bytes.
        unsafe { from.cast::<[i8; LANES]>().read_unaligned() }.map(f32::from)
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16, a: Lanes) {
        // SAFETY: the caller vouches for 16 elements.
        unsafe { to.cast::<[u16; LANES]>().write_unaligned(a.map(|v| f16::from_f32(v).to_bits())) }
    }
    #[inline(always)]
    unsafe fn store_i8(self, to: *mut i8, a: Lanes) {
        // SAFETY: the caller vouches for 16 elements.
        unsafe { to.cast::<[i8; LANES]>().write_unaligned(a.map(|v| v as i8)) }
    }
}
