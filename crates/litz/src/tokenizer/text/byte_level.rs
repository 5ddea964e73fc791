//! GPT-2's bijection between bytes and printable characters.

use super::{TextPart, Writer};

/// Bytes that stand for themselves; the others take the characters from U+0100 on, in order.
const fn is_printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

const TO_CHAR: [char; 256] = {
    let mut table = ['\0'; 256];
    let mut next = 256;
    let mut byte = 0;
    while byte < 256 {
        if is_printable(byte as u8) {
            table[byte] = byte as u8 as char;
        } else {
            table[byte] = match char::from_u32(next) {
                Some(c) => c,
                None => '\0',
            };
            next += 1;
        }
        byte += 1;
    }
    table
};

const TO_BYTE: [i16; 324] = {
    let mut table = [-1; 324];
    let mut byte = 0;
    while byte < 256 {
        table[TO_CHAR[byte] as usize] = byte as i16;
        byte += 1;
    }
    table
};

/// The character that stands for a byte.
#[inline]
pub(crate) fn to_char(byte: u8) -> char {
    TO_CHAR[byte as usize]
}

/// The byte that a character stands for.
#[inline]
pub(crate) fn to_byte(c: char) -> Option<u8> {
    TO_BYTE.get(c as usize).and_then(|&byte| u8::try_from(byte).ok())
}

/// Appends the characters of these bytes.
pub(crate) fn encode(bytes: &[u8], out: &mut String) {
    out.extend(bytes.iter().map(|&byte| to_char(byte)));
}

/// Like [`encode`], with the origin of each character.
pub(crate) fn encode_part(part: TextPart<'_>, out: &mut Writer) {
    let bytes = part.text.char_indices().flat_map(|(at, c)| {
        let bytes = &part.text.as_bytes()[at..at + c.len_utf8()];
        bytes.iter().map(|&byte| to_char(byte)).zip([0, 1, 1, 1])
    });
    out.changes(part, 0, bytes);
}

/// Appends the bytes of a token; a token with a character that stands for no byte is its own UTF-8.
pub(crate) fn decode(token: &str, out: &mut Vec<u8>) {
    let start = out.len();
    for c in token.chars() {
        match to_byte(c) {
            Some(byte) => out.push(byte),
            None => {
                out.truncate(start);
                out.extend_from_slice(token.as_bytes());
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut text = String::new();
        encode(&bytes, &mut text);
        assert_eq!(text.chars().count(), 256);
        let mut back = Vec::new();
        decode(&text, &mut back);
        assert_eq!(back, bytes);
    }

    #[test]
    fn the_space_is_the_character_that_vocabularies_show() {
        assert_eq!(to_char(b' '), 'Ġ');
        assert_eq!(to_char(b'\n'), 'Ċ');
    }

    #[test]
    fn a_token_outside_the_alphabet_is_its_own_text() {
        let mut back = Vec::new();
        decode("<｜end｜>", &mut back);
        assert_eq!(back, "<｜end｜>".as_bytes());
    }
}
