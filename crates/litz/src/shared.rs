//! Memory that the pieces of a phase write in disjoint parts: the one lifetime that the compiler does not see.
//!
//! The rule, to which every `unsafe` block of the engine refers: within one phase, an element is either written by exactly
//! one piece, or only read; phases are ordered by the pool; and the caller touches nothing until the region is over.

use memmap2::MmapMut;

use crate::kernels::{CodeBuffer, CodeWidth, SharedCodes, SharedSlice};

/// A `SharedSlice` without the borrow: whoever calls this keeps the slice alive and alone while the view is used.
pub(crate) fn assume_static<T>(slice: &mut [T]) -> SharedSlice<'static, T> {
    // SAFETY: only the lifetime changes; using a view needs `unsafe` again, under the rule above.
    unsafe { std::mem::transmute::<SharedSlice<'_, T>, SharedSlice<'static, T>>(SharedSlice::new(slice)) }
}

/// Zeros from the system, which come into memory as they are touched, with a view that outlives borrows of them.
pub(crate) struct Block {
    _owner: MmapMut,
    view: SharedSlice<'static, u8>,
}

impl Block {
    /// At least this many bytes are worth huge pages: at most one in eight is touched too early.
    const HUGE: usize = 16 << 20;

    /// `bytes` zeros, or the system's reason why not.
    pub(crate) fn new(bytes: usize) -> std::io::Result<Self> {
        let mut owner = MmapMut::map_anon(bytes)?;
        #[cfg(target_os = "linux")]
        if bytes >= Self::HUGE {
            // Only advice: where the system has no huge pages, small ones do.
            let _ = owner.advise(memmap2::Advice::HugePage);
        }
        let view = assume_static(&mut owner);
        Ok(Self { _owner: owner, view })
    }

    /// The view, good until the block goes.
    pub(crate) fn view(&self) -> SharedSlice<'static, u8> {
        self.view
    }
}

/// A cache line: registers that lie across two cost matmuls a tenth of their speed.
const LINE: usize = 64;

/// A growing buffer that begins a cache line, with a view that outlives borrows of it.
///
/// Within one phase an element of the view is written by exactly one piece, or only read.
pub(crate) struct Buffer<T: 'static> {
    owner: Vec<T>,
    view: SharedSlice<'static, T>,
}

impl<T: Copy + Default> Buffer<T> {
    /// `len` default elements.
    pub(crate) fn new(len: usize) -> Self {
        let mut buffer = Self { owner: Vec::new(), view: SharedSlice::new(&mut []) };
        buffer.reserve(len);
        buffer
    }

    /// Makes room; what the buffer held is lost when it grows.
    pub(crate) fn reserve(&mut self, len: usize) {
        if self.view.len() < len {
            let line = LINE / size_of::<T>();
            self.owner = vec![T::default(); len + line];
            let start = self.owner.as_ptr().align_offset(LINE).min(line);
            self.view = assume_static(&mut self.owner[start..start + len]);
        }
    }

    /// The view, good until the buffer grows or goes.
    pub(crate) fn view(&self) -> SharedSlice<'static, T> {
        self.view
    }
}

impl<T: Copy + Default> Default for Buffer<T> {
    fn default() -> Self {
        Self::new(0)
    }
}

/// Quantised rows with a view that outlives borrows of them, under the rule of `Buffer`.
pub(crate) struct CodeRows {
    owner: CodeBuffer,
    tokens: usize,
    cols: usize,
    view: SharedCodes<'static>,
}

impl CodeRows {
    pub(crate) fn new(width: CodeWidth, cols: usize) -> Self {
        let mut owner = CodeBuffer::new(width, 0, cols);
        let view = assume_static_codes(&mut owner);
        Self { owner, tokens: 0, cols, view }
    }

    /// Makes room for rows; what they held is lost when the buffer grows.
    pub(crate) fn reserve(&mut self, tokens: usize) {
        if self.tokens < tokens {
            self.owner.resize(tokens, self.cols);
            self.view = assume_static_codes(&mut self.owner);
            self.tokens = tokens;
        }
    }

    /// The view, good until the rows grow or go.
    pub(crate) fn view(&self) -> SharedCodes<'static> {
        self.view
    }
}

fn assume_static_codes(buffer: &mut CodeBuffer) -> SharedCodes<'static> {
    // SAFETY: as in `assume_static`.
    unsafe { std::mem::transmute::<SharedCodes<'_>, SharedCodes<'static>>(buffer.share()) }
}
