//! The blocks of 256 elements: every group's scale is searched, rounded to its few bits, and the codes follow it.

use super::fit::{affine_for, error, extreme, inverse, limits, nearest, scale_for, within, Affine};
use crate::formats::blocks::put_half;

/// Scales and minimums of a group in units of their block's, 0 to 63.
type Units = [(u8, u8); 8];

/// The block's own scale and minimum, stored in its first four bytes, and each group's in units of them.
fn affine_units(values: &[f32; 256], most: f32, out: &mut [u8]) -> (f32, f32, Units) {
    let mut fits = [Affine::default(); 8];
    for (fit, values) in fits.iter_mut().zip(values.chunks_exact(32)) {
        let (least, greatest) = limits(values);
        *fit = affine_for(values, least, greatest, most);
    }
    let widest = |of: fn(&Affine) -> f32| fits.iter().map(of).fold(0.0, f32::max);
    let d = put_half(out, 0, widest(|fit| fit.scale) / 63.0);
    let dmin = put_half(out, 2, widest(|fit| fit.minimum) / 63.0);
    let mut units = Units::default();
    for ((unit, fit), values) in units.iter_mut().zip(&fits).zip(values.chunks_exact(32)) {
        *unit = nearest_units(values, *fit, (d, dmin), most);
    }
    (d, dmin, units)
}

/// The units of the least error around those that are nearest to what was fitted.
fn nearest_units(values: &[f32], fit: Affine, (d, dmin): (f32, f32), most: f32) -> (u8, u8) {
    let around = |value: f32, unit: f32| {
        let middle = within(nearest((value * inverse(unit)).min(64.0)), 0.0, 63.0);
        [middle, middle - 1.0, middle + 1.0].into_iter().filter(|unit| (0.0..=63.0).contains(unit))
    };
    let mut best = (f32::INFINITY, 0.0, 0.0);
    for scale in around(fit.scale, d) {
        for minimum in around(fit.minimum, dmin) {
            let (step, least) = (d * scale, dmin * minimum);
            let inverse = inverse(step);
            let found = error(values, |value| step * affine_code(value, inverse, least, most) - least);
            if found < best.0 {
                best = (found, scale, minimum);
            }
        }
    }
    (best.1 as u8, best.2 as u8)
}

fn affine_code(value: f32, inverse: f32, minimum: f32, most: f32) -> f32 {
    within(nearest(within((value + minimum) * inverse, 0.0, most)), 0.0, most)
}

/// The codes of all elements under the stored units.
fn affine_codes(values: &[f32; 256], (d, dmin, units): (f32, f32, Units), most: f32) -> [u8; 256] {
    let mut codes = [0; 256];
    for (group, (scale, minimum)) in units.into_iter().enumerate() {
        let (inverse, least) = (inverse(d * f32::from(scale)), dmin * f32::from(minimum));
        for e in group * 32..group * 32 + 32 {
            codes[e] = affine_code(values[e], inverse, least, most) as u8;
        }
    }
    codes
}

/// The 6-bit units in 12 bytes: the upper bits of the last four groups are above the bits of the first four.
fn put_units(units: &Units, out: &mut [u8]) {
    for group in 0..4 {
        let ((scale, minimum), (later_scale, later_minimum)) = (units[group], units[4 + group]);
        out[group] = scale | later_scale >> 4 << 6;
        out[4 + group] = minimum | later_minimum >> 4 << 6;
        out[8 + group] = later_scale & 15 | later_minimum << 4;
    }
}

/// Four bits of every code: each byte serves two elements that are 32 apart.
fn put_four_bits(codes: &[u8; 256], out: &mut [u8]) {
    for (codes, out) in codes.chunks_exact(64).zip(out.chunks_exact_mut(32)) {
        for (i, out) in out.iter_mut().enumerate() {
            *out = codes[i] & 15 | codes[32 + i] << 4;
        }
    }
}

pub(super) fn q4_k(values: &[f32; 256], out: &mut [u8; 144]) {
    let units = affine_units(values, 15.0, out);
    put_units(&units.2, &mut out[4..16]);
    put_four_bits(&affine_codes(values, units, 15.0), &mut out[16..]);
}

pub(super) fn q5_k(values: &[f32; 256], out: &mut [u8; 176]) {
    let units = affine_units(values, 31.0, out);
    put_units(&units.2, &mut out[4..16]);
    let codes = affine_codes(values, units, 31.0);
    for i in 0..32 {
        out[16 + i] = (0..8).fold(0, |bits, group| bits | codes[group * 32 + i] >> 4 << group);
    }
    put_four_bits(&codes, &mut out[48..]);
}

fn signed_code(value: f32) -> f32 {
    within(nearest(within(value, -32.0, 31.0)), -32.0, 31.0)
}

/// The unit of the least error around the one that is nearest to the fitted scale.
fn nearest_unit(values: &[f32], scale: f32, d: f32) -> i8 {
    let middle = nearest(within(scale * inverse(d), -128.0, 127.0));
    let mut best = (f32::INFINITY, 0.0);
    for unit in [middle, middle - 1.0, middle + 1.0] {
        if (-128.0..=127.0).contains(&unit) {
            let (step, inverse) = (d * unit, inverse(d * unit));
            let found = error(values, |value| step * signed_code(value * inverse));
            if found < best.0 {
                best = (found, unit);
            }
        }
    }
    best.1 as i8
}

pub(super) fn q6_k(values: &[f32; 256], out: &mut [u8; 210]) {
    let mut scales = [0.0; 16];
    for (scale, values) in scales.iter_mut().zip(values.chunks_exact(16)) {
        let ends = (-10..=10).flat_map(|step| [-32.0 + step as f32 * 0.1, 31.0 + step as f32 * 0.1]);
        *scale = scale_for(values, extreme(values), ends, signed_code);
    }
    let d = put_half(out, 208, extreme(&scales) / -128.0);
    let mut codes = [0_u8; 256];
    for (group, values) in values.chunks_exact(16).enumerate() {
        let unit = nearest_unit(values, scales[group], d);
        out[192 + group] = unit as u8;
        let inverse = inverse(d * f32::from(unit));
        for (code, value) in codes[group * 16..].iter_mut().zip(values) {
            *code = (signed_code(value * inverse) + 32.0) as u8;
        }
    }
    // Each half of the block: a byte has four bits of two elements 64 apart, or two bits of four that are 32 apart.
    for (half, codes) in codes.chunks_exact(128).enumerate() {
        for i in 0..64 {
            out[half * 64 + i] = codes[i] & 15 | codes[64 + i] << 4;
        }
        for i in 0..32 {
            out[128 + half * 32 + i] =
                (0..4).fold(0, |bits, quarter| bits | codes[quarter * 32 + i] >> 4 << (quarter * 2));
        }
    }
}
