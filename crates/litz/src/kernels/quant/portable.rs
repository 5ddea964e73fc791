//! The definition of a packed matmul.

use std::mem::MaybeUninit;

use super::codes::{words_of, CODES, CODE_WORDS, SCALE, SUM};
use super::format::{Codes, Format, Scales, Unpacked, FOURS, LINE};
use super::tile::{ends_span, for_each_block, unpacked_bytes, Group, MatmulQuant, Out, Panel};
use crate::kernels::layout::{GROUP, TILE};
use crate::kernels::simd::Portable;

impl MatmulQuant for Portable {
    const PAIRS: bool = false;

    #[inline(always)]
    unsafe fn tile<F: Format, const BYTES: usize, const W: usize>(self, group: Group, x: &[u32], out: Out) {
        let (mut sums, mut span, mut done) = ([[0f32; GROUP]; W], [[0f32; GROUP]; W], 0);
        let wanted = |r: &usize| out.rows >> r & 1 != 0;
        for t in 0..W {
            let Some(from) = out.so_far(t) else { continue };
            for r in (0..GROUP).filter(wanted) {
                // SAFETY: `out` says that it was written.
                sums[t][r] = unsafe { *from.wrapping_add(r) };
            }
        }
        // SAFETY: the group and the tile have as many blocks.
        unsafe {
            for_each_block!(F, words_of(BYTES) * W, group, x.as_ptr(), |head, at, lines, words| {
                let head = std::slice::from_raw_parts(head, F::Scales::HEAD);
                let lines = std::slice::from_raw_parts(lines, F::Codes::LINES * LINE);
                let words = std::slice::from_raw_parts(words, words_of(BYTES) * W);
                block::<F, BYTES, W>(&mut span, (head, at), lines, words);
                done += 1;
                if ends_span::<BYTES>(done, group.blocks) {
                    end_span(&mut sums, &mut span, words);
                }
            });
        }
        for t in 0..W {
            let Some(to) = out.token(t) else { continue };
            for r in (0..GROUP).filter(wanted) {
                // SAFETY: `out` says that it may be written.
                unsafe { *to.wrapping_add(r) = sums[t][r] };
            }
        }
    }

    #[inline(always)]
    unsafe fn unpack<F: Format, const BYTES: usize>(self, group: Group, panel: &mut Panel) {
        let mut rest = panel.0.chunks_exact_mut(unpacked_bytes(1));
        // SAFETY: the group has as many blocks.
        unsafe {
            for_each_block!(F, 0, group, std::ptr::null::<u32>(), |head, at, lines, _words| {
                let head = std::slice::from_raw_parts(head, F::Scales::HEAD);
                let lines = std::slice::from_raw_parts(lines, F::Codes::LINES * LINE);
                if let Some(to) = rest.next() {
                    unpack_block::<F>((head, at), lines, to);
                }
            });
        }
    }

    #[inline(always)]
    unsafe fn unpacked_tile<F: Format, const BYTES: usize>(self, group: Group, x: &[u32], out: Out) {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.tile::<Unpacked<F>, BYTES, TILE>(group, x, out) }
    }
}

/// Adds a block to the running sums.
#[inline(always)]
fn block<F: Format, const BYTES: usize, const W: usize>(
    sums: &mut [[f32; GROUP]; W],
    (head, at): (&[u8], usize),
    lines: &[u8],
    x: &[u32],
) {
    let mut products = [[[0i32; LINE]; 2]; W];
    for four in 0..FOURS {
        let codes = F::Codes::values(lines, four).map(|code| code - F::OFFSET as i16);
        let half = if F::Scales::SPLIT { four / (FOURS / 2) } else { 0 };
        for t in 0..W {
            let plane = |plane: usize| {
                x[(CODES + plane * CODE_WORDS + four) * W + t].to_le_bytes().map(|byte| i32::from(byte as i8))
            };
            let mut x = plane(0);
            if BYTES == 2 {
                x = std::array::from_fn(|i| 256 * x[i] + plane(1)[i]);
            }
            for (i, product) in products[t][half].iter_mut().enumerate() {
                *product += i32::from(codes[i]) * x[i % 4];
            }
        }
    }
    for r in 0..GROUP {
        let ([scale, second], minimum) = F::Scales::values(head, at, r);
        for t in 0..W {
            let product = |half: usize| products[t][half][4 * r..4 * r + 4].iter().sum::<i32>() as f32;
            sums[t][r] += scale * product(0);
            if F::Scales::SPLIT {
                sums[t][r] += second * product(1);
            }
            if F::Scales::MINIMA {
                sums[t][r] += minimum * f32::from_bits(x[SUM * W + t]);
            }
        }
    }
}

/// Adds what a span summed, times its scale.
#[inline(always)]
fn end_span<const W: usize>(sums: &mut [[f32; GROUP]; W], span: &mut [[f32; GROUP]; W], x: &[u32]) {
    for t in 0..W {
        for r in 0..GROUP {
            sums[t][r] += span[t][r] * f32::from_bits(x[SCALE * W + t]);
            span[t][r] = 0.0;
        }
    }
}

/// A block as `Unpacked` has it.
#[inline(always)]
fn unpack_block<F: Format>((head, at): (&[u8], usize), lines: &[u8], to: &mut [MaybeUninit<u8>]) {
    let (floats, codes) = to.split_at_mut(2 * LINE);
    let put = |to: &mut [MaybeUninit<u8>], float: f32| {
        to.iter_mut().zip(float.to_le_bytes()).for_each(|(to, byte)| _ = to.write(byte));
    };
    for r in 0..GROUP {
        let ([scale, second], minimum) = F::Scales::values(head, at, r);
        put(&mut floats[4 * r..4 * r + 4], scale);
        put(&mut floats[LINE + 4 * r..LINE + 4 * r + 4], if F::Scales::MINIMA { minimum } else { second });
    }
    for (four, line) in codes.chunks_exact_mut(LINE).enumerate() {
        for (byte, value) in line.iter_mut().zip(F::Codes::values(lines, four)) {
            byte.write(value as u8);
        }
    }
}
