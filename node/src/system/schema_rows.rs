//! `system_schema`: keyspaces, tables and columns, those of system keyspaces too.

use bytes::Bytes;

use super::keyspaces::is_virtual_only;
use super::partitions::PartitionsBuilder;
use super::wire::{boolean, double, int, position, text, text_map, text_set, uuid};
use crate::schema::property::PropertyValue;
use crate::schema::{CLIENT_TIMESTAMPS, ClientTimestamps, Column, ColumnKind, Keyspace, Schema, Table, TableOptions};

/// `system_schema.keyspaces`.
pub fn keyspaces(schema: &Schema, builder: &mut PartitionsBuilder<'_>) {
    for keyspace in listed(schema) {
        builder.row([
            ("keyspace_name", text(&keyspace.name)),
            ("durable_writes", boolean(keyspace.durable_writes)),
            ("replication", text_map(keyspace.replication.options().iter())),
        ]);
    }
}

/// `system_schema.tables`.
pub fn tables(schema: &Schema, builder: &mut PartitionsBuilder<'_>) {
    for table in listed(schema).flat_map(|keyspace| keyspace.tables.values()) {
        builder.row(table_row(table));
    }
}

/// `system_schema.columns`.
pub fn columns(schema: &Schema, builder: &mut PartitionsBuilder<'_>) {
    for table in listed(schema).flat_map(|keyspace| keyspace.tables.values()) {
        for column in &table.columns {
            builder.row(column_row(table, column));
        }
    }
}

/// Keyspaces that belong in `system_schema`; the others are in `system_virtual_schema`.
fn listed(schema: &Schema) -> impl Iterator<Item = &Keyspace> {
    schema.keyspaces.values().map(|keyspace| &**keyspace).filter(|keyspace| !is_virtual_only(&keyspace.name))
}

fn table_row(table: &Table) -> Vec<(&'static str, Bytes)> {
    let options = &table.options;
    let mut row = vec![
        ("keyspace_name", text(&table.keyspace)),
        ("table_name", text(&table.name)),
        ("comment", text(&options.comment)),
        // No longer options, but drivers look for them.
        ("dclocal_read_repair_chance", double(0.0)),
        ("read_repair_chance", double(0.0)),
        ("default_time_to_live", int(options.default_ttl_s)),
        ("extensions", extensions(options)),
        // Without this flag drivers take a table for one with COMPACT STORAGE.
        ("flags", text_set(std::iter::once("compound".to_owned()))),
        ("gc_grace_seconds", int(options.gc_grace_s)),
        ("id", uuid(table.uuid)),
    ];
    for name in ["additional_write_policy", "read_repair", "speculative_retry"] {
        row.push((name, simple(options, name)));
    }
    for name in ["allow_auto_snapshot", "cdc", "incremental_backups"] {
        row.push((name, boolean(number(options, name, PropertyValue::as_bool))));
    }
    for name in ["bloom_filter_fp_chance", "crc_check_chance"] {
        row.push((name, double(number(options, name, PropertyValue::as_double))));
    }
    for name in ["max_index_interval", "memtable_flush_period_in_ms", "min_index_interval"] {
        row.push((name, int(number(options, name, PropertyValue::as_int))));
    }
    for name in ["caching", "compaction", "compression"] {
        let value = options.text_value(name);
        row.push((name, value.as_map(name).map(|map| text_map(map.iter())).unwrap_or_default()));
    }
    // Shown only where it differs from the default.
    if options.texts.contains_key("memtable") {
        row.push(("memtable", simple(options, "memtable")));
    }
    row
}

/// Options that Cassandra does not have. A map of blobs: its bytes are those of a map of texts.
fn extensions(options: &TableOptions) -> Bytes {
    let own = match options.client_timestamps() {
        ClientTimestamps::Honour => None,
        ClientTimestamps::Server => Some((CLIENT_TIMESTAMPS.to_owned(), "server".to_owned())),
    };
    text_map(own.iter().map(|(name, value)| (name, value)))
}

fn simple(options: &TableOptions, name: &'static str) -> Bytes {
    options.text_value(name).as_text(name).map(text).unwrap_or_default()
}

/// A value that was checked when it was set.
fn number<T: Default, E>(
    options: &TableOptions,
    name: &'static str,
    read: impl FnOnce(&PropertyValue, &str) -> Result<T, E>,
) -> T {
    read(&options.text_value(name), name).unwrap_or_default()
}

/// A row of `columns`, the same in `system_schema` and `system_virtual_schema`.
pub fn column_row(table: &Table, column: &Column) -> [(&'static str, Bytes); 8] {
    let (order, at) = match column.kind {
        ColumnKind::PartitionKey(at) => ("none", Some(at)),
        ColumnKind::Clustering { position, reversed: false } => ("asc", Some(position)),
        ColumnKind::Clustering { position, reversed: true } => ("desc", Some(position)),
        ColumnKind::Static | ColumnKind::Regular => ("none", None),
    };
    [
        ("keyspace_name", text(&table.keyspace)),
        ("table_name", text(&table.name)),
        ("column_name", text(&column.name)),
        ("clustering_order", text(order)),
        ("column_name_bytes", text(&column.name)),
        ("kind", text(column.kind.name())),
        ("position", position(at)),
        ("type", text(&column.cql_type.to_string())),
    ]
}
