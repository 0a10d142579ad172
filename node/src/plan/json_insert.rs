//! `INSERT ... JSON`: the document becomes values of markers that follow the statement's own.

use serde_json::{Map, Value as Json};
use starling_cql_lite::ast::{self, JsonDefault};
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;

use super::errors::invalid;
use super::json_value::{check_length, excerpt, to_wire};
use super::names::TableInfo;
use super::term::{Term, Terms};
use super::values::{BoundValue, Environment, TermValue};
use super::variables::Receiver;

/// One `INSERT ... JSON` of a statement.
#[derive(Clone, Debug)]
pub(crate) struct JsonInsert {
    document: Term,
    /// Columns that get a value, with the numbers of the markers that stand for them from `first` on.
    columns: Vec<(String, CqlType)>,
    default: JsonDefault,
}

impl JsonInsert {
    /// Resolves one; gives the term of each column as well.
    pub fn prepare(
        terms: &mut Terms<'_>,
        document: &ast::Term,
        default: JsonDefault,
    ) -> Result<(JsonInsert, Vec<(usize, Term)>), CqlError> {
        let document = terms.prepare(document, &Receiver::new("[json]", CqlType::Text))?;
        let info: &TableInfo = terms.info;
        let first = terms.variables.reserve(info.table.columns.len());
        let mut values = Vec::with_capacity(info.table.columns.len());
        let mut columns = Vec::with_capacity(info.table.columns.len());
        for (index, column) in info.table.columns.iter().enumerate() {
            terms.variables.weigh(&column.cql_type)?;
            terms.variables.weigh(&column.cql_type)?;
            columns.push((column.name.clone(), column.cql_type.clone()));
            values.push((index, Term::Marker(first + index, column.cql_type.clone())));
        }
        Ok((JsonInsert { document, columns, default }, values))
    }

    /// Appends the values of its markers.
    pub fn expand(&self, environment: &Environment<'_>) -> Result<Vec<BoundValue>, CqlError> {
        let document = match self.document.evaluate(environment)? {
            TermValue::Value(document) => document,
            TermValue::Null | TermValue::Unset => return Err(invalid("Got null for INSERT JSON values")),
        };
        let text = String::from_utf8_lossy(&document);
        check_length(&text)?;
        let parsed: Map<String, Json> = serde_json::from_str(&text).map_err(|error| {
            invalid(format!("Could not decode JSON string as a map: {error}. (String was: {})", excerpt(&text)))
        })?;
        let mut named: Vec<(String, Json)> =
            parsed.into_iter().map(|(name, value)| (column_name(&name), value)).collect();
        let mut values = Vec::with_capacity(self.columns.len());
        for (name, cql_type) in &self.columns {
            let at = named.iter().position(|(given, _)| given == name);
            let value = match at.map(|at| named.swap_remove(at).1) {
                None if self.default == JsonDefault::Unset => BoundValue::Unset,
                None => BoundValue::Null,
                Some(json) => {
                    let wire = to_wire(cql_type, &json)
                        .map_err(|error| invalid(format!("Error decoding JSON value for {name}: {error}")))?;
                    wire.map_or(BoundValue::Null, BoundValue::Value)
                }
            };
            values.push(value);
        }
        match named.first() {
            Some((name, _)) => Err(invalid(format!("JSON values map contains unrecognized column: {name}"))),
            None => Ok(values),
        }
    }
}

/// Names in JSON are case-insensitive unless they have quotes of their own inside.
fn column_name(name: &str) -> String {
    match name.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(exact) => exact.replace("\"\"", "\""),
        None => name.to_ascii_lowercase(),
    }
}

/// How JSON writes the name of a column: with quotes inside unless it is in lower case.
pub(crate) fn json_name(name: &str) -> String {
    let quoted =
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) { format!("\"{name}\"") } else { name.to_owned() };
    Json::String(quoted).to_string()
}
