//! What readers and writers of quantised blocks share.

use half::f16;

/// The values that the codes of IQ4_NL and IQ4_XS stand for.
pub(crate) const IQ4_VALUES: [i8; 16] =
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

/// Twice the values that the codes of MXFP4 stand for, which are floats of four bits.
pub(crate) const FP4_VALUES: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// Half of `2^(exponent - 127)`: the scale of MXFP4's doubled values, of which the two least are not normal.
#[inline(always)]
pub(crate) fn power_of_two(exponent: u8) -> f32 {
    match exponent {
        0..=1 => f32::from_bits(1 << (21 + u32::from(exponent))),
        _ => f32::from_bits(u32::from(exponent - 1) << 23),
    }
}

/// The half-precision number at this byte of a block.
#[inline(always)]
pub(crate) fn half_at(block: &[u8], at: usize) -> f32 {
    f16::from_le_bytes([block[at], block[at + 1]]).to_f32()
}

/// The greatest half-precision number: scales beyond it cannot be stored.
pub(super) const GREATEST_HALF: f32 = 65504.0;

/// Stores a number as half precision at this byte of a block; returns the stored value.
pub(super) fn put_half(block: &mut [u8], at: usize, value: f32) -> f32 {
    let half = f16::from_f32(value.clamp(-GREATEST_HALF, GREATEST_HALF));
    block[at..at + 2].copy_from_slice(&half.to_le_bytes());
    half.to_f32()
}
