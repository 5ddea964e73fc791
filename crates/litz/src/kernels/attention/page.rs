//! A page of one kv head as bytes: its layouts, how a position is written, and how it is widened to f32.

use std::ops::Range;

use half::f16;
use serde::Deserialize;

use crate::kernels::simd::{Simd, LANES};

/// Keys of a page.
pub const PAGE: usize = 64;
/// Elements that share a scale in `KvDType::Q8_0`.
const BLOCK: usize = 32;

/// How keys and values are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KvDType {
    /// Half precision.
    #[default]
    F16,
    /// Single precision.
    F32,
    /// Signed bytes, 32 elements of a key or value under one f16 scale.
    #[serde(rename = "q8_0")]
    Q8_0,
}

/// What a page of one kv head is made of.
///
/// Keys lie in panels of sixteen, `(PAGE / 16, head_dim, 16)`, values as `(PAGE, value_dim)`, whose rows are filled up to
/// 16 elements (Q8_0: 32): neither decoding nor prefill transposes anything. The scales of Q8_0 follow their codes, as
/// `(blocks, PAGE)`. A position's bytes depend on that position alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvLayout {
    /// How numbers are kept.
    pub dtype: KvDType,
    /// Width of a key.
    pub head_dim: usize,
    /// Width of a value.
    pub value_dim: usize,
}

impl KvLayout {
    /// Bytes of a page: a multiple of 64.
    pub fn bytes(&self) -> usize {
        self.values() + self.value_codes() + self.scales(self.value_dim)
    }

    /// Elements from one value to the next.
    fn stride(&self) -> usize {
        match self.dtype {
            KvDType::Q8_0 => self.value_dim.next_multiple_of(BLOCK),
            _ => self.value_dim.next_multiple_of(LANES),
        }
    }

    fn element(&self) -> usize {
        match self.dtype {
            KvDType::F16 => 2,
            KvDType::F32 => 4,
            KvDType::Q8_0 => 1,
        }
    }

    fn key_codes(&self) -> usize {
        PAGE * self.head_dim * self.element()
    }

    fn value_codes(&self) -> usize {
        PAGE * self.stride() * self.element()
    }

    fn scales(&self, dim: usize) -> usize {
        match self.dtype {
            KvDType::Q8_0 => dim.div_ceil(BLOCK) * PAGE * 2,
            _ => 0,
        }
    }

    /// Where the values begin.
    fn values(&self) -> usize {
        self.key_codes() + self.scales(self.head_dim)
    }
}

/// Sixteen elements, aligned to a cache line.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Line(pub(super) [f32; LANES]);

/// A page that will be read soon.
#[derive(Clone, Copy)]
pub(super) struct NextPage(Option<*const u8>);

impl NextPage {
    pub(super) fn new(page: Option<&[u8]>) -> Self {
        Self(page.map(<[u8]>::as_ptr))
    }

    /// Prefetches the line at this offset.
    #[inline(always)]
    fn fetch<S: Simd>(self, s: S, offset: usize) {
        if let Some(page) = self.0 {
            s.prefetch(page.wrapping_add(offset));
        }
    }
}

/// A page as tiles read it: in f32, or as much of it as is seen, or as it is stored.
pub(super) struct Wide {
    /// `(PAGE / 16, head_dim, 16)`.
    pub(super) keys: *const u8,
    /// `(PAGE, stride)`.
    pub(super) values: *const u8,
    pub(super) stride: usize,
}

impl Wide {
    /// The page as it is stored, which must be in floats.
    #[inline(always)]
    pub(super) fn stored<S: Simd>(s: S, layout: KvLayout, page: &[u8], ahead: NextPage) -> Self {
        for offset in (0..page.len()).step_by(64) {
            ahead.fetch(s, offset);
        }
        let values = page[layout.values()..].as_ptr();
        Self { keys: page.as_ptr(), values, stride: layout.stride() }
    }

    /// Widens the slots `seen` of halves or codes into `lines`.
    ///
    /// # Safety
    /// `page` is as long as its layout says, and `seen` within `0..PAGE`. The result lasts as long as page and lines do.
    #[inline(always)]
    pub(super) unsafe fn new<S: Simd>(
        s: S,
        layout: KvLayout,
        page: &[u8],
        seen: Range<usize>,
        lines: &mut Vec<Line>,
        ahead: NextPage,
    ) -> Self {
        let (stride, middle) = (layout.stride(), PAGE / LANES * layout.head_dim);
        let panels = seen.start / LANES..seen.end.div_ceil(LANES);
        let (codes, values) = (page.as_ptr(), page[layout.values()..].as_ptr());
        lines.resize(middle + PAGE * stride / LANES, Line::default());
        let (keys_to, values_to) = (lines.as_mut_ptr(), lines[middle..].as_mut_ptr());
        // SAFETY: both sides have room for the whole page.
        unsafe {
            if layout.dtype == KvDType::F16 {
                let keys = panels.start * layout.head_dim..panels.end * layout.head_dim;
                widen_halves(s, codes, keys_to.cast(), keys, (ahead, 0));
                let rows = seen.start * stride / LANES..seen.end * stride / LANES;
                widen_halves(s, values, values_to.cast(), rows, (ahead, layout.values()));
            } else {
                let scales = codes.add(layout.key_codes());
                widen_key_codes(s, (codes, scales), keys_to.cast(), layout.head_dim, panels, ahead);
                let scales = values.add(layout.value_codes());
                let ahead = (ahead, layout.values());
                widen_value_codes(s, (values, scales), values_to.cast(), stride, seen, ahead);
            }
            Self { keys: keys_to.cast(), values: values_to.cast(), stride }
        }
    }
}

/// Lines `range` of halves as f32; prefetches as much of another page, from the offset on.
///
/// # Safety
/// Both sides have the lines.
#[inline(always)]
unsafe fn widen_halves<S: Simd>(
    s: S,
    from: *const u8,
    to: *mut f32,
    range: Range<usize>,
    (ahead, offset): (NextPage, usize),
) {
    for line in range {
        // SAFETY: the caller's promise.
        unsafe { s.store(to.add(line * LANES), s.load_f16(from.add(line * 2 * LANES))) };
        if line % 2 == 0 {
            ahead.fetch(s, offset + line * 2 * LANES);
        }
    }
}

/// # Safety
/// As `widen_halves`; the panels are within the page.
#[inline(always)]
unsafe fn widen_key_codes<S: Simd>(
    s: S,
    (codes, scales): (*const u8, *const u8),
    to: *mut f32,
    head_dim: usize,
    panels: Range<usize>,
    ahead: NextPage,
) {
    for panel in panels {
        for block in 0..head_dim.div_ceil(BLOCK) {
            // SAFETY: the caller's promise.
            let scale = unsafe { s.load_f16(scales.add((block * PAGE + panel * LANES) * 2)) };
            for d in block * BLOCK..head_dim.min((block + 1) * BLOCK) {
                let at = (panel * head_dim + d) * LANES;
                // SAFETY: the caller's promise.
                unsafe { s.store(to.add(at), s.mul(scale, s.load_i8(codes.add(at).cast()))) };
                if at.is_multiple_of(64) {
                    ahead.fetch(s, at);
                }
            }
        }
    }
}

/// # Safety
/// As `widen_halves`; the keys are within the page.
#[inline(always)]
unsafe fn widen_value_codes<S: Simd>(
    s: S,
    (codes, scales): (*const u8, *const u8),
    to: *mut f32,
    stride: usize,
    keys: Range<usize>,
    (ahead, offset): (NextPage, usize),
) {
    for block in 0..stride / BLOCK {
        let mut wide = [0.0f32; PAGE];
        for part in (0..PAGE).step_by(LANES) {
            // SAFETY: a block has PAGE scales.
            unsafe {
                s.store(wide.as_mut_ptr().add(part), s.load_f16(scales.add((block * PAGE + part) * 2)))
            };
        }
        for key in keys.clone() {
            let at = key * stride + block * BLOCK;
            let scale = s.splat(wide[key]);
            // SAFETY: the caller's promise.
            unsafe {
                s.store(to.add(at), s.mul(scale, s.load_i8(codes.add(at).cast())));
                let at = at + LANES;
                s.store(to.add(at), s.mul(scale, s.load_i8(codes.add(at).cast())));
            }
            if at.is_multiple_of(64) {
                ahead.fetch(s, offset + at);
            }
        }
    }
}

/// Writes the key and value of position `slot` of a page.
///
/// # Safety
/// `page` holds `layout.bytes()`, `slot < PAGE`, key and value have the layout's widths.
#[inline(always)]
pub(in crate::kernels) unsafe fn store<S: Simd>(
    s: S,
    layout: KvLayout,
    page: *mut u8,
    slot: usize,
    key: &[f32],
    value: &[f32],
) {
    let (head_dim, stride) = (layout.head_dim, layout.stride());
    let column = slot / LANES * LANES * head_dim + slot % LANES; // of the key's first element
                                                                 // SAFETY: the caller's promise: all offsets lie within the page.
    unsafe {
        let values = page.add(layout.values());
        match layout.dtype {
            KvDType::F16 => {
                let keys = page.cast::<u16>();
                halves(s, key, |d, half| keys.add(column + d * LANES).write_unaligned(half));
                let row = values.cast::<u16>().add(slot * stride);
                halves(s, value, |i, half| row.add(i).write_unaligned(half));
            }
            KvDType::F32 => {
                let keys = page.cast::<f32>();
                key.iter().enumerate().for_each(|(d, &v)| keys.add(column + d * LANES).write_unaligned(v));
                let row = values.cast::<f32>().add(slot * stride);
                value.iter().enumerate().for_each(|(i, &v)| row.add(i).write_unaligned(v));
            }
            KvDType::Q8_0 => {
                let (keys, scales) = (page.cast::<i8>(), page.add(layout.key_codes()).cast::<u16>());
                codes(s, key, |d, code| keys.add(column + d * LANES).write(code), scales.add(slot));
                let row = values.cast::<i8>().add(slot * stride);
                let scales = values.add(layout.value_codes()).cast::<u16>();
                codes(s, value, |i, code| row.add(i).write(code), scales.add(slot));
            }
        }
    }
}

/// Gives each element of `x` as a half.
#[inline(always)]
fn halves<S: Simd>(s: S, x: &[f32], mut write: impl FnMut(usize, u16)) {
    for (part, x) in x.chunks(LANES).enumerate() {
        let mut wide = [0.0f32; LANES];
        let mut out = [0u16; LANES];
        wide[..x.len()].copy_from_slice(x);
        // SAFETY: sixteen elements on both sides.
        unsafe { s.store_f16(out.as_mut_ptr(), s.load(wide.as_ptr())) };
        out[..x.len()].iter().enumerate().for_each(|(i, &half)| write(part * LANES + i, half));
    }
}

/// Gives each element of `x` as a code, and writes the scale of block `b` to `scales + b * PAGE`.
///
/// The scale is max|x| / 127 as a half, and NaN where x holds one; codes are rounded to nearest, halves to even.
///
/// # Safety
/// The scales may be written.
#[inline(always)]
unsafe fn codes<S: Simd>(_: S, x: &[f32], mut write: impl FnMut(usize, i8), scales: *mut u16) {
    for (block, x) in x.chunks(BLOCK).enumerate() {
        let most = x.iter().fold(0.0f32, |most, v| if v.is_nan() || v.abs() > most { v.abs() } else { most });
        let scale = f16::from_f32(most / 127.0);
        let inverse = if scale == f16::ZERO { 0.0 } else { 1.0 / scale.to_f32() };
        // SAFETY: the caller's promise.
        unsafe { scales.add(block * PAGE).write_unaligned(scale.to_bits()) };
        for (i, v) in x.iter().enumerate() {
            let code = (v * inverse).round_ties_even().clamp(-127.0, 127.0);
            write(block * BLOCK + i, code as i8);
        }
    }
}
