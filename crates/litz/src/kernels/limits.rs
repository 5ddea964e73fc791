//! What this machine allows, measured: the read bandwidth and the FMA peak that benchmarks divide by.

use std::hint::black_box;
use std::time::Instant;

/// Bytes a second that `threads` threads read together from `bytes` of memory: the best of `rounds` passes.
///
/// Choose far more bytes than the last cache level holds, or say that it is a cache that was measured.
pub fn read_bandwidth(threads: usize, bytes: usize, rounds: usize) -> f64 {
    let words = on_huge_pages((bytes / 8).max(threads));
    let share = words.len().div_ceil(threads.max(1));
    let mut best = 0.0f64;
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        std::thread::scope(|scope| {
            for part in words.chunks(share) {
                scope.spawn(move || black_box(part.iter().fold(0u64, |sum, word| sum.wrapping_add(*word))));
            }
        });
        best = best.max(words.len() as f64 * 8.0 / start.elapsed().as_secs_f64());
    }
    best
}

/// Ones, on huge pages where the system has them: small pages would be measured as slower memory.
fn on_huge_pages(len: usize) -> Vec<u64> {
    let mut words = Vec::<u64>::with_capacity(len);
    #[cfg(target_os = "linux")]
    {
        let page = 4096;
        let start = (words.as_mut_ptr() as usize).next_multiple_of(page);
        let end = (words.as_mut_ptr() as usize + 8 * len) / page * page;
        if start < end {
            // SAFETY: whole pages of the vector's own memory; the call is advice and changes no content.
            unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_HUGEPAGE) };
        }
    }
    words.resize(len, 1);
    words
}

/// Single-precision operations a second (a fused multiply-add counts two) of `threads` threads together, with the
/// widest vectors that `width` allows: 512, 256, or 0 for plain code.
pub fn fma_peak(threads: usize, width: usize, rounds: usize) -> f64 {
    peak(threads, rounds, || fma_loop(width, STEPS))
}

/// Operations a second of the dot product of bfloats in 512 bits (two products and two sums a lane), 0 without it.
pub fn bf16_peak(threads: usize, rounds: usize) -> f64 {
    peak(threads, rounds, || bf16_loop(STEPS / 4))
}

/// Operations a second (a product and a sum count two) of unsigned by signed bytes, summed in 32 bits, with the widest
/// vectors that `width` allows: 512 or 256, 0 without either.
pub fn int8_peak(threads: usize, width: usize, rounds: usize) -> f64 {
    peak(threads, rounds, || int8_loop(width, STEPS))
}

const STEPS: usize = 2_000_000;

/// The most operations a second in `rounds`; `work` returns how many it did.
fn peak(threads: usize, rounds: usize, work: impl Fn() -> usize + Sync) -> f64 {
    let mut best = 0.0f64;
    for _ in 0..rounds.max(1) {
        let start = Instant::now();
        let operations: usize = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(&work)).collect();
            running.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
        });
        best = best.max(operations as f64 / start.elapsed().as_secs_f64());
    }
    best
}

/// Runs `steps` rounds of independent chains; returns the operations done.
fn fma_loop(width: usize, steps: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if width >= 512 && is_x86_feature_detected!("avx512f") {
            // SAFETY: the feature was detected on the line above.
            return unsafe { fma_512(steps) };
        }
        if width >= 256 && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: both features were detected on the line above.
            return unsafe { fma_256(steps) };
        }
    }
    let _ = width;
    fma_plain(steps)
}

/// As `fma_loop`.
fn bf16_loop(steps: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16") {
        // SAFETY: the features were detected on the line above.
        return unsafe { bf16_512(steps) };
    }
    let _ = steps;
    0
}

/// As `fma_loop`.
fn int8_loop(width: usize, steps: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if width >= 512 && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni") {
            // SAFETY: the features were detected on the line above.
            return unsafe { int8_512(steps) };
        }
        if width >= 256 && is_x86_feature_detected!("avx2") {
            // SAFETY: the feature was detected on the line above.
            return unsafe { int8_256(steps) };
        }
    }
    let _ = (width, steps);
    0
}

const CHAINS: usize = 12; // enough independent sums to hide the latency of the unit

fn fma_plain(steps: usize) -> usize {
    let (a, b) = (black_box([0.999f32; 4]), black_box([0.001f32; 4]));
    let mut sums = [[0.0f32; 4]; CHAINS];
    for _ in 0..steps {
        for sum in &mut sums {
            for lane in 0..4 {
                sum[lane] = sum[lane] * a[lane] + b[lane];
            }
        }
    }
    black_box(sums);
    steps * CHAINS * 4 * 2
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn fma_256(steps: usize) -> usize {
    use std::arch::x86_64::*;
    let (a, b) = (_mm256_set1_ps(black_box(0.999)), _mm256_set1_ps(black_box(0.001)));
    let mut sums = [_mm256_setzero_ps(); CHAINS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm256_fmadd_ps(*sum, a, b);
        }
    }
    black_box(sums);
    steps * CHAINS * 8 * 2
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn fma_512(steps: usize) -> usize {
    use std::arch::x86_64::*;
    let (a, b) = (_mm512_set1_ps(black_box(0.999)), _mm512_set1_ps(black_box(0.001)));
    let mut sums = [_mm512_setzero_ps(); CHAINS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_fmadd_ps(*sum, a, b);
        }
    }
    black_box(sums);
    steps * CHAINS * 16 * 2
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn bf16_512(steps: usize) -> usize {
    use std::arch::x86_64::*;
    // SAFETY: both are 64 bytes; 0x3f80 is 1.
    let a = unsafe { std::mem::transmute::<[u16; 32], __m512bh>(black_box([0x3f80; 32])) };
    let mut sums = [_mm512_setzero_ps(); CHAINS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_dpbf16_ps(*sum, a, a);
        }
    }
    black_box(sums);
    steps * CHAINS * 32 * 2
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vnni")]
unsafe fn int8_512(steps: usize) -> usize {
    use std::arch::x86_64::*;
    let a = _mm512_set1_epi8(black_box(1));
    let mut sums = [_mm512_setzero_si512(); CHAINS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_dpbusd_epi32(*sum, a, a);
        }
    }
    black_box(sums);
    steps * CHAINS * 64 * 2
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn int8_256(steps: usize) -> usize {
    use std::arch::x86_64::*;
    let (a, ones) = (_mm256_set1_epi8(black_box(1)), _mm256_set1_epi16(black_box(1)));
    let mut sums = [_mm256_setzero_si256(); CHAINS];
    for _ in 0..steps {
        for sum in &mut sums {
            // The sum takes part, or the products would be made once for all steps.
            let pairs = _mm256_maddubs_epi16(_mm256_xor_si256(a, *sum), a);
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
        }
    }
    black_box(sums);
    steps * CHAINS * 32 * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_does_work() {
        for width in [0, 256, 512] {
            assert!(fma_peak(2, width, 1) > 1e8);
        }
        for width in [256, 512] {
            assert!(int8_peak(2, width, 1) > 1e8);
        }
        assert_eq!(bf16_peak(1, 1) > 1e8, is_x86_feature_detected!("avx512bf16"));
        assert!(read_bandwidth(2, 1 << 24, 1) > 1e8);
    }
}
