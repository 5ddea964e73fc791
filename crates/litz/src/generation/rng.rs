//! Random numbers without state: each draw is a function of (seed, stream, step), so neither the batch nor the
//! chunking of a run can change it.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Philox 4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011) keyed by a seed.
#[derive(Clone, Copy, Debug)]
pub struct Philox {
    key: [u32; 2],
}

impl Philox {
    /// A generator for this seed.
    pub fn new(seed: u64) -> Self {
        Self { key: [seed as u32, (seed >> 32) as u32] }
    }

    /// The four words that belong to a counter.
    pub fn words(&self, counter: [u32; 4]) -> [u32; 4] {
        let mut key = self.key;
        let mut block = counter;
        for _ in 0..ROUNDS {
            block = round(block, key);
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        block
    }

    /// A number in [0, 1) with 53 random bits, for one step of one stream.
    pub fn uniform(&self, stream: u64, step: u64) -> f64 {
        let counter = [step as u32, (step >> 32) as u32, stream as u32, (stream >> 32) as u32];
        let words = self.words(counter);
        let bits = (u64::from(words[0]) << 32 | u64::from(words[1])) >> 11;
        bits as f64 / (1u64 << 53) as f64
    }
}

fn round(block: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let (high0, low0) = widening(MULTIPLIERS[0], block[0]);
    let (high1, low1) = widening(MULTIPLIERS[1], block[2]);
    [high1 ^ block[1] ^ key[0], low1, high0 ^ block[3] ^ key[1], low0]
}

fn widening(a: u32, b: u32) -> (u32, u32) {
    let product = u64::from(a) * u64::from(b);
    ((product >> 32) as u32, product as u32)
}

/// A seed for who gave none, from the operating system's randomness that keys the standard hasher.
pub fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_known_answers() {
        assert_eq!(Philox::new(0).words([0; 4]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = Philox::new(u64::MAX).words([u32::MAX; 4]);
        assert_eq!(ones, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi =
            Philox::new(0x299f_31d0_a409_3822).words([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344]);
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn draws_are_uniform_and_streams_differ() {
        let random = Philox::new(7);
        let mean = (0..10_000).map(|step| random.uniform(3, step)).sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        assert_ne!(random.uniform(0, 0), random.uniform(1, 0));
        assert_ne!(random.uniform(0, 0), random.uniform(0, 1));
        assert_eq!(random.uniform(5, 9), Philox::new(7).uniform(5, 9));
    }

    #[test]
    fn two_runs_without_a_seed_differ() {
        assert_ne!(entropy(), entropy());
    }
}
