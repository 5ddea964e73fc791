//! `<0xE4>` tokens. A run of them is text if all of it is UTF-8; otherwise each is U+FFFD.

/// What an unreadable byte becomes.
pub(super) const REPLACEMENT: &[u8] = "\u{FFFD}".as_bytes();

/// The byte of `<0xE4>`.
pub(super) fn byte_token(token: &[u8]) -> Option<u8> {
    let digits = token.strip_prefix(b"<0x")?.strip_suffix(b">")?;
    if digits.len() != 2 {
        return None;
    }
    std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok())
}

/// A run of byte tokens.
#[derive(Default)]
pub(super) struct ByteRun {
    bytes: Vec<u8>,
    valid: usize, // up to here it is text
    broken: bool,
}

impl ByteRun {
    /// Adds a byte. Returns how many bytes are now known not to be UTF-8.
    pub fn push(&mut self, byte: u8) -> usize {
        if self.broken {
            return 1;
        }
        self.bytes.push(byte);
        match std::str::from_utf8(&self.bytes[self.valid..]) {
            Ok(_) => self.valid = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
            Err(_) => {
                self.broken = true;
                return std::mem::take(&mut self.bytes).len();
            }
        }
        0
    }

    /// The characters that are complete, which are no longer part of the run.
    pub fn take_complete(&mut self) -> Vec<u8> {
        let rest = self.bytes.split_off(std::mem::take(&mut self.valid).min(self.bytes.len()));
        std::mem::replace(&mut self.bytes, rest)
    }

    /// Adds a byte that is to be kept, readable or not.
    pub fn keep(&mut self, byte: u8) {
        self.bytes.push(byte);
        self.valid += 1;
    }

    /// Ends the run: its text, or how many unreadable bytes were held back.
    pub fn end(&mut self) -> std::result::Result<Vec<u8>, usize> {
        let Self { bytes, valid, .. } = std::mem::take(self);
        if valid == bytes.len() {
            Ok(bytes)
        } else {
            Err(bytes.len())
        }
    }
}

/// What a run of bytes becomes.
pub(super) fn write_run(bytes: &[u8], raw: bool, out: &mut Vec<u8>) {
    if raw || std::str::from_utf8(bytes).is_ok() {
        out.extend_from_slice(bytes);
    } else {
        bytes.iter().for_each(|_| out.extend_from_slice(REPLACEMENT));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_readable_as_a_whole_or_not_at_all() {
        let alphabet = [b'a', 0xC3, 0xA9, 0xE4, 0xBD, 0xA0, 0xF0, 0x9F, 0xFF];
        for seed in 0..9usize.pow(5) {
            let bytes: Vec<u8> = (0..5).map(|i| alphabet[seed / 9usize.pow(i) % 9]).collect();
            let (mut run, mut unreadable) = (ByteRun::default(), 0);
            bytes.iter().for_each(|&byte| unreadable += run.push(byte));
            let end = run.end();
            match std::str::from_utf8(&bytes) {
                Ok(_) => assert_eq!((unreadable, end), (0, Ok(bytes))),
                Err(_) => {
                    assert_eq!(unreadable + end.map_or_else(|rest| rest, |rest| rest.len()), 5, "{bytes:?}")
                }
            }
        }
    }
}
