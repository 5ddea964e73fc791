//! Scales of the least squared error for a group of numbers, searched by trying codes and fitting the scale to them.

/// Numbers that are added up side by side, so that the compiler can keep them in one register.
const LANES: usize = 8;
/// How often codes and scale are fitted to each other after the search.
const ROUNDS: usize = 3;

/// Sums over the codes of a group, which the fits need.
#[derive(Clone, Copy, Default)]
struct Sums {
    codes: f32,
    squares: f32,
    products: f32,
}

/// The nearest whole number of one that is below 2^22; adding 1.5 · 2^23 leaves no fraction.
pub(super) fn nearest(value: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    value + SHIFT - SHIFT
}

/// Between the limits; unlike `f32::clamp` without a branch for a NaN.
pub(super) fn within(value: f32, least: f32, most: f32) -> f32 {
    let value = if value < most { value } else { most };
    if value > least {
        value
    } else {
        least
    }
}

/// Adds up the codes that `code` gives to the numbers.
fn sums(values: &[f32], code: impl Fn(f32) -> f32) -> Sums {
    let mut lanes = [[0.0_f32; LANES]; 3];
    for values in values.chunks_exact(LANES) {
        for (lane, &value) in values.iter().enumerate() {
            let code = code(value);
            lanes[0][lane] += code;
            lanes[1][lane] += code * code;
            lanes[2][lane] += code * value;
        }
    }
    let [codes, squares, products] = lanes.map(|lanes| lanes.iter().sum());
    Sums { codes, squares, products }
}

/// The squared error of the numbers that codes stand for.
pub(super) fn error(values: &[f32], stored: impl Fn(f32) -> f32) -> f32 {
    let mut lanes = [0.0_f32; LANES];
    for values in values.chunks_exact(LANES) {
        for (lane, &value) in values.iter().enumerate() {
            let difference = value - stored(value);
            lanes[lane] += difference * difference;
        }
    }
    lanes.iter().sum()
}

/// `value ≈ scale · code` with the scale of the least error; `gain` is by how much less than with all zeros.
#[derive(Clone, Copy, Default)]
struct Fit {
    scale: f32,
    gain: f32,
}

fn fit(sums: Sums) -> Fit {
    if sums.squares == 0.0 {
        return Fit::default();
    }
    let scale = sums.products / sums.squares;
    Fit { scale, gain: scale * sums.products }
}

/// The scale of the least error found for numbers that become codes by `code(value / scale)`.
///
/// `ends` are the codes that the number of the greatest magnitude may have.
pub(super) fn scale_for(
    values: &[f32],
    extreme: f32,
    ends: impl Iterator<Item = f32>,
    code: impl Fn(f32) -> f32,
) -> f32 {
    let mut best = Fit::default();
    let try_inverse = |inverse: f32, best: &mut Fit| {
        let found = fit(sums(values, |value| code(value * inverse)));
        if found.gain > best.gain {
            *best = found;
            return true;
        }
        false
    };
    if extreme == 0.0 || !(1.0 / extreme).is_finite() {
        return 0.0;
    }
    for end in ends {
        try_inverse(end / extreme, &mut best);
    }
    for _ in 0..ROUNDS {
        if best.scale == 0.0 || !try_inverse(1.0 / best.scale, &mut best) {
            break;
        }
    }
    best.scale
}

/// `value ≈ scale · code - minimum`, neither below 0.
#[derive(Clone, Copy, Default)]
pub(super) struct Affine {
    pub(super) scale: f32,
    pub(super) minimum: f32,
}

/// The scale and minimum of the least error found for codes from 0 to `most`.
pub(super) fn affine_for(values: &[f32], least: f32, greatest: f32, most: f32) -> Affine {
    let least = least.min(0.0);
    let range = greatest - least;
    let mut best = Affine { scale: 0.0, minimum: -least };
    if range <= 0.0 || !(most / range * 2.0).is_finite() {
        return best;
    }
    let total: f32 = values.iter().sum();
    let mut gain = f32::MIN;
    let mut try_codes = |inverse: f32, minimum: f32, best: &mut Affine| {
        let sums = sums(values, |value| within(nearest((value + minimum) * inverse), 0.0, most));
        let (found, its_gain) = fit_affine(sums, total, values.len() as f32);
        if its_gain > gain {
            (gain, *best) = (its_gain, found);
            return true;
        }
        false
    };
    for step in -10..=10 {
        try_codes((most + step as f32 * 0.1) / range, -least, &mut best);
    }
    for _ in 0..ROUNDS {
        if best.scale == 0.0 || !try_codes(1.0 / best.scale, best.minimum, &mut best) {
            break;
        }
    }
    best
}

/// The fit of the least error, and by how much less it is than with all zeros.
fn fit_affine(sums: Sums, total: f32, count: f32) -> (Affine, f32) {
    let determinant = count * sums.squares - sums.codes * sums.codes;
    if determinant > 0.0 {
        let scale = (count * sums.products - total * sums.codes) / determinant;
        let minimum = (sums.codes * sums.products - sums.squares * total) / determinant;
        if scale > 0.0 && minimum >= 0.0 {
            return (Affine { scale, minimum }, scale * sums.products - minimum * total);
        }
    }
    let Fit { scale, gain } = fit(sums);
    if scale > 0.0 {
        (Affine { scale, minimum: 0.0 }, gain)
    } else {
        (Affine::default(), 0.0)
    }
}

/// The first of the numbers with the greatest magnitude.
pub(super) fn extreme(values: &[f32]) -> f32 {
    values
        .iter()
        .copied()
        .reduce(|most, value| if value.abs() > most.abs() { value } else { most })
        .unwrap_or(0.0)
}

/// (least, greatest)
pub(super) fn limits(values: &[f32]) -> (f32, f32) {
    let first = values.first().copied().unwrap_or(0.0);
    let wider = |(least, most): (f32, f32), &value: &f32| {
        (if value < least { value } else { least }, if value > most { value } else { most })
    };
    values.iter().fold((first, first), wider)
}

/// 1 / scale; 0 for scales so small that they are stored as 0.
pub(super) fn inverse(scale: f32) -> f32 {
    let inverse = 1.0 / scale;
    if inverse.is_finite() {
        inverse
    } else {
        0.0
    }
}
