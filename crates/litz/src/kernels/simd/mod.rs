//! Sixteen f32 lanes: the one vector that every floating-point kernel is written in.
//!
//! An instruction set is a token type; holding one proves that the CPU has it. Each operation rounds as IEEE
//! says on every token, except that the portable `fma` rounds twice.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::Avx512;
pub(super) use portable::Portable;

/// Lanes of `Simd::F`.
pub(super) const LANES: usize = 16;

/// An instruction set's operations on sixteen lanes.
pub(super) trait Simd: Copy {
    /// Sixteen f32.
    type F: Copy;
    /// The f32 lanes of a dot product's running sum, `WIDTH` of them.
    type V: Copy;
    /// 8 or 16.
    const WIDTH: usize;
    /// Whether lanes are in registers, so that tiles of several outputs pay.
    const VECTOR: bool;
    /// Whether there are 32 registers of sixteen lanes.
    const WIDE: bool;

    fn splat(self, value: f32) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`.
    fn fma(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// The smaller; `b` if either is NaN.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    /// The greater; `b` if either is NaN.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    fn abs(self, a: Self::F) -> Self::F;
    /// To the nearest integer, halves to even.
    fn round(self, a: Self::F) -> Self::F;
    /// `2^n` of an integral `n` in -126..=127.
    fn pow2(self, n: Self::F) -> Self::F;
    /// `p * 2^n` of an integral `n` in -127..=0 and p from 0.5 to 2; 0 where that is below what a float can be.
    fn scale_down(self, p: Self::F, n: Self::F) -> Self::F;
    /// `if a < b { yes } else { no }`.
    fn select_lt(self, a: Self::F, b: Self::F, yes: Self::F, no: Self::F) -> Self::F;
    /// Lane `i` with `i + 8`, then `i + 4`, `i + 2`, `i + 1`.
    fn sum(self, a: Self::F) -> f32;
    /// The greatest lane; none may be NaN.
    fn max_lane(self, a: Self::F) -> f32;

    /// A half as a single.
    fn widen(self, bits: u16) -> f32;
    /// Prefetches the line at `address`, which need not exist.
    fn prefetch(self, address: *const u8);
    /// `prefetch` into the second-level cache.
    fn prefetch_far(self, address: *const u8);
    fn dot_zero(self) -> Self::V;
    /// `w * x + sum`.
    fn dot_add(self, w: Self::V, x: Self::V, sum: Self::V) -> Self::V;
    /// Lane `i` with `i + WIDTH / 2`, and so on.
    fn dot_sum(self, sum: Self::V) -> f32;
    /// `dot_sum` of four.
    #[inline(always)]
    fn dot_four(self, sums: [Self::V; 4]) -> [f32; 4] {
        sums.map(|sum| self.dot_sum(sum))
    }
    /// `dot_four` of two fours.
    #[inline(always)]
    fn dot_eight(self, [a, b]: [[Self::V; 4]; 2]) -> [[f32; 4]; 2] {
        [self.dot_four(a), self.dot_four(b)]
    }
    /// The bfloat in the upper half of each lane.
    fn dot_odd(self, pairs: Self::V) -> Self::V;
    /// The bfloat in the lower half of each lane.
    fn dot_even(self, pairs: Self::V) -> Self::V;
    /// # Safety
    /// `WIDTH` elements, at any alignment, may be read.
    unsafe fn dot_load(self, from: *const f32) -> Self::V;
    /// # Safety
    /// `WIDTH` halves, at any alignment, may be read.
    unsafe fn dot_load_f16(self, from: *const u8) -> Self::V;
    /// # Safety
    /// `WIDTH` bfloats, at any alignment, may be read.
    unsafe fn dot_load_bf16(self, from: *const u8) -> Self::V;

    /// # Safety
    /// 16 elements may be read.
    unsafe fn load(self, from: *const f32) -> Self::F;
    /// # Safety
    /// 16 elements may be written.
    unsafe fn store(self, to: *mut f32, a: Self::F);
    /// # Safety
    /// 16 halves, at any alignment, may be read.
    unsafe fn load_f16(self, from: *const u8) -> Self::F;
    /// # Safety
    /// 16 bfloats, at any alignment, may be read.
    unsafe fn load_bf16(self, from: *const u8) -> Self::F;
    /// # Safety
    /// 16 signed bytes may be read.
    unsafe fn load_i8(self, from: *const i8) -> Self::F;
    /// Rounds to the nearest half, ties to even.
    ///
    /// # Safety
    /// 16 elements may be written.
    unsafe fn store_f16(self, to: *mut u16, a: Self::F);
    /// Stores integral lanes within -128..=127.
    ///
    /// # Safety
    /// 16 elements may be written.
    unsafe fn store_i8(self, to: *mut i8, a: Self::F);
    /// The first `n < 16` elements, zeros after them.
    ///
    /// # Safety
    /// `n` elements may be read.
    #[inline(always)]
    unsafe fn load_tail(self, from: *const f32, n: usize) -> Self::F {
        let mut lanes = [0f32; LANES];
        // SAFETY: n < 16 elements from the caller into a buffer of 16.
        unsafe {
            std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), n);
            self.load(lanes.as_ptr())
        }
    }
    /// The first `n < 16` lanes.
    ///
    /// # Safety
    /// `n` elements may be written.
    #[inline(always)]
    unsafe fn store_tail(self, to: *mut f32, n: usize, a: Self::F) {
        let mut lanes = [0f32; LANES];
        // SAFETY: n < 16 elements from a buffer of 16 to the caller.
        unsafe {
            self.store(lanes.as_mut_ptr(), a);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, n);
        }
    }
}

/// `out[i] = f(x[i])` in steps of sixteen, the last one filled up with zeros; `out` and `x` may be the same.
///
/// A macro, because a closure would not take on the caller's instruction set. Unsafe: `n` elements of both.
macro_rules! map {
    ($s:expr, $x:expr, $out:expr, $n:expr, |$i:ident, $v:ident| $f:expr) => {{
        let (s, x, out, n): (_, *const f32, *mut f32, usize) = ($s, $x, $out, $n);
        let mut $i = 0;
        while $i < n {
            let left = n - $i;
            let whole = left >= $crate::kernels::simd::LANES;
            let $v = if whole { s.load(x.add($i)) } else { s.load_tail(x.add($i), left) };
            let result = $f;
            if whole {
                s.store(out.add($i), result);
            } else {
                s.store_tail(out.add($i), left, result);
            }
            $i += $crate::kernels::simd::LANES;
        }
    }};
}
pub(super) use map;

/// `x[i..i + 16]`, filled up with zeros past the end.
#[inline(always)]
pub(super) fn at<S: Simd>(s: S, x: &[f32], i: usize) -> S::F {
    let left = x.len().saturating_sub(i);
    if left >= LANES {
        // SAFETY: i + 16 <= x.len().
        unsafe { s.load(x.as_ptr().add(i)) }
    } else {
        // SAFETY: left elements follow i.
        unsafe { s.load_tail(x.as_ptr().add(i.min(x.len())), left) }
    }
}
