//! A loaded model: tokens go through its program chunk by chunk.

mod encode;

use std::sync::{Arc, Mutex, PoisonError};

use super::build::{build, takes_whole_sequences};
use super::forward::{Forward, Inputs, Outputs};
use super::forward_pass::{ForwardPass, Lent};
use super::inner::ModelInner;
use super::options::{ActivationDType, LoadOptions};
use super::pass::{Chunk, Outset, Part};
use super::program::{Program, Sizes};
use super::rope::Ropes;
use super::sequence::Sequence;
use super::state::{CacheDType, PAGE};
use crate::formats::TensorFile;
use crate::kernels::Kernels;
use crate::spec::{Head, Spec};
use crate::threads::{available_threads, PerProcess, Pool};
use crate::weights::{LoadReport, Loader, Storage, WeightSource};
use crate::{memory, Error, Result};

/// What a model needs besides its weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Bytes that a sequence keeps whatever its length.
    pub fixed: usize,
    /// Bytes that a sequence keeps for every token.
    pub per_token: usize,
    /// Bytes of working memory for a chunk of tokens.
    pub scratch: usize,
}

impl Memory {
    /// Bytes that a sequence of this length keeps: whole pages.
    pub fn sequence(&self, tokens: usize) -> usize {
        self.per_token.saturating_mul(tokens.div_ceil(PAGE).saturating_mul(PAGE)).saturating_add(self.fixed)
    }
}

/// A model that is ready to run. Safe to use from several threads; sequences are independent of each other.
pub struct Model {
    inner: Arc<ModelInner>,
    spec: Spec,
    pool: Pool,
    chunk: usize,
    /// Regions that are over; one is used again when no late worker looks at it any more.
    passes: PerProcess<Mutex<Vec<Arc<ForwardPass>>>>,
    report: LoadReport,
}

/// Asked before every chunk of tokens.
pub(super) type GoOn<'a> = &'a mut dyn FnMut() -> Result<()>;

/// Positions of a sequence that are still to be computed.
struct Job<'a> {
    sequence: &'a mut Sequence,
    next: usize,
    /// How many tokens there were, and of how many the states are still good.
    before: usize,
    computed: usize,
}

impl Job<'_> {
    /// Adds the next positions to a chunk.
    fn add(&mut self, chunk: &mut Chunk, count: usize, outputs: Outputs) -> Result<()> {
        let (positions, len) = (self.next..self.next + count, self.sequence.tokens().len());
        self.sequence.reserve(positions.end)?;
        let (slots, long) = (self.sequence.slots(positions.end), self.sequence.long());
        chunk.add(Part {
            tokens: &self.sequence.tokens()[positions.clone()],
            position: positions.start,
            embeddings: self.sequence.embeddings(positions.clone()),
            slots,
            long,
            wanted_from: if outputs == Outputs::Last { len - 1 } else { self.before },
            keys: count,
            pooled: None,
            positions: None,
            types: None,
            tasks: None,
        });
        self.next = positions.end;
        Ok(())
    }

    /// Leaves the sequence as long as it was.
    fn undo(self) {
        self.sequence.undo(self.before, self.computed);
    }
}

impl Model {
    /// Checks every weight against the spec, then maps, packs or converts it; fails before that if memory cannot hold it.
    pub fn load(
        spec: Spec,
        files: &[TensorFile],
        sources: &[WeightSource],
        options: &LoadOptions,
    ) -> Result<Self> {
        Self::load_with(spec, files, sources, options, Kernels::detect()?)
    }

    /// `load` with kernels of a given form.
    pub fn load_with(
        spec: Spec,
        files: &[TensorFile],
        sources: &[WeightSource],
        options: &LoadOptions,
        kernels: &'static Kernels,
    ) -> Result<Self> {
        let (loader, mut program) = prepare(&spec, files, sources, options)?;
        let pool = Pool::new(available_threads(options.threads)?);
        let scratch = program.bytes(options.chunk);
        let report = loader.finish(scratch, memory::available().as_ref(), kernels, &pool)?;
        let activations = options.activations;
        program.resolve_input_dtypes(&|weight| activations.input(kernels, &weight.matrix()));
        let ropes = Ropes::new(program.ropes.clone(), program.sizes.context);
        let inner = ModelInner { program, kernels, ropes, cache: options.cache, activations };
        let (inner, passes) = (Arc::new(inner), PerProcess::default());
        Ok(Self { inner, spec, pool, chunk: options.chunk, passes, report })
    }

    /// What loading would do and need at most; reads no matrix.
    pub fn survey(
        spec: &Spec,
        files: &[TensorFile],
        sources: &[WeightSource],
        options: &LoadOptions,
    ) -> Result<LoadReport> {
        let (loader, program) = prepare(spec, files, sources, options)?;
        loader.survey(program.bytes(options.chunk))
    }

    /// What the model computes.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What loading did.
    pub fn report(&self) -> &LoadReport {
        &self.report
    }

    /// How many threads work on a token.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Elements of a row that stands for a token's embedding.
    pub fn embed_width(&self) -> usize {
        self.inner.sizes().embed_width
    }

    /// What a model of this spec keeps in memory besides its weights.
    pub fn memory(spec: &Spec, cache: CacheDType, chunk: usize) -> Result<Memory> {
        let program = build(spec, &mut Loader::without_values())?;
        let per_token = program.slots.iter().map(|slot| slot.bytes_per_token(cache)).sum();
        let fixed = program.slots.iter().map(|slot| slot.fixed_bytes()).sum();
        Ok(Memory { fixed, per_token, scratch: program.bytes(chunk) })
    }

    /// The logits of every position of a sequence of its own: (time, vocab).
    pub fn logits(&self, ids: &[u32]) -> Result<Vec<f32>> {
        self.outputs_while(Inputs::Tokens(ids), Outputs::All, &mut || Ok(()))
    }

    /// The outputs of a sequence of its own; asks before every chunk of tokens whether to go on, and an error ends it.
    pub fn outputs_while(&self, inputs: Inputs<'_>, outputs: Outputs, go_on: GoOn<'_>) -> Result<Vec<f32>> {
        let mut sequence = self.sequence();
        let mut values = Vec::new();
        self.advance(&mut [(&mut sequence, inputs)], outputs, &mut values, go_on)?;
        Ok(values)
    }

    /// Appends inputs; on failure takes them away again.
    pub(super) fn advance(
        &self,
        batch: &mut [(&mut Sequence, Inputs<'_>)],
        outputs: Outputs,
        values: &mut Vec<f32>,
        go_on: GoOn<'_>,
    ) -> Result<()> {
        self.check_outputs(outputs)?;
        for (sequence, inputs) in batch.iter() {
            self.check(sequence, *inputs)?;
        }
        let mut jobs: Vec<Job<'_>> =
            batch.iter_mut().map(|(sequence, inputs)| append(sequence, *inputs)).collect();
        let outcome = match self.make_room(&jobs, outputs, values) {
            Ok(positions) => self.run(&mut jobs, (outputs, positions), values, go_on),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            jobs.into_iter().for_each(Job::undo);
        }
        outcome
    }

    /// Makes `values` as long as the outputs, and says of how many positions they are.
    fn make_room(&self, jobs: &[Job<'_>], outputs: Outputs, values: &mut Vec<f32>) -> Result<usize> {
        let sizes = self.inner.sizes();
        let positions = match outputs {
            Outputs::Last => jobs.len(),
            _ => jobs.iter().map(|job| job.sequence.tokens().len() - job.before).sum(),
        };
        let (rows, width, name) = match outputs {
            Outputs::Last | Outputs::All => (positions, sizes.head.map_or(0, |head| head.width), "logits"),
            Outputs::Hidden => (positions, sizes.width, "hidden states"),
            Outputs::HiddenOfLayers => {
                (positions.saturating_mul(sizes.layers + 1), sizes.width, "hidden states")
            }
        };
        let count = rows.saturating_mul(width);
        if values.try_reserve(count.saturating_sub(values.len())).is_err() {
            let bytes = count.saturating_mul(4);
            return Err(Error::Memory(format!(
                "the {name} of {positions} tokens need {bytes} bytes, which there are not"
            )));
        }
        values.resize(count, 0.0);
        Ok(positions)
    }

    fn check(&self, sequence: &Sequence, inputs: Inputs<'_>) -> Result<()> {
        if !sequence.belongs_to(&self.inner) {
            return Err(Error::Value("the sequence belongs to another model".to_owned()));
        }
        let (count, before) = (self.check_inputs(inputs)?, sequence.tokens().len());
        let context = self.inner.sizes().context;
        if count > context - before {
            return Err(Error::Context(format!(
                "{count} tokens after {before} are more than the context of {context}; shorten the prompt or ask for fewer"
            )));
        }
        Ok(())
    }

    /// Logits are what a language model's head gives.
    fn check_outputs(&self, outputs: Outputs) -> Result<()> {
        match (outputs, &self.spec.head) {
            (Outputs::Last | Outputs::All, Some(Head::Lm(_)))
            | (Outputs::Hidden | Outputs::HiddenOfLayers, _) => Ok(()),
            (_, None) => {
                Err(Error::Unsupported("logits of a model without a head; ask for hidden states".to_owned()))
            }
            _ => Err(Error::Unsupported(
                "logits of a model whose head is no language model's; use encode".to_owned(),
            )),
        }
    }

    /// How many positions some inputs are.
    fn check_inputs(&self, inputs: Inputs<'_>) -> Result<usize> {
        let Sizes { vocab, embed_width, .. } = self.inner.sizes();
        let count = match inputs {
            Inputs::Tokens(ids) => {
                if let Some(id) = ids.iter().find(|&&id| id as usize >= vocab) {
                    return Err(Error::Value(format!("token {id} is not in the vocabulary of {vocab}")));
                }
                ids.len()
            }
            Inputs::Embeddings(rows) if !rows.len().is_multiple_of(embed_width) => {
                let found = rows.len();
                return Err(Error::Value(format!(
                    "embeddings of {found} numbers, expected rows of {embed_width}"
                )));
            }
            Inputs::Embeddings(rows) => rows.len() / embed_width,
        };
        if count == 0 {
            return Err(Error::Value("no tokens, expected at least one; start with a bos token".to_owned()));
        }
        Ok(count)
    }

    /// Chunk after chunk until all jobs are done.
    fn run(
        &self,
        jobs: &mut [Job<'_>],
        (wanted, total): (Outputs, usize),
        values: &mut [f32],
        go_on: GoOn<'_>,
    ) -> Result<()> {
        let longest = jobs.iter().map(|job| job.sequence.tokens().len()).max().unwrap_or(0);
        let tables = self.inner.ropes.tables(longest)?;
        let mut next = 0;
        let mut outset = Outset { total, ..Outset::default() };
        let (head, hidden) = match wanted {
            Outputs::Last | Outputs::All => (values, &mut [][..]),
            Outputs::Hidden | Outputs::HiddenOfLayers => (&mut [][..], values),
        };
        let mut lent = Lent { head, hidden };
        while next < jobs.len() {
            go_on()?;
            self.run_region(&mut lent, |chunk| {
                chunk.begin(Arc::clone(&tables), wanted.into(), outset);
                next = self.fill(chunk, jobs, next, wanted)?;
                outset.outputs += chunk.outputs.len();
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Runs the chunk that `fill` makes.
    fn run_region(&self, lent: &mut Lent<'_>, fill: impl FnOnce(&mut Chunk) -> Result<()>) -> Result<()> {
        let mut region = self.pass();
        let pass = Arc::get_mut(&mut region).expect("a pass that is handed out has one owner");
        fill(&mut pass.pass.chunk)?;
        pass.plan(lent);
        let outcome = self.pool.run(region.clone());
        self.release(region);
        outcome
    }

    /// Takes up to a chunk of tokens from the jobs, or one whole sequence, and says which job comes next.
    fn fill(
        &self,
        chunk: &mut Chunk,
        jobs: &mut [Job<'_>],
        mut next: usize,
        outputs: Outputs,
    ) -> Result<usize> {
        let mut room = self.chunk;
        while room > 0 && next < jobs.len() {
            let job = &mut jobs[next];
            let left = job.sequence.tokens().len() - job.next;
            let count = match self.inner.program.takes_whole_sequences {
                true if left > room && !chunk.tokens.is_empty() => break,
                true => left,
                false => left.min(room),
            };
            job.add(chunk, count, outputs)?;
            room = room.saturating_sub(count);
            next += usize::from(count == left);
        }
        Ok(next)
    }

    fn pass(&self) -> Arc<ForwardPass> {
        let mut passes = self.passes.get().lock().unwrap_or_else(PoisonError::into_inner);
        let free = passes.iter_mut().position(|pass| Arc::get_mut(pass).is_some());
        match free {
            Some(index) => passes.swap_remove(index),
            None => Arc::new(ForwardPass::new(Arc::clone(&self.inner), self.pool.threads())),
        }
    }

    fn release(&self, pass: Arc<ForwardPass>) {
        let mut passes = self.passes.get().lock().unwrap_or_else(PoisonError::into_inner);
        if passes.len() < 3 {
            passes.push(pass);
        }
    }
}

/// Appends inputs to a sequence.
fn append<'a>(sequence: &'a mut Sequence, inputs: Inputs<'_>) -> Job<'a> {
    let before = sequence.tokens().len();
    sequence.append(inputs);
    let computed = sequence.computed();
    Job { sequence, next: computed, before, computed }
}

/// The program, and the weights that it needs: found and checked, not yet in their places.
fn prepare<'a>(
    spec: &Spec,
    files: &'a [TensorFile],
    sources: &'a [WeightSource],
    options: &LoadOptions,
) -> Result<(Loader<'a>, Program)> {
    spec.check()?;
    if options.chunk == 0 {
        return Err(Error::Value("chunk is 0, expected at least 1".to_owned()));
    }
    let packs = options.activations != ActivationDType::F32;
    let packs_floats = takes_whole_sequences(spec);
    let storage = Storage { dequantize: options.dequantize, packs, packs_floats };
    let mut loader = Loader::new(files, sources, storage)?;
    let program = build(spec, &mut loader)?;
    Ok((loader, program))
}

impl Forward for Model {
    type Sequence = Sequence;

    fn vocab(&self) -> usize {
        self.inner.sizes().vocab
    }

    fn context(&self) -> usize {
        self.inner.sizes().context
    }

    fn sequence(&self) -> Sequence {
        Sequence::new(Arc::clone(&self.inner))
    }

    fn len(&self, sequence: &Sequence) -> usize {
        sequence.tokens().len()
    }

    fn rewind(&self, sequence: &mut Sequence, to: usize) -> Result<usize> {
        let found = sequence.tokens().len();
        if to > found {
            return Err(Error::Value(format!("cannot rewind a sequence of {found} tokens to {to}")));
        }
        Ok(sequence.rewind(to))
    }

    fn fork(&self, sequence: &Sequence, len: usize) -> Result<Sequence> {
        sequence.fork(len)
    }

    fn forward(
        &self,
        batch: &mut [(&mut Sequence, Inputs<'_>)],
        outputs: Outputs,
        values: &mut Vec<f32>,
    ) -> Result<()> {
        self.advance(batch, outputs, values, &mut || Ok(()))
    }
}
