//! Lists, tuples and dicts.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::Value;
use crate::chat::failure::{fail, Outcome};

/// A tuple of more values than this cannot be a key.
pub(super) const MAX_KEY_VALUES: usize = 1000;

/// Containers nested deeper than this are refused, so that recursion over a value cannot exhaust the stack.
const MAX_DEPTH: u16 = 200;

pub(crate) struct Sequence {
    pub items: Vec<Value>,
    /// The names of the first items of a named tuple.
    pub names: &'static [&'static str],
    pub(super) depth: u16,
    pub(super) weight: usize,
}

#[derive(Clone, Default)]
pub(crate) struct Dict {
    entries: Vec<(Value, Value)>,
    /// The entries of string keys.
    index: HashMap<Arc<str>, usize>,
    /// The entries of numbers: integers, or the bits of other floats.
    numbers: HashMap<(i128, u64), usize>,
    pub(super) depth: u16,
    pub(super) weight: usize,
}

impl Sequence {
    pub fn new(items: Vec<Value>) -> Outcome<Rc<Self>> {
        Self::named(items, &[])
    }

    pub(super) fn named(items: Vec<Value>, names: &'static [&'static str]) -> Outcome<Rc<Self>> {
        let depth = deeper(items.iter().map(Value::depth).max())?;
        let weight = items.iter().fold(1usize, |sum, item| sum.saturating_add(item.weight()));
        Ok(Rc::new(Self { items, names, depth, weight }))
    }
}

fn deeper(deepest: Option<u16>) -> Outcome<u16> {
    match deepest.unwrap_or(0) {
        depth if depth >= MAX_DEPTH => fail(format!("a value is nested more than {MAX_DEPTH} levels deep")),
        depth => Ok(depth + 1),
    }
}

impl Dict {
    pub fn get(&self, key: &Value) -> Option<&Value> {
        match key {
            Value::Str(text) => self.get_str(&text.text),
            _ => self.place(key).map(|i| &self.entries[i].1),
        }
    }

    /// The entry of a key that is no string.
    fn place(&self, key: &Value) -> Option<usize> {
        match number_key(key) {
            Some(number) => self.numbers.get(&number).copied(),
            None => self.entries.iter().position(|(k, _)| k.equals(key)),
        }
    }

    pub fn get_str(&self, key: &str) -> Option<&Value> {
        self.index.get(key).map(|&i| &self.entries[i].1)
    }

    /// Adds or replaces an entry; a key keeps its first place.
    pub fn insert(&mut self, key: Value, value: Value) -> Outcome<()> {
        if !key.hashable() {
            return fail(format!("unhashable type: '{}'", key.type_name()));
        }
        if key.weight() > MAX_KEY_VALUES {
            return fail(format!("a key of more than {MAX_KEY_VALUES} values is not supported"));
        }
        self.weight = self.weight.saturating_add(value.weight() + key.weight());
        self.depth = self.depth.max(deeper(Some(value.depth().max(key.depth())))?);
        let place = match &key {
            Value::Str(text) => self.index.get(&text.text).copied(),
            _ => self.place(&key),
        };
        match place {
            Some(i) => self.entries[i].1 = value,
            None => {
                if let Value::Str(text) = &key {
                    self.index.insert(text.text.clone(), self.entries.len());
                } else if let Some(number) = number_key(&key) {
                    self.numbers.insert(number, self.entries.len());
                }
                self.entries.push((key, value));
            }
        }
        Ok(())
    }

    pub fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }

    pub fn keys(&self) -> Vec<Value> {
        self.entries.iter().map(|(key, _)| key.clone()).collect()
    }
}

/// What equal numbers share; `None` for other values, and for what equals nothing.
fn number_key(key: &Value) -> Option<(i128, u64)> {
    const EXACT: f64 = (1u64 << 53) as f64;
    match key {
        Value::Float(x) if x.fract() == 0.0 && x.abs() <= EXACT => Some((*x as i128, 0)),
        Value::Float(x) if x.fract() != 0.0 && x.is_finite() => Some((0, x.to_bits())),
        Value::Float(_) => None,
        _ => key.as_int().filter(|n| n.unsigned_abs() <= 1 << 53).map(|n| (n, 0)),
    }
}
