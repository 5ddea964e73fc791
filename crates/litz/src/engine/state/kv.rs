//! Paged keys and values of a sequence: pages of 64 positions, in blocks that hold some pages of all layers.

use crate::kernels::{KvLayout, SharedSlice};
use crate::memory::available;
use crate::shared::Block;
use crate::{Error, Result};

pub use crate::kernels::KvDType as CacheDType;

/// Positions in a page.
pub(in crate::engine) const PAGE: usize = crate::kernels::PAGE;

/// A sequence takes as much memory again as it has, at most this many pages beyond what it needs.
const AHEAD: usize = 8;

/// Asking the system how much is left takes as long as a small block itself.
const CHECKED: usize = 1 << 20;

/// Where one page of a layer lies.
#[derive(Clone, Copy)]
struct Place {
    block: SharedSlice<'static, u8>,
    start: usize,
    stride: usize, // from head to head
}

/// What is kept of a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct KvShape {
    pub(in crate::engine) heads: usize,
    pub(in crate::engine) head_dim: usize,
    pub(in crate::engine) value_dim: usize,
}

impl KvShape {
    fn layout(self, dtype: CacheDType) -> KvLayout {
        KvLayout { dtype, head_dim: self.head_dim, value_dim: self.value_dim }
    }

    /// Bytes that one position takes.
    pub(in crate::engine) fn bytes_per_token(self, dtype: CacheDType) -> usize {
        self.heads * self.layout(dtype).bytes() / PAGE
    }
}

/// Keys and values of a slot; the memory is the sequence's.
pub(in crate::engine) struct KvCache {
    layout: KvLayout,
    heads: usize,
    pages: Vec<Place>,
}

impl KvCache {
    pub(super) fn new(shape: KvShape, dtype: CacheDType) -> Self {
        Self { layout: shape.layout(dtype), heads: shape.heads, pages: Vec::new() }
    }

    pub(in crate::engine) fn layout(&self) -> KvLayout {
        self.layout
    }

    /// Bytes of one page of all heads.
    fn page_bytes(&self) -> usize {
        self.heads * self.layout.bytes()
    }

    /// One head of a page: the block, and where in it.
    pub(in crate::engine) fn page(
        &self,
        number: usize,
        head: usize,
    ) -> (SharedSlice<'static, u8>, std::ops::Range<usize>) {
        let place = &self.pages[number];
        let start = place.start + head * place.stride;
        (place.block, start..start + self.layout.bytes())
    }

    /// Takes over `pages` pages of a block, which lie at `start`: each head's side by side.
    fn extend(&mut self, block: SharedSlice<'static, u8>, start: usize, pages: usize) {
        let bytes = self.layout.bytes();
        let place = |page| Place { block, start: start + page * bytes, stride: pages * bytes };
        self.pages.extend((0..pages).map(place));
    }

    pub(in crate::engine) fn truncate(&mut self, pages: usize) {
        self.pages.truncate(pages);
    }

    /// Copies the pages of the first `positions` of another cache, for which there is room.
    pub(super) fn copy_from(&mut self, other: &KvCache, positions: usize) {
        for page in 0..positions.div_ceil(PAGE) {
            for head in 0..other.heads {
                let ((from, range), (to, own)) = (other.page(page, head), self.page(page, head));
                // SAFETY: no region runs on a sequence that is borrowed; this one is new, and ours alone.
                unsafe { to.range_mut(own).copy_from_slice(from.range(range)) };
            }
        }
    }
}

/// The memory of a sequence's pages.
#[derive(Default)]
pub(in crate::engine) struct Blocks(Vec<(Block, usize)>); // and how many pages it has

impl Blocks {
    fn pages(&self) -> usize {
        self.0.iter().map(|(_, pages)| pages).sum()
    }

    /// Makes room for `positions` of at most `context` in all caches, or changes nothing.
    pub(in crate::engine) fn reserve<'a>(
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
        if one == 0 {
            return Ok(());
        }
        let bytes = one.saturating_mul(pages);
        let refuse = |reason: String| {
            Error::Memory(format!(
                "keys and values of {positions} tokens need {bytes} bytes more ({have} pages of {PAGE} tokens are there): \
                 {reason}; shorten the text, or load the model with cache_dtype=\"q8_0\""
            ))
        };
        let left = if bytes < CHECKED { None } else { available() };
        if let Some(left) = left.filter(|left| left.bytes < bytes as u64) {
            return Err(refuse(format!("{} bytes are left ({})", left.bytes, left.limit)));
        }
        let block = Block::new(bytes).map_err(|reason| refuse(reason.to_string()))?;
        let mut start = 0;
        for cache in caches {
            cache.extend(block.view(), start, pages);
            start += pages * cache.page_bytes();
        }
        self.0.push((block, pages));
        Ok(())
    }

    /// Gives back the blocks of which `positions` need nothing; how many pages are left.
    pub(in crate::engine) fn truncate(&mut self, positions: usize) -> usize {
        let need = positions.div_ceil(PAGE);
        let mut pages = self.pages();
        while self.0.last().is_some_and(|(_, last)| pages - last >= need) {
            pages -= self.0.pop().map_or(0, |(_, last)| last);
        }
        pages
    }
}
