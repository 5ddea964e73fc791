//! Quantised matmuls with AVX-512 VNNI: sixteen rows to a register, the bits of the AVX2 form.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::lanes::Avx512;
use super::super::views::{Matrix, OutView, Q8View, BLOCK};
use super::panel::{empty, fill, interleave, PanelBlock, TokenBlock};
use super::{MatmulQuant, Quant, Token};

/// Rows of a group.
const ROWS: usize = 16;

/// Sixteen rows; those beyond a matrix's last are copies of it.
type Group = [*const u8; ROWS];

impl MatmulQuant for Avx512 {
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

/// What an unsigned code is above its value: signed bytes have their top bit flipped.
const fn offset<Q: Quant>() -> i32 {
    if Q::NIBBLES {
        Q::OFFSET
    } else {
        128
    }
}

/// # Safety
/// As `MatmulQuant::matmul_quant`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
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
            2..=4 => many_tokens::<Q, 2>(w, rows, x, tokens, y),
            _ => many_tokens::<Q, 8>(w, rows, x, tokens, y),
        }
    }
}

/// # Safety
/// `x` has the matrix's columns, `out` its rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
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
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn many_tokens<Q: Quant, const T: usize>(
    w: &Matrix<'_>,
    rows: Range<usize>,
    x: &Q8View<'_>,
    tokens: Range<usize>,
    y: &OutView<'_>,
) {
    let mut panel = empty::<ROWS>(x.blocks);
    let tiles = interleave::<T>(x, tokens.clone(), offset::<Q>());
    for start in rows.clone().step_by(ROWS) {
        let group = group(w, start, rows.end);
        // SAFETY: the caller vouches for tokens and rows.
        unsafe {
            for half in [0, 8] {
                fill::<Q, ROWS>(&mut panel, std::array::from_fn(|i| group[half + i]), half, 0x80);
            }
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
fn group(w: &Matrix<'_>, start: usize, end: usize) -> Group {
    std::array::from_fn(|i| w.row((start + i).min(end - 1)))
}

/// # Safety
/// `many` elements, or sixteen if that is fewer, may be written.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn store(to: *mut f32, many: usize, sums: __m512) {
    // SAFETY: masked lanes are not written.
    unsafe { _mm512_mask_storeu_ps(to, (u32::MAX >> (32 - many.min(ROWS))) as u16, sums) }
}

/// `sums + scale * x.scale * products (+ minimum * x.sum)`: the one place where a block meets the running sum.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn accumulate<Q: Quant>(sums: __m512, products: __m512i, heads: (__m512, __m512), x: (f32, f32)) -> __m512 {
    let scale = _mm512_mul_ps(heads.0, _mm512_set1_ps(x.0));
    let sums = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(products), sums);
    if Q::MINIMUM {
        _mm512_fmadd_ps(heads.1, _mm512_set1_ps(x.1), sums)
    } else {
        sums
    }
}

/// Sixteen running sums for each of `T` tokens.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn panel_tile<Q: Quant, const T: usize>(panel: &[PanelBlock<ROWS>], tile: &[TokenBlock<T>]) -> [__m512; T] {
    let mut sums = [_mm512_setzero_ps(); T];
    for (block, x) in panel.iter().zip(tile) {
        let mut products = x.starts.map(|start| _mm512_set1_epi32(start));
        for (w, codes) in block.codes.iter().zip(&x.codes) {
            // SAFETY: 64 bytes, aligned as the block is.
            let w = unsafe { _mm512_load_si512(w.as_ptr().cast()) };
            for t in 0..T {
                products[t] = _mm512_dpbusd_epi32(products[t], w, _mm512_set1_epi32(codes[t]));
            }
        }
        // SAFETY: sixteen elements, aligned as the block is.
        let heads = unsafe { (_mm512_load_ps(block.scales.as_ptr()), _mm512_load_ps(block.minima.as_ptr())) };
        for t in 0..T {
            sums[t] = accumulate::<Q>(sums[t], products[t], heads, (x.scales[t], x.sums[t]));
        }
    }
    sums
}

/// Sixteen running sums over all blocks, for one token, from rows as they are stored.
///
/// # Safety
/// The rows and the token have `blocks` blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn dot_rows<Q: Quant>(rows: Group, x: Token, blocks: usize) -> __m512 {
    // The next group usually follows in memory, and is asked for in its order there: the hardware then runs ahead.
    let ahead = (rows[15] as usize).wrapping_sub(rows[0] as usize) + blocks * Q::BYTES;
    let offsets: [i32; ROWS] =
        std::array::from_fn(|i| (rows[i] as usize).wrapping_sub(rows[0] as usize) as i32);
    let mut sums = _mm512_setzero_ps();
    // SAFETY: blocks stay below the caller's number; missing ones of the last four are read as the last one.
    unsafe {
        let offsets = _mm512_loadu_si512(offsets.as_ptr().cast());
        for block in (0..blocks).step_by(4) {
            for line in 0..Q::BYTES {
                _mm_prefetch::<_MM_HINT_T0>(
                    rows[0].wrapping_add(ahead + block * ROWS * Q::BYTES + line * 64).cast(),
                );
            }
            let at: [usize; 4] = std::array::from_fn(|i| (block + i).min(blocks - 1));
            let products = products::<Q>(rows, x, at);
            for i in 0..4.min(blocks - block) {
                let heads = heads::<Q>(rows[0].add(at[i] * Q::BYTES), offsets);
                let start = _mm512_set1_epi32(-offset::<Q>() * *x.code_sums.add(at[i]));
                let products = _mm512_add_epi32(products[i], start);
                sums = accumulate::<Q>(sums, products, heads, (*x.scales.add(at[i]), *x.sums.add(at[i])));
            }
        }
    }
    sums
}

/// Sums of products of four blocks of sixteen rows.
///
/// # Safety
/// The rows and the token have the blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn products<Q: Quant>(rows: Group, x: Token, at: [usize; 4]) -> [__m512i; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let low = lanes(at.map(|block| x.codes.add(block * BLOCK).cast()));
        let high = lanes(at.map(|block| x.codes.add(block * BLOCK + 16).cast()));
        let row = |i: usize| {
            let codes = |from: usize| lanes(at.map(|block| rows[i].add(block * Q::BYTES + Q::CODES + from)));
            let (l, h) = if Q::NIBBLES {
                let (codes, mask) = (codes(0), _mm512_set1_epi8(15));
                (_mm512_and_si512(codes, mask), _mm512_and_si512(_mm512_srli_epi16::<4>(codes), mask))
            } else {
                let flip = _mm512_set1_epi8(i8::MIN);
                (_mm512_xor_si512(codes(0), flip), _mm512_xor_si512(codes(16), flip))
            };
            _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), l, low), h, high)
        };
        // Four rows of four blocks: within each 128-bit lane, one block's sum for each row.
        let four = |i: usize| {
            let (a, b, c, d) = (row(i), row(i + 1), row(i + 2), row(i + 3));
            let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
            let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
            _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd))
        };
        transpose_lanes([four(0), four(4), four(8), four(12)])
    }
}

/// Lane `i` of output `j` is lane `j` of input `i`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
fn transpose_lanes([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (ab_low, ab_high) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0xee>(a, b));
    let (cd_low, cd_high) = (_mm512_shuffle_i32x4::<0x44>(c, d), _mm512_shuffle_i32x4::<0xee>(c, d));
    [
        _mm512_shuffle_i32x4::<0x88>(ab_low, cd_low),
        _mm512_shuffle_i32x4::<0xdd>(ab_low, cd_low),
        _mm512_shuffle_i32x4::<0x88>(ab_high, cd_high),
        _mm512_shuffle_i32x4::<0xdd>(ab_high, cd_high),
    ]
}

/// Four times sixteen bytes.
///
/// # Safety
/// Sixteen bytes of each may be read.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn lanes(from: [*const u8; 4]) -> __m512i {
    // SAFETY: the caller's promise.
    unsafe {
        let load = |i: usize| _mm_loadu_si128(from[i].cast());
        let v = _mm512_castsi128_si512(load(0));
        let v = _mm512_inserti32x4::<1>(v, load(1));
        _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(v, load(2)), load(3))
    }
}

/// The scales and minima of sixteen rows' block, whose rows are `offsets` from the first.
///
/// # Safety
/// A block of each may be read.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn heads<Q: Quant>(first: *const u8, offsets: __m512i) -> (__m512, __m512) {
    // SAFETY: the caller's promise; a block is longer than four bytes.
    let words = unsafe { _mm512_i32gather_epi32::<1>(offsets, first.cast()) };
    let scales = _mm512_cvtph_ps(_mm512_cvtepi32_epi16(words));
    if Q::MINIMUM {
        (scales, _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(words))))
    } else {
        (scales, _mm512_setzero_ps())
    }
}
