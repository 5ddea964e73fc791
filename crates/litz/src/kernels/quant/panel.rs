//! Rows and tokens interleaved, so that a tile of outputs is computed without a shuffle or a far pointer.

use std::arch::x86_64::*;

use std::ops::Range;

use super::super::views::{Q8View, BLOCK};
use super::Quant;

/// Rows that are transposed together; those beyond a matrix's last are copies of it.
pub(super) type Eight = [*const u8; 8];

/// `ROWS` rows of one block: `codes[g]` holds columns `4 g .. 4 g + 4` of each row, a byte a column.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct PanelBlock<const ROWS: usize> {
    pub(super) codes: [[[u8; 4]; ROWS]; BLOCK / 4],
    pub(super) scales: [f32; ROWS],
    pub(super) minima: [f32; ROWS],
}

/// Room for rows of `blocks` blocks.
pub(super) fn empty<const ROWS: usize>(blocks: usize) -> Vec<PanelBlock<ROWS>> {
    let none = PanelBlock { codes: [[[0; 4]; ROWS]; BLOCK / 4], scales: [0.0; ROWS], minima: [0.0; ROWS] };
    vec![none; blocks]
}

/// Writes eight rows to places `first..first + 8`; the top bit of signed codes is flipped by `flip`.
///
/// # Safety
/// The rows have as many blocks as the panel, and `first + 8 <= ROWS`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn fill<Q: Quant, const ROWS: usize>(
    panel: &mut [PanelBlock<ROWS>],
    rows: Eight,
    first: usize,
    flip: u8,
) {
    let (mask, flip) = (_mm256_set1_epi8(15), _mm256_set1_epi8(flip as i8));
    for (i, block) in panel.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        unsafe {
            let from = rows.map(|row| row.add(i * Q::BYTES));
            let (scales, minima) = heads::<Q>(from);
            _mm256_storeu_ps(block.scales.as_mut_ptr().add(first), scales);
            _mm256_storeu_ps(block.minima.as_mut_ptr().add(first), minima);
            let to = block.codes.as_mut_ptr().cast::<[u8; 4]>().add(first);
            let put = |g: usize, v| _mm256_storeu_si256(to.add(g * ROWS).cast(), v);
            let low = transpose(from.map(|row| row.add(Q::CODES)));
            for g in 0..4 {
                if Q::NIBBLES {
                    put(g, _mm256_and_si256(low[g], mask));
                    put(g + 4, _mm256_and_si256(_mm256_srli_epi16::<4>(low[g]), mask));
                } else {
                    put(g, _mm256_xor_si256(low[g], flip));
                }
            }
            if !Q::NIBBLES {
                let high = transpose(from.map(|row| row.add(Q::CODES + 16)));
                for g in 0..4 {
                    put(g + 4, _mm256_xor_si256(high[g], flip));
                }
            }
        }
    }
}

/// Sixteen bytes of each row to four vectors of four bytes a row.
///
/// # Safety
/// Sixteen bytes of each may be read.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn transpose(rows: Eight) -> [__m256i; 4] {
    // SAFETY: the caller's promise.
    unsafe {
        let load = |i: usize| _mm_loadu_si128(rows[i].cast());
        let pair = |i: usize| _mm256_set_m128i(load(i + 4), load(i));
        let (a, b, c, d) = (pair(0), pair(1), pair(2), pair(3));
        let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
        let (ab_high, cd_high) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
        [
            _mm256_unpacklo_epi64(ab, cd),
            _mm256_unpackhi_epi64(ab, cd),
            _mm256_unpacklo_epi64(ab_high, cd_high),
            _mm256_unpackhi_epi64(ab_high, cd_high),
        ]
    }
}

/// The scales and minima of eight rows' block.
///
/// # Safety
/// A block of each may be read.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) unsafe fn heads<Q: Quant>(blocks: Eight) -> (__m256, __m256) {
    // SAFETY: the caller's promise; a block is longer than four bytes.
    let words = unsafe {
        let word = |i: usize| blocks[i].cast::<i32>().read_unaligned();
        _mm256_setr_epi32(word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7))
    };
    let order = _mm256_setr_epi8(
        0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15, 0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11,
        14, 15,
    );
    // Scales to the low half, minima (or the first codes, unused) to the high half.
    let halves = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_shuffle_epi8(words, order));
    let scales = _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
    if Q::MINIMUM {
        (scales, _mm256_cvtph_ps(_mm256_extracti128_si256::<1>(halves)))
    } else {
        (scales, _mm256_setzero_ps())
    }
}

/// `T` tokens of one block: `codes[g]` holds columns `4 g .. 4 g + 4` of each token.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct TokenBlock<const T: usize> {
    pub(super) codes: [[i32; T]; BLOCK / 4],
    pub(super) scales: [f32; T],
    pub(super) sums: [f32; T],
    /// What the products start from: the codes' sum times what weight codes are above their values, negated.
    pub(super) starts: [i32; T],
}

/// Tiles of `T` tokens, tile after tile; tokens beyond the last are zeros.
pub(super) fn interleave<const T: usize>(
    x: &Q8View<'_>,
    tokens: Range<usize>,
    offset: i32,
) -> Vec<TokenBlock<T>> {
    let none = TokenBlock { codes: [[0; T]; BLOCK / 4], scales: [0.0; T], sums: [0.0; T], starts: [0; T] };
    let mut tiles = vec![none; tokens.len().div_ceil(T) * x.blocks];
    for (i, token) in tokens.enumerate() {
        let tile = &mut tiles[i / T * x.blocks..(i / T + 1) * x.blocks];
        for (block, to) in tile.iter_mut().enumerate() {
            let at = token * x.blocks + block;
            let codes = x.codes[at * BLOCK..(at + 1) * BLOCK].chunks_exact(4);
            for (to, four) in to.codes.iter_mut().zip(codes) {
                to[i % T] = i32::from_ne_bytes(std::array::from_fn(|k| four[k] as u8));
            }
            to.scales[i % T] = x.scales[at];
            to.sums[i % T] = x.sums[at];
            to.starts[i % T] = -offset * x.code_sums[at];
        }
    }
    tiles
}
