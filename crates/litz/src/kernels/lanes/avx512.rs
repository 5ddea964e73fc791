//! Sixteen lanes as one AVX-512 register.

use super::Simd;
use std::arch::x86_64::*;

/// Proof that the CPU has AVX-512 F, BW, DQ, VL and VNNI, and AVX2, FMA and F16C.
#[derive(Clone, Copy)]
pub(in super::super) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU has AVX-512 F, BW, DQ, VL and VNNI, and AVX2, FMA and F16C.
    #[inline(always)]
    pub(in super::super) unsafe fn new() -> Self {
        Avx512(())
    }
}

macro_rules! have {
    ($body:expr) => {{
        // SAFETY: the token proves that the CPU has the instructions.
        unsafe { $body }
    }};
}

impl Simd for Avx512 {
    type F = __m512;
    type V = __m512;
    const WIDTH: usize = 16;
    const VECTOR: bool = true;
    const WIDE: bool = true;

    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        have!(_mm512_set1_ps(value))
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_add_ps(a, b))
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_sub_ps(a, b))
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_mul_ps(a, b))
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_div_ps(a, b))
    }
    #[inline(always)]
    fn fma(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        have!(_mm512_fmadd_ps(a, b, c))
    }
    #[inline(always)]
    fn min(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_min_ps(a, b))
    }
    #[inline(always)]
    fn max(self, a: __m512, b: __m512) -> __m512 {
        have!(_mm512_max_ps(a, b))
    }
    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        have!(_mm512_abs_ps(a))
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        have!(_mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a))
    }
    #[inline(always)]
    fn pow2(self, n: __m512) -> __m512 {
        have!(_mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_add_epi32(
            _mm512_cvtps_epi32(n),
            _mm512_set1_epi32(127)
        ))))
    }
    #[inline(always)]
    fn scale_down(self, p: __m512, n: __m512) -> __m512 {
        have!(_mm512_scalef_ps(p, n))
    }
    #[inline(always)]
    fn select_lt(self, a: __m512, b: __m512, yes: __m512, no: __m512) -> __m512 {
        have!(_mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b), no, yes))
    }
    #[inline(always)]
    fn sum(self, a: __m512) -> f32 {
        have!({
            let eight = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps::<1>(a));
            let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
        })
    }
    #[inline(always)]
    fn max_lane(self, a: __m512) -> f32 {
        have!(_mm512_reduce_max_ps(a))
    }
    #[inline(always)]
    fn prefetch(self, address: *const u8) {
        have!(_mm_prefetch::<_MM_HINT_T0>(address.cast()))
    }
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
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: the caller vouches for 16 elements, the token for the instruction.
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32, a: __m512) {
        // SAFETY: the caller vouches for 16 elements, the token for the instruction.
        unsafe { _mm512_storeu_ps(to, a) }
    }
    #[inline(always)]
    unsafe fn load_f16(self, from: *const u8) -> __m512 {
        // SAFETY: the caller vouches for 32 bytes, the token for the instructions.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }
    #[inline(always)]
    unsafe fn load_bf16(self, from: *const u8) -> __m512 {
        // SAFETY: the caller vouches for 32 bytes, the token for the instructions.
        unsafe {
            let words = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(words))
        }
    }
    #[inline(always)]
    unsafe fn load_i8(self, from: *const i8) -> __m512 {
        // SAFETY: the caller vouches for 16 bytes, the token for the instructions.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()))) }
    }
    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16, a: __m512) {
        // SAFETY: the caller vouches for 16 elements, the token for the instructions.
        unsafe { _mm256_storeu_si256(to.cast(), _mm512_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(a)) }
    }
    #[inline(always)]
    unsafe fn store_i8(self, to: *mut i8, a: __m512) {
        // SAFETY: the caller vouches for 16 elements, the token for the instructions.
        unsafe { _mm_storeu_si128(to.cast(), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(a))) }
    }
    #[inline(always)]
    unsafe fn load_tail(self, from: *const f32, n: usize) -> __m512 {
        // SAFETY: masked lanes are not read; the caller vouches for the others.
        unsafe { _mm512_maskz_loadu_ps((1 << n) - 1, from) }
    }
    #[inline(always)]
    unsafe fn store_tail(self, to: *mut f32, n: usize, a: __m512) {
        // SAFETY: masked lanes are not written; the caller vouches for the others.
        unsafe { _mm512_mask_storeu_ps(to, (1 << n) - 1, a) }
    }
}
