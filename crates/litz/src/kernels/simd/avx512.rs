//! Sixteen lanes as one AVX-512 register.

use super::avx2::widen_half;
use super::Simd;
use std::arch::x86_64::*;

/// Proof that the CPU has AVX-512 F, BW, DQ, VL and VNNI, and AVX2, FMA and F16C.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct Avx512(());

impl Avx512 {
    /// # Safety
    /// The CPU has AVX-512 F, BW, DQ, VL and VNNI, and AVX2, FMA and F16C.
    #[inline(always)]
    pub(in crate::kernels) unsafe fn new() -> Self {
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
    fn widen(self, bits: u16) -> f32 {
        // SAFETY: the token proves that the CPU has the instructions.
        unsafe { widen_half(bits) }
    }
    #[inline(always)]
    fn prefetch(self, address: *const u8) {
        have!(_mm_prefetch::<_MM_HINT_T0>(address.cast()))
    }
    #[inline(always)]
    fn prefetch_far(self, address: *const u8) {
        have!(_mm_prefetch::<_MM_HINT_T1>(address.cast()))
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
    fn dot_four(self, sums: [__m512; 4]) -> [f32; 4] {
        self.dot_eight([sums; 2])[0]
    }
    #[inline(always)]
    fn dot_eight(self, sums: [[__m512; 4]; 2]) -> [[f32; 4]; 2] {
        // SAFETY: the token proves that the CPU has the instructions; eight lanes are eight f32.
        unsafe { std::mem::transmute::<__m256, [[f32; 4]; 2]>(sum_eight(sums)) }
    }
    #[inline(always)]
    fn dot_odd(self, pairs: __m512) -> __m512 {
        have!(_mm512_and_ps(pairs, _mm512_castsi512_ps(_mm512_set1_epi32(0xffff_0000_u32 as i32))))
    }
    #[inline(always)]
    fn dot_even(self, pairs: __m512) -> __m512 {
        have!(_mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_castps_si512(pairs))))
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

/// `sum` of eight, by the same additions on several at once.
///
/// # Safety
/// The CPU has AVX-512 F.
#[inline(always)]
unsafe fn sum_eight([[a, b, c, d], [e, f, g, h]]: [[__m512; 4]; 2]) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let low = add_fours(add_eights(a, b), add_eights(c, d));
        let high = add_fours(add_eights(e, f), add_eights(g, h));
        let twos = _mm512_mask_blend_ps(0xcccc, low, high);
        let twos = _mm512_add_ps(twos, _mm512_shuffle_ps::<0b01_00_11_10>(low, high)); // aaee ccgg bbff ddhh
        let ones = _mm512_add_ps(twos, _mm512_permute_ps::<0b10_11_00_01>(twos));
        let order = _mm512_setr_epi32(0, 8, 4, 12, 2, 10, 6, 14, 0, 0, 0, 0, 0, 0, 0, 0);
        _mm512_castps512_ps256(_mm512_permutexvar_ps(order, ones))
    }
}

/// Lane `i` with `i + 8` of both.
///
/// # Safety
/// The CPU has AVX-512 F.
#[inline(always)]
unsafe fn add_eights(a: __m512, b: __m512) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe { _mm512_add_ps(_mm512_mask_blend_ps(0xff00, a, b), _mm512_shuffle_f32x4::<0b01_00_11_10>(a, b)) }
}

/// Lane `i` with `i + 4` of both in each half.
///
/// # Safety
/// The CPU has AVX-512 F.
#[inline(always)]
unsafe fn add_fours(a: __m512, b: __m512) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let order = _mm512_setr_epi32(4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 24, 25, 26, 27);
        let crossed = _mm512_permutex2var_ps(a, order, b);
        _mm512_add_ps(_mm512_mask_blend_ps(0xf0f0, a, b), crossed)
    }
}
