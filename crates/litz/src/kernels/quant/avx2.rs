//! Quantised matmuls with AVX2: eight rows to a register.
//!
//! One token reads the rows as they are stored; several tokens share a panel, so that none needs shuffling. Both give the
//! same integers, hence the same bits.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::lanes::Avx2;
use super::super::views::{Matrix, OutView, Q8View, BLOCK};
use super::panel::{empty, fill, heads, interleave, Eight, PanelBlock, TokenBlock};
use super::{MatmulQuant, Quant, Token};

/// Rows of a group.
const ROWS: usize = 8;

impl MatmulQuant for Avx2 {
    #[inline(always)]
    unsafe fn matmul_quant<Q: Quant>(
        self,
        w: &Matrix<'_>,
        rows: Range<usize>,
        x: &Q8View<'_>,
        tokens: Range<usize>,
        y: &OutView<'_>,
    ) {
        // SAFETY: the caller vouches for tokens and rows, the token `self` for the instructions.
        unsafe { matmul::<Q>(w, rows, x, tokens, y) }
    }
}

/// # Safety
/// As `MatmulQuant::matmul_quant`.
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn matmul<Q: Quant>(
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: &Q8View<'_>,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        match tokens.len() {
            1 => one_token::<Q>(
                w,
                rows,
                Token::new(x, tokens.start),
                y.values.as_ptr().add(tokens.start * y.stride),
            ),
            2 => many_tokens::<Q, 2>(w, rows, x, tokens, y),
            _ => many_tokens::<Q, 4>(w, rows, x, tokens, y),
        }
    }
}

/// # Safety
/// `x` has the matrix's columns, `out` its rows.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn one_token<Q: Quant>(w: &Matrix<'_>, rows: Range<usize>, x: Token, out: *mut f32) {
    for start in rows.clone().step_by(ROWS) {
        // SAFETY: the caller's promise.
        unsafe {
            store(
                out.add(start),
                rows.end - start,
                dot_rows::<Q>(group(w, start, rows.end), x, w.cols() / BLOCK),
            )
        };
    }
}

/// # Safety
/// As `MatmulQuant::matmul_quant`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn many_tokens<Q: Quant, const T: usize>(
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: &Q8View<'_>,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    let mut panel = empty::<ROWS>(x.blocks);
    let tiles = interleave::<T>(x, tokens.clone(), Q::OFFSET);
    for start in rows.clone().step_by(ROWS) {
        // SAFETY: the caller vouches for tokens and rows.
        unsafe {
            fill::<Q, ROWS>(&mut panel, group(w, start, rows.end), 0, 0);
            for (tile, t) in tiles.chunks_exact(x.blocks).zip(tokens.clone().step_by(T)) {
                let sums = panel_tile::<Q, T>(&panel, tile);
                for (sums, t) in sums.into_iter().zip(t..tokens.end) {
                    store(y.values.as_ptr().add(t * y.stride + start), rows.end - start, sums);
                }
            }
        }
    }
}

/// The rows from `start`, the last one again where there are none left.
#[inline]
fn group(w: &Matrix<'_>, start: usize, end: usize) -> Eight {
    std::array::from_fn(|i| w.row((start + i).min(end - 1)))
}

/// # Safety
/// `many` elements, or eight if that is fewer, may be written.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn store(to: *mut f32, many: usize, sums: __m256) {
    // SAFETY: the caller's promise; the buffer has eight.
    unsafe {
        if many >= ROWS {
            return _mm256_storeu_ps(to, sums);
        }
        let mut all = [0f32; ROWS];
        _mm256_storeu_ps(all.as_mut_ptr(), sums);
        std::ptr::copy_nonoverlapping(all.as_ptr(), to, many);
    }
}

/// `sums + scale * x.scale * products (+ minimum * x.sum)`: the one place where a block meets the running sum.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn accumulate<Q: Quant>(sums: __m256, products: __m256i, heads: (__m256, __m256), x: (f32, f32)) -> __m256 {
    let scale = _mm256_mul_ps(heads.0, _mm256_set1_ps(x.0));
    let sums = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(products), sums);
    if Q::MINIMUM {
        _mm256_fmadd_ps(heads.1, _mm256_set1_ps(x.1), sums)
    } else {
        sums
    }
}

/// A block of eight rows as they are stored meets the running sums.
///
/// # Safety
/// A block of each row may be read; the token has the block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn add_block<Q: Quant>(
    sums: __m256,
    products: __m256i,
    rows: Eight,
    x: Token,
    block: usize,
) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let start = _mm256_set1_epi32(-Q::OFFSET * *x.code_sums.add(block));
        let products = _mm256_add_epi32(products, start);
        accumulate::<Q>(sums, products, heads::<Q>(rows), (*x.scales.add(block), *x.sums.add(block)))
    }
}

/// Eight running sums over all blocks, for one token, from rows as they are stored.
///
/// # Safety
/// The rows and the token have `blocks` blocks.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot_rows<Q: Quant>(rows: Eight, x: Token, blocks: usize) -> __m256 {
    // The next group usually follows in memory, and is asked for in its order there: the hardware then runs ahead.
    let ahead = (rows[7] as usize).wrapping_sub(rows[0] as usize) + blocks * Q::BYTES;
    let mut sums = _mm256_setzero_ps();
    // SAFETY: blocks stay below the caller's number; a lone last block is read twice and counted once.
    unsafe {
        for block in (0..blocks).step_by(2) {
            let next = if block + 1 < blocks { block + 1 } else { block };
            let (a, b) =
                (rows.map(|row| row.add(block * Q::BYTES)), rows.map(|row| row.add(next * Q::BYTES)));
            for line in (0..2 * ROWS * Q::BYTES).step_by(64) {
                _mm_prefetch::<_MM_HINT_T0>(
                    rows[0].wrapping_add(ahead + block * ROWS * Q::BYTES + line).cast(),
                );
            }
            let codes = [x.codes.add(block * BLOCK), x.codes.add(next * BLOCK)];
            let products = if Q::NIBBLES {
                nibble_products::<Q>(a, b, codes)
            } else {
                [byte_products::<Q>(a, codes[0]), byte_products::<Q>(b, codes[1])]
            };
            sums = add_block::<Q>(sums, products[0], a, x, block);
            if next != block {
                sums = add_block::<Q>(sums, products[1], b, x, next);
            }
        }
    }
    sums
}

/// Sums of products of two blocks of eight rows: nibbles by bytes are summed eight at a time within i16, exactly.
///
/// # Safety
/// A block of each row and 32 of each `codes` may be read.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn nibble_products<Q: Quant>(first: Eight, second: Eight, codes: [*const i8; 2]) -> [__m256i; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let (a, b) = (_mm256_loadu_si256(codes[0].cast()), _mm256_loadu_si256(codes[1].cast()));
        let low = _mm256_permute2x128_si256::<0x20>(a, b);
        let high = _mm256_permute2x128_si256::<0x31>(a, b);
        let mask = _mm256_set1_epi8(15);
        let row = |i: usize| {
            let a = _mm_loadu_si128(first[i].add(Q::CODES).cast());
            let b = _mm_loadu_si128(second[i].add(Q::CODES).cast());
            let codes = _mm256_set_m128i(b, a);
            let l = _mm256_maddubs_epi16(_mm256_and_si256(codes, mask), low);
            let h = _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask), high);
            _mm256_add_epi16(l, h)
        };
        let four = |i: usize| {
            let a = _mm256_hadd_epi16(row(i), row(i + 1));
            let b = _mm256_hadd_epi16(row(i + 2), row(i + 3));
            _mm256_madd_epi16(_mm256_hadd_epi16(a, b), _mm256_set1_epi16(1))
        };
        let (a, b) = (four(0), four(4));
        [_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b)]
    }
}

/// Sums of products of one block of eight rows. |w| fits an unsigned byte even for -128, and two products fit i16.
///
/// # Safety
/// A block of each row and 32 `codes` may be read.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn byte_products<Q: Quant>(blocks: Eight, codes: *const i8) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let codes = _mm256_loadu_si256(codes.cast());
        let row = |i: usize| {
            let w = _mm256_loadu_si256(blocks[i].add(Q::CODES).cast());
            let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(codes, w));
            _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
        };
        let four = |i: usize| {
            let a = _mm256_hadd_epi32(row(i), row(i + 1));
            let b = _mm256_hadd_epi32(row(i + 2), row(i + 3));
            _mm256_hadd_epi32(a, b)
        };
        let (a, b) = (four(0), four(4));
        _mm256_add_epi32(_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b))
    }
}

/// Eight running sums for each of `T` tokens.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn panel_tile<Q: Quant, const T: usize>(panel: &[PanelBlock<ROWS>], tile: &[TokenBlock<T>]) -> [__m256; T] {
    let mut sums = [_mm256_setzero_ps(); T];
    for (block, x) in panel.iter().zip(tile) {
        let products = if Q::NIBBLES { panel_nibbles(block, x) } else { panel_bytes(block, x) };
        // SAFETY: eight elements, aligned as the block is.
        let heads = unsafe { (_mm256_load_ps(block.scales.as_ptr()), _mm256_load_ps(block.minima.as_ptr())) };
        for t in 0..T {
            let products = _mm256_add_epi32(products[t], _mm256_set1_epi32(x.starts[t]));
            sums[t] = accumulate::<Q>(sums[t], products, heads, (x.scales[t], x.sums[t]));
        }
    }
    sums
}

/// Eight sums of two nibbles by bytes stay within 8 * 2 * 15 * 127 < 2^15.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn panel_nibbles<const T: usize>(panel: &PanelBlock<ROWS>, x: &TokenBlock<T>) -> [__m256i; T] {
    let mut sums = [_mm256_setzero_si256(); T];
    for (w, codes) in panel.codes.iter().zip(&x.codes) {
        // SAFETY: 32 bytes, aligned as the block is.
        let w = unsafe { _mm256_load_si256(w.as_ptr().cast()) };
        for t in 0..T {
            sums[t] = _mm256_add_epi16(sums[t], _mm256_maddubs_epi16(w, _mm256_set1_epi32(codes[t])));
        }
    }
    sums.map(|v| _mm256_madd_epi16(v, _mm256_set1_epi16(1)))
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn panel_bytes<const T: usize>(panel: &PanelBlock<ROWS>, x: &TokenBlock<T>) -> [__m256i; T] {
    let mut sums = [_mm256_setzero_si256(); T];
    for (w, codes) in panel.codes.iter().zip(&x.codes) {
        // SAFETY: 32 bytes, aligned as the block is.
        let w = unsafe { _mm256_load_si256(w.as_ptr().cast()) };
        let size = _mm256_abs_epi8(w);
        for t in 0..T {
            let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(_mm256_set1_epi32(codes[t]), w));
            sums[t] = _mm256_add_epi32(sums[t], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
        }
    }
    sums
}
