//! The schema's version and its serialised form.

use starling_node::schema::Schema;
use starling_node::system::with_system;

use super::session::{Session, TABLES};

#[test]
fn the_version_tells_contents_apart() {
    let mut session = Session::new();
    let mut versions = vec![session.schema.fingerprint()];
    for cql in TABLES.iter().copied().chain([
        "ALTER TABLE t1 ADD b int",
        "ALTER TABLE t1 WITH comment = 'x'",
        "ALTER TABLE t1 DROP b",
        "ALTER KEYSPACE ks WITH durable_writes = false",
    ]) {
        session.run(cql);
        versions.push(session.schema.fingerprint());
    }
    let count = versions.len();
    versions.sort();
    versions.dedup();
    assert_eq!(versions.len(), count);
    assert_eq!(with_system(&session.schema).fingerprint(), session.schema.fingerprint());
    let before = session.schema.fingerprint();
    session.run("TRUNCATE t1");
    assert_eq!(session.schema.fingerprint(), before);
}

#[test]
fn a_schema_survives_serialisation() {
    let mut session = Session::new();
    for cql in TABLES {
        session.run(cql);
    }
    session.run("TRUNCATE t1");
    let config = bincode::config::standard();
    let bytes = bincode::serde::encode_to_vec(with_system(&session.schema), config).unwrap();
    let (read, length): (Schema, usize) = bincode::serde::decode_from_slice(&bytes, config).unwrap();
    assert_eq!(length, bytes.len());
    assert_eq!(read, session.schema);
    for cut in 0..bytes.len() {
        assert!(bincode::serde::decode_from_slice::<Schema, _>(&bytes[..cut], config).is_err());
    }
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x15;
        // Any answer will do, as long as it is one.
        let _ = bincode::serde::decode_from_slice::<Schema, _>(&damaged, config.with_limit::<1_000_000>());
    }
}
