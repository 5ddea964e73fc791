//! Stripping of one character from both ends of a text that comes in chunks.

/// Which character, and how often at most at either end.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    pub content: char,
    pub start: usize,
    pub stop: usize,
}

/// Where a text is.
#[derive(Default)]
pub(super) struct Stripped {
    leading: usize, // characters that were stripped
    passed: bool,   // something else than the character has come
    waiting: usize, // characters held back: they go if nothing follows
}

impl Strip {
    /// Appends what is certain after this chunk; nothing is left to do at the end.
    pub fn feed(&self, mut chunk: &[u8], state: &mut Stripped, out: &mut Vec<u8>) {
        let mut buffer = [0; 4];
        let mark = self.content.encode_utf8(&mut buffer).as_bytes();
        while !chunk.is_empty() {
            if let Some(rest) = chunk.strip_prefix(mark) {
                chunk = rest;
                if !state.passed && state.leading < self.start {
                    state.leading += 1;
                } else if state.waiting < self.stop {
                    state.waiting += 1;
                } else {
                    out.extend_from_slice(mark);
                }
                continue;
            }
            state.passed = true;
            (0..std::mem::take(&mut state.waiting)).for_each(|_| out.extend_from_slice(mark));
            if self.stop == 0 {
                out.extend_from_slice(chunk);
                return;
            }
            let next = chunk.windows(mark.len()).position(|window| window == mark).unwrap_or(chunk.len());
            out.extend_from_slice(&chunk[..next]);
            chunk = &chunk[next..];
        }
    }

    /// A whole text.
    pub fn strip(&self, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        self.feed(text, &mut Stripped::default(), &mut out);
        out
    }
}
