//! The tokens of one pass: which sequences they belong to, and which outputs are wanted of them.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::buffers::{Counts, RowsPer, Tiling};
use crate::engine::forward::{Hidden, Outputs};
use crate::engine::rope::Tables;
use crate::engine::state::{Slots, PAGE};

/// Queries whose attention is one unit of work, where there are enough units.
const QUERIES: usize = 128;
/// Tokens of a tile at least.
const MIN_TILE: usize = 16;

/// The id of positions that were fed as embeddings.
pub(in crate::engine) const EMBEDDED: u32 = u32::MAX;

/// What a pass is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct Wanted {
    /// What the head gives.
    pub(in crate::engine) head: bool,
    pub(in crate::engine) hidden: Hidden,
}

impl From<Outputs> for Wanted {
    fn from(outputs: Outputs) -> Self {
        match outputs {
            Outputs::Last | Outputs::All => Self { head: true, hidden: Hidden::None },
            Outputs::Hidden => Self { head: false, hidden: Hidden::Last },
            Outputs::HiddenOfLayers => Self { head: false, hidden: Hidden::Layers },
        }
    }
}

/// Where a chunk's outputs lie among those of the whole call.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::engine) struct Outset {
    /// Outputs that came before, of how many.
    pub(in crate::engine) outputs: usize,
    pub(in crate::engine) total: usize,
    /// Sequences that came before.
    pub(in crate::engine) sequences: usize,
}

/// Consecutive positions of a sequence on their way into a chunk.
pub(in crate::engine) struct Part<'a> {
    pub(in crate::engine) tokens: &'a [u32],
    pub(in crate::engine) position: usize,
    /// Of each token, if they are not `position` and those after it.
    pub(in crate::engine) positions: Option<&'a [u32]>,
    pub(in crate::engine) types: Option<&'a [u32]>,
    pub(in crate::engine) tasks: Option<&'a [u32]>,
    /// How many of the tokens are keys, and which stands for the sequence instead of the first or last.
    pub(in crate::engine) keys: usize,
    pub(in crate::engine) pooled: Option<usize>,
    /// The rows of those that are `EMBEDDED`.
    pub(in crate::engine) embeddings: &'a [f32],
    /// The states, which have room for them.
    pub(in crate::engine) slots: Slots,
    pub(in crate::engine) long: u32,
    /// The first position whose outputs are wanted.
    pub(in crate::engine) wanted_from: usize,
}

/// Consecutive tokens of one sequence.
pub(in crate::engine) struct Span {
    pub(in crate::engine) slots: Slots,
    /// Which ropes rotate by their long frequencies.
    pub(in crate::engine) long: u32,
    /// The first row in the chunk, and its position in the sequence.
    pub(in crate::engine) row: usize,
    pub(in crate::engine) position: usize,
    /// How many tokens it has, and how many of them are keys.
    pub(in crate::engine) len: usize,
    pub(in crate::engine) keys: usize,
    /// The token that stands for the sequence instead of the first or last.
    pub(in crate::engine) pooled: Option<usize>,
}

/// Rows of one span that are worked on together.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Tile {
    pub(in crate::engine) span: usize,
    /// The first row, counted from the span's first.
    pub(in crate::engine) start: usize,
    pub(in crate::engine) count: usize,
}

/// Tokens that go through the steps together. Row `i` of a buffer belongs to token `i`.
#[derive(Default)]
pub(in crate::engine) struct Chunk {
    pub(in crate::engine) tokens: Vec<u32>,
    /// Of each token; types and tasks are empty where all are 0.
    pub(in crate::engine) positions: Vec<u32>,
    pub(in crate::engine) types: Vec<u32>,
    pub(in crate::engine) tasks: Vec<u32>,
    pub(in crate::engine) spans: Vec<Span>,
    /// The tokens of a sequence that share a page.
    pub(in crate::engine) pages: Vec<Tile>,
    /// For each tiling of the program, its tiles.
    pub(in crate::engine) tiles: Vec<Vec<Tile>>,
    /// Rows whose outputs are wanted; output `i` is row `i` of the logits.
    pub(in crate::engine) outputs: Vec<usize>,
    pub(in crate::engine) wanted: Wanted,
    pub(in crate::engine) outset: Outset,
    pub(in crate::engine) tables: Arc<Tables>,
    /// The rows that were fed as embeddings, and their embeddings one after another.
    embedded: Vec<usize>,
    embeddings: Vec<f32>,
}

impl Chunk {
    /// Empties it for the next tokens.
    pub(in crate::engine) fn begin(&mut self, tables: Arc<Tables>, wanted: Wanted, outset: Outset) {
        for rows in [&mut self.tokens, &mut self.positions, &mut self.types, &mut self.tasks] {
            rows.clear();
        }
        self.spans.clear();
        self.pages.clear();
        self.outputs.clear();
        self.embedded.clear();
        self.embeddings.clear();
        (self.tables, self.wanted, self.outset) = (tables, wanted, outset);
    }

    /// Adds some positions of a sequence.
    pub(in crate::engine) fn add(&mut self, part: Part<'_>) {
        let (row, span) = (self.tokens.len(), self.spans.len());
        let Part { tokens, position, embeddings, slots, long, wanted_from, keys, pooled, .. } = part;
        let embedded = tokens.iter().enumerate().filter(|(_, &token)| token == EMBEDDED);
        self.embedded.extend(embedded.map(|(index, _)| row + index));
        self.embeddings.extend_from_slice(embeddings);
        self.tokens.extend_from_slice(tokens);
        let positions = position..position + tokens.len();
        match part.positions {
            Some(given) => self.positions.extend_from_slice(given),
            None => self.positions.extend(positions.clone().map(|position| position as u32)),
        }
        extend(&mut self.types, part.types, row, tokens.len());
        extend(&mut self.tasks, part.tasks, row, tokens.len());
        let wanted = position.max(wanted_from)..positions.end;
        self.outputs.extend(wanted.map(|wanted| row + wanted - position));
        self.spans.push(Span { slots, long, row, position, len: tokens.len(), keys, pooled });
        self.pages.extend(cut(span, position, 0..keys, PAGE));
    }

    /// Cuts the spans into tiles, for so many threads.
    pub(in crate::engine) fn cut(&mut self, tilings: &[Tiling], threads: usize) {
        self.tiles.resize_with(tilings.len(), Vec::new);
        for (tiling, tiles) in tilings.iter().zip(&mut self.tiles) {
            let size = tile_size(*tiling, self.tokens.len(), threads);
            tiles.clear();
            for (index, span) in self.spans.iter().enumerate() {
                tiles.extend(cut(index, span.position, 0..span.keys, size));
                tiles.extend(cut(index, span.position, span.keys..span.len, size));
            }
        }
    }

    /// How many of something there are.
    pub(in crate::engine) fn count(&self, rows: RowsPer) -> usize {
        match rows {
            RowsPer::Token => self.tokens.len(),
            RowsPer::Output if self.wanted.head => self.outputs.len(),
            RowsPer::Sequence if self.wanted.head => self.spans.len(),
            RowsPer::Output | RowsPer::Sequence => 0,
            RowsPer::Choice { top_k, .. } => self.tokens.len() * top_k,
        }
    }

    /// How many of each there are.
    pub(in crate::engine) fn counts(&self) -> Counts {
        let [outputs, sequences] = [RowsPer::Output, RowsPer::Sequence].map(|rows| self.count(rows));
        Counts { tokens: self.tokens.len(), outputs, sequences }
    }

    /// Whether no two tokens belong to one sequence.
    pub(in crate::engine) fn has_one_token_a_sequence(&self) -> bool {
        self.spans.len() == self.tokens.len()
    }

    /// The rows of a tile.
    pub(in crate::engine) fn rows(&self, tile: Tile) -> Range<usize> {
        let first = self.spans[tile.span].row + tile.start;
        first..first + tile.count
    }

    /// The span that a row belongs to.
    pub(in crate::engine) fn span_of(&self, row: usize) -> &Span {
        &self.spans[self.spans.partition_point(|span| span.row <= row) - 1]
    }

    /// The positions of a span's keys.
    pub(in crate::engine) fn key_positions(&self, span: &Span) -> &[u32] {
        &self.positions[span.row..span.row + span.keys]
    }

    /// The embedding that was fed instead of a token, of this width.
    pub(in crate::engine) fn embedding(&self, row: usize, width: usize) -> Option<&[f32]> {
        let index = self.embedded.binary_search(&row).ok()?;
        Some(&self.embeddings[index * width..(index + 1) * width])
    }
}

/// Tokens of a tile: enough that a page's keys are read for many queries, as long as every thread has its share.
fn tile_size(Tiling { group, heads }: Tiling, tokens: usize, threads: usize) -> usize {
    let mut size = (QUERIES / group.next_power_of_two()).clamp(MIN_TILE, PAGE);
    while size > MIN_TILE && tokens / size * heads < 4 * threads {
        size /= 2;
    }
    size
}

/// Cuts rows of a span, which begins at a position, at absolute multiples of `size`.
fn cut(span: usize, position: usize, rows: Range<usize>, size: usize) -> impl Iterator<Item = Tile> {
    let (first, end) = (position + rows.start, position + rows.end);
    let starts = (first / size * size..end).step_by(size).filter(move |_| first < end);
    starts.map(move |start| {
        let own = start.max(first)..end.min(start + size);
        Tile { span, start: own.start - position, count: own.len() }
    })
}

/// Appends what was given for `count` rows; zeros where something is given of other rows only.
fn extend(rows: &mut Vec<u32>, given: Option<&[u32]>, before: usize, count: usize) {
    if let Some(given) = given {
        rows.resize(before, 0);
        rows.extend_from_slice(given);
    } else if !rows.is_empty() {
        rows.resize(before + count, 0);
    }
}
