//! Base64 (RFC 4648).

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const INVALID: u8 = 0xFF;

const VALUES: [u8; 256] = {
    let mut values = [INVALID; 256];
    let mut i = 0;
    while i < 64 {
        values[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values
};

/// Appends the decoded bytes of a padded text; false if it is not base64.
pub(crate) fn decode(text: &[u8], out: &mut Vec<u8>) -> bool {
    let padding = text.iter().rev().take(2).take_while(|&&c| c == b'=').count();
    text.len().is_multiple_of(4) && decode_unpadded(&text[..text.len() - padding], out)
}

/// Appends the decoded bytes of a text without its padding; false if it is not base64.
pub(crate) fn decode_unpadded(text: &[u8], out: &mut Vec<u8>) -> bool {
    if text.len() % 4 == 1 {
        return false;
    }
    for group in text.chunks(4) {
        let mut bits = 0u32;
        for (i, &c) in group.iter().enumerate() {
            let value = VALUES[c as usize];
            if value == INVALID {
                return false;
            }
            bits |= u32::from(value) << (18 - 6 * i);
        }
        out.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    true
}

/// The padded text of the bytes.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits =
            (0..3).fold(0u32, |bits, i| bits << 8 | u32::from(group.get(i).copied().unwrap_or_default()));
        for i in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= group.len() { digit as char } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(encode(bytes.as_bytes()), text);
            let mut out = Vec::new();
            assert!(decode(text.as_bytes(), &mut out));
            assert_eq!(out, bytes.as_bytes());
        }
        let bytes: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        assert!(decode(encode(&bytes).as_bytes(), &mut out) && out == bytes);
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["A", "AA", "AAA", "A===", "AA=A", "A b=", "====", "é==="] {
            assert!(!decode(text.as_bytes(), &mut Vec::new()), "{text}");
        }
    }
}
