//! Offsets without the spaces of byte-level tokens.

use crate::tokenizer::encoding::Encoding;

/// What a space is in a byte-level token.
const SPACE: char = '\u{120}';

/// Removes leading and trailing spaces from the offsets of an encoding and of its overflowing pieces.
pub(super) fn trim<'a>(
    encoding: &mut Encoding,
    spaces: Option<bool>,
    name: &impl Fn(u32) -> Option<&'a str>,
) {
    let Some(prefix) = spaces else { return };
    trim_one(encoding, prefix, name);
    encoding.overflowing.iter_mut().for_each(|piece| trim_one(piece, prefix, name));
}

fn trim_one<'a>(encoding: &mut Encoding, prefix: bool, name: &impl Fn(u32) -> Option<&'a str>) {
    let mut named = encoding.named.iter().peekable();
    for (i, (&id, offsets)) in encoding.ids.iter().zip(&mut encoding.offsets).enumerate() {
        let text = match named.next_if(|(place, _)| *place == i) {
            Some((_, text)) => Some(text.as_str()),
            None => name(id),
        };
        let Some(text) = text.filter(|text| may_trim(text)) else { continue };
        let mut leading = text.chars().take_while(|&c| is_space(c)).count() as u32;
        let trailing = text.chars().rev().take_while(|&c| is_space(c)).count() as u32;
        if leading > 0 {
            // One space at the beginning is the inserted prefix space.
            if (i == 0 || offsets.0 == 0) && prefix && leading == 1 {
                leading = 0;
            }
            offsets.0 = (offsets.0 + leading).min(offsets.1);
        }
        if trailing > 0 && offsets.1 >= trailing {
            offsets.1 = (offsets.1 - trailing).max(offsets.0);
        }
    }
}

fn is_space(c: char) -> bool {
    c == SPACE || c.is_whitespace()
}

/// Most tokens begin and end in letters, which two bytes show.
fn may_trim(text: &str) -> bool {
    let plain = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    let bytes = text.as_bytes();
    !(plain(bytes.first()) && plain(bytes.last()))
}
