//! Encoding: texts that are computed whole, many in one pass, each as if it were alone.

use std::sync::Arc;

use super::{GoOn, Model};
use crate::engine::forward::{Encoded, Hidden, Inputs, Text};
use crate::engine::forward_pass::Lent;
use crate::engine::pass::{Chunk, Outset, Part, Wanted, EMBEDDED};
use crate::engine::program::{HeadSize, Sizes};
use crate::engine::state::Slots;
use crate::{Error, Result};

impl Model {
    /// What the head gives for texts, and their hidden states; asks before every chunk of tokens whether to go on.
    ///
    /// Unsupported where layers are causal and the head a language model's: sequences are for that.
    pub fn encode(&self, texts: &[Text<'_>], head: bool, hidden: Hidden, go_on: GoOn<'_>) -> Result<Encoded> {
        let wanted = Wanted { head, hidden };
        self.check_wanted(wanted)?;
        let mut rows = 0;
        for (index, text) in texts.iter().enumerate() {
            let count = self.check_text(text).map_err(|error| within(index, texts.len(), error))?;
            rows += count;
        }
        let mut encoded = self.room_for(texts.len(), rows, wanted)?;
        let Encoded { head, hidden } = &mut encoded;
        let mut lent = Lent { head, hidden };
        let positions = self.inner.sizes().context.min(1 + last_position(texts));
        let tables = self.inner.ropes.tables(positions)?;
        let mut outset = Outset { total: rows, ..Outset::default() };
        while outset.sequences < texts.len() {
            go_on()?;
            self.run_region(&mut lent, |chunk| {
                chunk.begin(Arc::clone(&tables), wanted, outset);
                self.fill_texts(chunk, &texts[outset.sequences..]);
                outset.outputs += chunk.tokens.len();
                outset.sequences += chunk.spans.len();
                Ok(())
            })?;
        }
        Ok(encoded)
    }

    /// Takes whole texts, as many as a chunk has room for, and at least one.
    fn fill_texts(&self, chunk: &mut Chunk, texts: &[Text<'_>]) {
        let mut room = self.chunk;
        for text in texts {
            let count = self.rows_of(text.inputs);
            if count > room && !chunk.tokens.is_empty() {
                return;
            }
            room = room.saturating_sub(count);
            let embedded;
            let (tokens, embeddings) = match text.inputs {
                Inputs::Tokens(ids) => (ids, &[][..]),
                Inputs::Embeddings(rows) => {
                    embedded = vec![EMBEDDED; count];
                    (&embedded[..], rows)
                }
            };
            chunk.add(Part {
                tokens,
                position: 0,
                positions: text.positions,
                types: text.types,
                tasks: text.tasks,
                keys: text.keys.unwrap_or(count),
                pooled: text.pooled,
                embeddings,
                slots: Slots::new(&mut []),
                long: self.inner.ropes.long_mask(count),
                wanted_from: 0,
            });
        }
    }

    fn rows_of(&self, inputs: Inputs<'_>) -> usize {
        match inputs {
            Inputs::Tokens(ids) => ids.len(),
            Inputs::Embeddings(rows) => rows.len() / self.inner.sizes().embed_width,
        }
    }

    fn check_wanted(&self, wanted: Wanted) -> Result<()> {
        if !self.inner.program.takes_whole_sequences {
            return Err(Error::Unsupported(
                "a causal language model keeps sequences; use forward or hidden_states instead of encode"
                    .to_owned(),
            ));
        }
        if wanted.head && self.inner.sizes().head.is_none() {
            return Err(Error::Value("the model has no head; ask for hidden states only".to_owned()));
        }
        match wanted {
            Wanted { head: false, hidden: Hidden::None } => Err(Error::Value(
                "nothing is asked for, expected the head's outputs or hidden states".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// How many rows a text has.
    fn check_text(&self, text: &Text<'_>) -> Result<usize> {
        let count = self.check_inputs(text.inputs)?;
        let Sizes { context, .. } = self.inner.sizes();
        if count > context {
            return Err(Error::Context(format!(
                "{count} tokens are more than the context of {context}; truncate the text or split it"
            )));
        }
        let keys = text.keys.unwrap_or(count);
        if keys == 0 || keys > count {
            return Err(Error::Value(format!("{keys} keys, expected 1 to {count}, the rows of the text")));
        }
        if let Some(row) = text.pooled.filter(|&row| row >= count) {
            return Err(Error::Value(format!("row {row} is pooled, of {count} rows")));
        }
        let accepts = self.inner.program.accepts;
        within_table("token types", text.types, (count, accepts.types))?;
        within_table("tasks", text.tasks, (count, accepts.tasks))?;
        let Some(positions) = text.positions else { return Ok(count) };
        within_table("positions", Some(positions), (count, context))?;
        if !positions[..keys].is_sorted() || !positions[keys..].is_sorted() {
            return Err(Error::Value(
                "positions go down, expected them to ascend among keys and among the rest".to_owned(),
            ));
        }
        Ok(count)
    }

    fn room_for(&self, texts: usize, rows: usize, wanted: Wanted) -> Result<Encoded> {
        let Sizes { width, layers, head, .. } = self.inner.sizes();
        let head = head
            .filter(|_| wanted.head)
            .map_or(0, |HeadSize { width, pools }| width.saturating_mul(if pools { texts } else { rows }));
        let states = match wanted.hidden {
            Hidden::None => 0,
            Hidden::Last => 1,
            Hidden::Layers => layers + 1,
        };
        let hidden = states * rows.saturating_mul(width);
        Ok(Encoded { head: zeros(head, rows)?, hidden: zeros(hidden, rows)? })
    }
}

fn last_position(texts: &[Text<'_>]) -> usize {
    let last = |text: &Text<'_>| match (text.positions, text.inputs) {
        (Some(positions), _) => positions.iter().max().map_or(0, |&position| position as usize),
        (None, Inputs::Tokens(ids)) => ids.len(),
        (None, Inputs::Embeddings(rows)) => rows.len(),
    };
    texts.iter().map(last).max().unwrap_or(0)
}

fn zeros(count: usize, rows: usize) -> Result<Vec<f32>> {
    let mut values = Vec::new();
    if values.try_reserve_exact(count).is_err() {
        let bytes = count.saturating_mul(4);
        return Err(Error::Memory(format!(
            "the outputs of {rows} tokens need {bytes} bytes, which there are not; encode fewer texts at once"
        )));
    }
    values.resize(count, 0.0);
    Ok(values)
}

fn within_table(name: &str, given: Option<&[u32]>, (count, rows): (usize, usize)) -> Result<()> {
    let Some(given) = given else { return Ok(()) };
    if rows == 0 {
        return Err(Error::Value(format!("{name} were given, but the model has none; leave them out")));
    }
    if given.len() != count {
        return Err(Error::Value(format!("{} {name} for {count} rows, expected one for each", given.len())));
    }
    match given.iter().find(|&&value| value as usize >= rows) {
        Some(value) => Err(Error::Value(format!("{value} among the {name}, expected less than {rows}"))),
        None => Ok(()),
    }
}

/// The error of one text, with its number where there are several.
fn within(index: usize, texts: usize, error: Error) -> Error {
    match error {
        Error::Value(reason) if texts > 1 => Error::Value(format!("text {index}: {reason}")),
        Error::Context(reason) if texts > 1 => Error::Context(format!("text {index}: {reason}")),
        other => other,
    }
}
