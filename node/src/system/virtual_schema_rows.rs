//! `system_virtual_schema`: the keyspaces that are listed there instead of in `system_schema`.

use super::keyspaces::is_virtual_only;
use super::partitions::PartitionsBuilder;
use super::schema_rows::column_row;
use super::wire::text;
use crate::schema::{Keyspace, Schema};

/// `system_virtual_schema.keyspaces`.
pub fn keyspaces(schema: &Schema, builder: &mut PartitionsBuilder<'_>) {
    for keyspace in listed(schema) {
        builder.row([("keyspace_name", text(&keyspace.name))]);
    }
}

/// `system_virtual_schema.tables`.
pub fn tables(schema: &Schema, builder: &mut PartitionsBuilder<'_>) {
    for table in listed(schema).flat_map(|keyspace| keyspace.tables.values()) {
        builder.row([
            ("keyspace_name", text(&table.keyspace)),
            ("table_name", text(&table.name)),
            ("comment", text(&table.options.comment)),
        ]);
    }
}

/// `system_virtual_schema.columns`.
pub fn columns(schema: &Schema, builder: &mut PartitionsBuilder<'_>) {
    for table in listed(schema).flat_map(|keyspace| keyspace.tables.values()) {
        for column in &table.columns {
            builder.row(column_row(table, column));
        }
    }
}

fn listed(schema: &Schema) -> impl Iterator<Item = &Keyspace> {
    schema.keyspaces.values().map(|keyspace| &**keyspace).filter(|keyspace| is_virtual_only(&keyspace.name))
}
