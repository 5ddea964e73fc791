//! `_core.Model.encode`: bytes of rows become texts, and what comes out becomes bytes.

use litz::engine::{Encoded, Hidden, Inputs, Model, Text};
use litz::{Error, Result};

/// Rows of several texts, one after another.
pub struct Batch<'a> {
    pub lengths: Vec<usize>,
    pub ids: Option<&'a [u8]>,
    pub embeddings: Option<&'a [u8]>,
    pub positions: Option<&'a [u8]>,
    pub types: Option<&'a [u8]>,
    pub tasks: Option<&'a [u8]>,
    pub keys: Option<Vec<usize>>,
    pub pooled: Option<Vec<usize>>,
}

impl Batch<'_> {
    /// What the model gives for all texts.
    pub fn encode(
        &self,
        model: &Model,
        head: bool,
        hidden: Hidden,
        go_on: &mut dyn FnMut() -> Result<()>,
    ) -> Result<Encoded> {
        let rows = self.lengths.iter().try_fold(0_usize, |sum, &count| sum.checked_add(count));
        let rows = rows.ok_or_else(|| Error::Value("lengths beyond any memory".to_owned()))?;
        let ids = numbers("ids", self.ids, rows, u32::from_le_bytes)?;
        let positions = numbers("positions", self.positions, rows, u32::from_le_bytes)?;
        let types = numbers("types", self.types, rows, u32::from_le_bytes)?;
        let tasks = numbers("tasks", self.tasks, rows, u32::from_le_bytes)?;
        let width = model.embed_width();
        let embeddings =
            numbers("embeddings", self.embeddings, rows.saturating_mul(width), f32::from_le_bytes)?;
        let counts = |name: &str, given: &Option<Vec<usize>>| match given {
            Some(given) if given.len() != self.lengths.len() => {
                let (found, texts) = (given.len(), self.lengths.len());
                Err(Error::Value(format!("{found} {name} for {texts} texts, expected one for each")))
            }
            _ => Ok(()),
        };
        counts("keys", &self.keys)?;
        counts("pooled rows", &self.pooled)?;
        let mut texts = Vec::with_capacity(self.lengths.len());
        let mut start = 0;
        for (index, &count) in self.lengths.iter().enumerate() {
            let own = start..start + count;
            let inputs = match (&ids, &embeddings) {
                (Some(ids), None) => Inputs::Tokens(&ids[own.clone()]),
                (None, Some(rows)) => Inputs::Embeddings(&rows[own.start * width..own.end * width]),
                _ => return Err(Error::Value("expected either ids or embeddings, one of them".to_owned())),
            };
            texts.push(Text {
                inputs,
                positions: positions.as_ref().map(|rows| &rows[own.clone()]),
                types: types.as_ref().map(|rows| &rows[own.clone()]),
                tasks: tasks.as_ref().map(|rows| &rows[own.clone()]),
                keys: self.keys.as_ref().map(|keys| keys[index]),
                pooled: self.pooled.as_ref().map(|pooled| pooled[index]),
            });
            start += count;
        }
        model.encode(&texts, head, hidden, go_on)
    }
}

/// Which hidden states a word names.
pub fn hidden(name: &str) -> Result<Hidden> {
    match name {
        "none" => Ok(Hidden::None),
        "last" => Ok(Hidden::Last),
        "layers" => Ok(Hidden::Layers),
        _ => Err(Error::Value(format!("hidden is {name:?}, expected \"none\", \"last\" or \"layers\""))),
    }
}

/// Little-endian numbers of four bytes, exactly so many.
fn numbers<T>(
    name: &str,
    bytes: Option<&[u8]>,
    count: usize,
    read: fn([u8; 4]) -> T,
) -> Result<Option<Vec<T>>> {
    let Some(bytes) = bytes else { return Ok(None) };
    let (all, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() || all.len() != count {
        let found = bytes.len();
        return Err(Error::Value(format!(
            "{name} of {found} bytes, expected 4 for each of {count} numbers: the lengths say so"
        )));
    }
    Ok(Some(all.iter().map(|&four| read(four)).collect()))
}
