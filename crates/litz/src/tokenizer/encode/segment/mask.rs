//! Bit masks of the positions of certain bytes, 64 at a time.

/// A block of text, with zeros past the end.
pub(super) fn block(text: &[u8], start: usize) -> [u8; 64] {
    match text.get(start..start + 64).and_then(|block| block.try_into().ok()) {
        Some(block) => block,
        None => {
            let mut block = [0; 64];
            let rest = text.get(start..).unwrap_or_default();
            block[..rest.len()].copy_from_slice(rest);
            block
        }
    }
}

/// Bit i is set if `test` holds for byte i. It compiles to vector instructions.
#[inline(always)]
pub(super) fn mask(block: &[u8; 64], test: impl Fn(u8) -> bool) -> u64 {
    // Gathers the lowest bit of eight bytes.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut flags = [0u8; 64];
    for (flag, &byte) in flags.iter_mut().zip(block) {
        *flag = u8::from(test(byte));
    }
    let mut mask = 0;
    for (i, flags) in flags.chunks_exact(8).enumerate() {
        let flags = u64::from_le_bytes(flags.try_into().unwrap_or([0; 8]));
        mask |= (flags.wrapping_mul(GATHER) >> 56) << (8 * i);
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_has_its_bit() {
        let text: Vec<u8> = (0..1000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 22) as u8).collect();
        for start in [0, 1, 500, 940, 999, 1000] {
            let found = mask(&block(&text, start), |byte| byte > 90);
            for i in 0..64 {
                let expected = text.get(start + i).is_some_and(|&byte| byte > 90);
                assert_eq!(found >> i & 1 == 1, expected, "{start} {i}");
            }
        }
    }
}
