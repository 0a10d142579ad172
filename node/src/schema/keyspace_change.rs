//! CREATE, ALTER and DROP KEYSPACE.

use std::collections::BTreeMap;
use std::sync::Arc;

use starling_cql_lite::ast::{AlterKeyspace, CreateKeyspace, DropKeyspace, Property};
use starling_cql_lite::protocol::error::CqlError;

use super::change::{ChangeContext, ChangeType, SchemaOutcome, with_keyspace};
use super::error::{config, invalid, keyspace_exists, not_modifiable, syntax};
use super::given_property::properties;
use super::name::{KEYSPACE_NAME_LENGTH, is_valid_name};
use super::property::Properties;
use super::replication::parse_replication;
use super::{Keyspace, Schema};
use crate::system::is_system_keyspace;

/// CREATE KEYSPACE.
pub(super) fn create(
    schema: &Schema,
    create: &CreateKeyspace,
    context: &ChangeContext<'_>,
) -> Result<SchemaOutcome, CqlError> {
    let name = create.name.name.as_str();
    if !is_valid_name(name, KEYSPACE_NAME_LENGTH) {
        return Err(invalid(format!(
            "Keyspace name must not be empty, more than {KEYSPACE_NAME_LENGTH} characters long, or contain \
             non-alphanumeric-underscore characters (got '{name}')"
        )));
    }
    if is_system_keyspace(name) {
        return Err(not_modifiable(name));
    }
    let properties = keyspace_properties(&create.properties)?;
    let replication = properties.get("replication").ok_or_else(|| invalid("Missing mandatory option 'replication'"))?;
    if schema.keyspace(name).is_some() {
        if create.if_not_exists {
            return Ok(SchemaOutcome::nothing(schema));
        }
        return Err(keyspace_exists(name));
    }
    let mut warnings = Vec::new();
    let options = replication.as_map("replication")?;
    let replication = parse_replication(name, options, None, context.datacenters, &mut warnings)?;
    let keyspace = Keyspace {
        name: name.to_owned(),
        replication,
        durable_writes: durable_writes(&properties)?.unwrap_or(true),
        is_virtual: false,
        tables: BTreeMap::new(),
    };
    let mut next = schema.clone();
    next.keyspaces.insert(name.to_owned(), Arc::new(keyspace));
    Ok(SchemaOutcome::keyspace(next, ChangeType::Created, name).with_warnings(warnings))
}

/// ALTER KEYSPACE.
pub(super) fn alter(
    schema: &Schema,
    alter: &AlterKeyspace,
    context: &ChangeContext<'_>,
) -> Result<SchemaOutcome, CqlError> {
    let name = alter.name.name.as_str();
    if is_system_keyspace(name) {
        return Err(not_modifiable(name));
    }
    let properties = keyspace_properties(&alter.properties)?;
    let Some(keyspace) = schema.keyspace(name) else {
        return missing(schema, name, alter.if_exists);
    };
    let mut warnings = Vec::new();
    let mut replication = keyspace.replication.clone();
    if let Some(given) = properties.get("replication") {
        let options = given.as_map("replication")?;
        let before = Some(&keyspace.replication);
        replication = parse_replication(name, options, before, context.datacenters, &mut warnings)?;
        if replication.replication_factor() > keyspace.replication.replication_factor() {
            warnings.push(
                "When increasing replication factor you need to run a full (-full) repair to distribute the data."
                    .to_owned(),
            );
        }
    }
    let durable_writes = durable_writes(&properties)?.unwrap_or(keyspace.durable_writes);
    let next = with_keyspace(schema, name, |changed| {
        changed.replication = replication;
        changed.durable_writes = durable_writes;
    });
    Ok(SchemaOutcome::keyspace(next, ChangeType::Updated, name).with_warnings(warnings))
}

/// DROP KEYSPACE, with all its tables.
pub(super) fn drop(schema: &Schema, drop: &DropKeyspace) -> Result<SchemaOutcome, CqlError> {
    let name = drop.name.name.as_str();
    if is_system_keyspace(name) {
        return Err(not_modifiable(name));
    }
    if schema.keyspace(name).is_none() {
        return missing(schema, name, drop.if_exists);
    }
    let mut next = schema.clone();
    next.keyspaces.remove(name);
    Ok(SchemaOutcome::keyspace(next, ChangeType::Dropped, name))
}

fn missing(schema: &Schema, name: &str, if_exists: bool) -> Result<SchemaOutcome, CqlError> {
    if if_exists {
        return Ok(SchemaOutcome::nothing(schema));
    }
    Err(invalid(format!("Keyspace '{name}' doesn't exist")))
}

fn keyspace_properties(given: &[Property]) -> Result<Properties, CqlError> {
    let properties = properties(given)?;
    for name in properties.keys() {
        if name != "replication" && name != "durable_writes" {
            return Err(syntax(format!("Unknown property '{name}'")));
        }
    }
    if let Some(replication) = properties.get("replication") {
        let options = replication.as_map("replication")?;
        if !options.contains_key("class") {
            return Err(config("Missing replication strategy class"));
        }
    }
    Ok(properties)
}

fn durable_writes(properties: &Properties) -> Result<Option<bool>, CqlError> {
    properties.get("durable_writes").map(|value| value.as_bool("durable_writes")).transpose()
}
