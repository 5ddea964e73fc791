//! How the codes and scales of a packed format are loaded into registers: one trait an instruction set.

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Whether a code is, or stands for, a signed byte.
pub(in crate::kernels) trait Sign {
    const SIGNED: bool;
}

/// Codes that every instruction set can load.
#[cfg(target_arch = "x86_64")]
pub(in crate::kernels) trait CodeRegisters: Sign + Avx2Codes + Avx512Codes {}
#[cfg(target_arch = "x86_64")]
impl<C: Sign + Avx2Codes + Avx512Codes> CodeRegisters for C {}
#[cfg(not(target_arch = "x86_64"))]
pub(in crate::kernels) trait CodeRegisters: Sign {}
#[cfg(not(target_arch = "x86_64"))]
impl<C: Sign> CodeRegisters for C {}

/// Scales that every instruction set can load.
#[cfg(target_arch = "x86_64")]
pub(in crate::kernels) trait ScaleRegisters: Avx2Scales + Avx512Scales {}
#[cfg(target_arch = "x86_64")]
impl<S: Avx2Scales + Avx512Scales> ScaleRegisters for S {}
#[cfg(not(target_arch = "x86_64"))]
pub(in crate::kernels) trait ScaleRegisters {}
#[cfg(not(target_arch = "x86_64"))]
impl<S> ScaleRegisters for S {}

#[cfg(target_arch = "x86_64")]
/// Codes as registers of AVX2.
pub(in crate::kernels) trait Avx2Codes {
    /// Columns `4 FOUR + c` of eight rows.
    ///
    /// # Safety
    /// The CPU has the instructions; half of each of a block's lines may be read.
    unsafe fn codes<const FOUR: usize>(lines: *const u8) -> __m256i;

    /// The same in 16 bits: columns 0 and 2 of the four, and 1 and 3.
    ///
    /// # Safety
    /// As `codes`.
    #[inline(always)]
    unsafe fn pairs<const FOUR: usize>(lines: *const u8) -> [__m256i; 2]
    where
        Self: Sign,
    {
        // SAFETY: the caller's promise.
        unsafe {
            let codes = Self::codes::<FOUR>(lines);
            if Self::SIGNED {
                let even = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(codes));
                return [even, _mm256_srai_epi16::<8>(codes)];
            }
            [_mm256_and_si256(codes, _mm256_set1_epi16(255)), _mm256_srli_epi16::<8>(codes)]
        }
    }
}

#[cfg(target_arch = "x86_64")]
/// Scales as registers of AVX2.
pub(in crate::kernels) trait Avx2Scales {
    /// Those of the two halves of a block of eight rows; the same if they are not split.
    ///
    /// # Safety
    /// The CPU has the instructions; a unit's scales may be read.
    unsafe fn scales(head: *const u8, half: usize, at: usize) -> [__m256; 2];
    /// The minima of a block, if there are any.
    ///
    /// # Safety
    /// As `scales`.
    #[inline(always)]
    unsafe fn minima(head: *const u8, half: usize, at: usize) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { Self::scales(head, half, at)[0] }
    }
}

#[cfg(target_arch = "x86_64")]
/// Codes as registers of AVX-512.
pub(in crate::kernels) trait Avx512Codes {
    /// Columns `4 FOUR + c` of all rows; those of signed codes 128 above their values.
    ///
    /// # Safety
    /// The CPU has the instructions; a block's lines may be read.
    unsafe fn unsigned<const FOUR: usize>(lines: *const u8) -> __m512i;
}

#[cfg(target_arch = "x86_64")]
/// Scales as registers of AVX-512.
pub(in crate::kernels) trait Avx512Scales {
    /// Those of the two halves of a block; the same if they are not split.
    ///
    /// # Safety
    /// The CPU has the instructions; a unit's scales may be read.
    unsafe fn scales(head: *const u8, at: usize) -> [__m512; 2];
    /// The minima of a block, if there are any.
    ///
    /// # Safety
    /// As `scales`.
    #[inline(always)]
    unsafe fn minima(head: *const u8, at: usize) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { Self::scales(head, at)[0] }
    }
}
