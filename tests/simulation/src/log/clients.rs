//! Clients that change the schema: what they ask for, in CQL.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use starling_cql_lite::ast::Statement;
use starling_cql_lite::parser::parse_statement;
use starling_node::cluster::{ChangeRequest, Metadata};
use starling_node::schema::change::{self, ChangeContext, SchemaEffect, SchemaOutcome};
use starling_node::schema::{Schema, Table};
use uuid::Uuid;

use crate::random::Random;

/// A change as it was asked for: it can be made again, by the node and by the oracle.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Its number; no two have the same.
    pub number: u64,
    pub text: String,
    statement: Arc<Statement>,
    new_uuid: Uuid,
    datacenters: Arc<BTreeMap<String, usize>>,
}

impl Wish {
    /// What `text` asks for; `None` if it is no statement.
    pub fn new(number: u64, text: String, new_uuid: Uuid, datacenters: BTreeMap<String, usize>) -> Option<Self> {
        let statement = Arc::new(parse_statement(&text).ok()?.statement);
        Some(Wish { number, text, statement, new_uuid, datacenters: Arc::new(datacenters) })
    }

    /// What it makes of a schema; `None` if it does not fit.
    pub fn apply(&self, schema: &Schema) -> Option<SchemaOutcome> {
        let context = ChangeContext { new_uuid: self.new_uuid, datacenters: &self.datacenters };
        change::apply(schema, None, &self.statement, &context).ok()
    }

    /// The summary of the entry that it becomes: by it the oracle knows it.
    pub fn summary(&self) -> String {
        format!("wish {}", self.number)
    }

    /// As a node is asked, the way the server asks it. `slot` is told what it would change, whenever it is computed.
    pub fn request(&self, slot: Arc<Mutex<SchemaEffect>>) -> ChangeRequest {
        let wish = self.clone();
        ChangeRequest::schema(&self.summary(), move |metadata: &Metadata| {
            let context = ChangeContext { new_uuid: wish.new_uuid, datacenters: &wish.datacenters };
            let outcome = change::apply(&metadata.schema, None, &wish.statement, &context)?;
            let changed = outcome.effect != SchemaEffect::Nothing;
            *slot.lock() = outcome.effect;
            Ok(changed.then_some(outcome.schema))
        })
    }
}

/// The number of the wish that an entry's summary names.
pub fn wish_of(summary: &str) -> Option<u64> {
    summary.strip_prefix("wish ")?.parse().ok()
}

/// A request that a node has not answered yet.
pub struct Asked {
    pub wish: u64,
    pub node: usize,
    pub life: u32,
    /// It must be answered by then.
    pub until_us: u64,
    pub effect: Arc<Mutex<SchemaEffect>>,
}

/// More keyspaces, or tables, are not kept: then some are dropped.
const KEPT_MAX: usize = 12;

/// Draws a statement; `schema` is what the client knows of.
pub fn draw(random: &mut Random, number: u64, schema: &Schema, contended: u64, with_tables: bool) -> String {
    if schema.keyspaces.len() > KEPT_MAX {
        let names: Vec<&String> = schema.keyspaces.keys().collect();
        return format!("DROP KEYSPACE {}", names[random.below(names.len() as u64) as usize]);
    }
    let is_contended = random.per_mille(contended);
    let keyspace = if is_contended { format!("s{}", random.below(2)) } else { format!("k{number}") };
    if !with_tables || schema.keyspaces.is_empty() || random.one_in(4) {
        return keyspace_statement(random, &keyspace, schema);
    }
    let keyspaces: Vec<&String> = schema.keyspaces.keys().collect();
    let keyspace = keyspaces[random.below(keyspaces.len() as u64) as usize];
    let tables: Vec<&Arc<Table>> = schema.keyspaces.values().flat_map(|k| k.tables.values()).collect();
    if tables.is_empty() || random.one_in(3) {
        let name = if is_contended { format!("t{}", random.below(3)) } else { format!("t{number}") };
        let spared = if random.one_in(4) { "IF NOT EXISTS " } else { "" };
        return format!("CREATE TABLE {spared}{keyspace}.{name} (k int PRIMARY KEY, c0 int, c1 text)");
    }
    let table = tables[random.below(tables.len() as u64) as usize];
    let name = format!("{}.{}", table.keyspace, table.name);
    if tables.len() > KEPT_MAX {
        return format!("DROP TABLE {name}");
    }
    let column = if is_contended { format!("c{}", random.below(4)) } else { format!("c{number}") };
    match random.below(12) {
        0..=3 => {
            let kind = ["int", "text", "bigint"][random.below(3) as usize];
            format!("ALTER TABLE {name} ADD {column} {kind}")
        }
        4..=6 => format!("ALTER TABLE {name} DROP {}", some_column(random, table)),
        7 => format!("ALTER TABLE {name} WITH comment = 'wish {number}'"),
        8 | 9 => format!("TRUNCATE {name}"),
        _ => format!("DROP TABLE {}{name}", if random.one_in(2) { "IF EXISTS " } else { "" }),
    }
}

fn keyspace_statement(random: &mut Random, keyspace: &str, schema: &Schema) -> String {
    let replication = format!("{{'class': 'SimpleStrategy', 'replication_factor': {}}}", random.between(1, 3));
    let exists = schema.keyspaces.contains_key(keyspace);
    match random.below(8) {
        0..=4 if exists => format!("ALTER KEYSPACE {keyspace} WITH replication = {replication}"),
        5 => format!("DROP KEYSPACE {}{keyspace}", if random.one_in(2) { "IF EXISTS " } else { "" }),
        6 => format!("CREATE KEYSPACE IF NOT EXISTS {keyspace} WITH replication = {replication}"),
        _ => format!("CREATE KEYSPACE {keyspace} WITH replication = {replication}"),
    }
}

fn some_column(random: &mut Random, table: &Table) -> String {
    let names: Vec<&String> = table.columns.iter().map(|column| &column.name).collect();
    names[random.below(names.len() as u64) as usize].clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_is_a_statement_and_mostly_fits() {
        let mut random = Random::new(1);
        let mut schema = Schema::default();
        let mut fitting = 0;
        for number in 1..=400 {
            let text = draw(&mut random, number, &schema, 500, true);
            let datacenters = BTreeMap::from([("dc1".to_owned(), 3)]);
            let wish = Wish::new(number, text.clone(), Uuid::from_u128(u128::from(number)), datacenters);
            let wish = wish.unwrap_or_else(|| panic!("{text}"));
            assert_eq!(wish_of(&wish.summary()), Some(number));
            if let Some(outcome) = wish.apply(&schema) {
                schema = outcome.schema;
                fitting += 1;
            }
        }
        assert!(fitting > 200, "{fitting} of 400 fit");
    }
}
