//! One block of memory for all weights that do not stay in their files, on huge pages where the system has them.

use memmap2::MmapMut;

use crate::kernels::SharedSlice;
use crate::shared::assume_static;
use crate::{Error, Result};

/// Bytes of a huge page; smaller arenas have none.
const HUGE: usize = 2 << 20;
/// Where ranges start: at cache lines.
const ALIGN: usize = 64;

/// Zeroed memory that pieces of a region write and everybody reads afterwards.
pub(super) struct Arena {
    map: MmapMut,
    start: usize,
    view: SharedSlice<'static, u8>,
}

impl Arena {
    /// `len` zeros; no page of it is there before it is written.
    pub(super) fn new(len: usize) -> Result<Self> {
        let failed = |error| Error::Memory(format!("{len} bytes for weights could not be reserved: {error}"));
        let huge = len >= HUGE;
        let mut map =
            MmapMut::map_anon(len.max(1).saturating_add(if huge { HUGE } else { 0 })).map_err(failed)?;
        let start = if huge { map.as_ptr().align_offset(HUGE).min(HUGE) } else { 0 };
        #[cfg(target_os = "linux")]
        if huge {
            // Advice: a system without huge pages gives small ones.
            let _ = map.advise_range(memmap2::Advice::HugePage, start, len);
        }
        let view = assume_static(&mut map[start..start + len]);
        Ok(Self { map, start, view })
    }

    /// For writing, under the rule of `shared`.
    pub(super) fn view(&self) -> SharedSlice<'static, u8> {
        self.view
    }

    /// What was written.
    pub(super) fn bytes(&self, start: usize, len: usize) -> &[u8] {
        &self.map[self.start + start..self.start + start + len]
    }
}

/// Places ranges one after the other.
#[derive(Default)]
pub(super) struct Layout {
    len: usize,
}

impl Layout {
    /// The start of a new range; an error if no memory could hold it.
    pub(super) fn place(&mut self, len: usize) -> Result<usize> {
        let start = self.len;
        let end = start.checked_add(len).and_then(|end| end.checked_next_multiple_of(ALIGN));
        self.len = end.filter(|&end| end <= isize::MAX as usize).ok_or_else(|| {
            Error::Memory(format!("{start} bytes of weights and {len} more are beyond any memory"))
        })?;
        Ok(start)
    }

    /// Bytes of all ranges.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_aligned_and_inside() {
        let mut layout = Layout::default();
        assert_eq!([layout.place(1), layout.place(64), layout.place(65)].map(Result::unwrap), [0, 64, 128]);
        assert_eq!(layout.len(), 256);
        assert!(layout.place(usize::MAX).unwrap_err().to_string().contains("beyond any memory"));
        assert!(layout.place(isize::MAX as usize).is_err());
    }

    #[test]
    fn an_arena_is_zeros_of_any_size() {
        for len in [0, 1, 4097, HUGE, HUGE + 5] {
            let arena = Arena::new(len).unwrap();
            assert!(arena.bytes(0, len).iter().all(|&byte| byte == 0));
            assert_eq!(arena.view().len(), len);
            assert!(len < HUGE || (arena.bytes(0, len).as_ptr() as usize).is_multiple_of(HUGE));
        }
        assert!(matches!(Arena::new(isize::MAX as usize - 1), Err(Error::Memory(_))));
    }
}
