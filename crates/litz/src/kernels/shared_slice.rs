//! One buffer that several threads write.

use std::marker::PhantomData;
use std::ops::Range;

/// A mutable slice that several threads hold, each promising to touch its own part.
#[derive(Debug)]
pub struct SharedSlice<'a, T> {
    start: *mut T,
    len: usize,
    owner: PhantomData<&'a mut [T]>,
}

impl<T> Clone for SharedSlice<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for SharedSlice<'_, T> {}

// SAFETY: it is a `&mut [T]` in parts; who takes parts promises that they don't overlap.
unsafe impl<T: Send> Send for SharedSlice<'_, T> {}
// SAFETY: as above; nothing is reached through a shared reference but by those promises.
unsafe impl<T: Send + Sync> Sync for SharedSlice<'_, T> {}

impl<'a, T> SharedSlice<'a, T> {
    /// Borrows `slice` for as long as any copy lives.
    pub fn new(slice: &'a mut [T]) -> Self {
        SharedSlice { start: slice.as_mut_ptr(), len: slice.len(), owner: PhantomData }
    }

    pub(super) fn as_ptr(&self) -> *mut T {
        self.start
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn check(&self, range: &Range<usize>) {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {} elements", self.len);
    }

    /// Part of it, still shared.
    pub fn part(self, range: Range<usize>) -> Self {
        self.check(&range);
        // SAFETY: inside the slice, or at its end.
        SharedSlice { start: unsafe { self.start.add(range.start) }, len: range.len(), owner: PhantomData }
    }

    /// All from `start` on, still shared.
    pub fn from(self, start: usize) -> Self {
        self.part(start..self.len)
    }

    /// Part of it, to be written.
    ///
    /// # Safety
    /// Nobody reads or writes any of it elsewhere for as long as the result lives.
    pub unsafe fn range_mut(&self, range: Range<usize>) -> &'a mut [T] {
        self.check(&range);
        // SAFETY: inside the slice, and exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }

    /// Part of it, to be read.
    ///
    /// # Safety
    /// Nobody writes any of it for as long as the result lives.
    pub unsafe fn range(&self, range: Range<usize>) -> &'a [T] {
        self.check(&range);
        // SAFETY: inside the slice, and not written by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start.add(range.start), range.len()) }
    }
}
