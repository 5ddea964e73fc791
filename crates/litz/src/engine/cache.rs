//! Paged keys and values of a sequence: pages of 64 positions, in blocks that hold some pages of all layers.

use super::shared::Block;
use super::spec::Attention;
use crate::kernels::{KvLayout, SharedSlice};
use crate::{Error, Result};

pub use crate::kernels::KvDType as CacheDType;

/// Positions in a page.
pub(super) const PAGE: usize = crate::kernels::PAGE;

/// A sequence takes as much memory again as it has, at most this many pages beyond what it needs.
const AHEAD: usize = 8;

/// Where one page of a layer lies.
#[derive(Clone, Copy)]
struct Place {
    block: SharedSlice<'static, u8>,
    start: usize,
    stride: usize, // from head to head
}

/// What a sequence carries in an attention layer; the memory is the sequence's.
pub(super) struct KvCache {
    layout: KvLayout,
    kv_heads: usize,
    pages: Vec<Place>,
}

impl KvCache {
    pub(super) fn new(attention: &Attention, dtype: CacheDType) -> Self {
        Self { layout: layout(attention, dtype), kv_heads: attention.kv_heads, pages: Vec::new() }
    }

    pub(super) fn layout(&self) -> KvLayout {
        self.layout
    }

    pub(super) fn heads(&self) -> usize {
        self.kv_heads
    }

    /// Bytes of one page of all heads.
    pub(super) fn page_bytes(&self) -> usize {
        self.kv_heads * self.layout.bytes()
    }

    /// One head of a page: the block, and where in it.
    pub(super) fn page(
        &self,
        number: usize,
        head: usize,
    ) -> (SharedSlice<'static, u8>, std::ops::Range<usize>) {
        let place = &self.pages[number];
        let start = place.start + head * place.stride;
        (place.block, start..start + self.layout.bytes())
    }

    /// Takes over `pages` pages of a block, which lie at `start`: each head's side by side.
    fn extend(&mut self, block: &Block, start: usize, pages: usize) {
        let bytes = self.layout.bytes();
        let place = |page| Place { block: block.view(), start: start + page * bytes, stride: pages * bytes };
        self.pages.extend((0..pages).map(place));
    }

    pub(super) fn truncate(&mut self, pages: usize) {
        self.pages.truncate(pages);
    }
}

/// The memory of a sequence's pages.
#[derive(Default)]
pub(super) struct Blocks(Vec<(Block, usize)>); // and how many pages it has

impl Blocks {
    fn pages(&self) -> usize {
        self.0.iter().map(|(_, pages)| pages).sum()
    }

    /// Makes room for `positions` of at most `context` in all caches, or changes nothing.
    pub(super) fn reserve<'a>(
        &mut self,
        caches: impl Iterator<Item = &'a mut KvCache>,
        (positions, context): (usize, usize),
    ) -> Result<()> {
        let (have, need) = (self.pages(), positions.div_ceil(PAGE));
        if need <= have {
            return Ok(());
        }
        let most = context.div_ceil(PAGE).max(need) - have;
        let pages = (need - have).max(have.min(AHEAD)).min(most);
        let caches: Vec<&mut KvCache> = caches.collect();
        let one: usize = caches.iter().map(|cache| cache.page_bytes()).sum();
        let bytes = one.saturating_mul(pages);
        let block = Block::new(bytes).map_err(|reason| {
            Error::Memory(format!(
                "keys and values of {positions} tokens need {bytes} bytes more ({have} pages of {PAGE} tokens are there): {reason}"
            ))
        })?;
        let mut start = 0;
        for cache in caches {
            cache.extend(&block, start, pages);
            start += pages * cache.page_bytes();
        }
        self.0.push((block, pages));
        Ok(())
    }

    /// Gives back the blocks of which `positions` need nothing; how many pages are left.
    pub(super) fn truncate(&mut self, positions: usize) -> usize {
        let need = positions.div_ceil(PAGE);
        let mut pages = self.pages();
        while self.0.last().is_some_and(|(_, last)| pages - last >= need) {
            pages -= self.0.pop().map_or(0, |(_, last)| last);
        }
        pages
    }
}

pub(super) fn layout(attention: &Attention, dtype: CacheDType) -> KvLayout {
    KvLayout { dtype, head_dim: attention.head_dim, value_dim: attention.value_dim }
}

/// Bytes that one position takes in one layer.
pub(super) fn bytes_per_token(attention: &Attention, dtype: CacheDType) -> usize {
    attention.kv_heads * layout(attention, dtype).bytes() / PAGE
}
