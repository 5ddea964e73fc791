//! Tables of plain numbers, owned or memory-mapped.

use memmap2::Mmap;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

/// Numbers for which every bit pattern is valid.
pub(crate) trait Plain: Copy + private::Sealed {}

impl Plain for u32 {}
impl Plain for u64 {}

mod private {
    /// Only types without padding and without forbidden values.
    pub trait Sealed {}
    impl Sealed for u32 {}
    impl Sealed for u64 {}
}

/// An immutable table.
pub(crate) struct Flat<T: Plain> {
    items: NonNull<[T]>,
    _owner: Owner<T>,
}

enum Owner<T> {
    Heap { _items: Vec<T> },
    File { _map: Arc<Mmap> },
}

// SAFETY: the items are numbers that nothing writes while the table lives, on the heap or in a shared read-only map.
unsafe impl<T: Plain + Send> Send for Flat<T> {}
// SAFETY: as above.
unsafe impl<T: Plain + Sync> Sync for Flat<T> {}

impl<T: Plain> Flat<T> {
    /// `len` items of a mapped file from byte `start` on; None if they do not lie in it, or not aligned.
    pub fn mapped(map: &Arc<Mmap>, start: usize, len: usize) -> Option<Self> {
        let size = len.checked_mul(size_of::<T>())?;
        let bytes = map.get(start..start.checked_add(size)?)?;
        let first = NonNull::new(bytes.as_ptr().cast_mut())?.cast::<T>();
        let aligned = bytes.as_ptr().align_offset(align_of::<T>()) == 0;
        let items = NonNull::slice_from_raw_parts(first, len);
        aligned.then(|| Self { items, _owner: Owner::File { _map: Arc::clone(map) } })
    }
}

impl<T: Plain> From<Vec<T>> for Flat<T> {
    fn from(mut items: Vec<T>) -> Self {
        Self { items: NonNull::from(items.as_mut_slice()), _owner: Owner::Heap { _items: items } }
    }
}

impl<T: Plain> Deref for Flat<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the items are the owner's, which lives as long as this and never moves them: a vector's heap that is
        // not touched again, or a range of a map that was checked to lie in it and to be aligned. Every bit pattern is
        // a number, so a file that another process changes yields other numbers.
        unsafe { self.items.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_outlives_its_move() {
        let table: Flat<u64> = (0..1000).collect::<Vec<u64>>().into();
        let moved = std::thread::spawn(move || table.iter().sum::<u64>()).join().unwrap();
        assert_eq!(moved, 499_500);
    }
}
