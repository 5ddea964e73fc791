//! The buffers that an encoding thread reuses from word to word.

use crate::tokenizer::encode::scan::Space;
use crate::tokenizer::encode::word_cache::WordCache;
use crate::tokenizer::stages::model::Scratch;

/// The word cache and the buffers of a thread.
pub(crate) struct Context<'a> {
    /// The words of earlier texts.
    pub words: &'a mut WordCache,
    /// The model's buffers.
    pub scratch: &'a mut Scratch,
    /// A word in the form that the model gets.
    pub marked: String,
    /// The first word of a stretch, with a space before it.
    pub first: String,
    /// Whether a mark is put before the stretch.
    pub prepend: bool,
    /// Ids that are discarded.
    pub unused: Vec<u32>,
    /// The buffers of a scan.
    pub buffers: Buffers,
}

/// The buffers of a scan.
#[derive(Default)]
pub(crate) struct Buffers {
    /// The masks of blocks.
    pub space: Space,
    /// Where pieces end.
    pub ends: Vec<u32>,
}

impl<'a> Context<'a> {
    /// New buffers beside the given ones.
    pub fn new(words: &'a mut WordCache, scratch: &'a mut Scratch) -> Self {
        let (marked, first, unused) = (String::new(), String::new(), Vec::new());
        Self { words, scratch, marked, first, prepend: false, unused, buffers: Buffers::default() }
    }
}
