//! A single-node database around the planner: memory store, one clock, scans cut in two.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use starling_cql_lite::parser::parse_statement;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Value;
use starling_node::plan::{
    BindContext, BoundValue, BoundValues, Operation, Page, Prepared, ReadOperation, ReadProgress, ResultColumn, prepare,
};
use starling_node::schema::Schema;
use starling_node::schema::change::{ChangeContext, apply};
use starling_ring::Token;
use starling_storage::engine::Durability;
use starling_storage::engine::memory::{MemoryEngine, MemorySettings};
use starling_storage::model::ReadTarget;
use starling_storage::store::{Store, StoreSettings};
use uuid::Uuid;

pub const START_S: i64 = 1_700_000_000;

pub struct Db {
    pub schema: Schema,
    pub store: Store,
    pub now_s: i64,
    writes: i64,
    /// Replicas stop after every row or tombstone, as if each were large.
    tiny_answers: Cell<bool>,
}

/// The columns and rows of a SELECT, over all its pages.
pub struct Rows {
    pub columns: Vec<ResultColumn>,
    pub rows: Vec<Vec<Option<Bytes>>>,
    pub pages: usize,
}

impl Rows {
    /// Rows as text: values as CQL literals joined by '|'.
    pub fn text(&self) -> Vec<String> {
        self.rows.iter().map(|row| self.row_text(row)).collect()
    }

    fn row_text(&self, row: &[Option<Bytes>]) -> String {
        let literal = |(cell, column): (&Option<Bytes>, &ResultColumn)| {
            Value::decode_shown(&column.cql_type, cell.as_deref()).unwrap().to_literal()
        };
        row.iter().zip(&self.columns).map(literal).collect::<Vec<_>>().join("|")
    }

    pub fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }
}

impl Db {
    pub fn new(ddl: &[&str]) -> Db {
        let engine = Arc::new(MemoryEngine::new(MemorySettings::default()));
        let store = Store::open(engine, StoreSettings::default()).unwrap();
        let mut db = Db { schema: Schema::empty(), store, now_s: START_S, writes: 0, tiny_answers: Cell::new(false) };
        db.ddl("CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
        for statement in ddl {
            db.ddl(statement);
        }
        db
    }

    pub fn ddl(&mut self, cql: &str) {
        let parsed = parse_statement(cql).unwrap();
        let datacenters = BTreeMap::from([("dc1".to_owned(), 1)]);
        let context = ChangeContext { new_uuid: Uuid::from_u128(7), datacenters: &datacenters };
        self.schema = apply(&self.schema, Some("ks"), &parsed.statement, &context).unwrap().schema;
    }

    pub fn prepare(&self, cql: &str) -> Result<Prepared, CqlError> {
        let parsed = parse_statement(cql).map_err(|error| CqlError::Syntax(error.to_string()))?;
        prepare(&self.schema, Some("ks"), parsed)
    }

    pub fn context(&self) -> BindContext {
        BindContext {
            now_us: self.now_s.saturating_mul(1_000_000).saturating_add(self.writes),
            now_s: self.now_s,
            client_timestamp_us: None,
            stamp: (START_S * 1_000_000 + self.writes) as u64,
            entropy: self.writes as u128,
            page_size: None,
            paging_state: None,
        }
    }

    pub fn commit(&self, operation: &Operation) {
        let Operation::Write(write) = operation else { panic!("not a write: {operation:?}") };
        let mutations: Vec<_> = write.mutations.iter().map(|mutation| mutation.mutation.clone()).collect();
        let committed = self.store.commit(&mutations, Durability::NoSync).unwrap();
        assert!(committed.refused.is_empty());
    }

    pub fn write(&mut self, cql: &str, values: &[BoundValue]) -> Result<(), CqlError> {
        self.writes += 1;
        let operation = self.prepare(cql)?.bind(BoundValues::Positional(values.to_vec()), &self.context())?;
        let operation = self.read_lists(operation)?;
        self.commit(&operation);
        Ok(())
    }

    /// Reads what a write depends on.
    pub fn read_lists(&self, operation: Operation) -> Result<Operation, CqlError> {
        let Operation::ReadThenWrite(mut pending) = operation else { return Ok(operation) };
        while let Some(command) = pending.next_command() {
            pending.feed(&self.store.read(&command).unwrap())?;
        }
        pending.finish(self.context().stamp).map(Operation::Write)
    }

    pub fn run(&mut self, cql: &str) {
        self.write(cql, &[]).unwrap_or_else(|error| panic!("{cql}: {error}"));
    }

    pub fn page(&self, read: ReadOperation) -> Result<Page, CqlError> {
        let mut progress = ReadProgress::new(read);
        let mut commands = 0;
        while let Some(mut command) = progress.next_command() {
            commands += 1;
            assert!(commands < 10_000, "no progress");
            if self.tiny_answers.get() {
                command.size_limit_bytes = 1;
            }
            // Ranges are cut at token 0, as an owner of half the ring would.
            let mut covered = None;
            if let ReadTarget::TokenRange { start, end } = &mut command.target
                && *start < Token(0)
                && Token(0) < *end
            {
                *end = Token(0);
                covered = Some(Token(0));
            }
            let result = self.store.read(&command).unwrap();
            progress.feed(result, covered)?;
        }
        progress.finish()
    }

    pub fn select_paged(&self, cql: &str, values: &[BoundValue], page_size: Option<u32>) -> Result<Rows, CqlError> {
        let prepared = self.prepare(cql)?;
        let mut context = BindContext { page_size, ..self.context() };
        let mut all = Rows { columns: prepared.columns.clone(), rows: Vec::new(), pages: 0 };
        loop {
            let operation = prepared.bind(BoundValues::Positional(values.to_vec()), &context)?;
            let Operation::Read(read) = operation else { panic!("not a read: {cql}") };
            let page = self.page(*read)?;
            all.pages += 1;
            all.rows.extend(page.rows().map(<[_]>::to_vec));
            match page.paging_state {
                Some(state) => context.paging_state = Some(state),
                None => return Ok(all),
            }
            assert!(all.pages < 10_000, "no progress");
        }
    }

    pub fn select(&self, cql: &str) -> Result<Rows, CqlError> {
        self.select_paged(cql, &[], None)
    }

    /// The rows as text; the same whatever the page size.
    pub fn rows(&self, cql: &str) -> Vec<String> {
        let whole = self.select(cql).unwrap_or_else(|error| panic!("{cql}: {error}")).text();
        self.tiny_answers.set(true);
        let tiny = self.select(cql).unwrap_or_else(|error| panic!("{cql}: {error}"));
        assert_eq!(tiny.text(), whole, "{cql} in tiny answers");
        for (page_size, tiny) in [(1, false), (2, false), (3, false), (1, true), (2, true)] {
            self.tiny_answers.set(tiny);
            let paged = self.select_paged(cql, &[], Some(page_size));
            self.tiny_answers.set(false);
            match paged {
                Ok(paged) => assert_eq!(paged.text(), whole, "{cql} in pages of {page_size}"),
                Err(error) => assert!(error.to_string().starts_with("Cannot page queries"), "{cql}: {error}"),
            }
        }
        whole
    }

    pub fn error(&mut self, cql: &str) -> String {
        let prepared = match self.prepare(cql) {
            Ok(prepared) => prepared,
            Err(error) => return error.to_string(),
        };
        let values = prepared.variables.iter().map(|_| BoundValue::Null).collect();
        let bound = prepared.bind(BoundValues::Positional(values), &self.context());
        match bound.and_then(|operation| self.read_lists(operation)) {
            Ok(_) => panic!("no error: {cql}"),
            Err(error) => error.to_string(),
        }
    }
}

pub fn int(value: i32) -> BoundValue {
    BoundValue::Value(Bytes::copy_from_slice(&value.to_be_bytes()))
}

pub fn text(value: &str) -> BoundValue {
    BoundValue::Value(Bytes::copy_from_slice(value.as_bytes()))
}

pub fn list_of_ints(values: &[i32]) -> BoundValue {
    let list = Value::List(values.iter().map(|&value| Value::Int(value)).collect());
    let cql_type = CqlType::List(Box::new(CqlType::Int));
    BoundValue::Value(list.encode(&cql_type).unwrap().unwrap())
}
