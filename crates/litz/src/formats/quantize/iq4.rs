//! IQ4_NL: 4-bit codes that stand for the values of a table, times a scale.

use super::fit::{extreme, inverse, scale_for};
use crate::formats::blocks::{put_half, IQ4_VALUES};

/// Where the nearest value of the table changes.
const BETWEEN: [f32; 15] = {
    let mut between = [0.0; 15];
    let mut i = 0;
    while i < 15 {
        between[i] = (IQ4_VALUES[i] as i16 + IQ4_VALUES[i + 1] as i16) as f32 / 2.0;
        i += 1;
    }
    between
};

/// The table's value that is nearest.
fn nearest_value(value: f32) -> f32 {
    let mut nearest = f32::from(IQ4_VALUES[0]);
    for (between, values) in BETWEEN.iter().zip(IQ4_VALUES.windows(2)) {
        // Steps are added instead of chosen, so that eight numbers can be looked up at once.
        nearest += if value > *between { f32::from(values[1]) - f32::from(values[0]) } else { 0.0 };
    }
    nearest
}

fn nearest_code(value: f32) -> u8 {
    BETWEEN.iter().map(|between| u8::from(value > *between)).sum()
}

pub(super) fn iq4_nl(values: &[f32; 32], out: &mut [u8; 18]) {
    let extreme = extreme(values);
    // The number of the greatest magnitude near either end of the table, which is not symmetric.
    let ends = (-10..=10).flat_map(|step| [-127.0 + step as f32 * 2.0, 113.0 + step as f32 * 2.0]);
    let scale = put_half(out, 0, scale_for(values, extreme, ends, nearest_value));
    let inverse = inverse(scale);
    for i in 0..16 {
        out[2 + i] = nearest_code(values[i] * inverse) | nearest_code(values[16 + i] * inverse) << 4;
    }
}
