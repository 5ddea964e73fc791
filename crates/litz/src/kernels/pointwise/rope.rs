//! Rotary position embeddings of one head, in both pairings.

/// Rotates `(x[i], x[i + dim / 2])` by the i-th angle, where `dim / 2 = cos.len()`; the rest of `x` stays.
#[inline(always)]
pub(in crate::kernels) fn rope_half<S>(_: S, x: &mut [f32], cos: &[f32], sin: &[f32]) {
    let half = cos.len();
    let (low, high) = x[..2 * half].split_at_mut(half);
    for i in 0..half {
        let (a, b) = (low[i], high[i]);
        low[i] = a * cos[i] - b * sin[i];
        high[i] = b * cos[i] + a * sin[i];
    }
}

/// Rotates `(x[2i], x[2i + 1])` by the i-th angle; what follows `2 * cos.len()` stays.
#[inline(always)]
pub(in crate::kernels) fn rope_interleaved<S>(_: S, x: &mut [f32], cos: &[f32], sin: &[f32]) {
    let pairs = x.chunks_exact_mut(2).zip(cos.iter().zip(sin));
    for (pair, (cos, sin)) in pairs {
        let (a, b) = (pair[0], pair[1]);
        pair[0] = a * cos - b * sin;
        pair[1] = b * cos + a * sin;
    }
}
