//! Quantised matmuls with AVX2: eight rows to a register.
//!
//! One token reads the rows as they are stored; several tokens share a panel, so that none needs shuffling. Both give the
//! same integers, hence the same bits.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::lanes::Avx2;
use super::super::views::{Matrix, OutView, Q8View, BLOCK};
use super::panel::{empty, fill, heads, Eight, PanelBlock};
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
    let mut panel = empty::<ROWS>(if tokens.len() > 1 { x.blocks } else { 0 });
    for start in rows.clone().step_by(ROWS) {
        let many = ROWS.min(rows.end - start);
        let group: Eight = std::array::from_fn(|i| w.row(start + i.min(many - 1)));
        // SAFETY: the caller vouches for tokens and rows.
        unsafe {
            let put = |t: usize, sums| store(y.values.as_ptr().add(t * y.stride + start), many, sums);
            if tokens.len() == 1 {
                put(tokens.start, dot_rows::<Q>(group, Token::new(x, tokens.start), x.blocks));
                continue;
            }
            fill::<Q, ROWS>(&mut panel, group, 0, 0);
            let whole = tokens.len() / 4 * 4 + tokens.start;
            for t in (tokens.start..whole).step_by(4) {
                let sums = dot_panel::<Q, 4>(&panel, std::array::from_fn(|i| Token::new(x, t + i)));
                sums.into_iter().enumerate().for_each(|(i, sums)| put(t + i, sums));
            }
            for t in whole..tokens.end {
                put(t, dot_panel::<Q, 1>(&panel, [Token::new(x, t)])[0]);
            }
        }
    }
}

/// # Safety
/// `many` elements may be written.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn store(to: *mut f32, many: usize, sums: __m256) {
    // SAFETY: the caller's promise; the buffer has eight.
    unsafe {
        if many == ROWS {
            return _mm256_storeu_ps(to, sums);
        }
        let mut all = [0f32; ROWS];
        _mm256_storeu_ps(all.as_mut_ptr(), sums);
        std::ptr::copy_nonoverlapping(all.as_ptr(), to, many);
    }
}

/// `sums + scale * x.scale * products (+ minimum * x.sum)`: the one place where a block meets the running sum.
///
/// # Safety
/// The token has the block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn accumulate<Q: Quant>(
    sums: __m256,
    products: __m256i,
    heads: (__m256, __m256),
    x: Token,
    block: usize,
) -> __m256 {
    // SAFETY: the caller's promise.
    unsafe {
        let products = if Q::OFFSET == 0 {
            products
        } else {
            _mm256_sub_epi32(products, _mm256_set1_epi32(Q::OFFSET * *x.code_sums.add(block)))
        };
        let scale = _mm256_mul_ps(heads.0, _mm256_set1_ps(*x.scales.add(block)));
        let sums = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(products), sums);
        if Q::MINIMUM {
            _mm256_fmadd_ps(heads.1, _mm256_set1_ps(*x.sums.add(block)), sums)
        } else {
            sums
        }
    }
}

/// Eight running sums over all blocks, for one token, from rows as they are stored.
///
/// # Safety
/// The rows and the token have `blocks` blocks.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot_rows<Q: Quant>(rows: Eight, x: Token, blocks: usize) -> __m256 {
    // The next group usually follows in memory: eight streams are more than the hardware keeps in mind.
    let ahead = (rows[7] as usize).wrapping_sub(rows[0] as usize) + blocks * Q::BYTES;
    let mut sums = _mm256_setzero_ps();
    // SAFETY: blocks stay below the caller's number; a lone last block is read twice and counted once.
    unsafe {
        for block in (0..blocks).step_by(2) {
            let next = if block + 1 < blocks { block + 1 } else { block };
            let (a, b) = (rows.map(|row| row.add(block * Q::BYTES)), rows.map(|row| row.add(next * Q::BYTES)));
            for row in a {
                _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(ahead).cast());
            }
            let codes = [x.codes.add(block * BLOCK), x.codes.add(next * BLOCK)];
            let products = if Q::NIBBLES {
                nibble_products::<Q>(a, b, codes)
            } else {
                [byte_products::<Q>(a, codes[0]), byte_products::<Q>(b, codes[1])]
            };
            sums = accumulate::<Q>(sums, products[0], heads::<Q>(a), x, block);
            if next != block {
                sums = accumulate::<Q>(sums, products[1], heads::<Q>(b), x, next);
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
///
/// # Safety
/// The tokens have as many blocks as the panel.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot_panel<Q: Quant, const T: usize>(panel: &[PanelBlock<ROWS>], x: [Token; T]) -> [__m256; T] {
    let mut sums = [_mm256_setzero_ps(); T];
    for (i, block) in panel.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let products = if Q::NIBBLES { panel_nibbles(block, x, i) } else { panel_bytes(block, x, i) };
            let heads = (_mm256_load_ps(block.scales.as_ptr()), _mm256_load_ps(block.minima.as_ptr()));
            for t in 0..T {
                sums[t] = accumulate::<Q>(sums[t], products[t], heads, x[t], i);
            }
        }
    }
    sums
}

/// # Safety
/// The tokens have the block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn panel_nibbles<const T: usize>(panel: &PanelBlock<ROWS>, x: [Token; T], block: usize) -> [__m256i; T] {
    let mut sums = [_mm256_setzero_si256(); T];
    for (g, codes) in panel.codes.iter().enumerate() {
        // SAFETY: the caller's promise. Eight sums of two nibbles by bytes stay within 8 * 2 * 15 * 127 < 2^15.
        unsafe {
            let w = _mm256_load_si256(codes.as_ptr().cast());
            for t in 0..T {
                let pairs = _mm256_maddubs_epi16(w, _mm256_set1_epi32(x[t].four_codes(block, g)));
                sums[t] = _mm256_add_epi16(sums[t], pairs);
            }
        }
    }
    sums.map(|v| _mm256_madd_epi16(v, _mm256_set1_epi16(1)))
}

/// # Safety
/// The tokens have the block.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn panel_bytes<const T: usize>(panel: &PanelBlock<ROWS>, x: [Token; T], block: usize) -> [__m256i; T] {
    let mut sums = [_mm256_setzero_si256(); T];
    for (g, codes) in panel.codes.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let w = _mm256_load_si256(codes.as_ptr().cast());
            let size = _mm256_abs_epi8(w);
            for t in 0..T {
                let signed = _mm256_sign_epi8(_mm256_set1_epi32(x[t].four_codes(block, g)), w);
                let pairs = _mm256_maddubs_epi16(size, signed);
                sums[t] = _mm256_add_epi32(sums[t], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
            }
        }
    }
    sums
}
