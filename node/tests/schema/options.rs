//! Table options.

use super::session::{CONFIG, SYNTAX, Session, assert_refused};

#[test]
fn refused_table_options() {
    let mut session = Session::new();
    for (option, code, message) in [
        ("nothing = 1", SYNTAX, "Unknown property 'nothing'"),
        ("dclocal_read_repair_chance = 0.1", SYNTAX, "Unknown property"),
        ("comment = {'a': 'b'}", SYNTAX, "Invalid value for property 'comment'. It should be a string"),
        ("caching = 'all'", SYNTAX, "Invalid value for property 'caching'. It should be a map."),
        ("comment = 'a' AND comment = 'b'", SYNTAX, "Multiple definition for property 'comment'"),
        ("gc_grace_seconds = 'x'", SYNTAX, "Invalid integer value x for 'gc_grace_seconds'"),
        ("gc_grace_seconds = -1", CONFIG, "gc_grace_seconds must be greater than or equal to 0 (got -1)"),
        ("default_time_to_live = 630720001", CONFIG, "must be less than or equal to 630720000 (got 630720001)"),
        ("default_time_to_live = -1", CONFIG, "must be greater than or equal to 0 (got -1)"),
        ("bloom_filter_fp_chance = 0", CONFIG, "bloom_filter_fp_chance must be larger than"),
        ("bloom_filter_fp_chance = 1.1", CONFIG, "less than or equal to 1.0 (got 1.1)"),
        ("bloom_filter_fp_chance = 'x'", SYNTAX, "Invalid double value x"),
        ("crc_check_chance = 1.1", CONFIG, "crc_check_chance must be"),
        ("min_index_interval = 0", CONFIG, "min_index_interval must be greater than or equal to 1"),
        ("max_index_interval = 1", CONFIG, "max_index_interval must be greater than or equal to min_index_interval"),
        ("memtable_flush_period_in_ms = -1", CONFIG, "must be greater than or equal to 0"),
        ("speculative_retry = 'sometimes'", CONFIG, "Speculative Retry Policy [sometimes] is not supported"),
        ("speculative_retry = '100p'", CONFIG, "is not supported"),
        ("additional_write_policy = 'MIN(1ms,2ms)'", CONFIG, "is not supported"),
        ("read_repair = 'maybe'", CONFIG, "read_repair must be BLOCKING or NONE"),
        ("client_timestamps = 'never'", CONFIG, "client_timestamps must be honour or server"),
        ("cdc = maybe", SYNTAX, "Invalid boolean value maybe for 'cdc'"),
        ("memtable = 'nosuch'", CONFIG, "Memtable configuration \"nosuch\" not found."),
        ("compaction = {'class': 'NoSuch'}", CONFIG, "Unable to find compaction strategy class"),
        ("compression = {'class': 'NoSuch'}", CONFIG, "Could not create Compression"),
        ("caching = {'keys': 'SOME'}", CONFIG, "caching sub-option"),
        ("id = 'x'", CONFIG, "Invalid table id"),
    ] {
        let cql = format!("CREATE TABLE t (a int PRIMARY KEY) WITH {option}");
        assert_refused(&mut session, &cql, code, message);
    }
    session.run("CREATE TABLE one (a int PRIMARY KEY) WITH id = '123e4567-e89b-42d3-a456-426614174000'");
    assert_eq!(session.table("one").uuid.to_string(), "123e4567-e89b-42d3-a456-426614174000");
    let again = "CREATE TABLE two (a int PRIMARY KEY) WITH id = '123e4567-e89b-42d3-a456-426614174000'";
    assert_refused(&mut session, again, CONFIG, "already exists");
}

#[test]
fn options_are_kept_in_one_spelling() {
    let mut session = Session::new();
    for (number, (given, shown)) in [
        ("speculative_retry = '99.5PERCENTILE'", "speculative_retry = '99.5p'"),
        ("speculative_retry = '50MS'", "speculative_retry = '50ms'"),
        ("speculative_retry = 'NONE'", "speculative_retry = 'NEVER'"),
        ("speculative_retry = 'always'", "speculative_retry = 'ALWAYS'"),
        ("speculative_retry = 'max(99p, 50ms)'", "speculative_retry = 'MAX(99p,50ms)'"),
        ("additional_write_policy = '95percentile'", "additional_write_policy = '95p'"),
        ("crc_check_chance = 1", "crc_check_chance = 1.0"),
        ("CDC = TRUE", "cdc = true"),
        ("gc_grace_seconds = '12'", "gc_grace_seconds = 12"),
        (
            "compression = {'class': 'org.apache.cassandra.io.compress.ZstdCompressor', 'chunk_length_in_kb': 64}",
            "compression = {'chunk_length_in_kb': '64', 'class': 'org.apache.cassandra.io.compress.ZstdCompressor'}",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        session.run(&format!("CREATE TABLE t{number} (a int PRIMARY KEY) WITH {given}"));
        let statement = &session.describe(&format!("DESCRIBE TABLE t{number}")).unwrap()[0][3];
        assert!(statement.contains(&format!(" {shown}")), "{given}: {statement}");
    }
    // Ours alone: shown where it is not the default.
    session.run("CREATE TABLE own (a int PRIMARY KEY) WITH client_timestamps = 'SERVER'");
    assert!(session.describe("DESCRIBE TABLE own").unwrap()[0][3].contains("\n    AND client_timestamps = 'server'"));
    session.run("ALTER TABLE own WITH client_timestamps = 'honour'");
    assert!(!session.describe("DESCRIBE TABLE own").unwrap()[0][3].contains("client_timestamps"));
    // What equals the default is not kept, so it follows the default.
    session.run(
        "CREATE TABLE same (a int PRIMARY KEY) WITH speculative_retry = '99PERCENTILE' AND caching = {'keys': 'all'}",
    );
    assert!(session.table("same").options.texts.is_empty());
}
