//! One chunk of a forward pass as a parallel region: which tokens, which phases, and the memory between the steps.

use std::ops::Range;
use std::sync::Arc;

use super::cache::PAGE;
use super::core::Core;
use super::program::{Attend, Forms, Linear, Program, Source, Step};
use super::rope::Tables;
use super::routing::Routing;
use super::shared::{lasting, Buffer, CodeRows};
use super::spec::Mixer;
use super::state::{LayerState, Sequence};
use crate::kernels::{AttendState, SharedCodes, SharedSlice, TILE as CODE_TILE};
use crate::threads::Split;

/// Up to this many rows, every worker prepares a matrix's input for itself: that is cheaper than to meet once more.
pub(super) const FEW: usize = 4;
/// Bytes of weights that a piece reads at most, where they meet one token.
pub(super) const PIECE: usize = 512 << 10;
/// Rows that a piece has at least where they meet many tokens, whose block is read once for all of them.
const MANY: usize = 48;
/// The kernels like multiples of this many rows.
pub(super) const ROWS: usize = 16;
/// Queries whose attention is one unit of work, where there are enough units.
const QUERIES: usize = 128;
/// Tokens of a unit at least.
const TILE: usize = 16;

/// Consecutive tokens of one sequence.
pub(super) struct Run {
    pub(super) layers: SharedSlice<'static, LayerState>,
    pub(super) long: u32,
    /// The first row in the chunk, and its position in the sequence.
    pub(super) row: usize,
    pub(super) position: usize,
}

/// Rows of one run that attend together.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub(super) run: usize,
    /// The first row, counted from the run's first.
    pub(super) start: usize,
    pub(super) count: usize,
}

/// What a phase does in its step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stage {
    /// All of a step that has one stage.
    Whole,
    /// Norm and quantise a linear step's input, by tokens.
    Prepare,
    /// Multiply what `Prepare` left, by rows.
    Multiply,
    /// Choose the experts, by tokens.
    Choose,
    /// Sort the choices by expert, in one piece.
    Group,
    /// Both, each worker preparing for itself.
    PrepareAndMultiply,
    /// Norms over all heads of a token, by tokens.
    WholeNorms,
    /// Norm, turn and store keys and values, by page and key head.
    Place,
    /// Attend, by tile and key head.
    Attend,
    /// Attend to one segment of the positions, by tile, key head and segment.
    AttendSegment,
    /// Join the segments, by tile and key head.
    Merge,
    /// `Place` and `Attend`, where no two tokens share a sequence.
    PlaceAndAttend,
    /// `Place` by whoever has the last segment, and `AttendSegment`, where no two tokens share a sequence.
    PlaceAndAttendSegment,
}

/// A phase: a stage of a step, cut into pieces.
pub(super) struct Phase {
    pub(super) step: usize,
    pub(super) stage: Stage,
    pub(super) split: Split,
    /// How many segments of a tile are units of their own.
    pub(super) segments: usize,
}

/// An input in the forms that matrices take.
pub(super) struct Inputs {
    pub(super) floats: Buffer<f32>,
    pub(super) bfloats: Buffer<u16>,
    pub(super) codes: CodeRows,
    pub(super) cols: usize,
}

impl Inputs {
    fn reserve(&mut self, rows: usize, forms: Forms) {
        let room = |wanted: bool| if wanted { rows } else { 0 };
        self.floats.reserve(room(forms.floats) * self.cols);
        self.bfloats.reserve(room(forms.bfloats) * self.cols);
        self.codes.reserve(room(forms.codes));
    }

    /// Rows `first..first + count`; the first is a multiple of 8.
    pub(super) fn part(&self, first: usize, count: usize) -> Ready {
        let (codes, floats, bfloats) = (self.codes.view(), self.floats.view(), self.bfloats.view());
        Ready { codes, floats, stride: self.cols, bfloats, cols: self.cols }.part(first, count)
    }
}

/// Rows for a matrix, in the forms that were prepared; the others are empty.
#[derive(Clone, Copy)]
pub(super) struct Ready {
    pub(super) codes: SharedCodes<'static>,
    pub(super) floats: SharedSlice<'static, f32>,
    /// Elements from one row of floats to the next.
    pub(super) stride: usize,
    pub(super) bfloats: SharedSlice<'static, u16>,
    pub(super) cols: usize,
}

impl Ready {
    /// Rows `first..first + count` of these; the first is a multiple of 8.
    pub(super) fn part(self, first: usize, count: usize) -> Self {
        let codes = if self.codes.is_empty() { self.codes } else { self.codes.part(first, count) };
        let floats = self.floats.from((first * self.stride).min(self.floats.len()));
        let bfloats = self.bfloats.from((first * self.cols).min(self.bfloats.len()));
        Self { codes, floats, bfloats, ..self }
    }
}

/// The memory of one worker.
pub(super) struct Worker {
    /// One for each entry of `Program::inputs`, with room for `FEW` rows.
    pub(super) inputs: Vec<Inputs>,
    /// The phase whose input `inputs` holds, plus one.
    pub(super) prepared: usize,
    /// The choices of few tokens in the layer `routed - 1`.
    pub(super) routing: Routing,
    pub(super) routed: usize,
    pub(super) scores: Vec<f32>,
    /// Rows of the stream's width.
    pub(super) outputs: Buffer<f32>,
    pub(super) queries: Vec<f32>,
    pub(super) total: AttendState,
    pub(super) segment: AttendState,
}

/// Everything that a region's pieces reach.
pub(super) struct Session {
    pub(super) core: Arc<Core>,
    pub(super) tokens: Vec<u32>,
    pub(super) runs: Vec<Run>,
    pub(super) tiles: Vec<Tile>,
    /// The tokens of a sequence that share a page.
    pub(super) places: Vec<Tile>,
    /// Rows whose logits are wanted; output `i` is row `i` of `logits`.
    pub(super) outputs: Vec<usize>,
    pub(super) logits: SharedSlice<'static, f32>,
    pub(super) tables: Arc<Tables>,
    pub(super) phases: Vec<Phase>,
    // Rows of `Widths`, one a token.
    pub(super) stream: Buffer<f32>,
    pub(super) branch: Buffer<f32>,
    pub(super) heads: [Buffer<f32>; 3], // queries, keys, values
    pub(super) mixed: Buffer<f32>,
    pub(super) hidden: Buffer<f32>,
    pub(super) up: Buffer<f32>,
    pub(super) outer: Buffer<f32>,
    pub(super) scores: Buffer<f32>,
    pub(super) gates: Buffer<f32>,
    pub(super) expert_hidden: Buffer<f32>, // a row for each expert that a token chose
    pub(super) expert_up: Buffer<f32>,
    pub(super) routing: Routing,
    pub(super) inputs: Vec<Inputs>,
    pub(super) workers: Vec<Worker>,
    worker_views: SharedSlice<'static, Worker>,
    segments: Vec<AttendState>,
    pub(super) segment_views: SharedSlice<'static, AttendState>,
}

impl Session {
    pub(super) fn new(core: Arc<Core>, threads: usize) -> Self {
        let inputs = || {
            let cols = core.program.inputs.iter();
            cols.map(|kind| Inputs {
                floats: Buffer::new(0),
                bfloats: Buffer::new(0),
                codes: CodeRows::new(core.activations.codes(), kind.cols),
                cols: kind.cols,
            })
            .collect::<Vec<_>>()
        };
        let worker = |_| Worker {
            inputs: inputs(),
            prepared: 0,
            routing: Routing::new(),
            routed: 0,
            scores: Vec::new(),
            outputs: Buffer::new(0),
            queries: Vec::new(),
            total: AttendState::default(),
            segment: AttendState::default(),
        };
        let workers = (0..threads).map(worker).collect();
        let buffer = || Buffer::new(0);
        Self {
            tokens: Vec::new(),
            runs: Vec::new(),
            tiles: Vec::new(),
            places: Vec::new(),
            outputs: Vec::new(),
            logits: lasting(&mut []),
            tables: Arc::default(),
            phases: Vec::new(),
            stream: buffer(),
            branch: buffer(),
            heads: std::array::from_fn(|_| buffer()),
            mixed: buffer(),
            hidden: buffer(),
            up: buffer(),
            outer: buffer(),
            scores: buffer(),
            gates: buffer(),
            expert_hidden: buffer(),
            expert_up: buffer(),
            routing: Routing::new(),
            inputs: inputs(),
            workers,
            worker_views: lasting(&mut []),
            segments: Vec::new(),
            segment_views: lasting(&mut []),
            core,
        }
    }

    /// Empties it for the next chunk.
    pub(super) fn begin(&mut self, tables: Arc<Tables>) {
        self.tokens.clear();
        self.runs.clear();
        self.places.clear();
        self.outputs.clear();
        self.tables = tables;
    }

    /// Adds positions of a sequence, whose layers have room for them.
    pub(super) fn add(&mut self, sequence: &mut Sequence, positions: Range<usize>) {
        let (row, run) = (self.tokens.len(), self.runs.len());
        self.tokens.extend_from_slice(&sequence.tokens[positions.clone()]);
        let layers = lasting(&mut sequence.layers);
        self.runs.push(Run { layers, long: sequence.long, row, position: positions.start });
        self.places.extend(cut(run, positions, PAGE));
    }

    /// Makes room and plans the phases; `logits` has a row for every output.
    pub(super) fn plan(&mut self, logits: &mut [f32]) {
        self.logits = lasting(logits);
        let (tokens, outputs) = (self.tokens.len(), self.outputs.len());
        let core = Arc::clone(&self.core);
        let (program, widths) = (&core.program, &core.program.widths);
        self.stream.reserve(tokens * widths.stream);
        self.branch.reserve(tokens * widths.stream);
        for (heads, width) in self.heads.iter_mut().zip(widths.heads) {
            heads.reserve(tokens * width);
        }
        self.mixed.reserve(tokens * widths.mixed);
        self.hidden.reserve(tokens * widths.hidden);
        self.up.reserve(tokens * widths.hidden);
        self.outer.reserve(tokens * widths.outer);
        if widths.scores > 0 {
            self.reserve_experts(widths, tokens);
        }
        let many = if tokens > FEW { tokens } else { 0 };
        for (inputs, kind) in self.inputs.iter_mut().zip(&program.inputs) {
            inputs.reserve(kind.many(many), kind.forms);
        }
        for worker in &mut self.workers {
            for (inputs, kind) in worker.inputs.iter_mut().zip(&program.inputs) {
                inputs.reserve(kind.few(FEW), kind.forms);
            }
            (worker.prepared, worker.routed) = (0, 0);
        }
        self.worker_views = lasting(&mut self.workers);
        self.tiles.clear();
        for run in 0..self.runs.len() {
            let end = self.runs.get(run + 1).map_or(tokens, |next| next.row);
            let Run { row, position, .. } = self.runs[run];
            self.tiles.extend(cut(run, position..position + end - row, self.tile()));
        }
        self.phases.clear();
        let outputs = outputs.min(tokens);
        (0..program.steps.len()).for_each(|index| self.plan_step(program, index, outputs));
    }

    fn plan_step(&mut self, program: &Program, index: usize, outputs: usize) {
        let threads = self.workers.len();
        let tokens = self.tokens.len();
        let by_tokens = Split::new(tokens, 1, FEW, threads);
        match &program.steps[index] {
            Step::Embed { .. } | Step::Enter { .. } | Step::Sum { .. } | Step::Norm(_) => {
                self.phase(index, Stage::Whole, by_tokens);
            }
            Step::Linear(linear) => {
                let rows = if linear.last { outputs } else { tokens };
                self.plan_linear(index, linear, rows);
            }
            Step::ExpertsUp(experts) => self.plan_experts_up(index, &program.experts[*experts]),
            Step::ExpertsDown(experts) => self.plan_experts_down(index, &program.experts[*experts]),
            Step::Attend(attend) => {
                if !attend.heads_are_independent() {
                    self.phase(index, Stage::WholeNorms, by_tokens);
                }
                self.plan_attention(index, attend);
            }
        }
    }

    /// Tokens of a tile: wide enough that a page's keys serve many queries, as long as every thread has its share.
    fn tile(&self) -> usize {
        let heads = self.core.spec.layers.iter().map(|layer| match &layer.mixer {
            Mixer::Attention(attention) => (attention.group(), attention.kv_heads),
        });
        let (group, heads) = heads.min().unwrap_or((1, 1));
        let mut tile = (QUERIES / group.next_power_of_two()).clamp(TILE, PAGE);
        while tile > TILE && self.tokens.len() / tile * heads < 4 * self.workers.len() {
            tile /= 2;
        }
        tile
    }

    fn plan_attention(&mut self, index: usize, attend: &Attend) {
        let threads = self.workers.len();
        let units = self.tiles.len() * attend.spec.kv_heads;
        let segments = self.tiles.iter().map(|&tile| self.segments_of(attend, tile).len()).max().unwrap_or(0);
        let by_tile = Split::new(units, 1, 1, threads);
        let split = segments > 1 && threads > 1 && units < 4 * threads;
        let alone = self.runs.len() == self.tokens.len();
        if alone && !split {
            return self.phase(index, Stage::PlaceAndAttend, by_tile);
        }
        if !alone {
            let places = Split::new(self.places.len() * attend.spec.kv_heads, 1, 1, threads);
            self.phase(index, Stage::Place, places);
        }
        if !split {
            return self.phase(index, Stage::Attend, by_tile);
        }
        let stage = if alone { Stage::PlaceAndAttendSegment } else { Stage::AttendSegment };
        let parts = Split::new(units * segments, 1, 1, threads);
        self.phases.push(Phase { step: index, stage, split: parts, segments });
        self.phases.push(Phase { step: index, stage: Stage::Merge, split: by_tile, segments });
        if self.segments.len() < units * segments {
            self.segments.resize_with(units * segments, AttendState::default);
        }
        self.segment_views = lasting(&mut self.segments);
    }

    fn plan_linear(&mut self, index: usize, linear: &Linear, rows: usize) {
        let threads = self.workers.len();
        let least = if rows < 16 { 0 } else { MANY };
        let most = (PIECE / (linear.row_bytes() * rows.clamp(1, 16))).max(least);
        let outputs = if rows == 0 { 0 } else { linear.rows() };
        let by_rows = Split::new(outputs, ROWS, most, threads);
        if rows <= FEW {
            self.phase(index, Stage::PrepareAndMultiply, by_rows);
        } else {
            self.phase(index, Stage::Prepare, Split::new(rows, CODE_TILE, CODE_TILE, threads));
            self.phase(index, Stage::Multiply, by_rows);
        }
    }

    pub(super) fn phase(&mut self, step: usize, stage: Stage, split: Split) {
        self.phases.push(Phase { step, stage, split, segments: 1 });
    }

    /// A worker's own memory.
    ///
    /// # Safety
    /// Only the piece that runs on this worker may ask, and keeps one at a time.
    pub(super) unsafe fn worker(&self, worker: usize) -> &'static mut Worker {
        // SAFETY: the caller's promise: a worker runs one piece at a time.
        unsafe { &mut self.worker_views.range_mut(worker..worker + 1)[0] }
    }

    /// The rows that a linear step reads, and their width.
    pub(super) fn source(&self, source: Source) -> (SharedSlice<'static, f32>, usize) {
        let widths = &self.core.program.widths;
        match source {
            Source::Stream => (self.stream.view(), widths.stream),
            Source::Mixed => (self.mixed.view(), widths.mixed),
            Source::Hidden => (self.hidden.view(), widths.hidden),
            Source::Experts => (self.expert_hidden.view(), widths.expert),
            Source::Outer => (self.outer.view(), widths.outer),
        }
    }

    /// How many rows a step has in this chunk: all, or only those whose logits are wanted.
    pub(super) fn row_count(&self, last: bool) -> usize {
        if last {
            self.outputs.len()
        } else {
            self.tokens.len()
        }
    }

    /// The position of a row in its sequence.
    pub(super) fn position_of(&self, row: usize) -> usize {
        let run = self.run_of(row);
        run.position + row - run.row
    }

    /// The run that a row belongs to.
    pub(super) fn run_of(&self, row: usize) -> &Run {
        &self.runs[self.runs.partition_point(|run| run.row <= row) - 1]
    }
}

/// Cuts a run's positions at absolute multiples of `size`.
fn cut(run: usize, positions: Range<usize>, size: usize) -> impl Iterator<Item = Tile> {
    let first = positions.start;
    let starts = (first / size * size..positions.end).step_by(size);
    starts.map(move |start| {
        let own = start.max(first)..positions.end.min(start + size);
        Tile { run, start: own.start - first, count: own.len() }
    })
}
