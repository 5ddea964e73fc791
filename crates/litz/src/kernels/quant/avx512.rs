//! Packed matmuls with AVX-512 VNNI: sixteen rows to a register, the bits of the AVX2 form.

use std::arch::x86_64::*;

use super::codes::{words_of, CODES, CODE_WORDS, MINUS_128, MINUS_32, MINUS_8, SCALE, SUM};
use super::format::{
    Bytes, Codes, Exponents, FiveBits, Floats, Format, Halves, HalvesAndMinima, Levels, Nibbles, Scales,
    SixBits, Small, SmallSplit, Table, Unpacked, Whole, WholePairs, FOURS, LINE,
};
use super::registers::{Avx512Codes, Avx512Scales, Sign};
use super::tile::{
    ends_span, for_each_block, for_each_four, prefetch, unpacked_bytes, Group, MatmulQuant, Out, Panel,
};
use crate::kernels::layout::TILE;
use crate::kernels::simd::Avx512;

impl MatmulQuant for Avx512 {
    const PAIRS: bool = false;

    #[inline(always)]
    unsafe fn tile<F: Format, const BYTES: usize, const W: usize>(self, group: Group, x: &[u32], out: Out) {
        // SAFETY: the caller's promise, passed on; the token `self` vouches for the instructions.
        unsafe { tile::<F, BYTES, W>(group, x.as_ptr(), out) }
    }

    #[inline(always)]
    unsafe fn unpack<F: Format, const BYTES: usize>(self, group: Group, panel: &mut Panel) {
        // SAFETY: as above.
        unsafe { unpack::<F>(group, panel) }
    }

    #[inline(always)]
    unsafe fn unpacked_tile<F: Format, const BYTES: usize>(self, group: Group, x: &[u32], out: Out) {
        // SAFETY: as above.
        unsafe { tile::<Unpacked<F>, BYTES, TILE>(group, x.as_ptr(), out) }
    }
}

/// # Safety
/// As `MatmulQuant::tile`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn tile<F: Format, const BYTES: usize, const W: usize>(group: Group, x: *const u32, out: Out) {
    let (mut sums, mut span, mut done) = ([_mm512_setzero_ps(); W], [_mm512_setzero_ps(); W], 0);
    // SAFETY: the group and the tile have as many blocks; `out` says what may be written.
    unsafe {
        for t in 0..W {
            if let Some(from) = out.so_far(t) {
                sums[t] = _mm512_maskz_loadu_ps(out.rows, from);
            }
        }
        for_each_block!(F, words_of(BYTES) * W, group, x, |head, at, lines, words| {
            if F::STREAMED {
                prefetch(head, if at == 0 { F::Scales::HEAD / LINE } else { 0 });
                prefetch(lines, F::Codes::LINES);
            }
            block::<F, BYTES, W>(&mut span, (head, at), lines, words);
            done += 1;
            if ends_span::<BYTES>(done, group.blocks) {
                for t in 0..W {
                    let scale = _mm512_castsi512_ps(word::<W>(words, SCALE, t));
                    sums[t] = _mm512_fmadd_ps(span[t], scale, sums[t]);
                    span[t] = _mm512_setzero_ps();
                }
            }
        });
        for t in 0..W {
            if let Some(to) = out.token(t) {
                _mm512_mask_storeu_ps(to, out.rows, sums[t]);
            }
        }
    }
}

/// # Safety
/// As `MatmulQuant::unpack`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn unpack<F: Format>(group: Group, panel: &mut Panel) {
    let mut to = panel.0.as_mut_ptr().cast::<u8>();
    // SAFETY: the panel has room for the group's blocks, in lines as it is aligned.
    unsafe {
        for_each_block!(F, 0, group, std::ptr::null::<u32>(), |head, at, lines, _words| {
            prefetch(head, if at == 0 { F::Scales::HEAD / LINE } else { 0 });
            prefetch(lines, F::Codes::LINES);
            let [scale, second] = F::Scales::scales(head, at);
            let second = if F::Scales::MINIMA { F::Scales::minima(head, at) } else { second };
            _mm512_store_ps(to.cast(), scale);
            _mm512_store_ps(to.add(LINE).cast(), second);
            for_each_four!(|FOUR| {
                _mm512_store_si512(to.add((2 + FOUR) * LINE).cast(), F::Codes::unsigned::<FOUR>(lines))
            });
            to = to.add(unpacked_bytes(1));
        });
    }
}

/// Adds a block to the running sums.
///
/// # Safety
/// A block's lines and words, and its unit's scales, may be read.
#[inline(always)]
unsafe fn block<F: Format, const BYTES: usize, const W: usize>(
    sums: &mut [__m512; W],
    (head, at): (*const u8, usize),
    lines: *const u8,
    x: *const u32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let products = products::<F, BYTES, W>(lines, x);
        let [scale, second] = F::Scales::scales(head, at);
        let minimum = if F::Scales::MINIMA { F::Scales::minima(head, at) } else { scale };
        for t in 0..W {
            sums[t] = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(products[0][t]), sums[t]);
            if F::Scales::SPLIT {
                sums[t] = _mm512_fmadd_ps(second, _mm512_cvtepi32_ps(products[1][t]), sums[t]);
            }
            if F::Scales::MINIMA {
                sums[t] = _mm512_fmadd_ps(minimum, _mm512_castsi512_ps(word::<W>(x, SUM, t)), sums[t]);
            }
        }
    }
}

/// Sums of products of a block; of its halves if they have scales of their own.
///
/// # Safety
/// A block's lines and words may be read.
#[inline(always)]
unsafe fn products<F: Format, const BYTES: usize, const W: usize>(
    lines: *const u8,
    x: *const u32,
) -> [[__m512i; W]; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let starts = [starts::<F, W>(x, 0), starts::<F, W>(x, 1)];
        let (first, second) = (x.add(CODES * W), x.add((CODES + CODE_WORDS) * W));
        let zeros = [[_mm512_setzero_si512(); W]; 2];
        if BYTES == 1 {
            return plane::<F, W>(starts, lines, first);
        }
        if F::Scales::SPLIT || W == TILE {
            // Another sum a token would not stay in registers: the planes alternate.
            let upper = plane::<F, W>(zeros, lines, first);
            return plane::<F, W>(shifted(upper, starts), lines, second);
        }
        let (mut upper, mut lower) = (zeros, starts);
        for_each_four!(|FOUR| {
            let codes = F::Codes::unsigned::<FOUR>(lines);
            for t in 0..W {
                upper[0][t] = _mm512_dpbusd_epi32(upper[0][t], codes, word::<W>(first, FOUR, t));
                lower[0][t] = _mm512_dpbusd_epi32(lower[0][t], codes, word::<W>(second, FOUR, t));
            }
        });
        shifted(upper, lower)
    }
}

/// `256 * upper + lower`
///
/// # Safety
/// The CPU has the instructions.
#[inline(always)]
unsafe fn shifted<const W: usize>(
    upper: [[__m512i; W]; 2],
    mut lower: [[__m512i; W]; 2],
) -> [[__m512i; W]; 2] {
    for (lower, upper) in lower.iter_mut().zip(upper) {
        for (lower, upper) in lower.iter_mut().zip(upper) {
            // SAFETY: the caller's promise.
            *lower = unsafe { _mm512_add_epi32(_mm512_slli_epi32::<8>(upper), *lower) };
        }
    }
    lower
}

/// Adds the products of a plane of codes.
///
/// # Safety
/// A block's lines and a plane's words may be read.
#[inline(always)]
unsafe fn plane<F: Format, const W: usize>(
    mut products: [[__m512i; W]; 2],
    lines: *const u8,
    x: *const u32,
) -> [[__m512i; W]; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        for_each_four!(|FOUR| {
            let codes = F::Codes::unsigned::<FOUR>(lines);
            let half = if F::Scales::SPLIT { FOUR / (FOURS / 2) } else { 0 };
            for t in 0..W {
                products[half][t] = _mm512_dpbusd_epi32(products[half][t], codes, word::<W>(x, FOUR, t));
            }
        });
        products
    }
}

/// What the products of a block, or of a half, start from: they take away the offset of its codes.
///
/// # Safety
/// A block's words may be read.
#[inline(always)]
unsafe fn starts<F: Format, const W: usize>(x: *const u32, half: usize) -> [__m512i; W] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut starts = [_mm512_setzero_si512(); W];
        for (t, start) in starts.iter_mut().enumerate() {
            *start = match if F::Codes::SIGNED { 128 } else { F::OFFSET } {
                0 => _mm512_setzero_si512(),
                8 => word::<W>(x, MINUS_8, t),
                16 => _mm512_add_epi32(word::<W>(x, MINUS_8, t), word::<W>(x, MINUS_8, t)),
                32 => word::<W>(x, MINUS_32 + half, t),
                _ => word::<W>(x, MINUS_128, t),
            };
        }
        starts
    }
}

/// A word of a token, in every lane.
///
/// # Safety
/// The CPU has the instructions; the word may be read.
#[inline(always)]
unsafe fn word<const W: usize>(x: *const u32, word: usize, token: usize) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_set1_epi32(*x.add(word * W + token) as i32) }
}

/// # Safety
/// The CPU has the instructions; the line may be read.
#[inline(always)]
unsafe fn load(lines: *const u8, line: usize) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_loadu_si512(lines.add(line * LINE).cast()) }
}

/// `low | high & mask`
///
/// # Safety
/// The CPU has the instructions.
#[inline(always)]
unsafe fn join(low: __m512i, high: __m512i, mask: i8) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe { _mm512_ternarylogic_epi32::<0xf8>(low, high, _mm512_set1_epi8(mask)) }
}

/// Moves bits up, or down if `up` is negative; bits pass from byte to byte.
///
/// # Safety
/// The CPU has the instructions.
#[inline(always)]
unsafe fn moved(v: __m512i, up: i32) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        match up {
            0.. => _mm512_sllv_epi32(v, _mm512_set1_epi32(up)),
            _ => _mm512_srlv_epi32(v, _mm512_set1_epi32(-up)),
        }
    }
}

impl Avx512Codes for Nibbles {
    #[inline(always)]
    unsafe fn unsigned<const FOUR: usize>(lines: *const u8) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe {
            let pairs = load(lines, FOUR % 4);
            _mm512_and_si512(moved(pairs, if FOUR < 4 { 0 } else { -4 }), _mm512_set1_epi8(15))
        }
    }
}

impl Avx512Codes for FiveBits {
    #[inline(always)]
    unsafe fn unsigned<const FOUR: usize>(lines: *const u8) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe { join(Nibbles::unsigned::<FOUR>(lines), moved(load(lines, 4), 4 - FOUR as i32), 16) }
    }
}

impl Avx512Codes for SixBits {
    #[inline(always)]
    unsafe fn unsigned<const FOUR: usize>(lines: *const u8) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe {
            let high = moved(load(lines, 4 + FOUR / 4), 4 - 2 * (FOUR % 4) as i32);
            join(Nibbles::unsigned::<FOUR>(lines), high, 48)
        }
    }
}

impl<T: Table> Avx512Codes for Levels<T> {
    #[inline(always)]
    unsafe fn unsigned<const FOUR: usize>(lines: *const u8) -> __m512i {
        // SAFETY: the caller's promise; the table has sixteen bytes.
        unsafe {
            let levels = _mm512_broadcast_i32x4(_mm_loadu_si128(T::VALUES.as_ptr().cast()));
            let levels = _mm512_xor_si512(levels, _mm512_set1_epi8(i8::MIN));
            _mm512_shuffle_epi8(levels, Nibbles::unsigned::<FOUR>(lines))
        }
    }
}

impl Avx512Codes for Bytes {
    #[inline(always)]
    unsafe fn unsigned<const FOUR: usize>(lines: *const u8) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe { _mm512_xor_si512(load(lines, FOUR), _mm512_set1_epi8(i8::MIN)) }
    }
}

impl<C> Avx512Codes for Whole<C> {
    #[inline(always)]
    unsafe fn unsigned<const FOUR: usize>(lines: *const u8) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe { load(lines, FOUR) }
    }
}

impl<C: Codes> Avx512Codes for WholePairs<C> {
    #[inline(always)]
    unsafe fn unsigned<const FOUR: usize>(lines: *const u8) -> __m512i {
        // SAFETY: the caller's promise.
        unsafe {
            let odd = _mm512_slli_epi16::<8>(load(lines, 2 * FOUR + 1));
            let codes = join(odd, _mm512_and_si512(load(lines, 2 * FOUR), _mm512_set1_epi16(255)), -1);
            let above = if C::SIGNED { i8::MIN } else { 0 };
            _mm512_xor_si512(codes, _mm512_set1_epi8(above))
        }
    }
}

/// Sixteen halves.
///
/// # Safety
/// The CPU has the instructions; they may be read.
#[inline(always)]
unsafe fn halves(head: *const u8, i: usize) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(head.cast::<__m256i>().add(i))) }
}

impl Avx512Scales for Halves {
    #[inline(always)]
    unsafe fn scales(head: *const u8, at: usize) -> [__m512; 2] {
        // SAFETY: the caller's promise.
        unsafe { [halves(head, at); 2] }
    }
}

impl Avx512Scales for HalvesAndMinima {
    #[inline(always)]
    unsafe fn scales(head: *const u8, _: usize) -> [__m512; 2] {
        // SAFETY: the caller's promise.
        unsafe { [halves(head, 0); 2] }
    }
    #[inline(always)]
    unsafe fn minima(head: *const u8, _: usize) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { halves(head, 1) }
    }
}

/// Sixteen bytes behind the two registers of halves.
///
/// # Safety
/// They may be read.
#[inline(always)]
unsafe fn small(head: *const u8, i: usize) -> __m128i {
    // SAFETY: the caller's promise.
    unsafe { _mm_loadu_si128(head.cast::<__m128i>().add(4 + i)) }
}

impl Avx512Scales for Small {
    #[inline(always)]
    unsafe fn scales(head: *const u8, at: usize) -> [__m512; 2] {
        // SAFETY: the caller's promise.
        unsafe {
            let small = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(small(head, 2 * at)));
            [_mm512_mul_ps(halves(head, 0), small); 2]
        }
    }
    #[inline(always)]
    unsafe fn minima(head: *const u8, at: usize) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe {
            let small = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(small(head, 2 * at + 1)));
            _mm512_fnmadd_ps(halves(head, 1), small, _mm512_setzero_ps())
        }
    }
}

impl Avx512Scales for SmallSplit {
    #[inline(always)]
    unsafe fn scales(head: *const u8, at: usize) -> [__m512; 2] {
        // SAFETY: the caller's promise.
        unsafe {
            let d = halves(head, 0);
            let first = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(small(head, 2 * at)));
            let second = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(small(head, 2 * at + 1)));
            [_mm512_mul_ps(d, first), _mm512_mul_ps(d, second)]
        }
    }
}

impl Avx512Scales for Exponents {
    #[inline(always)]
    unsafe fn scales(head: *const u8, at: usize) -> [__m512; 2] {
        // SAFETY: the caller's promise.
        unsafe {
            let exponents = _mm512_cvtepu8_epi32(_mm_loadu_si128(head.cast::<__m128i>().add(at)));
            let normal = _mm512_slli_epi32::<23>(_mm512_sub_epi32(exponents, _mm512_set1_epi32(1)));
            let is_subnormal = _mm512_cmple_epi32_mask(exponents, _mm512_set1_epi32(1));
            let scales = _mm512_mask_sllv_epi32(normal, is_subnormal, _mm512_set1_epi32(1 << 21), exponents);
            [_mm512_castsi512_ps(scales); 2]
        }
    }
}

impl<S: Scales> Avx512Scales for Floats<S> {
    #[inline(always)]
    unsafe fn scales(head: *const u8, _: usize) -> [__m512; 2] {
        // SAFETY: the caller's promise.
        unsafe { [_mm512_loadu_ps(head.cast()), _mm512_loadu_ps(head.add(LINE).cast())] }
    }
    #[inline(always)]
    unsafe fn minima(head: *const u8, _: usize) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe { _mm512_loadu_ps(head.add(LINE).cast()) }
    }
}
