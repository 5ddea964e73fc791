//! The definition of a packed matmul.

use std::mem::MaybeUninit;

use super::super::lanes::Portable;
use super::super::pack::GROUP;
use super::super::q8::{SCALE, SUM, WORDS};
use super::format::{Codes, Format, Scales, FOURS, LINE};
use super::{for_each_block, Group, MatmulQuant, Out, Panel, UNPACKED};

impl MatmulQuant for Portable {
    #[inline(always)]
    unsafe fn tile<F: Format, const W: usize>(self, group: Group, x: &[u32], out: Out) {
        let mut sums = [[0f32; GROUP]; W];
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
            for_each_block!(F, W, group, x.as_ptr(), |head, at, lines, words| {
                let head = std::slice::from_raw_parts(head, F::Scales::HEAD);
                let lines = std::slice::from_raw_parts(lines, F::Codes::LINES * LINE);
                let words = std::slice::from_raw_parts(words, WORDS * W);
                block::<F, W>(&mut sums, (head, at), lines, words);
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
    unsafe fn unpack<F: Format>(self, group: Group, panel: &mut Panel) {
        let mut rest = panel.0.chunks_exact_mut(UNPACKED);
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
}

/// Adds a block to the running sums.
#[inline(always)]
fn block<F: Format, const W: usize>(
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
            let x = x[four * W + t].to_le_bytes().map(|byte| i16::from(byte as i8));
            for (i, product) in products[t][half].iter_mut().enumerate() {
                *product += i32::from(codes[i]) * i32::from(x[i % 4]);
            }
        }
    }
    for r in 0..GROUP {
        let ([scale, second], minimum) = F::Scales::values(head, at, r);
        for t in 0..W {
            let product = |half: usize| products[t][half][4 * r..4 * r + 4].iter().sum::<i32>() as f32;
            let float = |word: usize| f32::from_bits(x[word * W + t]);
            sums[t][r] += match F::Scales::SPLIT {
                true => (scale * product(0) + second * product(1)) * float(SCALE),
                false => scale * float(SCALE) * product(0),
            };
            if F::Scales::MINIMA {
                sums[t][r] += minimum * float(SUM);
            }
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
