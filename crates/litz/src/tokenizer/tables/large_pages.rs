//! Allocation of large tables on large pages. Without them, TLB misses take half of the time of a look-up.

/// Tables of at least this size are advised to use large pages.
const LARGE: usize = 1 << 21;

/// A table of equal items. On Linux, a large one is advised to use large pages.
pub(crate) fn table<T: Copy>(items: usize, item: T) -> Vec<T> {
    let mut table = Vec::with_capacity(items);
    advise_large_pages(&table);
    table.resize(items, item);
    table
}

#[cfg(target_os = "linux")]
fn advise_large_pages<T>(table: &Vec<T>) {
    let size = table.capacity() * size_of::<T>();
    if size < LARGE {
        return;
    }
    let start = (table.as_ptr() as usize).next_multiple_of(4096);
    let end = (table.as_ptr() as usize + size) & !4095;
    // SAFETY: the pages are this table's own, and advice changes nothing that is stored.
    unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise_large_pages<T>(_: &Vec<T>) {}
