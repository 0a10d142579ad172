//! The difference between two schemas, as the epoch log carries it: small where the schema is large.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use starling_storage::model::TableId;

use super::{Keyspace, Schema, Table};

/// What changes a schema into the next one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SchemaDelta {
    /// Keyspaces that are new or changed, each with those of its tables that are; and the next table id.
    put: Schema,
    dropped_keyspaces: Vec<String>,
    /// Keyspace and table.
    dropped_tables: Vec<(String, String)>,
}

impl SchemaDelta {
    /// What changes `from` into `to`. Virtual keyspaces do not count.
    pub fn between(from: &Schema, to: &Schema) -> Self {
        let mut delta = SchemaDelta::default();
        delta.put.next_table_id = to.next_table_id;
        let users = |schema: &Schema| schema.keyspaces.values().filter(|k| !k.is_virtual).cloned().collect::<Vec<_>>();
        for before in users(from) {
            match to.keyspaces.get(&before.name) {
                None => delta.dropped_keyspaces.push(before.name.clone()),
                Some(after) => {
                    let gone = before.tables.keys().filter(|name| !after.tables.contains_key(*name));
                    delta.dropped_tables.extend(gone.map(|name| (before.name.clone(), name.clone())));
                }
            }
        }
        for after in users(to) {
            let before = from.keyspaces.get(&after.name);
            let is_same = |name: &str, table: &Arc<Table>| {
                let held = before.and_then(|before| before.tables.get(name));
                held.is_some_and(|held| Arc::ptr_eq(held, table) || held == table)
            };
            let tables = after.tables.iter().filter(|(name, table)| !is_same(name, table));
            let changed = Keyspace {
                name: after.name.clone(),
                replication: after.replication.clone(),
                durable_writes: after.durable_writes,
                is_virtual: false,
                tables: tables.map(|(name, table)| (name.clone(), table.clone())).collect(),
            };
            let is_head_same = before.is_some_and(|before| {
                before.replication == changed.replication && before.durable_writes == changed.durable_writes
            });
            if !is_head_same || !changed.tables.is_empty() {
                delta.put.keyspaces.insert(after.name.clone(), Arc::new(changed));
            }
        }
        delta
    }

    /// The next schema.
    ///
    /// # Errors
    /// If it does not fit `schema`, or would use an id of a table or a column twice.
    pub fn apply(&self, schema: &Schema) -> Result<Schema, String> {
        if self.put.next_table_id < schema.next_table_id {
            return Err("the next table id went back".into());
        }
        let mut next = schema.clone();
        next.next_table_id = self.put.next_table_id;
        for name in &self.dropped_keyspaces {
            next.keyspaces.remove(name).ok_or_else(|| format!("there is no keyspace {name} to drop"))?;
        }
        for (keyspace, table) in &self.dropped_tables {
            let held = next.keyspaces.get_mut(keyspace).ok_or_else(|| format!("there is no keyspace {keyspace}"))?;
            let removed = Arc::make_mut(held).tables.remove(table);
            removed.ok_or_else(|| format!("there is no table {keyspace}.{table} to drop"))?;
        }
        for (name, put) in &self.put.keyspaces {
            let Some(held) = next.keyspaces.get_mut(name) else {
                check_new_tables(put.tables.values(), schema.next_table_id)?;
                next.keyspaces.insert(name.clone(), put.clone());
                continue;
            };
            let held = Arc::make_mut(held);
            held.replication = put.replication.clone();
            held.durable_writes = put.durable_writes;
            for (name, table) in &put.tables {
                match held.tables.get(name) {
                    Some(before) => check_follows(before, table)?,
                    None => check_new_tables([table], schema.next_table_id)?,
                }
                held.tables.insert(name.clone(), table.clone());
            }
        }
        Ok(next)
    }

    /// Keyspaces whose replication may have changed: those that are new, changed or dropped.
    pub fn keyspaces(&self) -> impl Iterator<Item = &str> {
        let put = self.put.keyspaces.keys().map(String::as_str);
        put.chain(self.dropped_keyspaces.iter().map(String::as_str))
    }
}

/// A new table has a number that was never handed out.
fn check_new_tables<'a>(tables: impl IntoIterator<Item = &'a Arc<Table>>, next_table_id: u32) -> Result<(), String> {
    for table in tables {
        if table.table.id < TableId(next_table_id) {
            return Err(format!("table {}.{} has a number that was used before", table.keyspace, table.name));
        }
    }
    Ok(())
}

/// A changed table keeps its number, its incarnation does not go back, and its new columns have numbers never used.
fn check_follows(before: &Table, after: &Table) -> Result<(), String> {
    let held: BTreeSet<_> = before.columns.iter().map(|column| column.id).collect();
    let is_fresh = |id: starling_storage::model::ColumnId| held.contains(&id) || id.0 >= before.next_column_id;
    let follows = after.table.id == before.table.id
        && after.uuid == before.uuid
        && after.table.incarnation >= before.table.incarnation
        && after.next_column_id >= before.next_column_id
        && after.columns.iter().all(|column| is_fresh(column.id));
    if follows {
        Ok(())
    } else {
        Err(format!("table {}.{} does not follow from what it was", after.keyspace, after.name))
    }
}
