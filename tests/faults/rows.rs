//! Rows over several tables and generations of files, for damage to be done to.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use starling_ring::ConsistencyLevel::{self, All};

use crate::client::{Cells, Client, Failure};
use crate::load::{number_of, text_of};

const TABLES: usize = 3;
const PARTITIONS: usize = 12;
const ROWS: usize = 15;

/// A row's table, partition and clustering key.
pub type Key = (usize, usize, usize);

/// What was written and deleted, all of it acknowledged.
#[derive(Default)]
pub struct Rows {
    /// The value of each row, none if it was deleted.
    changes: BTreeMap<Key, Option<String>>,
}

/// What reading everything came to.
#[derive(Default)]
pub struct Reading {
    /// Reads that were answered with an error.
    pub errors: Vec<String>,
    /// Rows that are not what was written.
    pub wrong: Vec<String>,
}

impl Rows {
    /// Makes the tables.
    pub fn make_tables(node: Ipv4Addr, replicas: usize) {
        let mut client = Client::connect(node);
        let replication = format!("{{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}");
        client.query(&format!("CREATE KEYSPACE flips WITH replication = {replication}"), All).unwrap();
        for table in 0..TABLES {
            let columns = "p int, c bigint, v text, PRIMARY KEY (p, c)";
            client.query(&format!("CREATE TABLE flips.t{table} ({columns})"), All).unwrap();
        }
    }

    /// Writes every row of which `generation` is a part, and deletes some of the generation before.
    pub fn write(&mut self, node: Ipv4Addr, generation: usize) {
        let mut client = Client::connect(node);
        for number in 0..TABLES * PARTITIONS * ROWS {
            let (table, p, c) = (number % TABLES, number / TABLES % PARTITIONS, number / TABLES / PARTITIONS);
            let value = match (number + generation) % 4 {
                0 => None,
                1 | 2 => Some(format!("{number} of {generation} {}", "abcdefgh".repeat(12))),
                _ => continue,
            };
            let statement = match &value {
                Some(value) => format!("INSERT INTO flips.t{table} (p, c, v) VALUES ({p}, {c}, '{value}')"),
                None => format!("DELETE FROM flips.t{table} WHERE p = {p} AND c = {c}"),
            };
            client.query(&statement, All).unwrap();
            self.changes.insert((table, p, c), value);
        }
    }

    /// Reads everything, by partition and as whole tables, and holds it against what was written.
    pub fn read(&self, node: Ipv4Addr, level: ConsistencyLevel) -> Reading {
        let mut reading = Reading::default();
        let timeout = std::time::Duration::from_secs(20);
        let mut client = match Client::open(node, timeout) {
            Ok(client) => client,
            Err(error) => {
                reading.errors.push(error.to_string());
                return reading;
            }
        };
        for table in 0..TABLES {
            let whole = (format!("SELECT p, c, v FROM flips.t{table}"), None);
            let parts = (0..PARTITIONS).map(|p| (format!("SELECT p, c, v FROM flips.t{table} WHERE p = {p}"), Some(p)));
            for (query, partition) in parts.chain([whole]) {
                match client.query(&query, level) {
                    Ok(rows) => self.compare(&rows, table, partition, &mut reading.wrong),
                    Err(failure) => {
                        reading.errors.push(format!("{failure:?}"));
                        if matches!(failure, Failure::Lost(_)) {
                            return reading;
                        }
                    }
                }
            }
        }
        reading
    }

    fn compare(&self, rows: &Cells, table: usize, partition: Option<usize>, wrong: &mut Vec<String>) {
        let mut found: BTreeMap<Key, String> = BTreeMap::new();
        for row in rows {
            let p = i32::from_be_bytes(row[0].as_deref().unwrap().try_into().unwrap()) as usize;
            let key = (table, p, number_of(row[1].as_ref()));
            if found.insert(key, row[2].as_ref().map(|_| text_of(row[2].as_ref())).unwrap_or_default()).is_some() {
                wrong.push(format!("{key:?} was read twice"));
            }
        }
        let asked = self.changes.iter().filter(|((t, p, _), _)| *t == table && partition.is_none_or(|of| of == *p));
        for (key, value) in asked {
            let there = found.remove(key);
            if there != *value {
                wrong.push(format!("{key:?} is {there:?} instead of {value:?}"));
            }
        }
        wrong.extend(found.into_iter().map(|row| format!("nobody wrote {row:?}")));
    }
}
