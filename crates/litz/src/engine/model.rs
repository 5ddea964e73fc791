//! A loaded model, and the trait through which generation drives one.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::build::build;
use super::cache::{bytes_per_token, CacheDType, PAGE};
use super::core::{input, Core};
use super::program::Program;
use super::rope::Ropes;
use super::session::Session;
use super::sources::WeightSource;
use super::spec::{Mixer, Spec};
use super::state::Sequence;
use super::weights::{LoadReport, Loader};
use super::widths::Widths;
use crate::formats::TensorFile;
use crate::kernels::{CodeWidth, Kernels};
use crate::threads::{available_threads, PerProcess, Pool};
use crate::{memory, Error, Result};

/// Something that turns tokens into logits, and keeps sequences between calls.
pub trait Forward: Send + Sync {
    /// What a sequence carries.
    type Sequence: Send;

    /// How many logits a token has.
    fn vocab(&self) -> usize;

    /// The longest sequence.
    fn context(&self) -> usize;

    /// A sequence without tokens.
    fn sequence(&self) -> Self::Sequence;

    /// How many tokens a sequence has.
    fn len(&self, sequence: &Self::Sequence) -> usize;

    /// Forgets all tokens from `len` on; what comes next is as if they had never been.
    fn truncate(&self, sequence: &mut Self::Sequence, len: usize) -> Result<()>;

    /// A sequence of the first `len` tokens that shares nothing with this one; what comes next is the same for both.
    fn fork(&self, sequence: &Self::Sequence, len: usize) -> Result<Self::Sequence>;

    /// Appends each item's tokens (at least one) and leaves the logits of its last token: (batch, vocab).
    ///
    /// After an error the sequences are as long as before it, or empty where that could not be kept.
    fn forward(&self, batch: &mut [(&mut Self::Sequence, &[u32])], logits: &mut Vec<f32>) -> Result<()>;
}

/// What weights are multiplied with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivationDType {
    /// Codes of 16 bits beside quantised weights, which are packed for it; single precision beside floats.
    #[default]
    Auto,
    /// Codes of 8 bits beside quantised weights, and bfloats beside bfloats where the CPU multiplies them.
    Fast,
    /// Single precision: as if the weights were dequantised.
    F32,
}

impl ActivationDType {
    /// The codes that quantised weights meet.
    pub(super) fn codes(self) -> CodeWidth {
        match self {
            ActivationDType::Fast => CodeWidth::Bits8,
            ActivationDType::Auto | ActivationDType::F32 => CodeWidth::Bits16,
        }
    }
}

/// How to load.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LoadOptions {
    /// Threads, unless `LITZ_NUM_THREADS` says otherwise; `None`: the cores that this process may use.
    pub threads: Option<usize>,
    /// Keep all matrices as f32.
    pub dequantize: bool,
    /// How keys and values are kept.
    pub cache: CacheDType,
    /// What quantised weights are multiplied with.
    pub activations: ActivationDType,
    /// The most tokens that are processed at once; results do not depend on it.
    pub chunk: usize,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            threads: None,
            dequantize: false,
            cache: CacheDType::F16,
            activations: ActivationDType::Auto,
            chunk: 256,
        }
    }
}

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
    core: Arc<Core>,
    pool: Pool,
    chunk: usize,
    /// Regions that are over; one is used again when no late worker looks at it any more.
    sessions: PerProcess<Mutex<Vec<Arc<Session>>>>,
    report: LoadReport,
}

/// Asked before every chunk of tokens.
type GoOn<'a> = &'a mut dyn FnMut() -> Result<()>;

/// Positions of a sequence that are still to be computed.
struct Job<'a> {
    sequence: &'a mut Sequence,
    next: usize,
    /// How many tokens are left if it fails.
    kept: usize,
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
        let scratch = Self::memory(&spec, options.cache, options.chunk).scratch;
        let report = loader.finish(scratch, memory::available().as_ref(), kernels, &pool)?;
        let activations = options.activations;
        program.settle(&|weight| input(kernels, activations, &weight.matrix()));
        let ropes = Ropes::new(&spec.ropes, spec.context);
        let core = Arc::new(Core { spec, program, kernels, ropes, cache: options.cache, activations });
        Ok(Self { core, pool, chunk: options.chunk, sessions: PerProcess::default(), report })
    }

    /// What loading would do and need at most; reads no matrix.
    pub fn survey(
        spec: &Spec,
        files: &[TensorFile],
        sources: &[WeightSource],
        options: &LoadOptions,
    ) -> Result<LoadReport> {
        let (loader, _) = prepare(spec, files, sources, options)?;
        loader.survey(Self::memory(spec, options.cache, options.chunk).scratch)
    }

    /// What the model computes.
    pub fn spec(&self) -> &Spec {
        &self.core.spec
    }

    /// What loading did.
    pub fn report(&self) -> &LoadReport {
        &self.report
    }

    /// How many threads work on a token.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// What a model of this spec keeps in memory besides its weights.
    pub fn memory(spec: &Spec, cache: CacheDType, chunk: usize) -> Memory {
        let per_layer = spec.layers.iter().map(|layer| match &layer.mixer {
            Mixer::Attention(attention) => bytes_per_token(attention, cache),
        });
        Memory { fixed: 0, per_token: per_layer.sum(), scratch: Widths::of(spec).bytes(chunk) }
    }

    /// The logits of every position of a sequence of its own: (time, vocab).
    pub fn logits(&self, ids: &[u32]) -> Result<Vec<f32>> {
        self.logits_while(ids, &mut || Ok(()))
    }

    /// `logits`, which asks before every chunk of tokens whether to go on; an error ends it.
    pub fn logits_while(&self, ids: &[u32], go_on: GoOn<'_>) -> Result<Vec<f32>> {
        let mut sequence = self.sequence();
        let mut logits = Vec::new();
        self.advance(&mut [(&mut sequence, ids)], true, &mut logits, go_on)?;
        Ok(logits)
    }

    /// Appends tokens; on failure takes them away again.
    fn advance(
        &self,
        batch: &mut [(&mut Sequence, &[u32])],
        every: bool,
        logits: &mut Vec<f32>,
        go_on: GoOn<'_>,
    ) -> Result<()> {
        for (sequence, ids) in batch.iter() {
            self.check(sequence, ids)?;
        }
        let mut jobs: Vec<Job<'_>> =
            batch.iter_mut().map(|(sequence, ids)| self.job(sequence, ids)).collect();
        let rows = match every {
            true => jobs.iter().map(|job| job.sequence.tokens.len() - job.next).sum(),
            false => jobs.len(),
        };
        let count = rows * self.core.spec.vocab;
        if logits.try_reserve(count.saturating_sub(logits.len())).is_err() {
            let bytes = 4 * count;
            jobs.into_iter().for_each(|job| job.sequence.truncate(job.kept));
            return Err(Error::Memory(format!(
                "the logits of {rows} tokens need {bytes} bytes, which there are not"
            )));
        }
        logits.resize(count, 0.0);
        let outcome = self.run(&mut jobs, every, logits, go_on);
        if outcome.is_err() {
            for job in jobs {
                job.sequence.truncate(job.kept);
            }
        }
        outcome
    }

    fn check(&self, sequence: &Sequence, ids: &[u32]) -> Result<()> {
        let spec = &self.core.spec;
        if !Arc::ptr_eq(&sequence.core, &self.core) {
            return Err(Error::Value("the sequence belongs to another model".to_owned()));
        }
        if ids.is_empty() {
            return Err(Error::Value("no tokens, expected at least one; start with a bos token".to_owned()));
        }
        if let Some(id) = ids.iter().find(|&&id| id as usize >= spec.vocab) {
            return Err(Error::Value(format!("token {id} is not in the vocabulary of {}", spec.vocab)));
        }
        let (before, context) = (sequence.tokens.len(), spec.context);
        if ids.len() > context - before {
            return Err(Error::Context(format!(
                "{} tokens after {before} are more than the context of {context}; shorten the prompt or ask for fewer",
                ids.len()
            )));
        }
        Ok(())
    }

    /// Appends the tokens, and starts from the first when the new length changes the ropes' frequencies.
    fn job<'a>(&self, sequence: &'a mut Sequence, ids: &[u32]) -> Job<'a> {
        let long = self.core.ropes.long_mask(sequence.tokens.len() + ids.len());
        let next = if long == sequence.long { sequence.tokens.len() } else { 0 };
        sequence.tokens.extend_from_slice(ids);
        sequence.long = long;
        Job { sequence, next, kept: next }
    }

    /// Chunk after chunk until all jobs are done.
    fn run(&self, jobs: &mut [Job<'_>], every: bool, logits: &mut [f32], go_on: GoOn<'_>) -> Result<()> {
        let longest = jobs.iter().map(|job| job.sequence.tokens.len()).max().unwrap_or(0);
        let tables = self.core.ropes.tables(longest)?;
        let (mut first, mut row) = (0, 0);
        while first < jobs.len() {
            go_on()?;
            let mut region = self.session();
            let session = Arc::get_mut(&mut region).expect("a session that is handed out has one owner");
            session.begin(Arc::clone(&tables));
            first = self.fill(session, jobs, first, every)?;
            let rows = session.outputs.len();
            let vocab = self.core.spec.vocab;
            session.plan(&mut logits[row * vocab..(row + rows) * vocab]);
            row += rows;
            let outcome = self.pool.run(region.clone());
            self.release(region);
            outcome?;
        }
        Ok(())
    }

    /// Takes up to a chunk of tokens from the jobs, and says which job comes next.
    fn fill(
        &self,
        session: &mut Session,
        jobs: &mut [Job<'_>],
        mut first: usize,
        every: bool,
    ) -> Result<usize> {
        let mut room = self.chunk;
        while room > 0 && first < jobs.len() {
            let job = &mut jobs[first];
            let end = job.sequence.tokens.len().min(job.next + room);
            job.sequence.reserve(end)?;
            let row = session.tokens.len();
            session.add(job.sequence, job.next..end);
            room -= end - job.next;
            job.next = end;
            let done = end == job.sequence.tokens.len();
            if every {
                session.outputs.extend(row..session.tokens.len());
            } else if done {
                session.outputs.push(session.tokens.len() - 1);
            }
            first += usize::from(done);
        }
        Ok(first)
    }

    fn session(&self) -> Arc<Session> {
        let mut sessions = self.sessions.get().lock().unwrap_or_else(PoisonError::into_inner);
        let free = sessions.iter_mut().position(|session| Arc::get_mut(session).is_some());
        match free {
            Some(index) => sessions.swap_remove(index),
            None => Arc::new(Session::new(Arc::clone(&self.core), self.pool.threads())),
        }
    }

    fn release(&self, session: Arc<Session>) {
        let mut sessions = self.sessions.get().lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() < 3 {
            sessions.push(session);
        }
    }
}

/// The program, and the weights that it needs: found and checked, not yet in their places.
fn prepare<'a>(
    spec: &Spec,
    files: &'a [TensorFile],
    sources: &'a [WeightSource],
    options: &LoadOptions,
) -> Result<(Loader<'a>, Program)> {
    spec.validate()?;
    if options.chunk == 0 {
        return Err(Error::Value("chunk is 0, expected at least 1".to_owned()));
    }
    let mut loader = Loader::new(files, sources, options)?;
    let program = build(spec, &mut loader)?;
    Ok((loader, program))
}

impl Forward for Model {
    type Sequence = Sequence;

    fn vocab(&self) -> usize {
        self.core.spec.vocab
    }

    fn context(&self) -> usize {
        self.core.spec.context
    }

    fn sequence(&self) -> Sequence {
        Sequence::new(Arc::clone(&self.core))
    }

    fn len(&self, sequence: &Sequence) -> usize {
        sequence.tokens.len()
    }

    fn truncate(&self, sequence: &mut Sequence, len: usize) -> Result<()> {
        if len > sequence.tokens.len() {
            let found = sequence.tokens.len();
            return Err(Error::Value(format!("cannot cut a sequence of {found} tokens to {len}")));
        }
        sequence.truncate(len);
        Ok(())
    }

    fn fork(&self, sequence: &Sequence, len: usize) -> Result<Sequence> {
        sequence.fork(len)
    }

    fn forward(&self, batch: &mut [(&mut Sequence, &[u32])], logits: &mut Vec<f32>) -> Result<()> {
        self.advance(batch, false, logits, &mut || Ok(()))
    }
}
