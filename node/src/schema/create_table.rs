//! CREATE TABLE.

use std::collections::{BTreeMap, BTreeSet};

use starling_cql_lite::ast::{ColumnDefinition, CreateTable, Identifier, PrimaryKey};
use starling_cql_lite::protocol::error::CqlError;
use starling_storage::model::{ColumnId, TableId, TableRef};
use uuid::Uuid;

use super::change::{ChangeContext, ChangeType, SchemaOutcome, target_keyspace, with_table};
use super::column_type::{check_key_type, check_supported, resolve_type};
use super::error::{config, invalid, not_supported, table_exists};
use super::given_property::properties;
use super::name::{COLUMN_NAME_BYTES, TABLE_NAME_LENGTH, is_valid_name};
use super::{Column, ColumnKind, Schema, Table, TableOptions};

pub(super) fn create(
    schema: &Schema,
    current_keyspace: Option<&str>,
    create: &CreateTable,
    context: &ChangeContext<'_>,
) -> Result<SchemaOutcome, CqlError> {
    let keyspace = target_keyspace(current_keyspace, &create.name)?;
    let name = create.name.name.name.as_str();
    check_primary_key_count(create)?;
    check_duplicate_columns(name, &create.columns)?;
    if schema.keyspace(keyspace).is_none() {
        return Err(invalid(format!("Keyspace '{keyspace}' doesn't exist")));
    }
    if schema.table(keyspace, name).is_some() {
        if create.if_not_exists {
            return Ok(SchemaOutcome::nothing(schema));
        }
        return Err(table_exists(keyspace, name));
    }
    if !is_valid_name(name, TABLE_NAME_LENGTH) {
        return Err(config(format!(
            "Table name must not be empty, more than {TABLE_NAME_LENGTH} characters long, or contain \
             non-alphanumeric-underscore characters (got \"{name}\")"
        )));
    }
    let mut table = build(keyspace, create)?;
    for column in &create.columns {
        check_supported(&column.name.name, &column.type_name)?;
        if column.mask.is_some() {
            return Err(not_supported("MASKED WITH"));
        }
    }
    if table.uuid.is_nil() {
        table.uuid = context.new_uuid;
    } else if schema.tables().any(|other| other.uuid == table.uuid) {
        return Err(config(format!("A table with id {} already exists", table.uuid)));
    }
    table.table.id = TableId(schema.next_table_id);
    let next_table_id = schema
        .next_table_id
        .checked_add(1)
        .ok_or_else(|| invalid("Cannot create any more tables: all table numbers have been used"))?;
    let mut next = with_table(schema, table);
    next.next_table_id = next_table_id;
    Ok(SchemaOutcome::table(next, ChangeType::Created, keyspace, name))
}

/// The table that a statement defines, without a number, and with the nil UUID unless the statement gives one.
/// Types are resolved, but not restricted to what user tables may hold.
pub(crate) fn build(keyspace: &str, create: &CreateTable) -> Result<Table, CqlError> {
    let name = create.name.name.name.as_str();
    let mut properties = properties(&create.properties)?;
    let uuid = match properties.remove("id") {
        Some(value) => {
            let text = value.as_text("id")?;
            Uuid::parse_str(text).map_err(|_| config("Invalid table id"))?
        }
        None => Uuid::nil(),
    };
    let options = TableOptions::default().with_properties(&properties)?;
    if create.compact_storage {
        return Err(not_supported("COMPACT STORAGE"));
    }
    let primary_key = check_primary_key_count(create)?;
    check_duplicate_columns(name, &create.columns)?;
    let definitions: BTreeMap<&str, &ColumnDefinition> =
        create.columns.iter().map(|column| (column.name.name.as_str(), column)).collect();
    check_primary_key(name, primary_key, &definitions)?;
    let reversed = reversed_columns(name, create, &primary_key.clustering)?;
    let has_static = create.columns.iter().any(|column| column.is_static);
    if has_static && primary_key.clustering.is_empty() {
        return Err(invalid(
            "Static columns are only useful (and thus allowed) if the table has at least one clustering column",
        ));
    }
    let mut table = Table {
        keyspace: keyspace.to_owned(),
        name: name.to_owned(),
        uuid,
        table: TableRef { id: TableId(0), incarnation: 0 },
        next_column_id: 0,
        columns: Vec::with_capacity(create.columns.len()),
        options,
    };
    for definition in &create.columns {
        let kind = column_kind(definition, primary_key, &reversed);
        add_column(&mut table, definition, kind)?;
    }
    table.sort_columns();
    // Numbered in the order shown, so that rows of a fresh table are written in ascending order of id.
    for (number, column) in table.columns.iter_mut().enumerate() {
        column.id = ColumnId(number as u32);
    }
    Ok(table)
}

/// Adds a column under a new number; the caller sorts.
pub(super) fn add_column(table: &mut Table, definition: &ColumnDefinition, kind: ColumnKind) -> Result<(), CqlError> {
    let name = definition.name.name.clone();
    if name.is_empty() {
        return Err(invalid("Column names must not be empty"));
    }
    if name.len() > COLUMN_NAME_BYTES {
        return Err(invalid(format!(
            "Column names must not be longer than {COLUMN_NAME_BYTES} bytes (got {})",
            name.len()
        )));
    }
    let id = ColumnId(table.next_column_id);
    table.next_column_id = table
        .next_column_id
        .checked_add(1)
        .ok_or_else(|| invalid(format!("Table '{}' cannot have any more columns", table.name)))?;
    let cql_type = resolve_type(&table.keyspace, &definition.type_name)?;
    table.columns.push(Column { id, name, cql_type, kind });
    Ok(())
}

fn column_kind(definition: &ColumnDefinition, key: &PrimaryKey, reversed: &BTreeSet<&str>) -> ColumnKind {
    let name = definition.name.name.as_str();
    let position_in = |columns: &[Identifier]| columns.iter().position(|column| column.name == name);
    if let Some(position) = position_in(&key.partition_key) {
        ColumnKind::PartitionKey(position)
    } else if let Some(position) = position_in(&key.clustering) {
        ColumnKind::Clustering { position, reversed: reversed.contains(name) }
    } else if definition.is_static {
        ColumnKind::Static
    } else {
        ColumnKind::Regular
    }
}

fn check_primary_key_count(create: &CreateTable) -> Result<&PrimaryKey, CqlError> {
    match create.primary_keys.as_slice() {
        [only] => Ok(only),
        [] => Err(invalid(format!("No PRIMARY KEY specifed for table '{}' (exactly one required)", create.name))),
        _ => Err(invalid(format!("Multiple PRIMARY KEY specified for table '{}' (exactly one required)", create.name))),
    }
}

fn check_duplicate_columns(table: &str, columns: &[ColumnDefinition]) -> Result<(), CqlError> {
    let mut names = BTreeSet::new();
    for column in columns {
        if !names.insert(column.name.name.as_str()) {
            return Err(invalid(format!("Duplicate column '{}' declaration for table '{table}'", column.name)));
        }
    }
    Ok(())
}

fn check_primary_key(
    table: &str,
    key: &PrimaryKey,
    definitions: &BTreeMap<&str, &ColumnDefinition>,
) -> Result<(), CqlError> {
    let mut seen = BTreeSet::new();
    for column in key.partition_key.iter().chain(&key.clustering) {
        let definition = definitions.get(column.name.as_str()).ok_or_else(|| {
            invalid(format!("Unknown column '{column}' referenced in PRIMARY KEY for table '{table}'"))
        })?;
        if !seen.insert(column.name.as_str()) {
            return Err(invalid(format!("Duplicate column '{column}' in PRIMARY KEY clause for table '{table}'")));
        }
        check_key_type(&column.to_string(), &definition.type_name)?;
        if definition.is_static {
            return Err(invalid(format!("Static column '{column}' cannot be part of the PRIMARY KEY")));
        }
    }
    Ok(())
}

/// The clustering columns that CLUSTERING ORDER BY makes descend.
fn reversed_columns<'a>(
    table: &str,
    create: &'a CreateTable,
    clustering: &[Identifier],
) -> Result<BTreeSet<&'a str>, CqlError> {
    let mut ordered = BTreeSet::new();
    for order in &create.clustering_order {
        if !ordered.insert(order.column.name.as_str()) {
            return Err(invalid(format!(
                "Duplicate column '{}' in CLUSTERING ORDER BY clause for table '{table}'",
                order.column
            )));
        }
    }
    let is_clustering = |name: &str| clustering.iter().any(|column| column.name == name);
    let strangers: Vec<String> = create
        .clustering_order
        .iter()
        .filter(|order| !is_clustering(&order.column.name))
        .map(|order| order.column.to_string())
        .collect();
    if !strangers.is_empty() {
        return Err(invalid(format!(
            "Only clustering key columns can be defined in CLUSTERING ORDER directive: [{}] are not clustering columns",
            strangers.join(", ")
        )));
    }
    for (order, expected) in create.clustering_order.iter().zip(clustering) {
        if order.column.name != expected.name {
            return Err(invalid(if ordered.contains(expected.name.as_str()) {
                format!(
                    "The order of columns in the CLUSTERING ORDER directive must match that of the clustering columns \
                     ({expected} must appear before {})",
                    order.column
                )
            } else {
                format!("Missing CLUSTERING ORDER for column {expected}")
            }));
        }
    }
    let descending = create.clustering_order.iter().filter(|order| order.descending);
    Ok(descending.map(|order| order.column.name.as_str()).collect())
}
