//! The tokens of one pass: which sequences they belong to, and which outputs are wanted of them.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::buffers::{RowsPer, Tiling};
use crate::engine::forward::Outputs;
use crate::engine::rope::Tables;
use crate::engine::state::{Slots, PAGE};

/// Queries whose attention is one unit of work, where there are enough units.
const QUERIES: usize = 128;
/// Tokens of a tile at least.
const MIN_TILE: usize = 16;

/// The id of positions that were fed as embeddings.
pub(in crate::engine) const EMBEDDED: u32 = u32::MAX;

/// Consecutive positions of a sequence on their way into a chunk.
pub(in crate::engine) struct Part<'a> {
    pub(in crate::engine) tokens: &'a [u32],
    pub(in crate::engine) position: usize,
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
    /// How many tokens it has.
    pub(in crate::engine) len: usize,
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
pub(in crate::engine) struct Chunk {
    pub(in crate::engine) tokens: Vec<u32>,
    pub(in crate::engine) spans: Vec<Span>,
    /// The tokens of a sequence that share a page.
    pub(in crate::engine) pages: Vec<Tile>,
    /// For each tiling of the program, its tiles.
    pub(in crate::engine) tiles: Vec<Vec<Tile>>,
    /// Rows whose outputs are wanted; output `i` is row `i` of the logits.
    pub(in crate::engine) outputs: Vec<usize>,
    /// What is wanted, and where the outputs lie among those of the whole call.
    pub(in crate::engine) wanted: Outputs,
    pub(in crate::engine) first: usize,
    pub(in crate::engine) total: usize,
    pub(in crate::engine) tables: Arc<Tables>,
    /// The rows that were fed as embeddings, and their embeddings one after another.
    embedded: Vec<usize>,
    embeddings: Vec<f32>,
}

impl Default for Chunk {
    fn default() -> Self {
        Self {
            tokens: Vec::new(),
            spans: Vec::new(),
            pages: Vec::new(),
            tiles: Vec::new(),
            outputs: Vec::new(),
            wanted: Outputs::Last,
            first: 0,
            total: 0,
            tables: Arc::default(),
            embedded: Vec::new(),
            embeddings: Vec::new(),
        }
    }
}

impl Chunk {
    /// Empties it for the next tokens, of whose outputs `first` of `total` positions came before.
    pub(in crate::engine) fn begin(
        &mut self,
        tables: Arc<Tables>,
        wanted: Outputs,
        (first, total): (usize, usize),
    ) {
        self.tokens.clear();
        self.spans.clear();
        self.pages.clear();
        self.outputs.clear();
        self.embedded.clear();
        self.embeddings.clear();
        (self.tables, self.wanted, self.first, self.total) = (tables, wanted, first, total);
    }

    /// Adds some positions of a sequence.
    pub(in crate::engine) fn add(&mut self, part: Part<'_>) {
        let (row, span) = (self.tokens.len(), self.spans.len());
        let Part { tokens, position, embeddings, slots, long, wanted_from } = part;
        let embedded = tokens.iter().enumerate().filter(|(_, &token)| token == EMBEDDED);
        self.embedded.extend(embedded.map(|(index, _)| row + index));
        self.embeddings.extend_from_slice(embeddings);
        self.tokens.extend_from_slice(tokens);
        let positions = position..position + tokens.len();
        let wanted = position.max(wanted_from)..positions.end;
        self.outputs.extend(wanted.map(|wanted| row + wanted - position));
        self.spans.push(Span { slots, long, row, position, len: tokens.len() });
        self.pages.extend(cut(span, positions, PAGE));
    }

    /// Cuts the spans into tiles, for so many threads.
    pub(in crate::engine) fn cut(&mut self, tilings: &[Tiling], threads: usize) {
        self.tiles.resize_with(tilings.len(), Vec::new);
        for (tiling, tiles) in tilings.iter().zip(&mut self.tiles) {
            let size = tile_size(*tiling, self.tokens.len(), threads);
            tiles.clear();
            for (index, span) in self.spans.iter().enumerate() {
                tiles.extend(cut(index, span.position..span.position + span.len, size));
            }
        }
    }

    /// How many of something there are.
    pub(in crate::engine) fn count(&self, rows: RowsPer) -> usize {
        match rows {
            RowsPer::Token => self.tokens.len(),
            RowsPer::Output if self.wanted.are_logits() => self.outputs.len(),
            RowsPer::Output => 0,
            RowsPer::Choice { top_k, .. } => self.tokens.len() * top_k,
        }
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

    /// The position of a row in its sequence.
    pub(in crate::engine) fn position_of(&self, row: usize) -> usize {
        let span = self.span_of(row);
        span.position + row - span.row
    }

    /// The span that a row belongs to.
    pub(in crate::engine) fn span_of(&self, row: usize) -> &Span {
        &self.spans[self.spans.partition_point(|span| span.row <= row) - 1]
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

/// Cuts a span's positions at absolute multiples of `size`.
fn cut(span: usize, positions: Range<usize>, size: usize) -> impl Iterator<Item = Tile> {
    let first = positions.start;
    let starts = (first / size * size..positions.end).step_by(size);
    starts.map(move |start| {
        let own = start.max(first)..positions.end.min(start + size);
        Tile { span, start: own.start - first, count: own.len() }
    })
}
