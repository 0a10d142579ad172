//! From the node's answers to the protocol's bytes, written straight into the connection's buffer.

use bytes::BytesMut;
use starling_cql_lite::protocol::metadata::ColumnSpec;
use starling_cql_lite::protocol::response::{
    Prepared, ResponseHead, write_error, write_prepared, write_schema_change, write_set_keyspace, write_void,
};
use starling_cql_lite::protocol::rows::{RowsMetadata, RowsWriter};
use starling_cql_lite::types::CqlType;

use super::events::schema_change;
use crate::assembly::client::{self, ClientResponse, Descriptions, StatementId};
use crate::plan::{self, Page, ResultColumn, Variable};

/// Appends an answer.
pub fn write(out: &mut BytesMut, head: &ResponseHead<'_>, response: &ClientResponse) {
    match response {
        ClientResponse::Void => write_void(out, head),
        ClientResponse::Rows { metadata, page, descriptions } => write_rows(out, head, metadata, page, *descriptions),
        ClientResponse::SetKeyspace(keyspace) => write_set_keyspace(out, head, keyspace),
        ClientResponse::Prepared { id, metadata_id, prepared } => {
            write_statement(out, head, id, metadata_id, prepared);
        }
        ClientResponse::SchemaChange(change) => write_schema_change(out, head, &schema_change(change)),
        ClientResponse::Warned(response, warnings) => write(out, &ResponseHead { warnings, ..*head }, response),
        ClientResponse::Error(error) => write_error(out, head, error),
    }
}

fn write_rows(
    out: &mut BytesMut,
    head: &ResponseHead<'_>,
    metadata: &client::RowsMetadata,
    page: &Page,
    descriptions: Descriptions,
) {
    let skip_metadata = descriptions == Descriptions::Omitted;
    let columns = if skip_metadata { unnamed(page.width) } else { described(metadata) };
    let warnings = [head.warnings, &metadata.warnings()].concat();
    let head = &ResponseHead { warnings: &warnings, ..*head };
    let new_metadata_id = match &descriptions {
        Descriptions::Changed(id) => Some(&id[..]),
        Descriptions::Full | Descriptions::Omitted => None,
    };
    let paging_state = page.paging_state.as_deref();
    let metadata = RowsMetadata { skip_metadata, paging_state, new_metadata_id, ..RowsMetadata::new(&columns) };
    let mut rows = RowsWriter::begin(out, head, &metadata);
    for cell in &page.cells {
        rows.cell(cell.as_deref());
    }
    rows.finish();
}

/// Only their number is written.
fn unnamed(count: usize) -> Vec<ColumnSpec> {
    let column =
        || ColumnSpec { keyspace: String::new(), table: String::new(), name: String::new(), cql_type: CqlType::Int };
    std::iter::repeat_with(column).take(count).collect()
}

fn described(metadata: &client::RowsMetadata) -> Vec<ColumnSpec> {
    let (keyspace, table) = metadata.table();
    specs(keyspace, table, &metadata.columns())
}

fn specs(keyspace: &str, table: &str, columns: &[ResultColumn]) -> Vec<ColumnSpec> {
    let column = |column: &ResultColumn| ColumnSpec {
        keyspace: keyspace.to_owned(),
        table: table.to_owned(),
        name: column.name.clone(),
        cql_type: column.cql_type.clone(),
    };
    columns.iter().map(column).collect()
}

fn write_statement(
    out: &mut BytesMut,
    head: &ResponseHead<'_>,
    id: &StatementId,
    metadata_id: &StatementId,
    prepared: &plan::Prepared,
) {
    let variable = |variable: &Variable| ColumnSpec {
        keyspace: variable.keyspace.clone(),
        table: variable.table.clone(),
        name: variable.name.clone(),
        cql_type: variable.cql_type.clone(),
    };
    let variables: Vec<ColumnSpec> = prepared.variables.iter().map(variable).collect();
    let (keyspace, table) = match &prepared.table {
        Some(table) => (table.keyspace.as_str(), table.name.as_str()),
        None => ("", ""),
    };
    let result_columns = specs(keyspace, table, &prepared.columns);
    let answer = Prepared {
        id,
        result_metadata_id: metadata_id,
        variables: &variables,
        partition_key_indices: &prepared.partition_key_indices,
        result_columns: &result_columns,
    };
    write_prepared(out, head, &answer);
}
