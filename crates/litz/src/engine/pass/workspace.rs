//! The memory between the steps of a pass: buffers of rows, each worker's own, and what single steps keep.

use std::any::Any;
use std::ops::Range;

use crate::engine::buffers::{BufferSpec, Forms};
use crate::kernels::{CodeWidth, SharedCodes, SharedSlice};
use crate::shared::{Buffer, CodeRows};

/// Memory of one buffer of the program.
pub(in crate::engine) struct RowBuffer {
    floats: Buffer<f32>,
    bfloats: Buffer<u16>,
    codes: CodeRows,
    cols: usize,
    /// The rows of floats, where they are the caller's.
    lent: Option<SharedSlice<'static, f32>>,
}

impl RowBuffer {
    /// The buffers of a program, with codes of a width, still without rows.
    pub(super) fn all(specs: &[BufferSpec], codes: CodeWidth) -> Vec<Self> {
        let buffer = |spec: &BufferSpec| Self {
            floats: Buffer::new(0),
            bfloats: Buffer::new(0),
            codes: CodeRows::new(codes, spec.cols),
            cols: spec.cols,
            lent: None,
        };
        specs.iter().map(buffer).collect()
    }

    pub(super) fn reserve(&mut self, rows: usize, forms: Forms) {
        let room = |wanted: bool| if wanted { rows } else { 0 };
        self.floats.reserve(room(forms.floats) * self.cols);
        self.bfloats.reserve(room(forms.bfloats) * self.cols);
        self.codes.reserve(room(forms.codes));
    }

    /// The rows of floats.
    pub(in crate::engine) fn rows(&self) -> Rows {
        Rows { floats: self.lent.unwrap_or(self.floats.view()), stride: self.cols }
    }

    /// Lets the rows of floats lie in the caller's memory.
    pub(super) fn lend(&mut self, rows: SharedSlice<'static, f32>) {
        self.lent = Some(rows);
    }

    /// The rows of bfloats.
    pub(in crate::engine) fn bfloats(&self) -> SharedSlice<'static, u16> {
        self.bfloats.view()
    }

    /// The rows of codes.
    pub(in crate::engine) fn codes(&self) -> SharedCodes<'static> {
        self.codes.view()
    }

    /// Rows `first..first + count` as matrices take them; the first is a multiple of 8.
    pub(in crate::engine) fn part(&self, first: usize, count: usize) -> Prepared {
        let all = Prepared {
            codes: self.codes.view(),
            floats: self.rows(),
            bfloats: self.bfloats.view(),
            cols: self.cols,
        };
        all.part(first, count)
    }
}

/// Rows of floats that several workers hold, under the rule of `shared`.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Rows {
    pub(in crate::engine) floats: SharedSlice<'static, f32>,
    /// Elements from one row to the next.
    pub(in crate::engine) stride: usize,
}

impl Rows {
    /// The rows from `first` on, which may be none.
    pub(in crate::engine) fn from(self, first: usize) -> Self {
        Self { floats: self.floats.from((first * self.stride).min(self.floats.len())), ..self }
    }

    /// Some columns of a row.
    ///
    /// # Safety
    /// Nobody writes them for as long as the result lives.
    pub(in crate::engine) unsafe fn get(&self, row: usize, cols: Range<usize>) -> &'static [f32] {
        // SAFETY: the caller's promise.
        unsafe { self.floats.range(self.range(row, cols)) }
    }

    /// Some columns of a row, to be written.
    ///
    /// # Safety
    /// Nobody else reads or writes them for as long as the result lives.
    pub(in crate::engine) unsafe fn get_mut(&self, row: usize, cols: Range<usize>) -> &'static mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { self.floats.range_mut(self.range(row, cols)) }
    }

    fn range(&self, row: usize, cols: Range<usize>) -> Range<usize> {
        row * self.stride + cols.start..row * self.stride + cols.end
    }
}

/// Rows for a matrix, in the forms that were prepared; the others are empty.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Prepared {
    pub(in crate::engine) codes: SharedCodes<'static>,
    pub(in crate::engine) floats: Rows,
    pub(in crate::engine) bfloats: SharedSlice<'static, u16>,
    pub(in crate::engine) cols: usize,
}

impl Prepared {
    /// Rows `first..first + count` of these; the first is a multiple of 8.
    pub(in crate::engine) fn part(self, first: usize, count: usize) -> Self {
        let codes = if self.codes.is_empty() { self.codes } else { self.codes.part(first, count) };
        let bfloats = self.bfloats.from((first * self.cols).min(self.bfloats.len()));
        Self { codes, floats: self.floats.from(first), bfloats, ..self }
    }
}

/// Memory that steps keep from stage to stage: one value of each type.
#[derive(Default)]
pub(in crate::engine) struct Scratch(Vec<Box<dyn Any + Send + Sync>>);

impl Scratch {
    /// The value of this type, which is made when it is first asked for.
    pub(in crate::engine) fn get_mut<T: Any + Default + Send + Sync>(&mut self) -> &mut T {
        let known = self.0.iter().position(|value| value.is::<T>());
        let index = known.unwrap_or_else(|| {
            self.0.push(Box::<T>::default());
            self.0.len() - 1
        });
        self.0[index].downcast_mut().expect("the value was found by its type")
    }

    /// The value of this type, which a plan has made.
    pub(super) fn get<T: Any>(&self) -> &T {
        self.0.iter().find_map(|value| value.downcast_ref()).expect("the step's plan has made it")
    }
}

/// The memory of one worker.
pub(in crate::engine) struct Worker {
    /// For the inputs of up to `DECODE_TOKENS` rows; the other buffers have no rows here.
    pub(in crate::engine) buffers: Vec<RowBuffer>,
    pub(in crate::engine) scratch: Scratch,
    /// The phase that it works on, and the one whose input its buffers hold; both count from 1.
    phase: usize,
    prepared: usize,
}

impl Worker {
    pub(in crate::engine) fn new(specs: &[BufferSpec], codes: CodeWidth) -> Self {
        let mut buffers = RowBuffer::all(specs, codes);
        for (buffer, spec) in buffers.iter_mut().zip(specs) {
            buffer.reserve(spec.worker_rows(), spec.forms);
        }
        Self { buffers, scratch: Scratch::default(), phase: 0, prepared: 0 }
    }

    /// Notes which phase it works on.
    pub(in crate::engine) fn enter(&mut self, phase: usize) {
        self.phase = phase + 1;
    }

    /// Whether this is the worker's first piece of a phase: then it prepares what the others use too.
    pub(in crate::engine) fn is_first_piece(&mut self) -> bool {
        std::mem::replace(&mut self.prepared, self.phase) != self.phase
    }

    /// Forgets what it prepared.
    pub(in crate::engine) fn begin(&mut self) {
        (self.phase, self.prepared) = (0, 0);
    }
}
