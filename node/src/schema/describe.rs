//! Server-side DESCRIBE: CREATE statements and lists of names.

use starling_cql_lite::ast::{Describe, DescribeTarget, QualifiedName};
use starling_cql_lite::protocol::error::CqlError;

use super::create_statement::{create_keyspace, create_table};
use super::error::invalid;
use super::name::quote_name;
use super::{Keyspace, Schema, Table};

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
    use DescribeTarget as Target;
    let (columns, rows) = match &statement.target {
        Target::Cluster => {
            let row = [cluster.cluster_name, cluster.partitioner, cluster.snitch];
            (CLUSTER_COLUMNS, vec![row.map(str::to_owned).to_vec()])
        }
        Target::Keyspaces | Target::Tables | Target::Types | Target::Functions | Target::Aggregates => {
            (LIST_COLUMNS, list_rows(schema, current_keyspace, &statement.target)?)
        }
        _ => (ELEMENT_COLUMNS, element_rows(schema, current_keyspace, statement)?),
    };
    Ok(Description { columns, rows })
}

/// Names, of the current keyspace if there is one.
fn list_rows(
    schema: &Schema,
    current_keyspace: Option<&str>,
    target: &DescribeTarget,
) -> Result<Vec<Vec<String>>, CqlError> {
    if *target == DescribeTarget::Keyspaces {
        let names = schema.keyspaces.keys();
        return Ok(names.map(|name| row(name, "keyspace", name, None)).collect());
    }
    let keyspaces = listed_keyspaces(schema, current_keyspace)?;
    if *target != DescribeTarget::Tables {
        // There are no types, functions and aggregates of users.
        return Ok(Vec::new());
    }
    let tables = keyspaces.into_iter().flat_map(|keyspace| keyspace.tables.values());
    Ok(tables.map(|table| row(&table.keyspace, "table", &table.name, None)).collect())
}

/// CREATE statements.
fn element_rows(
    schema: &Schema,
    current_keyspace: Option<&str>,
    statement: &Describe,
) -> Result<Vec<Vec<String>>, CqlError> {
    use DescribeTarget as Target;
    let internals = statement.with_internals;
    match &statement.target {
        Target::Schema { full } => {
            let keyspaces = schema.keyspaces.values().filter(|keyspace| *full || !keyspace.is_virtual);
            Ok(keyspaces.flat_map(|keyspace| keyspace_rows(keyspace, internals)).collect())
        }
        Target::Keyspace { only, name } => {
            let given = name.as_ref().map(|name| name.name.as_str());
            let name =
                given.or(current_keyspace).ok_or_else(|| invalid("No keyspace specified and no current keyspace"))?;
            let keyspace = find_keyspace(schema, name)?;
            Ok(if *only { vec![keyspace_row(keyspace)] } else { keyspace_rows(keyspace, internals) })
        }
        Target::Table(name) => {
            let table = find_table(schema, current_keyspace, name)?;
            Ok(vec![table_row(table, internals)])
        }
        Target::Any(name) => any_rows(schema, current_keyspace, name, internals),
        Target::Index(name)
        | Target::View(name)
        | Target::Type(name)
        | Target::Function(name)
        | Target::Aggregate(name) => {
            let keyspace = find_keyspace(schema, named_keyspace(current_keyspace, name)?)?;
            Err(not_found(name, keyspace))
        }
        Target::Cluster
        | Target::Keyspaces
        | Target::Tables
        | Target::Types
        | Target::Functions
        | Target::Aggregates => Ok(Vec::new()),
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
            return Err(invalid(format!("'{}' not found in keyspaces", name.name.name)));
        }
    }
    Ok(vec![table_row(find_table(schema, current_keyspace, name)?, internals)])
}

fn named_keyspace<'a>(current_keyspace: Option<&'a str>, name: &'a QualifiedName) -> Result<&'a str, CqlError> {
    let given = name.keyspace.as_ref().map(|keyspace| keyspace.name.as_str());
    given.or(current_keyspace).ok_or_else(|| invalid("No keyspace specified and no current keyspace"))
}

fn find_keyspace<'a>(schema: &'a Schema, name: &str) -> Result<&'a Keyspace, CqlError> {
    let keyspace = schema.keyspace(name).ok_or_else(|| invalid(format!("'{name}' not found in keyspaces")))?;
    Ok(keyspace)
}

fn find_table<'a>(
    schema: &'a Schema,
    current_keyspace: Option<&str>,
    name: &QualifiedName,
) -> Result<&'a Table, CqlError> {
    let keyspace = find_keyspace(schema, named_keyspace(current_keyspace, name)?)?;
    keyspace.tables.get(&name.name.name).map(|table| &**table).ok_or_else(|| not_found(name, keyspace))
}

fn not_found(name: &QualifiedName, keyspace: &Keyspace) -> CqlError {
    invalid(format!("'{}' not found in keyspace '{}'", name.name.name, keyspace.name))
}

fn listed_keyspaces<'a>(schema: &'a Schema, current: Option<&str>) -> Result<Vec<&'a Keyspace>, CqlError> {
    match current {
        Some(name) => Ok(vec![find_keyspace(schema, name)?]),
        None => Ok(schema.keyspaces.values().map(|keyspace| &**keyspace).collect()),
    }
}

fn row(keyspace: &str, kind: &str, name: &str, statement: Option<String>) -> Vec<String> {
    let mut row = vec![quote_name(keyspace).into_owned(), kind.to_owned(), quote_name(name).into_owned()];
    row.extend(statement);
    row
}

fn keyspace_row(keyspace: &Keyspace) -> Vec<String> {
    row(&keyspace.name, "keyspace", &keyspace.name, Some(create_keyspace(keyspace)))
}

fn table_row(table: &Table, internals: bool) -> Vec<String> {
    row(&table.keyspace, "table", &table.name, Some(create_table(table, internals)))
}

fn keyspace_rows(keyspace: &Keyspace, internals: bool) -> Vec<Vec<String>> {
    let tables = keyspace.tables.values().map(|table| table_row(table, internals));
    std::iter::once(keyspace_row(keyspace)).chain(tables).collect()
}
