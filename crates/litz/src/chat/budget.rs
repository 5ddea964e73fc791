//! How much work and memory one rendering may take, in proportion to what it is given.

use std::cell::Cell;

use crate::chat::failure::{fail, Outcome};

/// Deeper calls and nested blocks than this are refused, far from the end of a 2 MB stack.
const MAX_DEPTH: usize = 900;

pub(super) struct Budget {
    steps: Cell<u64>,
    bytes: Cell<u64>,
    depth: Cell<usize>,
}

impl Budget {
    /// For a rendering whose template and variables have `input` bytes.
    pub fn new(input: usize) -> Self {
        let input = input as u64;
        Self {
            steps: Cell::new(3_000_000 + 16 * input),
            bytes: Cell::new((128 << 20) + 256 * input),
            depth: Cell::new(0),
        }
    }

    /// Takes `count` steps: an expression, or an item of an iteration.
    pub fn step(&self, count: usize) -> Outcome<()> {
        match self.steps.get().checked_sub(count as u64) {
            Some(left) => {
                self.steps.set(left);
                Ok(())
            }
            None => fail("the chat template takes too many steps: it may loop without end"),
        }
    }

    /// Takes `bytes` about to be allocated, and the time to fill them.
    pub fn allocate(&self, bytes: usize) -> Outcome<()> {
        match self.bytes.get().checked_sub(bytes as u64) {
            Some(left) => {
                self.bytes.set(left);
                self.step(bytes / 256)
            }
            None => {
                fail("the chat template needs too much memory: it may repeat or double a value without end")
            }
        }
    }

    /// Takes the slots of a list about to be made.
    pub fn slots(&self, count: usize) -> Outcome<()> {
        self.allocate(count.saturating_mul(16))
    }

    pub fn enter(&self) -> Outcome<()> {
        if self.depth.get() >= MAX_DEPTH {
            return fail("the chat template recurses too deeply: a macro may call itself without end");
        }
        self.depth.set(self.depth.get() + 1);
        Ok(())
    }

    pub fn leave(&self) {
        self.depth.set(self.depth.get().saturating_sub(1));
    }
}
