//! CQL: lexer and parser, planning against a schema, binding of values, the values themselves.
//!
//! The text ends at the first zero byte; what follows are values to bind, each of a length byte and so many bytes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use bytes::Bytes;
use starling_cql_lite::ast::Statement;
use starling_cql_lite::collection::sort_parts;
use starling_cql_lite::ordered;
use starling_cql_lite::parser::parse_statement;
use starling_cql_lite::protocol::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Value;
use starling_node::plan::{BindContext, BoundValue, BoundValues, Operation, ReadProgress, WriteOperation, prepare};
use starling_node::schema::Schema;
use starling_node::schema::change::{ChangeContext, apply};
use starling_storage::model::{Mutation, ReadResult};
use uuid::Uuid;

/// Longest text that is looked at: quadratic work would show long before.
const TEXT_BYTES_MAX: usize = 64 << 10;

const TABLES: [&str; 5] = [
    "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "CREATE TABLE ks.t (k int, c text, s text static, v blob, d decimal, vi varint, du duration, i inet, \
     ts timestamp, da date, ti time, tid timeuuid, b boolean, x double, y float, PRIMARY KEY (k, c)) \
     WITH CLUSTERING ORDER BY (c DESC)",
    "CREATE TABLE ks.p (a int, b text, c int, d int, v int, PRIMARY KEY ((a, b), c, d))",
    "CREATE TABLE ks.u (k uuid PRIMARY KEY, v text) WITH default_time_to_live = 100",
    "CREATE TABLE ks.co (k frozen<list<int>>, c tuple<int, text>, l list<text>, s set<int>, m map<text, int>, \
     f frozen<map<int, frozen<set<text>>>>, v vector<float, 2>, w list<frozen<tuple<int, text, blob>>>, \
     sl list<int> static, PRIMARY KEY (k, c))",
];

fn changed(schema: &Schema, statement: &Statement) -> Result<Schema, CqlError> {
    let datacenters = BTreeMap::from([("dc1".to_owned(), 1)]);
    let context = ChangeContext { new_uuid: Uuid::from_u128(7), datacenters: &datacenters };
    apply(schema, Some("ks"), statement, &context).map(|outcome| outcome.schema)
}

pub(crate) fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        TABLES.iter().fold(Schema::empty(), |schema, text| {
            let statement = parse_statement(text).expect("a valid statement").statement;
            changed(&schema, &statement).expect("a change that works")
        })
    })
}

pub(crate) fn run(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (text, values) = bytes.split_at(end);
    if text.len() > TEXT_BYTES_MAX {
        return;
    }
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Ok(ty) = CqlType::parse(text) {
        value(&ty, values);
    }
    let Ok(parsed) = parse_statement(text) else { return };
    let _ = changed(schema(), &parsed.statement);
    let Ok(prepared) = prepare(schema(), Some("ks"), parsed) else { return };
    let context = BindContext {
        now_us: 1_700_000_000_000_000,
        now_s: 1_700_000_000,
        client_timestamp_us: None,
        stamp: 1_700_000_000_000_000,
        entropy: 1,
        page_size: Some(2),
        paging_state: None,
    };
    let values = BoundValues::Positional(bound(values.get(1..).unwrap_or_default()));
    match prepared.bind(values, &context) {
        Ok(Operation::Read(read)) => {
            let progress = ReadProgress::new(*read);
            let _ = progress.next_command();
        }
        Ok(Operation::Write(write)) => check(&write),
        Ok(Operation::ReadThenWrite(mut pending)) => {
            while pending.next_command().is_some() {
                if pending.feed(&ReadResult::default()).is_err() {
                    return;
                }
            }
            if let Ok(write) = pending.finish(1_700_000_000_000_001) {
                check(&write);
            }
        }
        _ => {}
    }
}

fn check(write: &WriteOperation) {
    for mutation in &write.mutations {
        let encoded = mutation.mutation.encode();
        assert_eq!(Mutation::decode(&encoded).as_ref(), Ok(&mutation.mutation));
    }
}

fn bound(bytes: &[u8]) -> Vec<BoundValue> {
    let (mut values, mut rest) = (Vec::new(), bytes);
    while let Some((length, after)) = rest.split_first() {
        let (value, after) = after.split_at(usize::from(*length).min(after.len()));
        values.push(match length {
            255 => BoundValue::Null,
            254 => BoundValue::Unset,
            _ => BoundValue::Value(Bytes::copy_from_slice(value)),
        });
        rest = after;
    }
    values
}

/// A value that the type accepts can be shown, written again, and is the same then.
fn value(ty: &CqlType, bytes: &[u8]) {
    let wire = bytes.get(1..).unwrap_or_default();
    if ty.validate(wire).is_err() {
        return;
    }
    let Ok(value) = Value::decode(ty, Some(wire)) else { return };
    let _ = value.to_display();
    let _ = value.to_literal();
    let _ = value.to_json(1 << 20);
    let mut key = Vec::new();
    if !wire.is_empty() && ordered::encode(ty, wire, &mut key).is_ok() {
        let back = ordered::decode(ty, &key).expect("what was encoded is decoded");
        assert!(ordered::compare(ty, wire, &back).is_eq(), "another value comes back: {wire:?} {back:?}");
    }
    let sorted = sort_parts(ty, wire).expect("a valid value is sorted");
    assert!(ty.validate(&sorted).is_ok() && sorted.len() <= wire.len());
    if let Ok(Some(again)) = value.encode(ty) {
        let reread = Value::decode(ty, Some(&again));
        assert_eq!(reread.as_ref().map(Value::to_literal), Ok(value.to_literal()));
    }
}
