//! A cluster of three nodes with one user table, and its system tables decoded.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use starling_cql_lite::collection::{encode_map, encode_set};
use starling_cql_lite::ordered;
use starling_cql_lite::parser::parse_statement;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Value;
use starling_node::schema::{ChangeContext, ColumnKind, Schema, Table, apply};
use starling_node::system::{ClusterView, Listing, rows, with_system};
use starling_ring::{HostId, Member, Token};
use starling_storage::key::{ComponentSpec, decompose};
use starling_storage::model::{Cell, CellContent, Partition};
use uuid::Uuid;

pub type NamedRow = BTreeMap<String, Value>;

pub struct Fixture {
    pub members: Vec<Member>,
    pub schema: Schema,
    pub version: Uuid,
    pub lagging: BTreeMap<HostId, Uuid>,
    pub settings: Listing,
}

impl Fixture {
    pub fn new() -> Self {
        let mut user = Schema::empty();
        let datacenters = BTreeMap::from([("dc1".to_owned(), 3)]);
        for (number, cql) in [
            "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3}",
            "CREATE TABLE ks.\"T1\" (a int, b text, c timeuuid, v blob, s int static, PRIMARY KEY ((a, b), c)) \
             WITH CLUSTERING ORDER BY (c DESC) AND comment = 'note' AND compaction = {'class': 'LeveledCompactionStrategy'}",
        ]
        .iter()
        .enumerate()
        {
            let context =
                ChangeContext { new_uuid: Uuid::from_u128(number as u128), datacenters: &datacenters };
            user = apply(&user, None, &parse_statement(cql).unwrap().statement, &context).unwrap().schema;
        }
        let members = (1..=3).map(member).collect();
        let settings = vec![("cluster_name", Some("flock".to_owned())), ("seeds", None)];
        Fixture { members, version: user.fingerprint(), lagging: BTreeMap::new(), schema: with_system(&user), settings }
    }

    pub fn view(&self) -> ClusterView<'_> {
        ClusterView {
            cluster_name: "flock",
            local: self.members[0].host_id,
            members: &self.members,
            schema: &self.schema,
            schema_version: self.version,
            lagging: &self.lagging,
            traces: &[],
            gossip_generation: 1_700_000_000,
            settings: &self.settings,
        }
    }

    pub fn table(&self, keyspace: &str, name: &str) -> &Table {
        self.schema.table(keyspace, name).unwrap_or_else(|| panic!("{keyspace}.{name}"))
    }

    pub fn partitions(&self, keyspace: &str, name: &str) -> Vec<Partition> {
        rows(self.table(keyspace, name), &self.view())
    }

    /// All rows with their values decoded.
    pub fn read(&self, keyspace: &str, name: &str) -> Vec<NamedRow> {
        let table = self.table(keyspace, name);
        let partitions = self.partitions(keyspace, name);
        partitions.iter().flat_map(|partition| decode_partition(table, partition)).collect()
    }
}

pub fn member(number: u8) -> Member {
    Member {
        rpc_address: IpAddr::V4(Ipv4Addr::new(127, 0, 1, number)),
        datacenter: "dc1".to_owned(),
        rack: "r1".to_owned(),
        tokens: vec![Token(-i64::from(number)), Token(i64::from(number))],
        ..Member::at(HostId(Uuid::from_u128(u128::from(number))), IpAddr::V4(Ipv4Addr::new(127, 0, 0, number)))
    }
}

pub fn decode(ty: &CqlType, wire: &[u8]) -> Value {
    ty.validate(wire).unwrap_or_else(|error| panic!("{ty}: {error}"));
    Value::decode(ty, Some(wire)).unwrap()
}

pub fn decode_partition(table: &Table, partition: &Partition) -> Vec<NamedRow> {
    assert_eq!(partition.token, Token::from_key(&partition.key));
    let [key] = table.partition_key() else { panic!("system tables have one partition key column") };
    let specs: Vec<ComponentSpec> = table
        .clustering()
        .iter()
        .map(|column| ComponentSpec {
            fixed_length: column.cql_type.fixed_length(),
            reversed: matches!(column.kind, ColumnKind::Clustering { reversed: true, .. }),
        })
        .collect();
    assert!(partition.rows.is_sorted_by(|a, b| a.0 < b.0));
    let row = |(clustering, row): &(Bytes, starling_storage::model::Row)| {
        let mut named = NamedRow::from([(key.name.clone(), decode(&key.cql_type, &partition.key))]);
        for (column, bytes) in table.clustering().iter().zip(decompose(&specs, clustering).unwrap()) {
            let wire = ordered::decode(&column.cql_type, &bytes).unwrap();
            named.insert(column.name.clone(), decode(&column.cql_type, &wire));
        }
        assert!(row.marker.is_some());
        assert!(row.columns.is_sorted_by(|a, b| a.column < b.column));
        for data in &row.columns {
            let column = table.column_by_id(data.column).unwrap();
            if column.cql_type.is_multi_cell() {
                named.insert(column.name.clone(), decode(&column.cql_type, &collection(&column.cql_type, &data.cells)));
                continue;
            }
            let [cell] = data.cells.as_slice() else { panic!("{}: not one cell", column.name) };
            let CellContent::Live { value, expiry: None } = &cell.content else { panic!("{}", column.name) };
            named.insert(column.name.clone(), decode(&column.cql_type, value));
        }
        named
    };
    partition.rows.iter().map(row).collect()
}

/// The wire form of a set or map of many cells.
fn collection(ty: &CqlType, cells: &[Cell]) -> Bytes {
    let parts = |key: &CqlType| -> Vec<(Vec<u8>, Vec<u8>)> {
        let part = |cell: &Cell| {
            let CellContent::Live { value, expiry: None } = &cell.content else { panic!("{cell:?}") };
            (ordered::decode(key, cell.path.as_ref().unwrap()).unwrap(), value.to_vec())
        };
        cells.iter().map(part).collect()
    };
    match ty {
        CqlType::Set(key) => encode_set(key, parts(key).into_iter().map(|(key, _)| key).collect()).unwrap(),
        CqlType::Map(key, _) => encode_map(key, parts(key)).unwrap(),
        other => panic!("{other}"),
    }
}

pub fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

pub fn names(rows: &[NamedRow], column: &str) -> Vec<String> {
    let mut names: Vec<String> = rows
        .iter()
        .map(|row| match &row[column] {
            Value::Text(name) => name.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    names.sort();
    names
}
