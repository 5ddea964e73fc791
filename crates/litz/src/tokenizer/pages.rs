//! Large tables on large pages: without them half of the time of a look-up is the search for its page.

/// From here on a table asks for large pages.
const LARGE: usize = 1 << 21;

/// A table of equal items; on Linux on large pages where it has their size.
pub(super) fn table<T: Copy>(items: usize, item: T) -> Vec<T> {
    let mut table = Vec::with_capacity(items);
    ask_for_large(&table);
    table.resize(items, item);
    table
}

#[cfg(target_os = "linux")]
fn ask_for_large<T>(table: &Vec<T>) {
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
fn ask_for_large<T>(_: &Vec<T>) {}
