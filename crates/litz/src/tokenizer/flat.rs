//! Tables of plain numbers: built here, or mapped from a file and used where they lie.

use memmap2::Mmap;
use std::ops::Deref;
use std::sync::Arc;

/// Numbers that any bytes are: they need no check before they are used.
pub(super) trait Plain: Copy + private::Sealed {}

impl Plain for u32 {}
impl Plain for u64 {}

mod private {
    /// Only types without padding and without forbidden values.
    pub trait Sealed {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
}

/// A table that does not change.
pub(super) enum Flat<T: Plain> {
    /// On the heap.
    Owned(Vec<T>),
    /// In a mapped file.
    Mapped(Mapped<T>),
}

/// A range of a mapped file that is aligned for its type.
pub(super) struct Mapped<T: Plain> {
    map: Arc<Mmap>,
    start: usize, // bytes
    len: usize,   // items
    of: std::marker::PhantomData<T>,
}

impl<T: Plain> Mapped<T> {
    /// `len` items from byte `start` on; `None` if they do not lie in the map, or not aligned.
    pub fn new(map: &Arc<Mmap>, start: usize, len: usize) -> Option<Self> {
        let size = len.checked_mul(size_of::<T>())?;
        let bytes = map.get(start..start.checked_add(size)?)?;
        let aligned = bytes.as_ptr().align_offset(align_of::<T>()) == 0;
        aligned.then(|| Self { map: Arc::clone(map), start, len, of: std::marker::PhantomData })
    }
}

impl<T: Plain> From<Vec<T>> for Flat<T> {
    fn from(items: Vec<T>) -> Self {
        Self::Owned(items)
    }
}

impl<T: Plain> From<Mapped<T>> for Flat<T> {
    fn from(items: Mapped<T>) -> Self {
        Self::Mapped(items)
    }
}

impl<T: Plain> Deref for Flat<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        match self {
            Self::Owned(items) => items,
            Self::Mapped(Mapped { map, start, len, .. }) => {
                // SAFETY: `Mapped::new` checked that the range lies in the map and is aligned, and the map lives as
                // long as this borrow. Every bit pattern is a number, so a file that changes gives other numbers.
                unsafe { std::slice::from_raw_parts(map.as_ptr().add(*start).cast(), *len) }
            }
        }
    }
}
