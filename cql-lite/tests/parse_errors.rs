//! Where and how statements that are not grammatical are refused.

use starling_cql_lite::parser::{MAX_NESTING, MAX_TOKENS, parse_statement, parse_statement_within};

fn error(text: &str) -> String {
    match parse_statement(text) {
        Err(error) => error.to_string(),
        Ok(parsed) => panic!("{text} gave {parsed:?}"),
    }
}

#[test]
fn messages_are_worded_as_cassandras() {
    let table = [
        ("", "line 1:0 no viable alternative at input '<EOF>'"),
        ("FOO", "line 1:0 no viable alternative at input 'FOO' ([FOO])"),
        ("SELECT * FORM t", "line 1:9 mismatched input 'FORM' expecting K_FROM (SELECT * [FORM]...)"),
        ("SELECT * FROM t x", "line 1:16 mismatched input 'x' expecting EOF (SELECT * FROM t [x])"),
        ("SELECT * FROM", "line 1:13 no viable alternative at input '<EOF>'"),
        ("SELECT *\nFROM t\n  WHERE", "line 3:7 no viable alternative at input '<EOF>'"),
        ("SELECT a FROM t WHERE a ^ 1", "line 1:24 no viable alternative at character '^'"),
        ("SELECT 'abc FROM t", "line 1:7 mismatched character '<EOF>' expecting '''"),
        ("SELECT \"abc FROM t", "line 1:7 mismatched character '<EOF>' expecting '\"'"),
        ("SELECT a /* FROM t", "line 1:9 mismatched character '<EOF>' expecting '*/'"),
        (
            "UPDATE t SET count = count + 1WHERE k = 1",
            "line 1:31 mismatched input 'HERE' expecting K_WHERE (... count = count + 1W[HERE]...)",
        ),
        (
            "CREATE KEYSPACE IF NOT EXISTS my-project WITH x = 1",
            "line 1:32 mismatched input '-' expecting K_WITH (... KEYSPACE IF NOT EXISTS my[-]...)",
        ),
        (
            "select a as t, b as u FROM ks.t AND d",
            "line 1:32 mismatched input 'AND' expecting EOF (...as u FROM ks.t [AND]...)",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(error(text), expected, "{text}");
    }
}

#[test]
fn errors_have_their_position() {
    let table = [
        ("SELECT FROM t", 1, 7),
        ("SELECT a b FROM t", 1, 9),
        ("SELECT * FROM select", 1, 14),
        ("SELECT * FROM ?", 1, 14),
        ("SELECT * FROM a.b.c", 1, 17),
        ("SELECT * FROM t WHERE", 1, 21),
        ("SELECT * FROM t WHERE a", 1, 23),
        ("SELECT * FROM t WHERE a = ", 1, 26),
        ("SELECT * FROM t WHERE a = b", 1, 26),
        ("SELECT * FROM t WHERE a IN 1", 1, 27),
        ("SELECT * FROM t WHERE a NOT IN (1)", 1, 24),
        ("SELECT * FROM t WHERE a IS NULL", 1, 27),
        ("SELECT * FROM t WHERE (a, b) IN (1)", 1, 33),
        ("SELECT * FROM t LIMIT 'a'", 1, 22),
        ("SELECT * FROM t LIMIT 1 PER PARTITION LIMIT 1", 1, 24),
        ("SELECT * FROM t ALLOW", 1, 21),
        ("SELECT ttl(1) FROM t", 1, 11),
        ("SELECT cast(a AS list<int>) FROM t", 1, 17),
        ("SELECT 'ä', ^ FROM t", 1, 12),
        ("INSERT INTO t (a) VALUES 1", 1, 25),
        ("INSERT INTO t VALUES (1)", 1, 14),
        ("INSERT INTO t () VALUES (1)", 1, 15),
        ("INSERT INTO t (a) VALUES (1,)", 1, 28),
        ("INSERT INTO t (a) VALUES ({1: 2, 3})", 1, 34),
        ("INSERT INTO t (a) VALUES (ttl(a))", 1, 26),
        ("INSERT INTO t (a) VALUES (1) USING TTL x", 1, 39),
        ("UPDATE t SET a = 1", 1, 18),
        ("UPDATE t SET a = b + 1 WHERE k = 1", 1, 17),
        ("UPDATE t SET a = 1 + b WHERE k = 1", 1, 21),
        ("UPDATE t SET a = 1, a = 2 WHERE k = 1", 1, 20),
        ("UPDATE t SET u.f = 1, u.f = 2 WHERE k = 1", 1, 22),
        ("DELETE FROM t", 1, 13),
        ("DELETE FROM t USING TTL 1 WHERE k = 1", 1, 20),
        ("BEGIN BATCH SELECT * FROM t APPLY BATCH", 1, 12),
        ("BEGIN BATCH", 1, 11),
        ("CREATE TABLE t ()", 1, 16),
        ("CREATE TABLE t (k int PRIMARY KEY", 1, 33),
        ("CREATE TABLE t (k list<int)", 1, 26),
        ("CREATE TABLE t (k foo<int>)", 1, 18),
        ("CREATE TABLE t (k int) WITH a = ?", 1, 32),
        ("CREATE TABLE t (k int) WITH a = {'x': ?}", 1, 38),
        ("CREATE TABLE t (k int) WITH a = 1 AND a = 2", 1, 38),
        ("CREATE TABLE t (k int) WITH CLUSTERING ORDER BY (k)", 1, 50),
        ("CREATE TABLE t (\"\" int PRIMARY KEY)", 1, 16),
        ("CREATE TABLE t (k vector<int, 99999999999>)", 1, 30),
        ("CREATE KEYSPACE ks", 1, 18),
        ("CREATE TYPE int (a int)", 1, 12),
        ("CREATE TYPE byte (a int)", 1, 12),
        ("CREATE FOO x", 1, 7),
        ("DROP TABLE IF t", 1, 14),
        ("USE ?", 1, 4),
        ("GRANT FLY ON t TO r", 1, 10),
        ("SELECT * FROM t; SELECT * FROM t", 1, 17),
    ];
    for (text, line, column) in table {
        let found = parse_statement(text).err().unwrap_or_else(|| panic!("{text} is accepted"));
        assert_eq!((found.line, found.column), (line, column), "{text}: {found}");
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |open: &str, close: &str, levels: usize| {
        format!("INSERT INTO t (a) VALUES ({}1{})", open.repeat(levels), close.repeat(levels))
    };
    assert!(parse_statement(&nested("[", "]", MAX_NESTING - 1)).is_ok());
    for (open, close) in [("[", "]"), ("{", "}"), ("(", ")"), ("f(", ")"), ("-", ""), ("(int) ", ""), ("{1: ", "}")] {
        let message = error(&nested(open, close, 100_000));
        assert!(message.contains("nested deeper") || message.contains("no viable"), "{open}: {message}");
    }
    let of_types = format!("CREATE TABLE t (k {}int{})", "list<".repeat(100_000), ">".repeat(100_000));
    assert!(error(&of_types).contains("nested deeper"));
    let relations = format!("SELECT * FROM t WHERE {}a = 1", "(".repeat(100_000));
    assert!(error(&relations).contains("nested deeper"));
    let selectors = format!("SELECT {}a FROM t", "(".repeat(100_000));
    assert!(error(&selectors).contains("nested deeper"));
}

#[test]
fn chains_of_operators_are_bounded() {
    for chain in ["1".to_owned() + &" + 1".repeat(100_000), "a".to_owned() + &".b".repeat(100_000)] {
        assert!(error(&format!("SELECT {chain} FROM t")).contains("operators"));
    }
    assert!(error(&format!("INSERT INTO t (a) VALUES (1{})", "*2".repeat(100_000))).contains("operators"));
    let within = "UPDATE t SET a = 1 + 2 + 3 WHERE k = 4 - 1; ".repeat(200);
    assert!(parse_statement(&format!("BEGIN BATCH {within} APPLY BATCH")).is_ok());
}

#[test]
fn length_is_bounded() {
    assert!(parse_statement_within("SELECT * FROM t", 15).is_ok());
    assert!(parse_statement_within("SELECT * FROM t", 14).is_err());
}

#[test]
fn a_statement_has_a_bounded_number_of_tokens() {
    let of = |constants: usize| format!("SELECT v FROM t WHERE k IN ({}\n1)", "1,".repeat(constants - 1));
    // Eight before the constants, a comma between each two of them, the parenthesis and the end.
    let most = (MAX_TOKENS - 10) / 2;
    let parsed = parse_statement(&of(most)).unwrap();
    assert_eq!(parsed.tokens, 8 + 2 * most - 1 + 2);
    let error = parse_statement(&of(most + 1)).unwrap_err();
    assert_eq!(error.line, 2);
    assert!(error.message.contains("bind values instead"), "{error}");
}
