//! Cos and sin tables of a model's rotations, grown on demand and shared by all sequences.

use std::sync::{Arc, Mutex, PoisonError};

use crate::threads::PerProcess;
use crate::Result;

/// A rotation of pairs of elements.
#[derive(Clone)]
pub(super) struct Rope {
    pub(super) short: Frequencies,
    /// Of sequences of more than so many tokens.
    pub(super) long: Option<(usize, Frequencies)>,
}

/// Radians per position for each pair, and what multiplies cos and sin.
#[derive(Clone)]
pub(super) struct Frequencies {
    pub(super) values: Vec<f64>,
    pub(super) gain: f64,
}

/// One table: cos and sin of every position and pair.
#[derive(Default)]
struct Table {
    cos: Vec<f32>, // position * pairs + pair
    sin: Vec<f32>,
}

impl Table {
    /// Angles are products of f32 numbers, as the reference implementations have them; their cos and sin are exact to the last bit or so.
    fn grow(&mut self, Frequencies { values, gain }: &Frequencies, positions: usize) {
        let gain = *gain as f32;
        for position in self.cos.len() / values.len()..positions {
            for &frequency in values {
                let angle = f64::from(position as f32 * frequency as f32);
                self.cos.push((angle.cos() as f32) * gain);
                self.sin.push((angle.sin() as f32) * gain);
            }
        }
    }
}

/// The tables of all ropes, short and long, for the first `positions`.
#[derive(Default)]
pub(super) struct Tables {
    positions: usize,
    pairs: Vec<usize>,
    tables: Vec<[Option<Table>; 2]>,
}

impl Tables {
    /// Cos and sin for one position; `long` selects the frequencies of long sequences where the rope has them.
    pub(super) fn at(&self, rope: usize, long: bool, position: usize) -> (&[f32], &[f32]) {
        let [short, other] = &self.tables[rope];
        let table = other.as_ref().filter(|_| long).or(short.as_ref()).expect("every rope has a short table");
        let range = position * self.pairs[rope]..(position + 1) * self.pairs[rope];
        (&table.cos[range.clone()], &table.sin[range])
    }
}

/// The ropes of a model.
pub(super) struct Ropes {
    ropes: Vec<Rope>,
    context: usize,
    tables: PerProcess<Mutex<Arc<Tables>>>,
}

impl Ropes {
    pub(super) fn new(ropes: Vec<Rope>, context: usize) -> Self {
        Self { ropes, context, tables: PerProcess::default() }
    }

    /// One bit for every rope whose long frequencies a sequence of this length uses.
    pub(super) fn long_mask(&self, length: usize) -> u32 {
        let long = |rope: &Rope| rope.long.as_ref().is_some_and(|(above, _)| length > *above);
        self.ropes.iter().enumerate().fold(0, |mask, (index, rope)| mask | (u32::from(long(rope)) << index))
    }

    /// Tables that cover positions below `positions`.
    pub(super) fn tables(&self, positions: usize) -> Result<Arc<Tables>> {
        let mut tables = self.tables.get().lock().unwrap_or_else(PoisonError::into_inner);
        if tables.positions < positions {
            let positions = positions.next_power_of_two().max(256).min(self.context.max(positions));
            *tables = Arc::new(self.build(positions));
        }
        Ok(Arc::clone(&tables))
    }

    fn build(&self, positions: usize) -> Tables {
        let table = |frequencies: &Frequencies| {
            let mut table = Table::default();
            table.grow(frequencies, positions);
            table
        };
        let both = |rope: &Rope| {
            let long = rope.long.as_ref().filter(|(above, _)| positions > *above);
            [Some(table(&rope.short)), long.map(|(_, frequencies)| table(frequencies))]
        };
        Tables {
            positions,
            pairs: self.ropes.iter().map(|rope| rope.short.values.len()).collect(),
            tables: self.ropes.iter().map(both).collect(),
        }
    }
}
