//! Untrusted text never produces special tokens, not even those that the model's vocabulary contains.

use std::ops::Range;

use crate::tokenizer::stages::model::{Scratch, Sink};
use crate::tokenizer::Tokenizer;
use crate::Result;

/// A sink for a part of a piece: it shifts the ranges of tokens.
struct Shifted<'a, S> {
    out: &'a mut S,
    by: usize,
}

impl<S: Sink> Sink for Shifted<'_, S> {
    fn push(&mut self, id: u32, start: usize, end: usize) {
        self.out.push(id, start + self.by, end + self.by);
    }

    fn push_unknown(&mut self, id: u32, start: usize, end: usize) {
        self.out.push_unknown(id, start + self.by, end + self.by);
    }
}

/// The ranges, unless all of the text is trusted.
pub(crate) fn restriction<'r>(trusted: Option<&'r [Range<usize>]>, text: &str) -> Option<&'r [Range<usize>]> {
    trusted.filter(|ranges| !matches!(ranges, [all] if all.start == 0 && all.end >= text.len()))
}

impl Tokenizer {
    /// Writes the tokens of a piece. With `plain`, a special token of the vocabulary in it is split after its
    /// first character, so that the model cannot produce it.
    pub(crate) fn encode_piece(
        &self,
        piece: &str,
        plain: bool,
        scratch: &mut Scratch,
        out: &mut impl Sink,
    ) -> Result<()> {
        let mut rest = 0..piece.len();
        while let Some(cut) = plain.then(|| self.added.inside_spelled(piece, rest.start)).flatten() {
            self.model.encode(&piece[rest.start..cut], scratch, &mut Shifted { out, by: rest.start })?;
            rest.start = cut;
        }
        match rest {
            Range { start: 0, .. } => self.model.encode(piece, scratch, out),
            Range { start, .. } => self.model.encode(&piece[rest], scratch, &mut Shifted { out, by: start }),
        }
    }
}
