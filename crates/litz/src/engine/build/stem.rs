//! What enters a model: the embedding, its projection, learned rows and a norm.

use super::builder::Builder;
use crate::engine::buffers::{BufferId, RowsPer};
use crate::engine::steps::{AddRows, Embed, RowOf};
use crate::spec::Project;
use crate::weights::Weight;
use crate::Result;

/// The embedding, its projection, what is added to it, and its norm; gives the table.
pub(super) fn embedding(builder: &mut Builder<'_, '_>) -> Result<Weight> {
    let (stem, width) = (builder.stem, builder.stem.width);
    let table = builder.loader.table("embed.weight", stem.vocab, width)?;
    let to = match stem.project {
        Some(_) => builder.rows("embedding", width, RowsPer::Token),
        None => builder.residual,
    };
    builder.push(Embed { table: table.clone(), scale: stem.scale, to });
    match stem.project {
        None => add_rows(builder, (to, width))?,
        Some(Project::First) => {
            project(builder, to)?;
            add_rows(builder, (builder.residual, builder.width()))?;
        }
        Some(Project::Last) => {
            add_rows(builder, (to, width))?;
            project(builder, to)?;
        }
    }
    Ok(table)
}

fn project(builder: &mut Builder<'_, '_>, from: BufferId) -> Result<()> {
    let shape = (builder.width(), builder.stem.width);
    let project = builder.term("project_in", shape, builder.stem.project_bias, builder.residual)?;
    builder.matrix(from, project);
    Ok(())
}

/// `x = norm(x + positions + types + tasks)`
fn add_rows(builder: &mut Builder<'_, '_>, (x, width): (BufferId, usize)) -> Result<()> {
    let stem = builder.stem;
    let mut tables = Vec::new();
    if let Some(positions) = stem.positions {
        let row = match positions.skip {
            Some(skip) => RowOf::Counted { skip: skip as u32 },
            None => RowOf::Position { offset: positions.offset },
        };
        tables.push((builder.loader.table("positions.weight", positions.rows, width)?, row));
    }
    if stem.types > 0 {
        tables.push((builder.loader.table("types.weight", stem.types, width)?, RowOf::Type));
    }
    if stem.tasks > 0 {
        tables.push((builder.loader.table("tasks.weight", stem.tasks, width)?, RowOf::Task));
    }
    let norm = match &stem.norm {
        Some(norm) => Some(builder.norm("embed_norm", width, norm)?),
        None => None,
    };
    if !tables.is_empty() || norm.is_some() {
        let spare = builder.rows("spare", width, RowsPer::Token);
        builder.push(AddRows { x, spare, tables, norm, width });
    }
    Ok(())
}
