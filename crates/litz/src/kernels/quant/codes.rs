//! Activations as integer codes, tile-interleaved: what a matmul reads of a tile of tokens lies in the order of its reading.
//!
//! Tokens lie in tiles of `TILE`; those left over in one of 1, 2, 4 or 8, so that one token alone reads no empty slots.
//! A tile of `W` tokens is block after block; a block is some words of 32 bits times `W`, word `k` of token `t` at `k * W + t`.
//! How 16-bit codes lie in their words is the instruction set's choice: two planes of bytes, or pairs of columns.

use std::marker::PhantomData;

use crate::kernels::layout::{BLOCK, TILE};
use crate::kernels::shared_slice::SharedSlice;

/// How many bits a code has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeWidth {
    /// -127..=127: half the products.
    Bits8,
    /// -32639..=32639: as good as floats.
    Bits16,
}

impl CodeWidth {
    /// Bytes of a code.
    pub(in crate::kernels) const fn bytes(self) -> usize {
        match self {
            CodeWidth::Bits8 => 1,
            CodeWidth::Bits16 => 2,
        }
    }
}

/// Blocks that share a scale, counted from the row's first, with codes of this many bytes.
pub(in crate::kernels) const fn span_of(bytes: usize) -> usize {
    match bytes {
        1 => 1,
        _ => 8,
    }
}

/// `max|x|` over the greatest code, as f32.
pub(in crate::kernels) const SCALE: usize = 0;
/// The codes' sum, as f32.
pub(in crate::kernels) const SUM: usize = 1;
/// The codes' sum times -8, as i32: what products start from where weight codes are 8 above their values.
pub(in crate::kernels) const MINUS_8: usize = 2;
/// The codes' sum times -128.
pub(in crate::kernels) const MINUS_128: usize = 3;
/// The sums of the first and of the second sixteen codes times -32.
pub(in crate::kernels) const MINUS_32: usize = 4;
/// Where the codes begin.
pub(in crate::kernels) const CODES: usize = 6;
/// Words of the codes of a block, or of one plane of them.
pub(in crate::kernels) const CODE_WORDS: usize = BLOCK / 4;

/// Words of a block of one token with codes of this many bytes.
pub(in crate::kernels) const fn words_of(bytes: usize) -> usize {
    CODES + bytes * CODE_WORDS
}

/// How many words `tokens` rows of `row` words take.
fn words(tokens: usize, row: usize) -> usize {
    let (full, rest) = (tokens / TILE * TILE, tokens % TILE);
    (full + if rest == 0 { 0 } else { rest.next_power_of_two() }) * row
}

/// The tile that holds a token: its first token, and how many it has room for.
fn tile_of(token: usize, tokens: usize) -> (usize, usize) {
    let first = token / TILE * TILE;
    (first, (tokens - first).min(TILE).next_power_of_two())
}

/// Rows quantised to codes: `x[i] ~ scale * code[i]`, a scale for every 32 columns, or for 256 where codes have 16 bits.
#[derive(Clone, Copy, Debug)]
pub struct CodeView<'a> {
    width: CodeWidth,
    tokens: usize,
    blocks: usize,
    words: &'a [u32],
}

impl<'a> CodeView<'a> {
    /// How many rows there are.
    pub(in crate::kernels) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Blocks of a row.
    pub(in crate::kernels) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Bits of a code.
    pub(in crate::kernels) fn width(&self) -> CodeWidth {
        self.width
    }

    /// The tile that holds `token`.
    pub(in crate::kernels) fn tile(&self, token: usize) -> CodeTile<'a> {
        assert!(token < self.tokens, "token {token} of {}", self.tokens);
        let (first, width) = tile_of(token, self.tokens);
        let len = self.blocks * words_of(self.width.bytes());
        CodeTile { first, width, words: &self.words[first * len..(first + width) * len] }
    }
}

/// Some tokens side by side.
#[derive(Clone, Copy)]
pub(in crate::kernels) struct CodeTile<'a> {
    /// The first token.
    pub(in crate::kernels) first: usize,
    /// 1, 2, 4 or 8.
    pub(in crate::kernels) width: usize,
    pub(in crate::kernels) words: &'a [u32],
}

/// How tests read a tile.
#[cfg(test)]
impl CodeTile<'_> {
    /// A word of a token, counted from the tile's first.
    pub(in crate::kernels) fn word(&self, bytes: usize, block: usize, word: usize, token: usize) -> u32 {
        self.words[(block * words_of(bytes) + word) * self.width + token]
    }

    /// A block's scale, or its scaled sum.
    pub(in crate::kernels) fn float(&self, bytes: usize, block: usize, word: usize, token: usize) -> f32 {
        f32::from_bits(self.word(bytes, block, word, token))
    }
}

/// One row of a `CodeBuffer`, to be filled by `Kernels::quantize_row`.
#[derive(Debug)]
pub struct CodeRowMut<'a> {
    start: *mut u32,
    tile: usize,
    blocks: usize,
    width: CodeWidth,
    owner: PhantomData<&'a mut [u32]>,
}

impl CodeRowMut<'_> {
    /// Blocks of the row.
    pub(in crate::kernels) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Bits of a code.
    pub(in crate::kernels) fn width(&self) -> CodeWidth {
        self.width
    }

    /// Writes a whole block.
    #[inline(always)]
    pub(in crate::kernels) fn put<const WORDS: usize>(&mut self, block: usize, words: [u32; WORDS]) {
        assert!(block < self.blocks && WORDS == words_of(self.width.bytes()));
        for (i, word) in words.into_iter().enumerate() {
            // SAFETY: the row's own slots, as whoever made it promised: one every `tile` words.
            unsafe { *self.start.add((block * WORDS + i) * self.tile) = word };
        }
    }
}

/// Memory for `CodeView`.
#[derive(Debug)]
pub struct CodeBuffer {
    width: CodeWidth,
    tokens: usize,
    blocks: usize,
    words: Vec<u32>,
}

impl CodeBuffer {
    /// Room for `tokens` rows of `cols`, a multiple of 32 or rounded up to one.
    pub fn new(width: CodeWidth, tokens: usize, cols: usize) -> Self {
        let mut buffer = CodeBuffer { width, tokens: 0, blocks: 0, words: Vec::new() };
        buffer.resize(tokens, cols);
        buffer
    }

    /// Makes room for `tokens` rows of `cols`; what the rows held is lost. Never shrinks the memory.
    pub fn resize(&mut self, tokens: usize, cols: usize) {
        (self.tokens, self.blocks) = (tokens, cols.div_ceil(BLOCK));
        let len = words(tokens, self.blocks * words_of(self.width.bytes()));
        self.words.resize(len.max(self.words.len()), 0);
    }

    /// Row `token`, to be filled.
    pub fn row_mut(&mut self, token: usize) -> CodeRowMut<'_> {
        // SAFETY: the buffer is borrowed for as long as the row lives.
        unsafe { self.share().row_mut(token) }
    }

    /// All rows, to be read.
    pub fn view(&self) -> CodeView<'_> {
        CodeView { width: self.width, tokens: self.tokens, blocks: self.blocks, words: &self.words }
    }

    /// All rows, for threads that fill different ones and then read all.
    pub fn share(&mut self) -> SharedCodes<'_> {
        SharedCodes {
            width: self.width,
            tokens: self.tokens,
            blocks: self.blocks,
            words: SharedSlice::new(&mut self.words),
        }
    }
}

/// A `CodeBuffer` that several threads hold.
#[derive(Clone, Copy, Debug)]
pub struct SharedCodes<'a> {
    width: CodeWidth,
    tokens: usize,
    blocks: usize,
    words: SharedSlice<'a, u32>,
}

impl<'a> SharedCodes<'a> {
    /// Words of a row.
    fn row(&self) -> usize {
        self.blocks * words_of(self.width.bytes())
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.tokens == 0
    }

    /// Rows `first..first + count` by themselves, the last ones closer together: what rows held is lost, and all who fill
    /// or read them must take parts that end alike.
    ///
    /// Panics unless the first row is a multiple of `TILE`.
    pub fn part(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.tokens, "rows {first} + {count} in room for {}", self.tokens);
        assert!(first.is_multiple_of(TILE), "a part that begins at {first}, inside a tile");
        SharedCodes { tokens: count, words: self.words.from(first * self.row()), ..self }
    }

    /// Row `token`, to be filled.
    ///
    /// # Safety
    /// Nobody else holds this row, nor a view, for as long as the result lives.
    pub unsafe fn row_mut(&self, token: usize) -> CodeRowMut<'a> {
        assert!(token < self.tokens, "row {token} of {}", self.tokens);
        let (first, tile) = tile_of(token, self.tokens);
        let start = first * self.row() + token - first;
        // SAFETY: inside the words, which `resize` made for as many tokens.
        let start = unsafe { self.words.as_ptr().add(start) };
        CodeRowMut { start, tile, blocks: self.blocks, width: self.width, owner: PhantomData }
    }

    /// All rows, to be read.
    ///
    /// # Safety
    /// Nobody fills a row for as long as the result lives.
    pub unsafe fn view(&self) -> CodeView<'a> {
        // SAFETY: the caller's promise, passed on.
        let words = unsafe { self.words.range(0..self.words.len()) };
        CodeView { width: self.width, tokens: self.tokens, blocks: self.blocks, words }
    }
}
