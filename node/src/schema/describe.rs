//! Server-side DESCRIBE: CREATE statements that can be run again, and lists of names.

use std::fmt::Write;

use starling_cql_lite::ast::{Describe, DescribeTarget, QualifiedName};
use starling_cql_lite::protocol::error::CqlError;

use super::error::invalid;
use super::name::quote_name;
use super::property::PropertyValue;
use super::table_options::INERT_OPTIONS;
use super::{Column, ColumnKind, Keyspace, Schema, Table};

/// What DESCRIBE CLUSTER tells.
#[derive(Clone, Copy, Debug)]
pub struct ClusterDescription<'a> {
    /// Name of the cluster.
    pub cluster_name: &'a str,
    /// Class of the partitioner.
    pub partitioner: &'a str,
    /// Class of the snitch.
    pub snitch: &'a str,
}

/// The answer to a DESCRIBE: rows of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// Names of the columns, all of type text.
    pub columns: &'static [&'static str],
    /// Rows, as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

const LIST_COLUMNS: &[&str] = &["keyspace_name", "type", "name"];
const ELEMENT_COLUMNS: &[&str] = &["keyspace_name", "type", "name", "create_statement"];
const CLUSTER_COLUMNS: &[&str] = &["cluster", "partitioner", "snitch"];

/// Answers DESCRIBE from a schema that includes the system keyspaces.
///
/// # Errors
/// Invalid for what does not exist.
pub fn describe(
    schema: &Schema,
    current_keyspace: Option<&str>,
    statement: &Describe,
    cluster: &ClusterDescription<'_>,
) -> Result<Description, CqlError> {
    let internals = statement.with_internals;
    let elements = |rows| {
        Ok(Description {
            columns: ELEMENT_COLUMNS,
            rows,
        })
    };
    let list = |rows| {
        Ok(Description {
            columns: LIST_COLUMNS,
            rows,
        })
    };
    match &statement.target {
        DescribeTarget::Cluster => Ok(Description {
            columns: CLUSTER_COLUMNS,
            rows: vec![
                [cluster.cluster_name, cluster.partitioner, cluster.snitch]
                    .map(str::to_owned)
                    .to_vec(),
            ],
        }),
        DescribeTarget::Schema { full } => {
            let keyspaces = schema
                .keyspaces
                .values()
                .filter(|keyspace| *full || !keyspace.is_virtual);
            elements(
                keyspaces
                    .flat_map(|keyspace| keyspace_rows(keyspace, internals))
                    .collect(),
            )
        }
        DescribeTarget::Keyspaces => {
            let row = |keyspace: &Keyspace| row(&keyspace.name, "keyspace", &keyspace.name, None);
            list(
                schema
                    .keyspaces
                    .values()
                    .map(|keyspace| row(keyspace))
                    .collect(),
            )
        }
        DescribeTarget::Keyspace { only, name } => {
            let name = name
                .as_ref()
                .map(|name| name.name.as_str())
                .or(current_keyspace)
                .ok_or_else(|| invalid("No keyspace specified and no current keyspace"))?;
            let keyspace = find_keyspace(schema, name)?;
            elements(if *only {
                vec![keyspace_row(keyspace)]
            } else {
                keyspace_rows(keyspace, internals)
            })
        }
        DescribeTarget::Tables => {
            let keyspaces = listed_keyspaces(schema, current_keyspace)?;
            let tables = keyspaces
                .into_iter()
                .flat_map(|keyspace| keyspace.tables.values());
            list(
                tables
                    .map(|table| row(&table.keyspace, "table", &table.name, None))
                    .collect(),
            )
        }
        DescribeTarget::Types | DescribeTarget::Functions | DescribeTarget::Aggregates => {
            listed_keyspaces(schema, current_keyspace)?;
            list(Vec::new())
        }
        DescribeTarget::Table(name) => {
            let table = find_table(schema, current_keyspace, name)?;
            elements(vec![table_row(table, internals)])
        }
        DescribeTarget::Index(name)
        | DescribeTarget::View(name)
        | DescribeTarget::Type(name)
        | DescribeTarget::Function(name)
        | DescribeTarget::Aggregate(name) => {
            let keyspace = find_keyspace(schema, named_keyspace(current_keyspace, name)?)?;
            Err(not_found(name, keyspace))
        }
        DescribeTarget::Any(name) => elements(any_rows(schema, current_keyspace, name, internals)?),
    }
}

/// A bare name is a keyspace's before it is a table's.
fn any_rows(
    schema: &Schema,
    current_keyspace: Option<&str>,
    name: &QualifiedName,
    internals: bool,
) -> Result<Vec<Vec<String>>, CqlError> {
    if name.keyspace.is_none() {
        if let Some(keyspace) = schema.keyspace(&name.name.name) {
            return Ok(keyspace_rows(keyspace, internals));
        }
        if current_keyspace.is_none() {
            return Err(invalid(format!(
                "'{}' not found in keyspaces",
                name.name.name
            )));
        }
    }
    Ok(vec![table_row(
        find_table(schema, current_keyspace, name)?,
        internals,
    )])
}

fn named_keyspace<'a>(
    current_keyspace: Option<&'a str>,
    name: &'a QualifiedName,
) -> Result<&'a str, CqlError> {
    let given = name
        .keyspace
        .as_ref()
        .map(|keyspace| keyspace.name.as_str());
    given
        .or(current_keyspace)
        .ok_or_else(|| invalid("No keyspace specified and no current keyspace"))
}

fn find_keyspace<'a>(schema: &'a Schema, name: &str) -> Result<&'a Keyspace, CqlError> {
    let keyspace = schema
        .keyspace(name)
        .ok_or_else(|| invalid(format!("'{name}' not found in keyspaces")))?;
    Ok(keyspace)
}

fn find_table<'a>(
    schema: &'a Schema,
    current_keyspace: Option<&str>,
    name: &QualifiedName,
) -> Result<&'a Table, CqlError> {
    let keyspace = find_keyspace(schema, named_keyspace(current_keyspace, name)?)?;
    keyspace
        .tables
        .get(&name.name.name)
        .map(|table| &**table)
        .ok_or_else(|| not_found(name, keyspace))
}

fn not_found(name: &QualifiedName, keyspace: &Keyspace) -> CqlError {
    invalid(format!(
        "'{}' not found in keyspace '{}'",
        name.name.name, keyspace.name
    ))
}

fn listed_keyspaces<'a>(
    schema: &'a Schema,
    current: Option<&str>,
) -> Result<Vec<&'a Keyspace>, CqlError> {
    match current {
        Some(name) => Ok(vec![find_keyspace(schema, name)?]),
        None => Ok(schema
            .keyspaces
            .values()
            .map(|keyspace| &**keyspace)
            .collect()),
    }
}

fn row(keyspace: &str, kind: &str, name: &str, statement: Option<String>) -> Vec<String> {
    let mut row = vec![
        quote_name(keyspace).into_owned(),
        kind.to_owned(),
        quote_name(name).into_owned(),
    ];
    row.extend(statement);
    row
}

fn keyspace_row(keyspace: &Keyspace) -> Vec<String> {
    row(
        &keyspace.name,
        "keyspace",
        &keyspace.name,
        Some(create_keyspace(keyspace)),
    )
}

fn table_row(table: &Table, internals: bool) -> Vec<String> {
    row(
        &table.keyspace,
        "table",
        &table.name,
        Some(create_table(table, internals)),
    )
}

fn keyspace_rows(keyspace: &Keyspace, internals: bool) -> Vec<Vec<String>> {
    let tables = keyspace
        .tables
        .values()
        .map(|table| table_row(table, internals));
    std::iter::once(keyspace_row(keyspace))
        .chain(tables)
        .collect()
}

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
    let name = format!(
        "{}.{}",
        quote_name(&table.keyspace),
        quote_name(&table.name)
    );
    let body = format!(
        "{name} (\n{}) WITH {}",
        columns(table),
        options(table, internals)
    );
    if crate::system::is_system_keyspace(&table.keyspace) {
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
            format!(
                "    {} {}{suffix}",
                quote_name(&column.name),
                column.cql_type
            )
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
    columns
        .iter()
        .map(|column| quote_name(&column.name))
        .collect::<Vec<_>>()
        .join(", ")
}

fn options(table: &Table, internals: bool) -> String {
    let mut parts = Vec::new();
    if internals {
        parts.push(format!("ID = {}", table.uuid));
    }
    let order: Vec<String> = table.clustering().iter().map(clustering_order).collect();
    if !order.is_empty() {
        parts.push(format!("CLUSTERING ORDER BY ({})", order.join(", ")));
    }
    let options = &table.options;
    let mut named: Vec<(&str, PropertyValue)> = INERT_OPTIONS
        .iter()
        .map(|name| (*name, options.inert_value(name)))
        .collect();
    named.push(("comment", PropertyValue::string(options.comment.clone())));
    named.push((
        "default_time_to_live",
        PropertyValue::bare(options.default_ttl_s.to_string()),
    ));
    named.push((
        "gc_grace_seconds",
        PropertyValue::bare(options.gc_grace_s.to_string()),
    ));
    named.sort_by_key(|(name, _)| *name);
    parts.extend(
        named
            .into_iter()
            .map(|(name, value)| format!("{name} = {}", value.to_cql())),
    );
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
    format!(
        "{} {}",
        quote_name(&column.name),
        if descending { "DESC" } else { "ASC" }
    )
}
