//! Activations as 8-bit codes, tile-interleaved: what a matmul reads of a tile of tokens lies in the order of its reading.
//!
//! Tokens lie in tiles of `TILE`; those left over in one of 1, 2, 4 or 8, so that one token alone reads no empty slots.
//! A tile of `W` tokens is block after block; a block is `WORDS` times `W` words of 32 bits, word `k` of token `t` at `k * W + t`.

use std::marker::PhantomData;

use super::views::{SharedSlice, BLOCK};

/// Tokens of a full tile; a range of tokens best begins at a multiple of it.
pub const TILE: usize = 8;

/// Words of a block of one token: the codes in fours, and then:
pub(super) const WORDS: usize = CODE_WORDS + 6;
/// Words of codes.
pub(super) const CODE_WORDS: usize = BLOCK / 4;
/// `max|x| / 127`, as f32.
pub(super) const SCALE: usize = CODE_WORDS;
/// The scale times the codes' sum, as f32.
pub(super) const SUM: usize = CODE_WORDS + 1;
/// The codes' sum times -8, as i32: what products start from where weight codes are 8 above their values.
pub(super) const MINUS_8: usize = CODE_WORDS + 2;
/// The codes' sum times -128.
pub(super) const MINUS_128: usize = CODE_WORDS + 3;
/// The sums of the first and of the second sixteen codes times -32.
pub(super) const MINUS_32: usize = CODE_WORDS + 4;

/// How many words `tokens` rows take.
fn words(tokens: usize, blocks: usize) -> usize {
    let (full, rest) = (tokens / TILE * TILE, tokens % TILE);
    (full + if rest == 0 { 0 } else { rest.next_power_of_two() }) * blocks * WORDS
}

/// The tile that holds a token: its first token, and how many it has room for.
fn tile_of(token: usize, tokens: usize) -> (usize, usize) {
    let first = token / TILE * TILE;
    (first, (tokens - first).min(TILE).next_power_of_two())
}

/// Rows quantised to 8 bits: `x[i] ~ scale[i / 32] * code[i]`, codes within -127..=127.
#[derive(Clone, Copy, Debug)]
pub struct Q8View<'a> {
    tokens: usize,
    blocks: usize,
    words: &'a [u32],
}

impl<'a> Q8View<'a> {
    /// How many rows there are.
    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }

    /// Blocks of a row.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// The tile that holds `token`.
    pub(super) fn tile(&self, token: usize) -> Q8Tile<'a> {
        assert!(token < self.tokens, "token {token} of {}", self.tokens);
        let (first, width) = tile_of(token, self.tokens);
        let len = self.blocks * WORDS;
        Q8Tile { first, width, words: &self.words[first * len..(first + width) * len] }
    }
}

/// Some tokens side by side.
#[derive(Clone, Copy)]
pub(super) struct Q8Tile<'a> {
    /// The first token.
    pub(super) first: usize,
    /// 1, 2, 4 or 8.
    pub(super) width: usize,
    pub(super) words: &'a [u32],
}

/// How tests read a tile.
#[cfg(test)]
impl Q8Tile<'_> {
    /// A word of a token, counted from the tile's first.
    pub(super) fn word(&self, block: usize, word: usize, token: usize) -> u32 {
        self.words[(block * WORDS + word) * self.width + token]
    }

    /// Four codes of a token.
    pub(super) fn codes(&self, block: usize, four: usize, token: usize) -> [i8; 4] {
        self.word(block, four, token).to_le_bytes().map(|byte| byte as i8)
    }

    /// A block's scale, or its scaled sum.
    pub(super) fn float(&self, block: usize, word: usize, token: usize) -> f32 {
        f32::from_bits(self.word(block, word, token))
    }
}

/// One row of a `Q8Buffer`, to be filled by `Kernels::quantize_row`.
#[derive(Debug)]
pub struct Q8RowMut<'a> {
    start: *mut u32,
    width: usize,
    blocks: usize,
    owner: PhantomData<&'a mut [u32]>,
}

impl Q8RowMut<'_> {
    /// Blocks of the row.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Writes a whole block.
    #[inline(always)]
    pub(super) fn put(&mut self, block: usize, words: [u32; WORDS]) {
        assert!(block < self.blocks);
        for (i, word) in words.into_iter().enumerate() {
            // SAFETY: the row's own slots, as whoever made it promised: one every `width` words.
            unsafe { *self.start.add((block * WORDS + i) * self.width) = word };
        }
    }
}

/// Memory for `Q8View`.
#[derive(Debug, Default)]
pub struct Q8Buffer {
    tokens: usize,
    blocks: usize,
    words: Vec<u32>,
}

impl Q8Buffer {
    /// Room for `tokens` rows of `cols`, a multiple of 32 or rounded up to one.
    pub fn new(tokens: usize, cols: usize) -> Self {
        let mut buffer = Q8Buffer::default();
        buffer.resize(tokens, cols);
        buffer
    }

    /// Makes room for `tokens` rows of `cols`; what the rows held is lost. Never shrinks the memory.
    pub fn resize(&mut self, tokens: usize, cols: usize) {
        (self.tokens, self.blocks) = (tokens, cols.div_ceil(BLOCK));
        let len = words(tokens, self.blocks);
        self.words.resize(len.max(self.words.len()), 0);
    }

    /// Row `token`, to be filled.
    pub fn row_mut(&mut self, token: usize) -> Q8RowMut<'_> {
        // SAFETY: the buffer is borrowed for as long as the row lives.
        unsafe { self.share().row_mut(token) }
    }

    /// All rows, to be read.
    pub fn view(&self) -> Q8View<'_> {
        Q8View { tokens: self.tokens, blocks: self.blocks, words: &self.words }
    }

    /// All rows, for threads that fill different ones and then read all.
    pub fn share(&mut self) -> Q8Shared<'_> {
        Q8Shared { tokens: self.tokens, blocks: self.blocks, words: SharedSlice::new(&mut self.words) }
    }
}

/// A `Q8Buffer` that several threads hold.
#[derive(Clone, Copy, Debug)]
pub struct Q8Shared<'a> {
    tokens: usize,
    blocks: usize,
    words: SharedSlice<'a, u32>,
}

impl<'a> Q8Shared<'a> {
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
        Q8Shared { tokens: count, words: self.words.from(first * self.blocks * WORDS), ..self }
    }

    /// Row `token`, to be filled.
    ///
    /// # Safety
    /// Nobody else holds this row, nor a view, for as long as the result lives.
    pub unsafe fn row_mut(&self, token: usize) -> Q8RowMut<'a> {
        assert!(token < self.tokens, "row {token} of {}", self.tokens);
        let (first, width) = tile_of(token, self.tokens);
        let start = first * self.blocks * WORDS + token - first;
        // SAFETY: inside the words, which `resize` made for as many tokens.
        let start = unsafe { self.words.as_ptr().add(start) };
        Q8RowMut { start, width, blocks: self.blocks, owner: PhantomData }
    }

    /// All rows, to be read.
    ///
    /// # Safety
    /// Nobody fills a row for as long as the result lives.
    pub unsafe fn view(&self) -> Q8View<'a> {
        // SAFETY: the caller's promise, passed on.
        let words = unsafe { self.words.range(0..self.words.len()) };
        Q8View { tokens: self.tokens, blocks: self.blocks, words }
    }
}
