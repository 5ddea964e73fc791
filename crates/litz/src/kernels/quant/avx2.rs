//! Packed matmuls with AVX2: a group is two registers of eight rows.

use std::arch::x86_64::*;

use super::codes::{words_of, CODES, MINUS_32, MINUS_8, SCALE, SUM};
use super::format::{
    Bytes, Codes, Exponents, FiveBits, Floats, Format, Halves, HalvesAndMinima, Levels, Nibbles, Scales,
    SixBits, Small, SmallSplit, Table, Unpacked, UnpackedPairs, Whole, WholePairs, FOURS, LINE,
};
use super::registers::{Avx2Codes, Avx2Scales, Sign};
use super::tile::{
    ends_span, for_each_block, for_each_four, prefetch, unpacked_bytes, Group, MatmulQuant, Out, Panel,
};
use crate::kernels::layout::{GROUP, TILE};
use crate::kernels::simd::{Avx2, Simd};

/// Rows of a register.
const ROWS: usize = 8;

impl MatmulQuant for Avx2 {
    const PAIRS: bool = true;

    #[inline(always)]
    unsafe fn store_codes<const BYTES: usize>(self, codes: [[__m256; 2]; 2], to: *mut u32) {
        for (i, code) in codes.into_iter().enumerate() {
            // SAFETY: the caller's promise; the token `self` vouches for the instructions.
            unsafe {
                if BYTES == 1 {
                    self.store_i8(to.cast::<i8>().add(16 * i), code);
                    continue;
                }
                let words = _mm256_packs_epi32(_mm256_cvtps_epi32(code[0]), _mm256_cvtps_epi32(code[1]));
                let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words); // packing interleaved the 128-bit halves
                let pairs = _mm256_shufflehi_epi16::<0b11_01_10_00>(words);
                let pairs = _mm256_shufflelo_epi16::<0b11_01_10_00>(pairs);
                _mm256_storeu_si256(to.cast::<__m256i>().add(i), pairs);
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<F: Format, const BYTES: usize, const W: usize>(self, group: Group, x: &[u32], out: Out) {
        // SAFETY: the caller's promise, passed on; the token `self` vouches for the instructions.
        unsafe {
            if W <= 2 {
                return part::<F, BYTES, 2, W, W>(group, 0, x.as_ptr(), 0, out);
            }
            // Spilling sums costs less than memory latency while a second half reads the cache.
            for first in (0..W).step_by(4).filter(|&first| out.tokens >> first & 15 != 0) {
                part::<F, BYTES, 2, 4, W>(group, 0, x.as_ptr(), first, out);
            }
        }
    }

    #[inline(always)]
    unsafe fn unpack<F: Format, const BYTES: usize>(self, group: Group, panel: &mut Panel) {
        // SAFETY: as above.
        unsafe { unpack::<F, BYTES>(group, panel) }
    }

    #[inline(always)]
    unsafe fn unpacked_tile<F: Format, const BYTES: usize>(self, group: Group, x: &[u32], out: Out) {
        for first in (0..TILE).step_by(4).filter(|&first| out.tokens >> first & 15 != 0) {
            for half in 0..2 {
                // SAFETY: as above.
                unsafe {
                    match BYTES {
                        1 => part::<Unpacked<F>, 1, 1, 4, TILE>(group, half, x.as_ptr(), first, out),
                        _ => part::<UnpackedPairs<F>, 2, 1, 4, TILE>(group, half, x.as_ptr(), first, out),
                    }
                }
            }
        }
    }
}

/// `H` registers of rows, from `half` on, for `T` tokens of a tile of `W`, from `token` on.
///
/// # Safety
/// As `MatmulQuant::tile`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn part<F: Format, const BYTES: usize, const H: usize, const T: usize, const W: usize>(
    group: Group,
    half: usize,
    x: *const u32,
    token: usize,
    out: Out,
) {
    let (mut sums, mut span, mut done) = ([[_mm256_setzero_ps(); T]; H], [[_mm256_setzero_ps(); T]; H], 0);
    // SAFETY: the group and the tile have as many blocks; `out` says what may be written.
    unsafe {
        let x = x.add(token);
        for h in 0..H {
            for t in 0..T {
                if let Some(from) = out.so_far(token + t) {
                    let at = (half + h) * ROWS;
                    sums[h][t] = _mm256_maskload_ps(from.wrapping_add(at), marks((out.rows >> at) as u8));
                }
            }
        }
        for_each_block!(F, words_of(BYTES) * W, group, x, |head, at, lines, words| {
            if F::STREAMED && half == 0 {
                prefetch(head, if at == 0 { F::Scales::HEAD / LINE } else { 0 });
                prefetch(lines, F::Codes::LINES);
            }
            for h in 0..H {
                block::<F, BYTES, T, W>(&mut span[h], half + h, (head, at), lines, words);
            }
            done += 1;
            if ends_span::<BYTES>(done, group.blocks) {
                for t in 0..T {
                    let scale = _mm256_castsi256_ps(word::<W>(words, SCALE, t));
                    for h in 0..H {
                        sums[h][t] = _mm256_fmadd_ps(span[h][t], scale, sums[h][t]);
                        span[h][t] = _mm256_setzero_ps();
                    }
                }
            }
        });
        for h in 0..H {
            let at = (half + h) * ROWS;
            for t in 0..T {
                if let Some(to) = out.token(token + t) {
                    _mm256_maskstore_ps(to.wrapping_add(at), marks((out.rows >> at) as u8), sums[h][t]);
                }
            }
        }
    }
}

/// Sets the lanes that `rows` marks.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn marks(rows: u8) -> __m256i {
    let bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(i32::from(rows)), bits), bits)
}

/// # Safety
/// As `MatmulQuant::unpack`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn unpack<F: Format, const BYTES: usize>(group: Group, panel: &mut Panel) {
    let mut to = panel.0.as_mut_ptr().cast::<u8>();
    // SAFETY: the panel has room for the group's blocks, in lines as it is aligned.
    unsafe {
        for_each_block!(F, 0, group, std::ptr::null::<u32>(), |head, at, lines, _words| {
            prefetch(head, if at == 0 { F::Scales::HEAD / LINE } else { 0 });
            prefetch(lines, F::Codes::LINES);
            for half in 0..2 {
                let (to, lines) = (to.add(half * LINE / 2), lines.add(half * LINE / 2));
                let [scale, second] = F::Scales::scales(head, half, at);
                let second = if F::Scales::MINIMA { F::Scales::minima(head, half, at) } else { second };
                _mm256_store_ps(to.cast(), scale);
                _mm256_store_ps(to.add(LINE).cast(), second);
                for_each_four!(|FOUR| {
                    if BYTES == 1 {
                        _mm256_store_si256(to.add((2 + FOUR) * LINE).cast(), F::Codes::codes::<FOUR>(lines));
                    } else {
                        let [even, odd] = F::Codes::pairs::<FOUR>(lines);
                        _mm256_store_si256(to.add((2 + 2 * FOUR) * LINE).cast(), even);
                        _mm256_store_si256(to.add((3 + 2 * FOUR) * LINE).cast(), odd);
                    }
                });
            }
            to = to.add(unpacked_bytes(BYTES));
        });
    }
}

/// Adds a block to the running sums of eight rows.
///
/// # Safety
/// A block's lines and words, and its unit's scales, may be read.
#[inline(always)]
unsafe fn block<F: Format, const BYTES: usize, const T: usize, const W: usize>(
    sums: &mut [__m256; T],
    half: usize,
    (head, at): (*const u8, usize),
    lines: *const u8,
    x: *const u32,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let lines = lines.add(half * LINE / 2);
        let products = if BYTES == 1 { products::<F, T, W>(lines, x) } else { pairs::<F, T, W>(lines, x) };
        let [scale, second] = F::Scales::scales(head, half, at);
        let minimum = if F::Scales::MINIMA { F::Scales::minima(head, half, at) } else { scale };
        for t in 0..T {
            sums[t] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(products[0][t]), sums[t]);
            if F::Scales::SPLIT {
                sums[t] = _mm256_fmadd_ps(second, _mm256_cvtepi32_ps(products[1][t]), sums[t]);
            }
            if F::Scales::MINIMA {
                sums[t] = _mm256_fmadd_ps(minimum, _mm256_castsi256_ps(word::<W>(x, SUM, t)), sums[t]);
            }
        }
    }
}

/// What the products of a block, or of a half, start from: they take away the offset of its codes.
///
/// # Safety
/// A block's words may be read.
#[inline(always)]
unsafe fn starts<F: Format, const T: usize, const W: usize>(x: *const u32, half: usize) -> [__m256i; T] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut starts = [_mm256_setzero_si256(); T];
        for (t, start) in starts.iter_mut().enumerate() {
            *start = match F::OFFSET {
                0 => _mm256_setzero_si256(),
                8 => word::<W>(x, MINUS_8, t),
                16 => _mm256_add_epi32(word::<W>(x, MINUS_8, t), word::<W>(x, MINUS_8, t)),
                _ => word::<W>(x, MINUS_32 + half, t),
            };
        }
        starts
    }
}

/// `products` with activations of 16 bits.
///
/// # Safety
/// A block's lines and words may be read.
#[inline(always)]
unsafe fn pairs<F: Format, const T: usize, const W: usize>(
    lines: *const u8,
    x: *const u32,
) -> [[__m256i; T]; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut products = [starts::<F, T, W>(x, 0), starts::<F, T, W>(x, 1)];
        for_each_four!(|FOUR| {
            let codes = F::Codes::pairs::<FOUR>(lines);
            let half = if F::Scales::SPLIT { FOUR / (FOURS / 2) } else { 0 };
            for t in 0..T {
                for (i, codes) in codes.into_iter().enumerate() {
                    let both = _mm256_madd_epi16(codes, word::<W>(x, CODES + 2 * FOUR + i, t));
                    products[half][t] = _mm256_add_epi32(products[half][t], both);
                }
            }
        });
        products
    }
}

/// Sums of products of a block; of its halves if they have scales of their own.
///
/// # Safety
/// A block's lines and words may be read.
#[inline(always)]
unsafe fn products<F: Format, const T: usize, const W: usize>(
    lines: *const u8,
    x: *const u32,
) -> [[__m256i; T]; 2] {
    // How many products of two fit into 16 bits: 2 * 127 * (2^bits - 1) each, 32767 at most.
    let run = if F::Codes::SIGNED { 1 } else { 1 << (7 - F::Codes::BITS) };
    // SAFETY: the caller's promise.
    unsafe {
        let mut products = [starts::<F, T, W>(x, 0), starts::<F, T, W>(x, 1)];
        let mut short = [_mm256_setzero_si256(); T];
        for_each_four!(|FOUR| {
            let codes = F::Codes::codes::<FOUR>(lines);
            let half = if F::Scales::SPLIT { FOUR / (FOURS / 2) } else { 0 };
            for t in 0..T {
                let pairs = multiply::<F>(codes, word::<W>(x, CODES + FOUR, t));
                short[t] = if FOUR.is_multiple_of(run) { pairs } else { _mm256_add_epi16(short[t], pairs) };
                if FOUR % run == run - 1 {
                    let sums = _mm256_madd_epi16(short[t], _mm256_set1_epi16(1));
                    products[half][t] = _mm256_add_epi32(products[half][t], sums);
                }
            }
        });
        products
    }
}

/// Sums of two products as sixteen bits; signed codes are those down to -128.
///
/// # Safety
/// The CPU has the instructions.
#[inline(always)]
unsafe fn multiply<F: Format>(codes: __m256i, x: __m256i) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        if F::Codes::SIGNED {
            _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(x, codes))
        } else {
            _mm256_maddubs_epi16(codes, x)
        }
    }
}

/// A word of a token, in every lane.
///
/// # Safety
/// The CPU has the instructions; the word may be read.
#[inline(always)]
unsafe fn word<const W: usize>(x: *const u32, word: usize, token: usize) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm256_set1_epi32(*x.add(word * W + token) as i32) }
}

/// # Safety
/// The CPU has the instructions; half of the line may be read.
#[inline(always)]
unsafe fn load(lines: *const u8, line: usize) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm256_loadu_si256(lines.add(line * LINE).cast()) }
}

/// `v & mask` once its bits are moved up, or down if `up` is negative.
///
/// # Safety
/// The CPU has the instructions.
#[inline(always)]
unsafe fn moved(v: __m256i, up: i32, mask: i8) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let v = match up {
            0.. => _mm256_sllv_epi32(v, _mm256_set1_epi32(up)),
            _ => _mm256_srlv_epi32(v, _mm256_set1_epi32(-up)),
        };
        _mm256_and_si256(v, _mm256_set1_epi8(mask))
    }
}

impl Avx2Codes for Nibbles {
    #[inline(always)]
    unsafe fn codes<const FOUR: usize>(lines: *const u8) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { moved(load(lines, FOUR % 4), if FOUR < 4 { 0 } else { -4 }, 15) }
    }
}

impl Avx2Codes for FiveBits {
    #[inline(always)]
    unsafe fn codes<const FOUR: usize>(lines: *const u8) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let high = moved(load(lines, 4), 4 - FOUR as i32, 16);
            _mm256_or_si256(Nibbles::codes::<FOUR>(lines), high)
        }
    }
}

impl Avx2Codes for SixBits {
    #[inline(always)]
    unsafe fn codes<const FOUR: usize>(lines: *const u8) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let high = moved(load(lines, 4 + FOUR / 4), 4 - 2 * (FOUR % 4) as i32, 48);
            _mm256_or_si256(Nibbles::codes::<FOUR>(lines), high)
        }
    }
}

impl<T: Table> Avx2Codes for Levels<T> {
    #[inline(always)]
    unsafe fn codes<const FOUR: usize>(lines: *const u8) -> __m256i {
        // SAFETY: the caller's promise; the table has sixteen bytes.
        unsafe {
            let levels = _mm256_broadcastsi128_si256(_mm_loadu_si128(T::VALUES.as_ptr().cast()));
            _mm256_shuffle_epi8(levels, Nibbles::codes::<FOUR>(lines))
        }
    }
}

impl Avx2Codes for Bytes {
    #[inline(always)]
    unsafe fn codes<const FOUR: usize>(lines: *const u8) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { load(lines, FOUR) }
    }
}

impl<C> Avx2Codes for Whole<C> {
    #[inline(always)]
    unsafe fn codes<const FOUR: usize>(lines: *const u8) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { load(lines, FOUR) }
    }
}

impl<C: Codes> Avx2Codes for WholePairs<C> {
    #[inline(always)]
    unsafe fn codes<const FOUR: usize>(lines: *const u8) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe {
            let [even, odd] = Self::pairs::<FOUR>(lines);
            _mm256_or_si256(_mm256_and_si256(even, _mm256_set1_epi16(255)), _mm256_slli_epi16::<8>(odd))
        }
    }
    #[inline(always)]
    unsafe fn pairs<const FOUR: usize>(lines: *const u8) -> [__m256i; 2] {
        // SAFETY: the caller's promise.
        unsafe { [load(lines, 2 * FOUR), load(lines, 2 * FOUR + 1)] }
    }
}

/// Eight of sixteen halves.
///
/// # Safety
/// The CPU has the instructions; they may be read.
#[inline(always)]
unsafe fn halves(head: *const u8, half: usize, i: usize) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe { _mm256_cvtph_ps(_mm_loadu_si128(head.cast::<__m128i>().add(2 * i + half))) }
}

impl Avx2Scales for Halves {
    #[inline(always)]
    unsafe fn scales(head: *const u8, half: usize, at: usize) -> [__m256; 2] {
        // SAFETY: the caller's promise.
        unsafe { [halves(head, half, at); 2] }
    }
}

impl Avx2Scales for HalvesAndMinima {
    #[inline(always)]
    unsafe fn scales(head: *const u8, half: usize, _: usize) -> [__m256; 2] {
        // SAFETY: the caller's promise.
        unsafe { [halves(head, half, 0); 2] }
    }
    #[inline(always)]
    unsafe fn minima(head: *const u8, half: usize, _: usize) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { halves(head, half, 1) }
    }
}

/// Eight of sixteen bytes behind the halves.
///
/// # Safety
/// They may be read.
#[inline(always)]
unsafe fn small(head: *const u8, half: usize, i: usize) -> __m128i {
    // SAFETY: the caller's promise.
    unsafe { _mm_loadl_epi64(head.add(64 + 16 * i + ROWS * half).cast()) }
}

impl Avx2Scales for Small {
    #[inline(always)]
    unsafe fn scales(head: *const u8, half: usize, at: usize) -> [__m256; 2] {
        // SAFETY: the caller's promise.
        unsafe {
            let small = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(small(head, half, 2 * at)));
            [_mm256_mul_ps(halves(head, half, 0), small); 2]
        }
    }
    #[inline(always)]
    unsafe fn minima(head: *const u8, half: usize, at: usize) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe {
            let small = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(small(head, half, 2 * at + 1)));
            _mm256_fnmadd_ps(halves(head, half, 1), small, _mm256_setzero_ps())
        }
    }
}

impl Avx2Scales for SmallSplit {
    #[inline(always)]
    unsafe fn scales(head: *const u8, half: usize, at: usize) -> [__m256; 2] {
        // SAFETY: the caller's promise.
        unsafe {
            let d = halves(head, half, 0);
            let first = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(small(head, half, 2 * at)));
            let second = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(small(head, half, 2 * at + 1)));
            [_mm256_mul_ps(d, first), _mm256_mul_ps(d, second)]
        }
    }
}

impl Avx2Scales for Exponents {
    #[inline(always)]
    unsafe fn scales(head: *const u8, half: usize, at: usize) -> [__m256; 2] {
        // SAFETY: the caller's promise.
        unsafe {
            let bytes = _mm_loadl_epi64(head.add(GROUP * at + ROWS * half).cast());
            let exponents = _mm256_cvtepu8_epi32(bytes);
            let normal = _mm256_slli_epi32::<23>(_mm256_sub_epi32(exponents, _mm256_set1_epi32(1)));
            let subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(1 << 21), exponents);
            let is_normal = _mm256_cmpgt_epi32(exponents, _mm256_set1_epi32(1));
            [_mm256_castsi256_ps(_mm256_blendv_epi8(subnormal, normal, is_normal)); 2]
        }
    }
}

impl<S: Scales> Avx2Scales for Floats<S> {
    #[inline(always)]
    unsafe fn scales(head: *const u8, half: usize, at: usize) -> [__m256; 2] {
        // SAFETY: the caller's promise.
        unsafe { [_mm256_loadu_ps(head.cast::<f32>().add(ROWS * half)), Self::minima(head, half, at)] }
    }
    #[inline(always)]
    unsafe fn minima(head: *const u8, half: usize, _: usize) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe { _mm256_loadu_ps(head.add(LINE).cast::<f32>().add(ROWS * half)) }
    }
}
