//! Schema changes: a statement and a schema give the next schema, or an error as Apache Cassandra 5.0 words it.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_cql_lite::ast::{QualifiedName, Statement};
use starling_cql_lite::protocol::error::CqlError;
use uuid::Uuid;

use super::error::{invalid, not_modifiable, not_supported};
use super::{Keyspace, Schema, Table, alter_table, create_table, keyspace_change};
use crate::system::is_system_keyspace;

/// What a change needs besides the statement.
#[derive(Clone, Copy, Debug)]
pub struct ChangeContext<'a> {
    /// A fresh random UUID, for a table that is created.
    pub new_uuid: Uuid,
    /// The known datacentres with the number of nodes in each.
    pub datacenters: &'a BTreeMap<String, usize>,
}

/// What happened to an element of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeType {
    /// It is new.
    Created,
    /// It was altered.
    Updated,
    /// It is gone.
    Dropped,
}

/// The kind of element that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeTarget {
    /// A keyspace.
    Keyspace,
    /// A table.
    Table,
}

/// What the client that asked for a change, and those that registered for events, are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChange {
    /// What happened.
    pub change_type: ChangeType,
    /// To what kind of element.
    pub target: ChangeTarget,
    /// The keyspace.
    pub keyspace: String,
    /// The table; `None` for a keyspace.
    pub name: Option<String>,
}

/// The effect of a statement on the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaEffect {
    /// None: IF [NOT] EXISTS spared it. The answer to the client is RESULT Void.
    Nothing,
    /// A change to tell of.
    Changed(SchemaChange),
    /// TRUNCATE: the table's incarnation was raised; clients see no change of the schema.
    Truncated {
        /// The keyspace.
        keyspace: String,
        /// The table.
        table: String,
    },
}

/// The next schema and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SchemaOutcome {
    /// The schema after the statement.
    pub schema: Schema,
    /// What changed.
    pub effect: SchemaEffect,
    /// Warnings for the client.
    pub warnings: Vec<String>,
}

impl SchemaOutcome {
    /// What clients are to be told; `None` if nothing changed or a table was truncated.
    pub fn change(&self) -> Option<&SchemaChange> {
        match &self.effect {
            SchemaEffect::Changed(change) => Some(change),
            SchemaEffect::Nothing | SchemaEffect::Truncated { .. } => None,
        }
    }

    pub(super) fn nothing(schema: &Schema) -> Self {
        SchemaOutcome { schema: schema.clone(), effect: SchemaEffect::Nothing, warnings: Vec::new() }
    }

    pub(super) fn keyspace(schema: Schema, change_type: ChangeType, keyspace: &str) -> Self {
        let target = ChangeTarget::Keyspace;
        let change = SchemaChange { change_type, target, keyspace: keyspace.to_owned(), name: None };
        SchemaOutcome { schema, effect: SchemaEffect::Changed(change), warnings: Vec::new() }
    }

    pub(super) fn table(schema: Schema, change_type: ChangeType, keyspace: &str, name: &str) -> Self {
        let change = SchemaChange {
            change_type,
            target: ChangeTarget::Table,
            keyspace: keyspace.to_owned(),
            name: Some(name.to_owned()),
        };
        SchemaOutcome { schema, effect: SchemaEffect::Changed(change), warnings: Vec::new() }
    }

    pub(super) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }
}

/// Applies a statement that changes the schema to `schema`, in which system keyspaces need not be.
///
/// # Errors
/// Invalid, Config, Syntax, AlreadyExists and Unauthorized, as Cassandra gives them; Invalid naming the thing
/// for what is not supported yet.
pub fn apply(
    schema: &Schema,
    current_keyspace: Option<&str>,
    statement: &Statement,
    context: &ChangeContext<'_>,
) -> Result<SchemaOutcome, CqlError> {
    match statement {
        Statement::CreateKeyspace(create) => keyspace_change::create(schema, create, context),
        Statement::AlterKeyspace(alter) => keyspace_change::alter(schema, alter, context),
        Statement::DropKeyspace(drop) => keyspace_change::drop(schema, drop),
        Statement::CreateTable(create) => create_table::create(schema, current_keyspace, create, context),
        Statement::AlterTable(alter) => alter_table::alter(schema, current_keyspace, alter),
        Statement::DropTable(drop) => {
            let keyspace = target_keyspace(current_keyspace, &drop.name)?;
            drop_table(schema, keyspace, &drop.name.name.name, drop.if_exists)
        }
        Statement::Truncate(name) => truncate(schema, target_keyspace(current_keyspace, name)?, &name.name.name),
        other => match absent_object(other) {
            Some((kind, name, if_exists)) => drop_absent(schema, current_keyspace, kind, name, if_exists),
            None => Err(not_supported(other.name())),
        },
    }
}

/// What is to be dropped of the kinds of things that cannot have been created: kind, name, IF EXISTS.
fn absent_object(statement: &Statement) -> Option<(&'static str, &QualifiedName, bool)> {
    Some(match statement {
        Statement::DropType(drop) => ("Type", &drop.name, drop.if_exists),
        Statement::DropIndex(drop) => ("Index", &drop.name, drop.if_exists),
        Statement::DropView(drop) => ("Materialized view", &drop.name, drop.if_exists),
        Statement::DropFunction(drop) => ("Function", &drop.name, drop.if_exists),
        Statement::DropAggregate(drop) => ("Aggregate", &drop.name, drop.if_exists),
        // A trigger belongs to a table, which need not be there for IF EXISTS to be content.
        Statement::DropTrigger(drop) if drop.if_exists => ("Trigger", &drop.table, true),
        _ => return None,
    })
}

fn drop_absent(
    schema: &Schema,
    current_keyspace: Option<&str>,
    kind: &str,
    name: &QualifiedName,
    if_exists: bool,
) -> Result<SchemaOutcome, CqlError> {
    let keyspace = target_keyspace(current_keyspace, name)?;
    if if_exists {
        return Ok(SchemaOutcome::nothing(schema));
    }
    Err(invalid(format!("{kind} '{keyspace}.{}' doesn't exist", name.name.name)))
}

/// The keyspace that a statement changes: the one it names, else the current one.
///
/// # Errors
/// Invalid where there is neither; Unauthorized for system keyspaces.
pub(super) fn target_keyspace<'a>(
    current_keyspace: Option<&'a str>,
    name: &'a QualifiedName,
) -> Result<&'a str, CqlError> {
    let given = name.keyspace.as_ref().map(|keyspace| keyspace.name.as_str());
    let keyspace = given.or(current_keyspace).ok_or_else(|| {
        invalid("No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename")
    })?;
    if is_system_keyspace(keyspace) {
        return Err(not_modifiable(keyspace));
    }
    Ok(keyspace)
}

fn drop_table(schema: &Schema, keyspace: &str, name: &str, if_exists: bool) -> Result<SchemaOutcome, CqlError> {
    if schema.table(keyspace, name).is_none() {
        if if_exists {
            return Ok(SchemaOutcome::nothing(schema));
        }
        return Err(invalid(format!("Table '{keyspace}.{name}' doesn't exist")));
    }
    let next = with_keyspace(schema, keyspace, |changed| {
        changed.tables.remove(name);
    });
    Ok(SchemaOutcome::table(next, ChangeType::Dropped, keyspace, name))
}

fn truncate(schema: &Schema, keyspace: &str, name: &str) -> Result<SchemaOutcome, CqlError> {
    if schema.keyspace(keyspace).is_none() {
        return Err(invalid(format!("Keyspace '{keyspace}' does not exist")));
    }
    let table = schema.table(keyspace, name).ok_or_else(|| invalid(format!("unconfigured table {name}")))?;
    let mut changed = Table::clone(table);
    changed.table.incarnation = changed
        .table
        .incarnation
        .checked_add(1)
        .ok_or_else(|| invalid(format!("Table '{keyspace}.{name}' cannot be truncated any more")))?;
    Ok(SchemaOutcome {
        schema: with_table(schema, changed),
        effect: SchemaEffect::Truncated { keyspace: keyspace.to_owned(), table: name.to_owned() },
        warnings: Vec::new(),
    })
}

/// `schema` with one keyspace changed, if it is there.
pub(super) fn with_keyspace(schema: &Schema, keyspace: &str, change: impl FnOnce(&mut Keyspace)) -> Schema {
    let mut next = schema.clone();
    if let Some(keyspace) = next.keyspaces.get_mut(keyspace) {
        change(Arc::make_mut(keyspace));
    }
    next
}

/// `schema` with `table` added or replaced in its keyspace.
pub(super) fn with_table(schema: &Schema, table: Table) -> Schema {
    let keyspace = table.keyspace.clone();
    with_keyspace(schema, &keyspace, |changed| {
        changed.tables.insert(table.name.clone(), Arc::new(table));
    })
}
