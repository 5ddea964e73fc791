//! Sixteen lanes as two AVX2 registers.

use super::{Simd, LANES};
use std::arch::asm;
use std::arch::x86_64::*;

/// Proof that the CPU has AVX2, FMA and F16C.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Avx2(());

impl Avx2 {
    /// # Safety
    /// The CPU has AVX2, FMA and F16C.
    #[inline(always)]
    pub(in crate::kernels) unsafe fn new() -> Self {
        Avx2(())
    }
}

type Lanes = [__m256; 2];

macro_rules! both {
    ($f:ident, $($arg:ident),+) => {{
        // SAFETY: the token proves that the CPU has the instruction.
        unsafe { [$f($($arg[0]),+), $f($($arg[1]),+)] }
    }};
}

impl Simd for Avx2 {
    type F = Lanes;
    type V = __m256;
    const WIDTH: usize = 8;
    const VECTOR: bool = true;
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(self, value: f32) -> Lanes {
        // SAFETY: the token proves that the CPU has the instruction.
        [unsafe { _mm256_set1_ps(value) }; 2]
    }
    #[inline(always)]
    fn add(self, a: Lanes, b: Lanes) -> Lanes {
        both!(_mm256_add_ps, a, b)
    }
    #[inline(always)]
    fn sub(self, a: Lanes, b: Lanes) -> Lanes {
        both!(_mm256_sub_ps, a, b)
    }
    #[inline(always)]
    fn mul(self, a: Lanes, b: Lanes) -> Lanes {
        both!(_mm256_mul_ps, a, b)
    }
    #[inline(always)]
    fn div(self, a: Lanes, b: Lanes) -> Lanes {
        both!(_mm256_div_ps, a, b)
    }
    #[inline(always)]
    fn fma(self, a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        both!(_mm256_fmadd_ps, a, b, c)
    }
    #[inline(always)]
    fn min(self, a: Lanes, b: Lanes) -> Lanes {
        both!(_mm256_min_ps, a, b)
    }
    #[inline(always)]
    fn max(self, a: Lanes, b: Lanes) -> Lanes {
        both!(_mm256_max_ps, a, b)
    }
    #[inline(always)]
    fn abs(self, a: Lanes) -> Lanes {
        let sign = self.splat(-0.0);
        both!(_mm256_andnot_ps, sign, a)
    }
    #[inline(always)]
    fn round(self, a: Lanes) -> Lanes {
        both!(round_nearest, a)
    }
    #[inline(always)]
    fn pow2(self, n: Lanes) -> Lanes {
        both!(pow2, n)
    }
    #[inline(always)]
    fn scale_down(self, p: Lanes, n: Lanes) -> Lanes {
        both!(scale_down, p, n)
    }
    #[inline(always)]
    fn select_lt(self, a: Lanes, b: Lanes, yes: Lanes, no: Lanes) -> Lanes {
        both!(select_lt, a, b, yes, no)
    }
    #[inline(always)]
    fn sum(self, a: Lanes) -> f32 {
        // SAFETY: the token proves that the CPU has the instructions.
        unsafe { sum_eight(_mm256_add_ps(a[0], a[1])) }
    }
    #[inline(always)]
    fn max_lane(self, a: Lanes) -> f32 {
        // SAFETY: the token proves that the CPU has the instructions.
        unsafe {
            let eight = _mm256_max_ps(a[0], a[1]);
            let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)))
        }
    }
    #[inline(always)]
    fn widen(self, bits: u16) -> f32 {
        // SAFETY: the token proves that the CPU has the instructions.
        unsafe { widen_half(bits) }
    }
    #[inline(always)]
    fn prefetch(self, address: *const u8) {
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
    }
    #[inline(always)]
    fn prefetch_far(self, address: *const u8) {
        // SAFETY: a prefetch never faults.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(address.cast()) }
    }
    #[inline(always)]
    fn dot_zero(self) -> __m256 {
        self.splat(0.0)[0]
    }
    #[inline(always)]
    fn dot_add(self, w: __m256, x: __m256, sum: __m256) -> __m256 {
        // SAFETY: the token proves that the CPU has the instruction.
        unsafe { _mm256_fmadd_ps(w, x, sum) }
    }
    #[inline(always)]
    fn dot_sum(self, sum: __m256) -> f32 {
        // SAFETY: the token proves that the CPU has the instructions.
        unsafe { sum_eight(sum) }
    }
    #[inline(always)]
    fn dot_four(self, sums: [__m256; 4]) -> [f32; 4] {
        // SAFETY: the token proves that the CPU has the instructions; four lanes are four f32.
        unsafe { std::mem::transmute::<__m128, [f32; 4]>(sum_four(sums)) }
    }
    #[inline(always)]
    fn dot_odd(self, pairs: __m256) -> __m256 {
        // SAFETY: the token proves that the CPU has the instructions.
        unsafe { _mm256_and_ps(pairs, _mm256_castsi256_ps(_mm256_set1_epi32(0xffff_0000_u32 as i32))) }
    }
    #[inline(always)]
    fn dot_even(self, pairs: __m256) -> __m256 {
        // SAFETY: the token proves that the CPU has the instruction.
        unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_castps_si256(pairs))) }
    }
    #[inline(always)]
    unsafe fn dot_load(self, from: *const f32) -> __m256 {
        // SAFETY: the caller vouches for 8 elements, the token for the instruction.
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn dot_load_f16(self, from: *const u8) -> __m256 {
        // SAFETY: the caller vouches for 16 bytes, the token for the instruction.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }
    #[inline(always)]
    unsafe fn dot_load_bf16(self, from: *const u8) -> __m256 {
        // SAFETY: the caller vouches for 16 bytes, the token for the instructions.
        unsafe { load_bf16(from) }
    }
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> Lanes {
        // SAFETY: the caller vouches for 16 elements, the token for the instruction.
        unsafe { [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))] }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, a: Lanes) {
        // SAFETY: the caller vouches for 16 elements, the token for the instruction.
        unsafe {
            _mm256_storeu_ps(to, a[0]);
            _mm256_storeu_ps(to.add(8), a[1]);
        }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u8) -> Lanes {
        // SAFETY: the caller vouches for 32 bytes, the token for the instructions.
        unsafe {
            let from = from.cast::<__m128i>();
            [_mm256_cvtph_ps(_mm_loadu_si128(from)), _mm256_cvtph_ps(_mm_loadu_si128(from.add(1)))]
        }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, from: *const u8) -> Lanes {
        // SAFETY: the caller vouches for 32 bytes, the token for the instructions.
        unsafe { [load_bf16(from), load_bf16(from.add(LANES))] }
    }
    #[inline(always)]
    unsafe fn load_i8(self, from: *const i8) -> Lanes {
        // SAFETY: the caller vouches for 16 bytes, the token for the instructions.
        unsafe {
            let (low, high) = (_mm_loadl_epi64(from.cast()), _mm_loadl_epi64(from.add(8).cast()));
            [_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(low)), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(high))]
        }
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16, a: Lanes) {
        // SAFETY: the caller vouches for 16 elements, the token for the instructions.
        unsafe {
            let to = to.cast::<__m128i>();
            _mm_storeu_si128(to, _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(a[0]));
            _mm_storeu_si128(to.add(1), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(a[1]));
        }
    }
    #[inline(always)]
    unsafe fn store_i8(self, to: *mut i8, a: Lanes) {
        // SAFETY: the caller vouches for 16 elements, the token for the instructions.
        unsafe {
            let words = _mm256_packs_epi32(_mm256_cvtps_epi32(a[0]), _mm256_cvtps_epi32(a[1]));
            let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words); // packing interleaved the 128-bit halves
            let bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words));
            _mm_storeu_si128(to.cast(), bytes);
        }
    }
}

/// A half as a single. Intrinsics would become an insertion into a register, which waits for what the register held before.
///
/// # Safety
/// The CPU has F16C.
#[inline(always)]
pub(super) unsafe fn widen_half(bits: u16) -> f32 {
    // SAFETY: the instructions touch nothing but their operands.
    unsafe {
        let wide: __m128;
        asm!(
            "vmovd {wide}, {bits:e}",
            "vcvtph2ps {wide}, {wide}",
            wide = out(xmm_reg) wide,
            bits = in(reg) u32::from(bits),
            options(pure, nomem, nostack, preserves_flags)
        );
        _mm_cvtss_f32(wide)
    }
}

/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn round_nearest(a: __m256) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
}

/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn pow2(n: __m256) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
    }
}

/// The exponent counts down; from 1 it reaches the bits of 0 at n = -127.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn scale_down(p: __m256, n: __m256) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let exponent = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(n));
        _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), exponent))
    }
}

/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn select_lt(a: __m256, b: __m256, yes: __m256, no: __m256) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_LT_OQ>(a, b)) }
}

/// # Safety
/// The CPU has AVX2, and 16 bytes may be read.
#[inline(always)]
unsafe fn load_bf16(from: *const u8) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let words = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(words))
    }
}

/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn sum_eight(a: __m256) -> f32 {
    // SAFETY: the caller's promise.
    unsafe {
        let four = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps::<1>(a));
        let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
        _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
    }
}

/// `sum_eight` of four, by the same additions on several at once.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn sum_four([a, b, c, d]: [__m256; 4]) -> __m128 {
    // SAFETY: the caller's promise.
    unsafe {
        let (ac, bd) = (add_fours(a, c), add_fours(b, d));
        let twos = _mm256_blend_ps::<0b1100_1100>(ac, bd);
        let twos = _mm256_add_ps(twos, _mm256_shuffle_ps::<0b01_00_11_10>(ac, bd)); // a a b b c c d d
        let ones = _mm256_add_ps(twos, _mm256_permute_ps::<0b10_11_00_01>(twos));
        let (low, high) = (_mm256_castps256_ps128(ones), _mm256_extractf128_ps::<1>(ones));
        _mm_shuffle_ps::<0b10_00_10_00>(low, high)
    }
}

/// Lane `i` with `i + 4` of both.
///
/// # Safety
/// The CPU has AVX2.
#[inline(always)]
unsafe fn add_fours(a: __m256, b: __m256) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_add_ps(_mm256_blend_ps::<0b1111_0000>(a, b), _mm256_permute2f128_ps::<0x21>(a, b)) }
}
