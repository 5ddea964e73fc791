//! The definition of a packed matmul.

use super::super::lanes::Portable;
use super::super::pack::GROUP;
use super::super::q8::{SCALE, SUM, WORDS};
use super::format::{Codes, Format, Scales, FOURS, LINE};
use super::{for_each_block, Group, MatmulQuant, Out};

impl MatmulQuant for Portable {
    #[inline(always)]
    unsafe fn tile<F: Format, const W: usize, const FIRST: bool>(self, group: Group, x: &[u32], out: Out) {
        let mut sums = [[0f32; GROUP]; W];
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
            for r in (0..GROUP).filter(|r| out.rows >> r & 1 != 0) {
                // SAFETY: `out` says that it may be written.
                unsafe { *to.wrapping_add(r) = sums[t][r] };
            }
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
