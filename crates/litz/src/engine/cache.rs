//! Paged keys and values of one attention layer of one sequence: pages of 64 positions, each head's rows side by side.

use serde::Deserialize;

use super::shared::Buffer;
use super::spec::Attention;

/// Positions in a page.
pub(super) const PAGE: usize = crate::kernels::PAGE;

/// How keys and values are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CacheDType {
    /// Half precision.
    #[default]
    F16,
    /// Single precision.
    F32,
}

impl CacheDType {
    /// Bytes of one number.
    pub fn bytes(self) -> usize {
        match self {
            Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

/// The memory of one page.
pub(super) enum Rows {
    F16(Buffer<u16>),
    F32(Buffer<f32>),
}

impl Rows {
    fn new(dtype: CacheDType, len: usize) -> Self {
        match dtype {
            CacheDType::F16 => Self::F16(Buffer::new(len)),
            CacheDType::F32 => Self::F32(Buffer::new(len)),
        }
    }
}

/// 64 positions: `[kv_heads][64][dim]`.
pub(super) struct Page {
    pub(super) keys: Rows,
    pub(super) values: Rows,
}

/// What a sequence carries in an attention layer.
pub(super) struct KvCache {
    dtype: CacheDType,
    key_len: usize,
    value_len: usize,
    pub(super) pages: Vec<Page>,
}

impl KvCache {
    pub(super) fn new(attention: &Attention, dtype: CacheDType) -> Self {
        let len = |dim| attention.kv_heads * PAGE * dim;
        Self {
            dtype,
            key_len: len(attention.head_dim),
            value_len: len(attention.value_dim),
            pages: Vec::new(),
        }
    }

    /// Makes room for `positions`, page by page.
    pub(super) fn reserve(&mut self, positions: usize) {
        while self.pages.len() * PAGE < positions {
            let (keys, values) = (Rows::new(self.dtype, self.key_len), Rows::new(self.dtype, self.value_len));
            self.pages.push(Page { keys, values });
        }
    }

    /// Gives the pages beyond `positions` back.
    pub(super) fn truncate(&mut self, positions: usize) {
        self.pages.truncate(positions.div_ceil(PAGE));
    }
}

/// Bytes that one position takes in one layer.
pub(super) fn bytes_per_token(attention: &Attention, dtype: CacheDType) -> usize {
    attention.kv_heads * (attention.head_dim + attention.value_dim) * dtype.bytes()
}
