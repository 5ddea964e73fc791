//! Quantised matmuls with AVX-512 VNNI: sixteen rows to a register, the bits of the AVX2 form.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::lanes::Avx512;
use super::super::views::{Matrix, OutView, Q8View, BLOCK};
use super::panel::{empty, fill, PanelBlock};
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
    let mut panel = empty::<ROWS>(if tokens.len() > 1 { x.blocks } else { 0 });
    for start in rows.clone().step_by(ROWS) {
        let many = ROWS.min(rows.end - start);
        let group: Group = std::array::from_fn(|i| w.row(start + i.min(many - 1)));
        // SAFETY: the caller vouches for tokens and rows.
        unsafe {
            let out = y.values.as_ptr().add(start);
            if tokens.len() == 1 {
                let sums = dot_rows::<Q>(group, Token::new(x, tokens.start), x.blocks);
                store(out.add(tokens.start * y.stride), many, sums);
                continue;
            }
            for half in [0, 8] {
                fill::<Q, ROWS>(&mut panel, std::array::from_fn(|i| group[half + i]), half, 0x80);
            }
            let mut t = tokens.start;
            while t < tokens.end {
                t += match tokens.end - t {
                    8.. => panel_tile::<Q, 8>(&panel, x, t, out, many, y.stride),
                    4.. => panel_tile::<Q, 4>(&panel, x, t, out, many, y.stride),
                    2.. => panel_tile::<Q, 2>(&panel, x, t, out, many, y.stride),
                    _ => panel_tile::<Q, 1>(&panel, x, t, out, many, y.stride),
                };
            }
        }
    }
}

/// # Safety
/// `many` elements may be written.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn store(to: *mut f32, many: usize, sums: __m512) {
    // SAFETY: masked lanes are not written.
    unsafe { _mm512_mask_storeu_ps(to, (u32::MAX >> (32 - many)) as u16, sums) }
}

/// `sums + scale * x.scale * products (+ minimum * x.sum)`: the one place where a block meets the running sum.
///
/// # Safety
/// The token has the block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn accumulate<Q: Quant>(
    sums: __m512,
    products: __m512i,
    heads: (__m512, __m512),
    x: Token,
    block: usize,
) -> __m512 {
    // SAFETY: the caller's promise.
    unsafe {
        let scale = _mm512_mul_ps(heads.0, _mm512_set1_ps(*x.scales.add(block)));
        let sums = _mm512_fmadd_ps(scale, _mm512_cvtepi32_ps(products), sums);
        if Q::MINIMUM {
            _mm512_fmadd_ps(heads.1, _mm512_set1_ps(*x.sums.add(block)), sums)
        } else {
            sums
        }
    }
}

/// What a block's products start from, so that they end up without the codes' offset.
///
/// # Safety
/// The token has the block.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn less_offset<Q: Quant>(x: Token, block: usize) -> __m512i {
    if offset::<Q>() == 0 {
        return _mm512_setzero_si512();
    }
    // SAFETY: the caller's promise.
    _mm512_set1_epi32(-offset::<Q>() * unsafe { *x.code_sums.add(block) })
}

/// Sixteen rows by `T` tokens from `t`; gives `T`.
///
/// # Safety
/// The tokens exist, `out` has them at `stride`, with `many` rows each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn panel_tile<Q: Quant, const T: usize>(
    panel: &[PanelBlock<ROWS>],
    x: &Q8View<'_>,
    t: usize,
    out: *mut f32,
    many: usize,
    stride: usize,
) -> usize {
    let mut sums = [_mm512_setzero_ps(); T];
    // SAFETY: the caller's promise.
    unsafe {
        let x: [Token; T] = std::array::from_fn(|i| Token::new(x, t + i));
        for (i, block) in panel.iter().enumerate() {
            let mut products = x.map(|x| less_offset::<Q>(x, i));
            for (g, codes) in block.codes.iter().enumerate() {
                let w = _mm512_load_si512(codes.as_ptr().cast());
                for t in 0..T {
                    products[t] = _mm512_dpbusd_epi32(products[t], w, _mm512_set1_epi32(x[t].four_codes(i, g)));
                }
            }
            let heads = (_mm512_load_ps(block.scales.as_ptr()), _mm512_load_ps(block.minima.as_ptr()));
            for t in 0..T {
                sums[t] = accumulate::<Q>(sums[t], products[t], heads, x[t], i);
            }
        }
        for (i, sums) in sums.into_iter().enumerate() {
            store(out.add((t + i) * stride), many, sums);
        }
    }
    T
}

/// Sixteen running sums over all blocks, for one token, from rows as they are stored.
///
/// # Safety
/// The rows and the token have `blocks` blocks.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")]
unsafe fn dot_rows<Q: Quant>(rows: Group, x: Token, blocks: usize) -> __m512 {
    // The next group usually follows in memory: sixteen streams are more than the hardware keeps in mind.
    let ahead = (rows[15] as usize).wrapping_sub(rows[0] as usize) + blocks * Q::BYTES;
    let offsets: [i32; ROWS] = std::array::from_fn(|i| (rows[i] as usize).wrapping_sub(rows[0] as usize) as i32);
    let mut sums = _mm512_setzero_ps();
    // SAFETY: blocks stay below the caller's number; missing ones of the last four are read as the last one.
    unsafe {
        let offsets = _mm512_loadu_si512(offsets.as_ptr().cast());
        for block in (0..blocks).step_by(4) {
            for row in rows {
                _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(ahead + block * Q::BYTES).cast());
            }
            let at: [usize; 4] = std::array::from_fn(|i| (block + i).min(blocks - 1));
            let products = products::<Q>(rows, x, at);
            for i in 0..4.min(blocks - block) {
                let heads = heads::<Q>(rows[0].add(at[i] * Q::BYTES), offsets);
                let products = _mm512_add_epi32(products[i], less_offset::<Q>(x, at[i]));
                sums = accumulate::<Q>(sums, products, heads, x, at[i]);
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
