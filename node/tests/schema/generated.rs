//! Tables made at random: what is described makes the same table again, and so does what is serialised.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::select;
use starling_node::schema::Schema;

use super::session::Session;

const TYPES: &[&str] = &[
    "ascii",
    "bigint",
    "blob",
    "boolean",
    "date",
    "decimal",
    "double",
    "float",
    "inet",
    "int",
    "smallint",
    "text",
    "time",
    "timestamp",
    "timeuuid",
    "tinyint",
    "uuid",
    "varchar",
    "varint",
];

const OPTIONS: &[&str] = &[
    "comment = 'it''s; {a} -- table'",
    "gc_grace_seconds = 1",
    "default_time_to_live = 630720000",
    "speculative_retry = '99.9p'",
    "caching = {'keys': 'NONE', 'rows_per_partition': '5'}",
    "compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4'}",
    "compression = {'enabled': 'false'}",
    "crc_check_chance = 0.25",
    "cdc = true",
    "read_repair = 'NONE'",
    "client_timestamps = 'server'",
];

#[derive(Clone, Debug)]
struct Definition {
    names: Vec<String>,
    types: Vec<&'static str>,
    partition_key: usize,
    clustering: usize,
    descending: Vec<bool>,
    statics: Vec<bool>,
    options: Vec<&'static str>,
}

impl Definition {
    fn cql(&self) -> String {
        let quoted: Vec<String> = self.names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
        let key_end = self.partition_key + self.clustering;
        let mut parts: Vec<String> = quoted
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let is_static = at >= key_end && self.clustering > 0 && self.statics[at];
                format!("{name} {}{}", self.types[at], if is_static { " static" } else { "" })
            })
            .collect();
        let clustering = &quoted[self.partition_key..key_end];
        let mut key = vec![format!("({})", quoted[..self.partition_key].join(", "))];
        key.extend_from_slice(clustering);
        parts.push(format!("PRIMARY KEY ({})", key.join(", ")));
        let mut options: Vec<String> = self.options.iter().map(|option| (*option).to_owned()).collect();
        if self.clustering > 0 {
            let order =
                |(at, name): (usize, &String)| format!("{name} {}", if self.descending[at] { "DESC" } else { "ASC" });
            let orders: Vec<String> = clustering.iter().enumerate().map(order).collect();
            options.push(format!("CLUSTERING ORDER BY ({})", orders.join(", ")));
        }
        let with = if options.is_empty() { String::new() } else { format!(" WITH {}", options.join(" AND ")) };
        format!("CREATE TABLE t ({}){with}", parts.join(", "))
    }
}

fn definition() -> impl Strategy<Value = Definition> {
    let names = btree_set("[a-zA-Z\"' _é0-9]{1,6}|select|table|key", 1..9)
        .prop_map(|names| names.into_iter().collect::<Vec<_>>());
    names.prop_shuffle().prop_flat_map(|names| {
        let count = names.len();
        let types = vec(select(TYPES), count);
        let flags = || vec(any::<bool>(), count);
        let options = proptest::sample::subsequence(OPTIONS.to_vec(), 0..=OPTIONS.len());
        (Just(names), types, 1..=count, 0..=count, flags(), flags(), options).prop_map(
            |(names, types, partition_key, clustering, descending, statics, options)| {
                let clustering = clustering.min(names.len() - partition_key);
                Definition { names, types, partition_key, clustering, descending, statics, options }
            },
        )
    })
}

proptest! {
    #[test]
    fn described_and_serialised_tables_are_the_same(definition in definition()) {
        let mut session = Session::new();
        session.run(&definition.cql());
        let statement = session.describe("DESCRIBE TABLE t WITH INTERNALS").unwrap()[0][3].clone();
        let config = bincode::config::standard();
        let bytes = bincode::serde::encode_to_vec(&session.schema, config).unwrap();
        let (read, _): (Schema, usize) = bincode::serde::decode_from_slice(&bytes, config).unwrap();
        prop_assert_eq!(&read, &session.schema);
        prop_assert_eq!(read.fingerprint(), session.schema.fingerprint());
        let mut before = session.table("t").clone();
        session.run("DROP TABLE t");
        session.run(&statement);
        before.table = session.table("t").table;
        prop_assert_eq!(&before, session.table("t"));
    }
}
