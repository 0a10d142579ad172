//! The system keyspaces as part of a schema.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use starling_cql_lite::ast::Statement;
use starling_cql_lite::parser::parse_statement;
use starling_cql_lite::protocol::error::CqlError;
use starling_ring::placement::ReplicationStrategy;
use starling_storage::model::TableId;
use xxhash_rust::xxh3::xxh3_128;

use super::definition::{DEFINITIONS, Definition, SYSTEM_KEYSPACES, VIRTUAL_ONLY_KEYSPACES};
use crate::schema::create_table;
use crate::schema::error::{invalid, syntax};
use crate::schema::{Keyspace, Schema, Table};

/// Tombstones do not occur here; this is what clients see, as in Cassandra's own system tables.
const GC_GRACE_S: u32 = 7 * 24 * 60 * 60;

/// Whether a keyspace of this name belongs to the system, whether or not it exists here: nobody may make,
/// alter or drop one.
pub fn is_system_keyspace(name: &str) -> bool {
    SYSTEM_KEYSPACES.contains(&name) || VIRTUAL_ONLY_KEYSPACES.contains(&name)
}

/// Whether a keyspace is listed in `system_virtual_schema` instead of `system_schema`.
pub(super) fn is_virtual_only(name: &str) -> bool {
    VIRTUAL_ONLY_KEYSPACES.contains(&name)
}

/// `schema` with the system keyspaces: what requests are planned against.
pub fn with_system(schema: &Schema) -> Schema {
    let mut merged = schema.clone();
    for (name, keyspace) in system_keyspaces() {
        merged.keyspaces.insert(name.clone(), Arc::clone(keyspace));
    }
    merged
}

fn system_keyspaces() -> &'static BTreeMap<String, Arc<Keyspace>> {
    static KEYSPACES: OnceLock<BTreeMap<String, Arc<Keyspace>>> = OnceLock::new();
    KEYSPACES.get_or_init(|| {
        let mut keyspaces = BTreeMap::new();
        for definition in DEFINITIONS {
            let table = table(definition).expect("a test builds every definition");
            let keyspace =
                keyspaces.entry(definition.keyspace.to_owned()).or_insert_with(|| empty(definition.keyspace));
            keyspace.tables.insert(table.name.clone(), Arc::new(table));
        }
        keyspaces.into_iter().map(|(name, keyspace)| (name, Arc::new(keyspace))).collect()
    })
}

fn empty(name: &str) -> Keyspace {
    Keyspace {
        name: name.to_owned(),
        replication: ReplicationStrategy::Local,
        durable_writes: true,
        is_virtual: true,
        tables: BTreeMap::new(),
    }
}

fn table(definition: &Definition) -> Result<Table, CqlError> {
    let parsed = parse_statement(definition.cql).map_err(|error| syntax(error.to_string()))?;
    let Statement::CreateTable(create) = parsed.statement else {
        return Err(invalid("a definition is not CREATE TABLE"));
    };
    let mut table = create_table::build(definition.keyspace, &create)?;
    let full_name = format!("{}.{}", definition.keyspace, table.name);
    table.uuid = uuid::Builder::from_custom_bytes(xxh3_128(full_name.as_bytes()).to_be_bytes()).into_uuid();
    table.table.id = TableId(definition.id);
    table.options.comment = definition.comment.to_owned();
    table.options.gc_grace_s = GC_GRACE_S;
    Ok(table)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::schema::FIRST_USER_TABLE_ID;

    #[test]
    fn every_definition_is_valid_and_has_a_reserved_id_of_its_own() {
        let mut ids = BTreeSet::new();
        let mut uuids = BTreeSet::new();
        for definition in DEFINITIONS {
            let table = table(definition).unwrap_or_else(|error| panic!("{}: {error}", definition.cql));
            assert!(definition.id > 0 && definition.id < FIRST_USER_TABLE_ID.0, "{}", table.name);
            assert!(ids.insert(definition.id), "{}", table.name);
            assert!(uuids.insert(table.uuid), "{}", table.name);
            assert!(is_system_keyspace(definition.keyspace), "{}", definition.keyspace);
            assert!(!(definition.keyspace == "system" && table.name.contains("scylla")));
        }
    }

    #[test]
    fn merging_keeps_the_version() {
        let user = Schema::empty();
        let merged = with_system(&user);
        assert_eq!(merged.fingerprint(), user.fingerprint());
        assert_eq!(with_system(&merged), merged);
        assert!(merged.table("system", "local").is_some());
    }
}
