//! Which tables and incarnations are current, as the schema says.

use std::collections::HashMap;

use crate::model::{TableId, TableRef};

use super::Refusal;

/// The current incarnation of every table. Without knowledge everything is admitted.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    incarnations: HashMap<TableId, u32>,
    /// Ids below it were handed out: if not current, they are gone.
    next_table_id: u32,
}

impl Tables {
    pub(crate) fn new(tables: &[TableRef], next_table_id: u32) -> Self {
        let incarnations = tables.iter().map(|table| (table.id, table.incarnation)).collect();
        Tables { known: Some(Known { incarnations, next_table_id }) }
    }

    /// The current incarnation of a table.
    pub(crate) fn current(&self, id: TableId) -> Option<TableRef> {
        let incarnation = *self.known.as_ref()?.incarnations.get(&id)?;
        Some(TableRef { id, incarnation })
    }

    pub(crate) fn check(&self, table: TableRef) -> Result<(), Refusal> {
        let Some(known) = &self.known else {
            return Ok(());
        };
        match known.incarnations.get(&table.id) {
            Some(&current) if table.incarnation == current => Ok(()),
            Some(&current) if table.incarnation > current => Err(Refusal::Behind),
            Some(_) => Err(Refusal::Gone),
            None if table.id.0 < known.next_table_id => Err(Refusal::Gone),
            None => Err(Refusal::Behind),
        }
    }
}
