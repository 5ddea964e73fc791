//! Norms, rotations, activations and conversions against their definitions in f64.

use half::{bf16, f16};

use super::super::quant::codes;
use super::super::*;
use super::quant::{code, CODE_WIDTHS};
use super::{all, assert_close, Random};

/// Lengths around the sixteen lanes.
const LENGTHS: [usize; 8] = [1, 7, 15, 16, 17, 33, 64, 577];

/// Finite f32 from the smallest to the greatest, of both signs, and both infinities.
fn every_size() -> Vec<f32> {
    let positive = (0..0x7f80_0000u32).step_by(99_991).map(f32::from_bits).chain([f32::MAX, f32::INFINITY]);
    positive.flat_map(|v| [v, -v]).collect()
}

/// Units in the last place of `expected` between the two.
fn ulps(found: f32, expected: f64) -> f64 {
    let rounded = expected as f32;
    if found == rounded || (found.is_nan() && expected.is_nan()) {
        return 0.0;
    }
    let unit = f64::from(f32::from_bits(rounded.abs().to_bits() + 1)) - f64::from(rounded.abs());
    (f64::from(found) - expected).abs() / unit
}

fn wide(x: &[f32]) -> Vec<f64> {
    x.iter().map(|&v| f64::from(v)).collect()
}

#[test]
fn exp_is_within_two_ulp_from_underflow_to_overflow() {
    let steps = (0..2_000_000).map(|i| (i as f32 / 2_000_000.0 - 0.55) * 200.0);
    let edges = [0.0, -0.0, 88.722_83, 88.722_84, -87.336_54, -103.97, -104.5, 1e-30, f32::MAX, f32::MIN];
    let ends = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
    let x: Vec<f32> = steps.chain(edges).chain(ends).collect();
    for kernels in all() {
        let mut y = x.clone();
        kernels.exp(&mut y);
        for (&x, &y) in x.iter().zip(&y) {
            let error = ulps(y, f64::from(x).exp());
            assert!(error <= 2.0, "{:?}: e^{x} is {y}, {error} ulp", kernels.isa());
        }
    }
}

#[test]
fn softcap_is_a_scaled_tanh_with_full_precision_near_zero() {
    let x: Vec<f32> = every_size();
    for kernels in all() {
        let mut y = x.clone();
        kernels.softcap(&mut y, 30.0);
        for (&x, &y) in x.iter().zip(&y) {
            let expected = 30.0 * (f64::from(x) / 30.0).tanh();
            assert!(
                (f64::from(y) - expected).abs() <= 4e-7 * expected.abs() + 1e-43,
                "{x}: {y} for {expected}"
            );
        }
    }
}

/// `(1 + erf(x / sqrt 2)) / 2` by its series, or its continued fraction in the tails.
fn normal_cdf(x: f64) -> f64 {
    let z = x.abs() / 2f64.sqrt();
    let tail = if z < 2.5 {
        let (mut term, mut sum) = (z, z);
        for n in 1..80 {
            term *= -z * z / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        0.5 - sum / std::f64::consts::PI.sqrt()
    } else {
        let fraction = (1..200).rev().fold(z, |f, n| z + f64::from(n) / 2.0 / f);
        (-z * z).exp() / fraction / std::f64::consts::PI.sqrt() / 2.0
    };
    if x < 0.0 {
        tail
    } else {
        1.0 - tail
    }
}

fn definition(activation: Activation, x: f64) -> f64 {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    match activation {
        Activation::Silu => x * sigmoid(x),
        Activation::Gelu => x * normal_cdf(x),
        Activation::GeluTanh => {
            0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x)).tanh())
        }
        Activation::Relu => x.max(0.0),
        Activation::QuickGelu => x * sigmoid(1.702 * x),
        Activation::Tanh => x.tanh(),
        Activation::Sigmoid => sigmoid(x),
    }
}

const ACTIVATIONS: [Activation; 7] = [
    Activation::Silu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Relu,
    Activation::QuickGelu,
    Activation::Tanh,
    Activation::Sigmoid,
];

#[test]
fn activations_follow_their_definitions() {
    let x: Vec<f32> = (-4000..4000).map(|i| i as f32 / 300.0).collect();
    for kernels in all() {
        for activation in ACTIVATIONS {
            let mut y = x.clone();
            kernels.activate(activation, &mut y);
            let expected: Vec<f64> = x.iter().map(|&x| definition(activation, f64::from(x))).collect();
            assert_close(&y, &expected, 4e-7);
        }
    }
}

#[test]
fn gelu_keeps_its_lower_tail() {
    for kernels in all() {
        for x in [-3.0f32, -4.0, -5.0] {
            let mut y = [x];
            kernels.activate(Activation::Gelu, &mut y);
            let expected = definition(Activation::Gelu, f64::from(x));
            assert!((f64::from(y[0]) / expected - 1.0).abs() < 5e-6, "{x}: {} for {expected}", y[0]);
        }
    }
}

#[test]
fn activations_let_nan_through_and_reach_their_ends() {
    for kernels in all() {
        for activation in ACTIVATIONS {
            let mut y = [f32::NAN, 1e30, -1e30, 0.0];
            kernels.activate(activation, &mut y);
            assert!(y[0].is_nan(), "{activation:?}");
            let ends = match activation {
                Activation::Tanh => [1.0, -1.0, 0.0],
                Activation::Sigmoid => [1.0, 0.0, 0.5],
                _ => [1e30, 0.0, 0.0],
            };
            assert_eq!(y[1..], ends, "{activation:?}");
        }
    }
}

#[test]
fn a_gate_multiplies_what_it_lets_through() {
    for kernels in all() {
        for n in LENGTHS {
            let (gate, up) = (Random(1).normals(n), Random(2).normals(n));
            for activation in ACTIVATIONS {
                let mut y = gate.clone();
                kernels.gate(activation, &mut y, &up);
                let pairs = gate.iter().zip(&up);
                let expected: Vec<f64> =
                    pairs.map(|(&g, &u)| definition(activation, f64::from(g)) * f64::from(u)).collect();
                assert_close(&y, &expected, 1e-6);
            }
        }
    }
}

#[test]
fn rms_norm_divides_by_the_root_mean_square() {
    for kernels in all() {
        for n in LENGTHS {
            for offset in [0.0, 1.0] {
                let (x, weight) = (Random(4).normals(n), Random(5).normals(n));
                let mut y = vec![f32::NAN; n];
                kernels.rms_norm(&x, &weight, 1e-5, offset, &mut y);
                let square: f64 = wide(&x).iter().map(|v| v * v).sum::<f64>() / n as f64;
                let scale = 1.0 / (square + f64::from(1e-5f32)).sqrt();
                let pairs = wide(&x).into_iter().zip(wide(&weight));
                let expected: Vec<f64> = pairs.map(|(x, w)| x * scale * (w + f64::from(offset))).collect();
                assert_close(&y, &expected, 1e-6);
                let mut same = x;
                kernels.rms_norm_in_place(&mut same, &weight, 1e-5, offset);
                assert_eq!(same, y);
            }
        }
    }
}

#[test]
fn layer_norm_also_takes_off_the_mean() {
    for kernels in all() {
        for n in LENGTHS {
            let x: Vec<f32> = Random(6).normals(n).iter().map(|v| v + 3.0).collect();
            let (weight, bias) = (Random(7).normals(n), Random(8).normals(n));
            let mean = wide(&x).iter().sum::<f64>() / n as f64;
            let variance = wide(&x).iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n as f64;
            let scale = 1.0 / (variance + 1e-3).sqrt();
            for bias in [None, Some(&bias[..])] {
                let mut y = vec![f32::NAN; n];
                kernels.layer_norm(&x, &weight, bias, 1e-3, &mut y);
                let at = |i: usize| bias.map_or(0.0, |bias| f64::from(bias[i]));
                let pairs = wide(&x).into_iter().zip(wide(&weight)).enumerate();
                let expected: Vec<f64> = pairs.map(|(i, (x, w))| (x - mean) * scale * w + at(i)).collect();
                assert_close(&y, &expected, 3e-6);
            }
        }
    }
}

#[test]
fn rotations_turn_their_pairs_and_leave_the_rest() {
    for kernels in all() {
        for (head, half) in [(64, 32), (80, 40), (64, 16), (6, 3), (5, 2), (1, 0)] {
            let x = Random(9).normals(head);
            let angles = Random(10).normals(half);
            let (cos, sin): (Vec<f32>, Vec<f32>) = angles.iter().map(|a| (a.cos(), a.sin())).unzip();
            let (mut split, mut neighbours) = (x.clone(), x.clone());
            kernels.rope_half(&mut split, &cos, &sin);
            kernels.rope_interleaved(&mut neighbours, &cos, &sin);
            let (mut expect_split, mut expect_neighbours) = (wide(&x), wide(&x));
            for i in 0..half {
                for (expected, a, b) in
                    [(&mut expect_split, i, i + half), (&mut expect_neighbours, 2 * i, 2 * i + 1)]
                {
                    let (c, s) = (f64::from(cos[i]), f64::from(sin[i]));
                    let (p, q) = (expected[a], expected[b]);
                    (expected[a], expected[b]) = (p * c - q * s, q * c + p * s);
                }
            }
            assert_close(&split, &expect_split, 3e-7);
            assert_close(&neighbours, &expect_neighbours, 3e-7);
        }
    }
}

#[test]
fn sums_and_products_of_rows() {
    for kernels in all() {
        for n in LENGTHS {
            let (x, y) = (Random(11).normals(n), Random(12).normals(n));
            let (mut sum, mut scaled, mut both) = (x.clone(), x.clone(), x.clone());
            kernels.add(&mut sum, &y);
            kernels.scale(&mut scaled, 0.3);
            kernels.axpy(&mut both, 0.3, &y);
            for i in 0..n {
                assert_eq!(sum[i], x[i] + y[i]);
                assert_eq!(scaled[i], x[i] * 0.3);
                assert!((both[i] - (x[i] + y[i] * 0.3)).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn argmax_is_the_first_of_the_greatest() {
    for kernels in all() {
        for n in LENGTHS {
            for place in [0, n / 2, n - 1] {
                let mut x = vec![-2.0; n];
                x[place..].fill(5.0);
                assert_eq!(kernels.argmax(&x), Some(place));
                x[..place].fill(f32::NAN);
                assert_eq!(kernels.argmax(&x), Some(place));
                x[place..].fill(f32::NEG_INFINITY);
                assert_eq!(kernels.argmax(&x), Some(place));
            }
            assert_eq!(kernels.argmax(&vec![f32::NAN; n]), None);
        }
        assert_eq!(kernels.argmax(&[]), None);
        assert_eq!(kernels.argmax(&[1.0, f32::NAN, 2.0, f32::NAN]), Some(2));
    }
}

#[test]
fn every_half_widens_exactly_and_narrows_back() {
    let halves: Vec<u16> = (0..=u16::MAX).filter(|&bits| !f16::from_bits(bits).is_nan()).collect();
    let bfloats: Vec<u16> = (0..=u16::MAX).filter(|&bits| !bf16::from_bits(bits).is_nan()).collect();
    for kernels in all() {
        let (mut wide, mut back) = (vec![0.0; halves.len()], vec![0; halves.len()]);
        kernels.f16_to_f32(&halves, &mut wide);
        assert!(halves.iter().zip(&wide).all(|(&h, &v)| f16::from_bits(h).to_f32().to_bits() == v.to_bits()));
        kernels.f32_to_f16(&wide, &mut back);
        assert_eq!(back, halves);
        let (mut wide, mut back) = (vec![0.0; bfloats.len()], vec![0; bfloats.len()]);
        kernels.bf16_to_f32(&bfloats, &mut wide);
        assert!(bfloats.iter().zip(&wide).all(|(&h, &v)| u32::from(h) << 16 == v.to_bits()));
        kernels.f32_to_bf16(&wide, &mut back);
        assert_eq!(back, bfloats);
    }
}

#[test]
fn narrowing_rounds_halves_to_even() {
    let mut x = every_size();
    x.extend([1.0 + 1.0 / 2048.0, 1.0 + 3.0 / 2048.0, 65519.9, 65520.0, 2.98e-8, 2.99e-8]);
    for kernels in all() {
        let (mut halves, mut bfloats) = (vec![0; x.len()], vec![0; x.len()]);
        kernels.f32_to_f16(&x, &mut halves);
        kernels.f32_to_bf16(&x, &mut bfloats);
        for (i, &v) in x.iter().enumerate() {
            assert_eq!(halves[i], f16::from_f32(v).to_bits(), "{v}");
            assert_eq!(bfloats[i], bf16::from_f32(v).to_bits(), "{v}");
        }
    }
}

#[test]
fn codes_are_nearest_and_use_their_range() {
    for kernels in all() {
        for (width, most) in CODE_WIDTHS {
            for n in [32, 64, 96, 33, 1, 576] {
                codes_are_nearest(kernels, (width, most), &Random(13).normals(n));
            }
        }
    }
}

fn codes_are_nearest(kernels: &Kernels, (width, most): (CodeWidth, i32), x: &[f32]) {
    let mut buffer = CodeBuffer::new(width, 1, x.len());
    kernels.quantize_row(x, buffer.row_mut(0));
    let (tile, bytes) = (buffer.view().tile(0), width.bytes());
    for (span, x) in x.chunks(BLOCK * codes::span_of(bytes)).enumerate() {
        let greatest = x.iter().fold(0f32, |a, v| a.max(v.abs()));
        let mut used = 0;
        for (block, x) in x.chunks(BLOCK).enumerate() {
            let block = span * codes::span_of(bytes) + block;
            let codes: Vec<i32> =
                (0..BLOCK).map(|col| code(kernels, width, &tile, 0, block * BLOCK + col)).collect();
            let sum = |range: std::ops::Range<usize>| codes[range].iter().sum::<i32>();
            let word = |word: usize| tile.word(bytes, block, word, 0) as i32;
            assert_eq!(tile.float(bytes, block, codes::SCALE, 0), greatest / most as f32);
            assert_eq!(tile.float(bytes, block, codes::SUM, 0), sum(0..32) as f32);
            assert_eq!(word(codes::MINUS_8), -8 * sum(0..32));
            assert_eq!(word(codes::MINUS_128), -128 * sum(0..32));
            assert_eq!(
                [word(codes::MINUS_32), word(codes::MINUS_32 + 1)],
                [-32 * sum(0..16), -32 * sum(16..32)]
            );
            for (&code, &x) in codes.iter().zip(x) {
                assert_eq!(code, (x * (most as f32 / greatest)).round_ties_even() as i32);
            }
            used = codes.iter().fold(used, |used, code| used.max(code.abs()));
        }
        assert_eq!(used, most);
    }
}

#[test]
fn every_code_of_16_bits_comes_back() {
    for kernels in all() {
        for first in (-32639..=32639).step_by(31) {
            let codes: Vec<i32> =
                std::iter::once(32639).chain((0..31).map(|i| (first + i).min(32639))).collect();
            let mut buffer = CodeBuffer::new(CodeWidth::Bits16, 1, 32);
            let x: Vec<f32> = codes.iter().map(|&code| code as f32).collect();
            kernels.quantize_row(&x, buffer.row_mut(0));
            let tile = buffer.view().tile(0);
            let found: Vec<i32> =
                (0..32).map(|col| code(kernels, CodeWidth::Bits16, &tile, 0, col)).collect();
            assert_eq!(found, codes, "{:?}", kernels.isa());
        }
    }
}

#[test]
fn zeros_and_specks_quantise_to_zero() {
    for kernels in all() {
        for (width, _) in CODE_WIDTHS {
            for speck in [0.0, 1e-45, -1e-38] {
                let mut buffer = CodeBuffer::new(width, 1, 32);
                kernels.quantize_row(&[speck; 32], buffer.row_mut(0));
                let tile = buffer.view().tile(0);
                assert!(tile.words.iter().all(|&word| word == 0), "{:?}", tile.words);
            }
        }
    }
}
