//! ALTER TABLE.

use std::collections::BTreeSet;

use starling_cql_lite::ast::{AlterTable, ColumnDefinition, Identifier, Property, TableChange};
use starling_cql_lite::protocol::error::CqlError;

use super::change::{ChangeType, SchemaOutcome, target_keyspace, with_table};
use super::column_type::check_supported;
use super::create_table::add_column;
use super::error::{config, invalid, not_supported};
use super::given_property::properties;
use super::name::COLUMN_NAME_BYTES;
use super::{ColumnKind, Schema, Table};

pub(super) fn alter(
    schema: &Schema,
    current_keyspace: Option<&str>,
    alter: &AlterTable,
) -> Result<SchemaOutcome, CqlError> {
    let keyspace = target_keyspace(current_keyspace, &alter.name)?;
    let name = alter.name.name.name.as_str();
    let Some(before) = schema.table(keyspace, name) else {
        if alter.if_exists {
            return Ok(SchemaOutcome::nothing(schema));
        }
        return Err(invalid(format!("Table '{keyspace}.{name}' doesn't exist")));
    };
    let mut table = Table::clone(before);
    match &alter.change {
        TableChange::Add { if_not_exists, columns } => add(&mut table, columns, *if_not_exists)?,
        TableChange::Drop { timestamp: Some(_), .. } => return Err(not_supported("DROP ... USING TIMESTAMP")),
        TableChange::Drop { if_exists, columns, timestamp: None } => drop(&mut table, columns, *if_exists)?,
        TableChange::Rename { if_exists, names } => rename(&mut table, names, *if_exists)?,
        TableChange::AlterType { .. } => {
            return Err(invalid("Altering column types is no longer supported"));
        }
        TableChange::AlterMask { .. } => return Err(not_supported("MASKED WITH")),
        TableChange::DropCompactStorage => {
            return Err(invalid("Cannot DROP COMPACT STORAGE on table without COMPACT STORAGE"));
        }
        TableChange::Properties(given) => set_options(&mut table, given)?,
    }
    if table == **before {
        return Ok(SchemaOutcome::nothing(schema));
    }
    Ok(SchemaOutcome::table(with_table(schema, table), ChangeType::Updated, keyspace, name))
}

fn add(table: &mut Table, columns: &[ColumnDefinition], if_not_exists: bool) -> Result<(), CqlError> {
    for definition in columns {
        if table.column(&definition.name.name).is_some() {
            if if_not_exists {
                continue;
            }
            return Err(invalid(format!("Column with name '{}' already exists", definition.name)));
        }
        if definition.is_static && !table.has_clustering() {
            return Err(invalid(
                "Static columns are only useful (and thus allowed) if the table has at least one clustering column",
            ));
        }
        let kind = if definition.is_static { ColumnKind::Static } else { ColumnKind::Regular };
        add_column(table, definition, kind)?;
        table.sort_columns();
        check_supported(&definition.name.name, &definition.type_name)?;
        if definition.mask.is_some() {
            return Err(not_supported("MASKED WITH"));
        }
    }
    Ok(())
}

/// The number of a dropped column is never used again, so its old values stay out of sight even if a column of
/// the same name is added later.
fn drop(table: &mut Table, columns: &[Identifier], if_exists: bool) -> Result<(), CqlError> {
    let names: BTreeSet<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    for name in names {
        match table.column(name) {
            Some(column) if column.kind.is_primary_key() => {
                return Err(invalid(format!("Cannot drop PRIMARY KEY column {name}")));
            }
            Some(_) => table.columns.retain(|column| column.name != name),
            None if if_exists => {}
            None => {
                return Err(invalid(format!(
                    "Column {name} was not found in table '{}.{}'",
                    table.keyspace, table.name
                )));
            }
        }
    }
    Ok(())
}

fn rename(table: &mut Table, names: &[(Identifier, Identifier)], if_exists: bool) -> Result<(), CqlError> {
    for (old, new) in names {
        let full_name = format!("{}.{}", table.keyspace, table.name);
        let is_taken = table.column(&new.name).is_some();
        let Some(column) = table.columns.iter_mut().find(|column| column.name == old.name) else {
            if if_exists {
                continue;
            }
            return Err(invalid(format!("Column {old} was not found in table {full_name}")));
        };
        if !column.kind.is_primary_key() {
            return Err(invalid(format!("Cannot rename non PRIMARY KEY column {old}")));
        }
        if is_taken {
            return Err(invalid(format!(
                "Cannot rename column {old} to {new} in table '{full_name}'; another column with that name already exists"
            )));
        }
        if new.name.len() > COLUMN_NAME_BYTES {
            return Err(invalid(format!("Column names must not be longer than {COLUMN_NAME_BYTES} bytes")));
        }
        column.name.clone_from(&new.name);
    }
    Ok(())
}

fn set_options(table: &mut Table, given: &[Property]) -> Result<(), CqlError> {
    let properties = properties(given)?;
    if properties.contains_key("id") {
        return Err(config("Cannot alter table id."));
    }
    table.options = table.options.with_properties(&properties)?;
    Ok(())
}
