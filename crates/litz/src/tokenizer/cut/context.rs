//! What an encoding thread keeps from word to word.

use crate::tokenizer::model::Scratch;
use crate::tokenizer::scan::Space;
use crate::tokenizer::words::Words;

/// The memory and the buffers of a thread.
pub(crate) struct Context<'a> {
    /// The words that came before.
    pub words: &'a mut Words,
    /// The model's buffers.
    pub scratch: &'a mut Scratch,
    /// A word as the model gets it.
    pub marked: String,
    /// The first word of a stretch, with a space before it.
    pub first: String,
    /// Whether the stretch begins with a mark that its text has not.
    pub prepend: bool,
    /// Ids that nobody needs.
    pub unused: Vec<u32>,
    /// The buffers of a scan.
    pub buffers: Buffers,
}

/// The buffers of a scan.
#[derive(Default)]
pub(crate) struct Buffers {
    /// Its own.
    pub space: Space,
    /// Where pieces end.
    pub ends: Vec<u32>,
}

impl<'a> Context<'a> {
    /// Fresh buffers beside what is kept.
    pub fn new(words: &'a mut Words, scratch: &'a mut Scratch) -> Self {
        let (marked, first, unused) = (String::new(), String::new(), Vec::new());
        Self { words, scratch, marked, first, prepend: false, unused, buffers: Buffers::default() }
    }
}
