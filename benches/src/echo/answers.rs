//! What the echo server says to whatever it is asked.

use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use starling_cql_lite::collection::encode_list;
use starling_cql_lite::protocol::response::{self, Prepared, ResponseHead};
use starling_cql_lite::protocol::{ColumnSpec, CqlError, Request, RowsMetadata, RowsWriter};
use starling_cql_lite::types::CqlType;
use uuid::Uuid;

use crate::target::KEYSPACE;

/// Ids of statements on system tables: this and the statement.
const SYSTEM: &[u8] = b"system ";

/// The statements of the load: the id is the place in the list.
struct Canned {
    /// What tells it from the others: its verb and its table.
    text: (&'static str, &'static str),
    variables: Vec<ColumnSpec>,
    columns: Vec<ColumnSpec>,
    rows: u32,
}

/// The answers.
pub struct Answers {
    address: IpAddr,
    value: Vec<u8>,
    statements: Vec<Canned>,
}

fn columns(table: &str, columns: &[(&str, CqlType)]) -> Vec<ColumnSpec> {
    let spec = |(name, cql_type): &(&str, CqlType)| ColumnSpec {
        keyspace: KEYSPACE.to_owned(),
        table: table.to_owned(),
        name: (*name).to_owned(),
        cql_type: cql_type.clone(),
    };
    columns.iter().map(spec).collect()
}

impl Answers {
    /// Answers of a server with this address, to the statements of `starling bench`.
    pub fn new(address: IpAddr, value_bytes: usize, slice_rows: u32) -> Answers {
        let (key, position, value) = (("key", CqlType::BigInt), ("position", CqlType::Int), ("value", CqlType::Blob));
        let limit = ("[limit]", CqlType::Int);
        let statement = |text: (&'static str, &'static str), variables: &[_], result: &[_], rows| Canned {
            text,
            variables: columns(text.1, variables),
            columns: columns(text.1, result),
            rows,
        };
        let row = [key.clone(), position.clone(), value.clone()];
        let slice = [key.clone(), position.clone(), limit];
        let statements = vec![
            statement(("insert", "points"), &[key.clone(), value.clone()], &[], 0),
            statement(("select", "points"), &[key], std::slice::from_ref(&value), 1),
            statement(("insert", "series"), &row, &[], 0),
            statement(("select", "series"), &slice, &[position, value.clone()], slice_rows),
        ];
        Answers { address, value: vec![7; value_bytes], statements }
    }

    /// Writes the answer to a request.
    pub fn answer(&self, stream: i16, request: &Request<'_>, out: &mut BytesMut) {
        let head = ResponseHead::new(4, stream);
        match request {
            Request::Options => {
                response::write_supported(out, &head, &[("CQL_VERSION", &["3.4.7"]), ("COMPRESSION", &[])])
            }
            Request::Startup(_) | Request::Register(_) => response::write_ready(out, &head),
            Request::Execute { id, parameters, .. } => self.execute(&head, id, parameters.skip_metadata, out),
            Request::Query { query, .. } => self.query(&head, query, out),
            Request::Prepare { query, .. } => self.prepare(&head, query, out),
            Request::Batch(_) => response::write_void(out, &head),
            Request::AuthResponse(_) => refuse(out, &head, "nobody has to log in"),
        }
    }

    fn execute(&self, head: &ResponseHead<'_>, id: &[u8], skip_metadata: bool, out: &mut BytesMut) {
        if let Some(text) = id.strip_prefix(SYSTEM) {
            return self.query(head, &String::from_utf8_lossy(text), out);
        }
        let statement = match id {
            [number] => self.statements.get(usize::from(*number)),
            _ => None,
        };
        match statement {
            None => response::write_error(out, head, &CqlError::unprepared(Bytes::copy_from_slice(id))),
            Some(statement) if statement.columns.is_empty() => response::write_void(out, head),
            Some(statement) => {
                let metadata = RowsMetadata { skip_metadata, ..RowsMetadata::new(&statement.columns) };
                let mut rows = RowsWriter::begin(out, head, &metadata);
                for position in 0..statement.rows {
                    if statement.columns.len() > 1 {
                        rows.cell(Some(&position.to_be_bytes()));
                    }
                    rows.cell(Some(&self.value));
                }
                rows.finish();
            }
        }
    }

    fn prepare(&self, head: &ResponseHead<'_>, query: &str, out: &mut BytesMut) {
        let text = query.to_ascii_lowercase();
        let found = self.statements.iter().enumerate().find(|(_, statement)| {
            let (verb, table) = statement.text;
            text.starts_with(verb) && text.contains(&format!("{KEYSPACE}.{table}"))
        });
        let id;
        let prepared = match found {
            Some((number, statement)) => {
                id = vec![u8::try_from(number).unwrap_or(u8::MAX)];
                let (variables, result_columns) = (&statement.variables[..], &statement.columns[..]);
                Prepared { id: &id, result_metadata_id: &[], variables, partition_key_indices: &[0], result_columns }
            }
            None => {
                id = [SYSTEM, query.as_bytes()].concat();
                Prepared {
                    id: &id,
                    result_metadata_id: &[],
                    variables: &[],
                    partition_key_indices: &[],
                    result_columns: &[],
                }
            }
        };
        response::write_prepared(out, head, &prepared);
    }

    /// Statements on system tables: one row of `system.local`, no row of any other; everything that is not a SELECT is done.
    fn query(&self, head: &ResponseHead<'_>, query: &str, out: &mut BytesMut) {
        let text = query.to_ascii_lowercase();
        let Some((selected, rest)) = text.strip_prefix("select ").and_then(|text| text.split_once(" from ")) else {
            return response::write_void(out, head);
        };
        let table = rest.split_whitespace().next().unwrap_or_default();
        let mut specs = Vec::new();
        let mut cells = Vec::new();
        for name in selected.split(',').map(str::trim) {
            let Some((cql_type, value)) = self.system_column(name).filter(|_| !table.contains("scylla")) else {
                return refuse(out, head, &format!("no column {name} of {table} here"));
            };
            let (keyspace, table) = table.split_once('.').unwrap_or(("", table));
            specs.push(ColumnSpec { keyspace: keyspace.into(), table: table.into(), name: name.into(), cql_type });
            cells.push(value);
        }
        let mut rows = RowsWriter::begin(out, head, &RowsMetadata::new(&specs));
        if table == "system.local" {
            rows.row(&cells);
        }
        rows.finish();
    }

    /// Type of a column of the system tables that drivers read, and its value in `system.local`.
    fn system_column(&self, name: &str) -> Option<(CqlType, Option<Vec<u8>>)> {
        let text = |value: &str| (CqlType::Text, Some(value.as_bytes().to_vec()));
        let texts = || Box::new(CqlType::Text);
        Some(match name {
            "host_id" | "schema_version" => (CqlType::Uuid, Some(Uuid::from_u128(1).as_bytes().to_vec())),
            "rpc_address" => {
                let bytes = match self.address {
                    IpAddr::V4(address) => address.octets().to_vec(),
                    IpAddr::V6(address) => address.octets().to_vec(),
                };
                (CqlType::Inet, Some(bytes))
            }
            "data_center" => text("datacenter1"),
            "rack" => text("rack1"),
            "cluster_name" => text("echo"),
            "release_version" => text("5.0.0"),
            "tokens" => (CqlType::Set(texts()), encode_list(&["0"]).ok().map(Vec::from)),
            "replication" => (CqlType::Map(texts(), texts()), None),
            "durable_writes" => (CqlType::Boolean, None),
            "field_names" | "field_types" => (CqlType::List(texts()), None),
            "position" => (CqlType::Int, None),
            "keyspace_name" | "table_name" | "view_name" | "base_table_name" | "type_name" | "column_name" | "kind"
            | "type" => (CqlType::Text, None),
            _ => return None,
        })
    }
}

fn refuse(out: &mut BytesMut, head: &ResponseHead<'_>, why: &str) {
    response::write_error(out, head, &CqlError::invalid(why));
}
