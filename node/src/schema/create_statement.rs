//! CREATE statements as text that makes a keyspace or table again.

use std::fmt::Write;

use super::name::quote_name;
use super::property::PropertyValue;
use super::table_options::{CLIENT_TIMESTAMPS, ClientTimestamps, TEXT_OPTIONS};
use super::{Column, ColumnKind, Keyspace, Table};

/// The CREATE KEYSPACE statement that makes `keyspace` again; a comment for a system keyspace.
pub fn create_keyspace(keyspace: &Keyspace) -> String {
    let name = quote_name(&keyspace.name);
    if keyspace.is_virtual {
        return format!(
            "/*\nWarning: Keyspace {name} is a system keyspace and cannot be recreated with CQL.\n\
             Structure, for reference:\nVIRTUAL KEYSPACE {name};\n*/"
        );
    }
    format!(
        "CREATE KEYSPACE {name} WITH replication = {} AND durable_writes = {};",
        keyspace.replication, keyspace.durable_writes
    )
}

/// The CREATE TABLE statement that makes `table` again, with its id if `internals`; for a system table it
/// stands in a comment.
pub fn create_table(table: &Table, internals: bool) -> String {
    let name = format!("{}.{}", quote_name(&table.keyspace), quote_name(&table.name));
    let is_virtual = crate::system::is_system_keyspace(&table.keyspace);
    let body = format!("{name} (\n{}) WITH {}", columns(table), options(table, internals, is_virtual));
    if is_virtual {
        return format!(
            "/*\nWarning: Table {name} is a virtual table and cannot be recreated with CQL.\n\
             Structure, for reference:\nVIRTUAL TABLE {body};\n*/"
        );
    }
    format!("CREATE TABLE {body};")
}

fn columns(table: &Table) -> String {
    let single_key = match (table.partition_key(), table.has_clustering()) {
        ([only], false) => Some(only.id),
        _ => None,
    };
    let mut lines: Vec<String> = table
        .columns
        .iter()
        .map(|column| {
            let suffix = match column.kind {
                ColumnKind::Static => " static",
                _ if single_key == Some(column.id) => " PRIMARY KEY",
                _ => "",
            };
            format!("    {} {}{suffix}", quote_name(&column.name), column.cql_type)
        })
        .collect();
    if single_key.is_none() {
        lines.push(format!("    PRIMARY KEY ({})", primary_key(table)));
    }
    lines.join(",\n") + "\n"
}

fn primary_key(table: &Table) -> String {
    let mut parts = vec![match table.partition_key() {
        [only] => quote_name(&only.name).into_owned(),
        several => format!("({})", names(several)),
    }];
    if table.has_clustering() {
        parts.push(names(table.clustering()));
    }
    parts.join(", ")
}

fn names(columns: &[Column]) -> String {
    columns.iter().map(|column| quote_name(&column.name)).collect::<Vec<_>>().join(", ")
}

/// What is kept nowhere has a comment and no other options.
fn options(table: &Table, internals: bool, is_virtual: bool) -> String {
    let mut parts = Vec::new();
    if internals {
        parts.push(format!("ID = {}", table.uuid));
    }
    let order: Vec<String> = table.clustering().iter().map(clustering_order).collect();
    if !order.is_empty() {
        parts.push(format!("CLUSTERING ORDER BY ({})", order.join(", ")));
    }
    let options = &table.options;
    let mut named = vec![("comment", PropertyValue::string(options.comment.clone()))];
    if !is_virtual {
        named.extend(TEXT_OPTIONS.iter().map(|name| (*name, options.text_value(name))));
        if options.client_timestamps() != ClientTimestamps::Honour {
            named.push((CLIENT_TIMESTAMPS, options.text_value(CLIENT_TIMESTAMPS)));
        }
        named.push(("default_time_to_live", PropertyValue::bare(options.default_ttl_s.to_string())));
        named.push(("gc_grace_seconds", PropertyValue::bare(options.gc_grace_s.to_string())));
    }
    named.sort_by_key(|(name, _)| *name);
    parts.extend(named.into_iter().map(|(name, value)| format!("{name} = {}", value.to_cql())));
    let mut text = String::new();
    for (index, part) in parts.iter().enumerate() {
        let separator = if index == 0 { "" } else { "\n    AND " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{separator}{part}");
    }
    text
}

fn clustering_order(column: &Column) -> String {
    let descending = matches!(column.kind, ColumnKind::Clustering { reversed: true, .. });
    format!("{} {}", quote_name(&column.name), if descending { "DESC" } else { "ASC" })
}
