//! The blocks of 256 elements: groups with their own small scales under one half-precision scale.

use crate::formats::blocks::{half_at, IQ4_VALUES};

/// Two bits of element `e`: each byte serves four elements that are 32 apart.
fn two_bits(bytes: &[u8], e: usize) -> u8 {
    bytes[e / 128 * 32 + e % 32] >> (e % 128 / 32 * 2) & 3
}

/// Four bits of element `e`: each byte serves two elements that are 32 apart.
fn four_bits(bytes: &[u8], e: usize) -> u8 {
    bytes[e / 64 * 32 + e % 32] >> (e % 64 / 32 * 4) & 15
}

pub(super) fn q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (scales, codes) = (&block[..16], &block[16..80]);
    let (d, dmin) = (half_at(block, 80), half_at(block, 82));
    for (group, out) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[group] & 15);
        let min = dmin * f32::from(scales[group] >> 4);
        for (i, out) in out.iter_mut().enumerate() {
            *out = scale * f32::from(two_bits(codes, group * 16 + i)) - min;
        }
    }
}

pub(super) fn q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let (high, codes, scales) = (&block[..32], &block[32..96], &block[96..108]);
    let d = half_at(block, 108);
    for (group, out) in out.chunks_exact_mut(16).enumerate() {
        let low = scales[group % 8] >> (group / 8 * 4) & 15;
        let top = scales[8 + group % 4] >> (group / 4 * 2) & 3;
        let scale = d * f32::from((low | top << 4) as i8 - 32);
        for (i, out) in out.iter_mut().enumerate() {
            let e = group * 16 + i;
            // A set bit means that nothing is taken away.
            let taken = if high[e % 32] >> (e / 32) & 1 == 0 { 4 } else { 0 };
            *out = scale * f32::from(two_bits(codes, e) as i8 - taken);
        }
    }
}

/// The 6-bit scale and minimum of a group of Q4_K and Q5_K, out of their 12 shared bytes.
fn scale_and_min(packed: &[u8], group: usize) -> (f32, f32) {
    let (scale, min) = if group < 4 {
        (packed[group] & 63, packed[4 + group] & 63)
    } else {
        let (low, j) = (packed[4 + group], group - 4);
        (low & 15 | packed[j] >> 2 & 48, low >> 4 | packed[4 + j] >> 2 & 48)
    };
    (f32::from(scale), f32::from(min))
}

pub(super) fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let (scales, codes) = (&block[4..16], &block[16..]);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(scales, group);
        let (scale, min) = (d * scale, dmin * min);
        for (i, out) in out.iter_mut().enumerate() {
            *out = scale * f32::from(four_bits(codes, group * 32 + i)) - min;
        }
    }
}

pub(super) fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    let (scales, high, codes) = (&block[4..16], &block[16..48], &block[48..]);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let (scale, min) = scale_and_min(scales, group);
        let (scale, min) = (d * scale, dmin * min);
        for (i, out) in out.iter_mut().enumerate() {
            let code = four_bits(codes, group * 32 + i) | (high[i] >> group & 1) << 4;
            *out = scale * f32::from(code) - min;
        }
    }
}

pub(super) fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let (low, high, scales) = (&block[..128], &block[128..192], &block[192..208]);
    let d = half_at(block, 208);
    for (group, out) in out.chunks_exact_mut(16).enumerate() {
        let scale = d * f32::from(scales[group] as i8);
        for (i, out) in out.iter_mut().enumerate() {
            let e = group * 16 + i;
            let four = low[e / 128 * 64 + e % 64] >> (e % 128 / 64 * 4) & 15;
            *out = scale * f32::from((four | two_bits(high, e) << 4) as i8 - 32);
        }
    }
}

pub(super) fn iq4_xs(block: &[u8; 136], out: &mut [f32; 256]) {
    let d = half_at(block, 0);
    let top = u16::from_le_bytes([block[2], block[3]]);
    let (scales, codes) = (&block[4..8], &block[8..]);
    for (group, out) in out.chunks_exact_mut(32).enumerate() {
        let low = scales[group / 2] >> (group % 2 * 4) & 15;
        let scale = d * f32::from((low | ((top >> (group * 2) & 3) as u8) << 4) as i8 - 32);
        for (i, out) in out.iter_mut().enumerate() {
            let code = codes[group * 16 + i % 16] >> (i / 16 * 4) & 15;
            *out = scale * f32::from(IQ4_VALUES[usize::from(code)]);
        }
    }
}
