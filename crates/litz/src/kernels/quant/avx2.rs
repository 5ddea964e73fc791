//! Quantised matmuls with AVX2: eight rows to a register.
//!
//! One token reads the rows as they are stored. Several tokens share a panel: eight rows' codes unpacked to bytes and
//! interleaved by fours, so that a token needs no shuffling. Both give the same integers, hence the same bits.

use std::arch::x86_64::*;
use std::ops::Range;

use super::super::lanes::Avx2;
use super::super::views::{Matrix, OutView, Q8View, BLOCK};
use super::{MatmulQuant, Quant};

/// Rows of a group.
const ROWS: usize = 8;

/// Eight rows; those beyond a matrix's last are copies of it.
type Group = [*const u8; ROWS];

/// One token's quantised row.
#[derive(Clone, Copy)]
struct Token {
    codes: *const i8,
    scales: *const f32,
    sums: *const f32,
    code_sums: *const i32,
}

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
    let mut panel = Panel::new(if tokens.len() > 1 { x.blocks } else { 0 });
    for start in rows.clone().step_by(ROWS) {
        let many = ROWS.min(rows.end - start);
        let bytes = w.bytes(start..start + many);
        let group: Group = std::array::from_fn(|i| bytes[i.min(many - 1) * w.row_bytes()..].as_ptr());
        // SAFETY: the caller vouches for tokens and rows.
        unsafe {
            let put = |t: usize, sums| store(y.values.as_ptr().add(t * y.stride + start), many, sums);
            if tokens.len() == 1 {
                put(tokens.start, dot_rows::<Q>(group, token_row(x, tokens.start), x.blocks));
                continue;
            }
            panel.fill::<Q>(group);
            let whole = tokens.len() / 4 * 4 + tokens.start;
            for t in (tokens.start..whole).step_by(4) {
                let sums = panel.dot::<Q, 4>(std::array::from_fn(|i| token_row(x, t + i)));
                sums.into_iter().enumerate().for_each(|(i, sums)| put(t + i, sums));
            }
            for t in whole..tokens.end {
                put(t, panel.dot::<Q, 1>([token_row(x, t)])[0]);
            }
        }
    }
}

/// # Safety
/// `x` has the token.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn token_row(x: &Q8View<'_>, token: usize) -> Token {
    let block = token * x.blocks;
    // SAFETY: the caller's promise.
    unsafe {
        Token {
            codes: x.codes.as_ptr().add(block * BLOCK),
            scales: x.scales.as_ptr().add(block),
            sums: x.sums.as_ptr().add(block),
            code_sums: x.code_sums.as_ptr().add(block),
        }
    }
}

/// # Safety
/// `many` elements may be written; the CPU has AVX2.
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

/// Eight running sums over all blocks, for one token, from rows as they are stored.
///
/// # Safety
/// The rows and the token have `blocks` blocks; the CPU has AVX2, FMA and F16C.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn dot_rows<Q: Quant>(rows: Group, x: Token, blocks: usize) -> __m256 {
    // SAFETY: blocks stay below the caller's number; a lone last block is read twice and counted once.
    unsafe {
        let mut sums = _mm256_setzero_ps();
        for block in (0..blocks).step_by(2) {
            let next = if block + 1 < blocks { block + 1 } else { block };
            let products = if Q::NIBBLES {
                nibble_products::<Q>(rows, x, block, next)
            } else {
                [byte_products::<Q>(rows, x, block), byte_products::<Q>(rows, x, next)]
            };
            let heads = heads::<Q>(rows, block, next);
            sums = accumulate::<Q>(sums, products[0], heads[0], x, block);
            if next != block {
                sums = accumulate::<Q>(sums, products[1], heads[1], x, next);
            }
        }
        sums
    }
}

/// Scales and minima of eight rows' block.
type Heads = (__m256, __m256);

/// `sums + scale * x.scale * products (+ minimum * x.sum)`: the one place where a block meets the running sum.
///
/// # Safety
/// The token has the block; the CPU has AVX2 and FMA.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn accumulate<Q: Quant>(
    sums: __m256,
    products: __m256i,
    heads: Heads,
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
        let scale = _mm256_mul_ps(heads.0, _mm256_broadcast_ss(&*x.scales.add(block)));
        let sums = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(products), sums);
        if Q::MINIMUM {
            _mm256_fmadd_ps(heads.1, _mm256_broadcast_ss(&*x.sums.add(block)), sums)
        } else {
            sums
        }
    }
}

/// Sums of products of two blocks of eight rows: nibbles by bytes are summed eight at a time within i16, exactly.
///
/// # Safety
/// As `dot_rows`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn nibble_products<Q: Quant>(rows: Group, x: Token, block: usize, next: usize) -> [__m256i; 2] {
    // SAFETY: the caller's promise.
    unsafe {
        let first = _mm256_loadu_si256(x.codes.add(block * BLOCK).cast());
        let second = _mm256_loadu_si256(x.codes.add(next * BLOCK).cast());
        let low = _mm256_permute2x128_si256::<0x20>(first, second);
        let high = _mm256_permute2x128_si256::<0x31>(first, second);
        let mask = _mm256_set1_epi8(15);
        let row = |i: usize| {
            let a = _mm_loadu_si128(rows[i].add(block * Q::BYTES + Q::CODES).cast());
            let b = _mm_loadu_si128(rows[i].add(next * Q::BYTES + Q::CODES).cast());
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
/// As `dot_rows`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn byte_products<Q: Quant>(rows: Group, x: Token, block: usize) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe {
        let codes = _mm256_loadu_si256(x.codes.add(block * BLOCK).cast());
        let row = |i: usize| {
            let w = _mm256_loadu_si256(rows[i].add(block * Q::BYTES + Q::CODES).cast());
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

/// The scales and minima of two blocks of eight rows.
///
/// # Safety
/// As `dot_rows`.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn heads<Q: Quant>(rows: Group, block: usize, next: usize) -> [Heads; 2] {
    // SAFETY: the caller's promise; a block is longer than the four bytes read here.
    unsafe {
        let words = |block: usize| {
            let word = |i: usize| rows[i].add(block * Q::BYTES).cast::<i32>().read_unaligned();
            _mm256_setr_epi32(word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7))
        };
        let (a, b) = (words(block), words(next));
        let low = |v| _mm256_and_si256(v, _mm256_set1_epi32(0xffff));
        let scales = halves(_mm256_packus_epi32(low(a), low(b)));
        let minima = if Q::MINIMUM {
            halves(_mm256_packus_epi32(_mm256_srli_epi32::<16>(a), _mm256_srli_epi32::<16>(b)))
        } else {
            [_mm256_setzero_ps(); 2]
        };
        [(scales[0], minima[0]), (scales[1], minima[1])]
    }
}

/// Two vectors of eight halves, packed by 128-bit lanes, as singles.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn halves(packed: __m256i) -> [__m256; 2] {
    let v = _mm256_permute4x64_epi64::<0b11_01_10_00>(packed);
    [_mm256_cvtph_ps(_mm256_castsi256_si128(v)), _mm256_cvtph_ps(_mm256_extracti128_si256::<1>(v))]
}

/// Eight rows of one block for several tokens: `codes[g]` holds columns `4 g .. 4 g + 4` of each row.
#[repr(C, align(32))]
#[derive(Clone, Copy)]
struct PanelBlock {
    codes: [[u8; 4 * ROWS]; BLOCK / 4],
    scales: [f32; ROWS],
    minima: [f32; ROWS],
}

/// All blocks of eight rows.
struct Panel(Vec<PanelBlock>);

impl Panel {
    fn new(blocks: usize) -> Self {
        let empty =
            PanelBlock { codes: [[0; 4 * ROWS]; BLOCK / 4], scales: [0.0; ROWS], minima: [0.0; ROWS] };
        Panel(vec![empty; blocks])
    }

    /// # Safety
    /// The rows have as many blocks as the panel; the CPU has AVX2 and F16C.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn fill<Q: Quant>(&mut self, rows: Group) {
        let blocks = self.0.len();
        for (i, block) in self.0.iter_mut().enumerate() {
            // SAFETY: the caller's promise; a panel block is aligned to 32 bytes.
            unsafe {
                let (scales, minima) = heads::<Q>(rows, i, if i + 1 < blocks { i + 1 } else { i })[0];
                _mm256_store_ps(block.scales.as_mut_ptr(), scales);
                _mm256_store_ps(block.minima.as_mut_ptr(), minima);
                let from = rows.map(|row| row.add(i * Q::BYTES + Q::CODES));
                let to = block.codes.as_mut_ptr().cast::<__m256i>();
                let put = |g: usize, v| _mm256_store_si256(to.add(g), v);
                let mask = _mm256_set1_epi8(15);
                for (g, codes) in transpose(from).into_iter().enumerate() {
                    if Q::NIBBLES {
                        put(g, _mm256_and_si256(codes, mask));
                        put(g + 4, _mm256_and_si256(_mm256_srli_epi16::<4>(codes), mask));
                    } else {
                        put(g, codes);
                    }
                }
                if !Q::NIBBLES {
                    let high = transpose(from.map(|row| row.add(16)));
                    high.into_iter().enumerate().for_each(|(g, codes)| put(g + 4, codes));
                }
            }
        }
    }

    /// Eight running sums for each of `T` tokens.
    ///
    /// # Safety
    /// The tokens have as many blocks as the panel; the CPU has AVX2 and FMA.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn dot<Q: Quant, const T: usize>(&self, x: [Token; T]) -> [__m256; T] {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [_mm256_setzero_ps(); T];
            for (i, block) in self.0.iter().enumerate() {
                let products = if Q::NIBBLES { block.nibbles(x, i) } else { block.bytes(x, i) };
                let heads = (_mm256_load_ps(block.scales.as_ptr()), _mm256_load_ps(block.minima.as_ptr()));
                for t in 0..T {
                    sums[t] = accumulate::<Q>(sums[t], products[t], heads, x[t], i);
                }
            }
            sums
        }
    }
}

impl PanelBlock {
    /// # Safety
    /// The tokens have the block; the CPU has AVX2.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn nibbles<const T: usize>(&self, x: [Token; T], block: usize) -> [__m256i; T] {
        // SAFETY: the caller's promise. Eight sums of two nibbles by bytes stay within 8 * 2 * 15 * 127 < 2^15.
        unsafe {
            let mut sums = [_mm256_setzero_si256(); T];
            for (g, codes) in self.codes.iter().enumerate() {
                let w = _mm256_load_si256(codes.as_ptr().cast());
                for t in 0..T {
                    let pairs = _mm256_maddubs_epi16(w, four_codes(x[t], block, g));
                    sums[t] = _mm256_add_epi16(sums[t], pairs);
                }
            }
            sums.map(|v| _mm256_madd_epi16(v, _mm256_set1_epi16(1)))
        }
    }

    /// # Safety
    /// The tokens have the block; the CPU has AVX2.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn bytes<const T: usize>(&self, x: [Token; T], block: usize) -> [__m256i; T] {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [_mm256_setzero_si256(); T];
            for (g, codes) in self.codes.iter().enumerate() {
                let w = _mm256_load_si256(codes.as_ptr().cast());
                let size = _mm256_abs_epi8(w);
                for t in 0..T {
                    let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(four_codes(x[t], block, g), w));
                    sums[t] = _mm256_add_epi32(sums[t], _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
                }
            }
            sums
        }
    }
}

/// Columns `4 g .. 4 g + 4` of a token's block, for every row.
///
/// # Safety
/// The token has the block; the CPU has AVX2.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn four_codes(x: Token, block: usize, g: usize) -> __m256i {
    // SAFETY: the caller's promise.
    unsafe { _mm256_set1_epi32(x.codes.add(block * BLOCK + 4 * g).cast::<i32>().read_unaligned()) }
}

/// Sixteen bytes of each row to four vectors of four bytes a row.
///
/// # Safety
/// Sixteen bytes of each may be read; the CPU has AVX2.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
unsafe fn transpose(rows: Group) -> [__m256i; 4] {
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
