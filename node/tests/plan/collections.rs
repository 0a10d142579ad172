//! Collections, tuples and vectors: literals, markers, updates, selection, filters.

use bytes::Bytes;
use starling_cql_lite::types::CqlType;
use starling_cql_lite::value::Value;
use starling_node::plan::{BindContext, BoundValue, BoundValues, Operation};
use starling_storage::model::CellContent;

use crate::support::{Db, int, list_of_ints, text};

const TABLE: &str = "CREATE TABLE c (k int, c int, l list<text>, s set<int>, m map<text, int>, fl frozen<list<int>>, \
                     fm frozen<map<int, set<text>>>, t tuple<int, text>, v vector<float, 3>, sl list<int> STATIC, \
                     PRIMARY KEY (k, c))";

fn db() -> Db {
    let mut db = Db::new(&[TABLE]);
    db.run(
        "INSERT INTO c (k, c, l, s, m, fl, fm, t, v, sl) VALUES (1, 1, ['a', 'b', 'a'], {3, 1, 2, 1}, \
         {'y': 2, 'x': 1}, [2, 1], {2: {'b', 'a'}, 1: {}}, (1, 'one'), [1, 2.5, -3], [7])",
    );
    db
}

fn one(db: &Db, column: &str) -> String {
    db.rows(&format!("SELECT {column} FROM c WHERE k = 1 AND c = 1")).join(";")
}

#[test]
fn literals_come_back_in_order() {
    let db = db();
    assert_eq!(
        one(&db, "l, s, m, fl, fm, t, v, sl"),
        "['a', 'b', 'a']|{1, 2, 3}|{'x': 1, 'y': 2}|[2, 1]|{1: {}, 2: {'a', 'b'}}|(1, 'one')|[1.0, 2.5, -3.0]|[7]"
    );
    let rows = db.select("SELECT * FROM c").unwrap();
    let types: Vec<String> = rows.columns.iter().map(|column| column.cql_type.to_string()).collect();
    assert_eq!(types[4], "frozen<map<int, frozen<set<text>>>>");
    assert_eq!(types[8], "frozen<tuple<int, text>>");
    assert_eq!(types[9], "vector<float, 3>");
}

#[test]
fn parts_are_added_taken_out_and_replaced() {
    let mut db = db();
    let steps = [
        ("l = l + ['c', 'd']", "l", "['a', 'b', 'a', 'c', 'd']"),
        ("l = ['x', 'y'] + l", "l", "['x', 'y', 'a', 'b', 'a', 'c', 'd']"),
        ("l = ['w'] + l, l += ['e']", "l", "['w', 'x', 'y', 'a', 'b', 'a', 'c', 'd', 'e']"),
        ("l = l - ['a', 'q']", "l", "['w', 'x', 'y', 'b', 'c', 'd', 'e']"),
        ("l[0] = 'v', l[6] = 'z'", "l", "['v', 'x', 'y', 'b', 'c', 'd', 'z']"),
        ("l[1] = null", "l", "['v', 'y', 'b', 'c', 'd', 'z']"),
        ("l = []", "l", "null"),
        ("l += ['n']", "l", "['n']"),
        ("s = s + {9}", "s", "{1, 2, 3, 9}"),
        ("s -= {1, 5}", "s", "{2, 3, 9}"),
        ("s = {}", "s", "null"),
        ("m['z'] = 3, m['x'] = null", "m", "{'y': 2, 'z': 3}"),
        ("m = m + {'a': 0}", "m", "{'a': 0, 'y': 2, 'z': 3}"),
        ("m = m - {'y', 'none'}", "m", "{'a': 0, 'z': 3}"),
        ("m = {'only': 1}", "m", "{'only': 1}"),
        ("m = null", "m", "null"),
        ("fl = [5, 5]", "fl", "[5, 5]"),
        ("fl = []", "fl", "[]"),
        ("t = (2, null)", "t", "(2, null)"),
        ("t = (3)", "t", "(3, null)"),
        ("t = null", "t", "null"),
    ];
    for (change, column, expected) in steps {
        db.run(&format!("UPDATE c SET {change} WHERE k = 1 AND c = 1"));
        assert_eq!(one(&db, column), expected, "after {change}");
    }
    let of_partition = |db: &Db| db.rows("SELECT sl FROM c WHERE k = 1");
    db.run("UPDATE c SET sl = [0] + sl, sl += [8] WHERE k = 1");
    db.run("UPDATE c SET sl[1] = 70 WHERE k = 1");
    assert_eq!(of_partition(&db), ["[0, 70, 8]"]);
    db.run("DELETE sl[0] FROM c WHERE k = 1");
    db.run("UPDATE c SET sl = sl - [8] WHERE k = 1");
    assert_eq!(of_partition(&db), ["[70]"]);
}

#[test]
fn elements_are_deleted() {
    let mut db = db();
    db.run("DELETE m['x'], s[2], l[0] FROM c WHERE k = 1 AND c = 1");
    assert_eq!(one(&db, "l, s, m"), "['b', 'a']|{1, 3}|{'y': 2}");
    db.run("DELETE l, s, m FROM c WHERE k = 1 AND c = 1");
    assert_eq!(one(&db, "l, s, m"), "null|null|null");
    db.run("UPDATE c USING TIMESTAMP 5 SET s = {1} WHERE k = 1 AND c = 1");
    assert_eq!(one(&db, "s"), "null", "older than the deletion");
}

#[test]
fn lists_are_read_in_batches_and_for_many_rows() {
    let mut db = db();
    db.run("INSERT INTO c (k, c, l) VALUES (1, 2, ['p', 'q'])");
    db.run("UPDATE c SET l[1] = 'new' WHERE k = 1 AND c IN (1, 2)");
    assert_eq!(db.rows("SELECT l FROM c WHERE k = 1"), ["['a', 'new', 'a']", "['p', 'new']"]);
    db.run(
        "BEGIN BATCH UPDATE c SET l[0] = 'first' WHERE k = 1 AND c = 1; DELETE l[0] FROM c WHERE k = 1 AND c = 2; \
         UPDATE c SET s = s + {100} WHERE k = 1 AND c = 1; APPLY BATCH",
    );
    assert_eq!(db.rows("SELECT l FROM c WHERE k = 1"), ["['first', 'new', 'a']", "['new']"]);
    let cases = [
        ("UPDATE c SET l[3] = 'x' WHERE k = 1 AND c = 1", "List index 3 out of bound, list has size 3"),
        ("UPDATE c SET l[-1] = 'x' WHERE k = 1 AND c = 1", "List index -1 out of bound, list has size 3"),
        ("UPDATE c SET l[0] = 'x' WHERE k = 1 AND c = 9", "Attempted to set an element on a list which is null"),
        ("DELETE l[0] FROM c WHERE k = 1 AND c = 9", "Attempted to delete an element from a list which is null"),
        ("UPDATE c SET l[null] = 'x' WHERE k = 1 AND c = 1", "Invalid null value for list index"),
        ("UPDATE c SET m[null] = 1 WHERE k = 1 AND c = 1", "Invalid null map key"),
    ];
    for (cql, message) in cases {
        assert_eq!(db.error(cql), message, "{cql}");
    }
    db.run("UPDATE c SET l = l - ['x'] WHERE k = 5 AND c = 5");
    assert!(db.rows("SELECT * FROM c WHERE k = 5").is_empty());
}

#[test]
fn elements_and_slices_are_selected() {
    let db = db();
    let rows =
        db.select("SELECT m['x'], m['none'], s[2], s[8], fm[2], m['x'..'x'], s[2..], s[..1], fl FROM c").unwrap();
    assert_eq!(rows.names()[..4], ["m['x']", "m['none']", "s[2]", "s[8]"]);
    assert_eq!(rows.names()[5..8], ["m['x'..'x']", "s[2..]", "s[..1]"]);
    assert_eq!(rows.text(), ["1|null|2|null|{'a', 'b'}|{'x': 1}|{2, 3}|{1}|[2, 1]"]);
    assert_eq!(one(&db, "s[10..20], fm[9..10]"), "null|{}");
    assert_eq!(one(&db, "[c, k], {k, c}, {'a': k}, (k, 'x'), [fl]"), "[1, 1]|{1}|{'a': 1}|(1, 'x')|[[2, 1]]");
    let rows = db.select_paged("SELECT m[?], s[?..?] FROM c", &[text("y"), int(2), int(9)], None).unwrap();
    assert_eq!(rows.text(), ["2|{2, 3}"]);
}

#[test]
fn times_of_elements() {
    let mut db =
        Db::new(&["CREATE TABLE w (k int PRIMARY KEY, s set<int>, m map<text, int>, f frozen<set<int>>, v int)"]);
    db.run("INSERT INTO w (k, s, m, f, v) VALUES (1, {1, 2}, {'a': 1}, {1}, 5) USING TIMESTAMP 10");
    db.run("UPDATE w USING TIMESTAMP 20 AND TTL 100 SET s = s + {3}, m['b'] = 2 WHERE k = 1");
    let of = |db: &Db, what: &str| db.rows(&format!("SELECT {what} FROM w WHERE k = 1")).join(";");
    assert_eq!(of(&db, "writetime(s), writetime(m), writetime(f), writetime(v)"), "[10, 10, 20]|[10, 20]|10|10");
    assert_eq!(of(&db, "maxwritetime(s), maxwritetime(m), maxwritetime(f), maxwritetime(v)"), "20|20|10|10");
    assert_eq!(of(&db, "ttl(m['a']), ttl(m['b']), ttl(m['c']), ttl(f)"), "null|100|null|null");
    assert_eq!(
        of(&db, "writetime(m['b']), writetime(s[3]), writetime(s[2..]), writetime(s[9])"),
        "20|20|[10, 20]|null"
    );
    let rows = db.select("SELECT ttl(s), writetime(m['a'..'b']) FROM w").unwrap();
    assert_eq!(rows.names(), ["ttl(s)", "writetime(m['a'..'b'])"]);
    assert_eq!(rows.columns[0].cql_type.to_string(), "list<int>");
    // Two elements that do not expire, null, and one that does.
    let ttls = [&[0, 0, 0, 3][..], &[255; 4], &[255; 4], &[0, 0, 0, 4, 0, 0, 0, 100]].concat();
    assert_eq!(rows.rows[0][0].as_deref(), Some(&ttls[..]));
    db.run("UPDATE w SET s = null, m = {}, f = null, v = null WHERE k = 1");
    assert_eq!(of(&db, "writetime(s), ttl(m)"), "null|null");
}

fn of(db: &Db, condition: &str) -> Vec<String> {
    db.rows(&format!("SELECT c FROM c WHERE {condition} ALLOW FILTERING"))
}

#[test]
fn filters_look_inside() {
    let mut db = db();
    db.run("INSERT INTO c (k, c, l, s, m, fl, t) VALUES (1, 2, ['b'], {4}, {'x': 5}, [1], (2, 'two'))");
    assert_eq!(of(&db, "l CONTAINS 'b'"), ["1", "2"]);
    assert_eq!(of(&db, "l CONTAINS 'b' AND l CONTAINS 'a'"), ["1"]);
    assert_eq!(of(&db, "s CONTAINS 4"), ["2"]);
    assert_eq!(of(&db, "m CONTAINS 5"), ["2"]);
    assert_eq!(of(&db, "m CONTAINS KEY 'x'"), ["1", "2"]);
    assert_eq!(of(&db, "m CONTAINS KEY 'y' AND m CONTAINS 1"), ["1"]);
    assert_eq!(of(&db, "m['x'] = 5"), ["2"]);
    assert_eq!(of(&db, "fl CONTAINS 2"), ["1"]);
    assert_eq!(of(&db, "fl = [1]"), ["2"]);
    assert_eq!(of(&db, "fl > [1]"), ["1"]);
    assert_eq!(of(&db, "fl IN ([1], [2, 1])"), ["1", "2"]);
    assert_eq!(of(&db, "fm CONTAINS KEY 1"), ["1"]);
    assert_eq!(of(&db, "t = (2, 'two')"), ["2"]);
    assert_eq!(of(&db, "k = 1 AND sl CONTAINS 7"), ["1", "2"]);
    for (cql, message) in [
        ("l CONTAINS 'b'", "Cannot execute this query as it might involve data filtering"),
        ("s = {1} ALLOW FILTERING", "Collection column 's' (set<int>) cannot be restricted by a '=' relation"),
        ("s IN ({1}) ALLOW FILTERING", "Collection column 's' (set<int>) cannot be restricted by a 'IN' relation"),
        ("l['a'] = 'b' ALLOW FILTERING", "Indexes on list entries (l[index] = value) are not currently supported."),
        ("fm[1] = {} ALLOW FILTERING", "Map-entry equality predicates on frozen map column fm are not supported"),
        ("m['a'] > 1 ALLOW FILTERING", "Only EQ relations are supported on map entries"),
        ("c CONTAINS 1 ALLOW FILTERING", "Cannot use CONTAINS on non-collection column c"),
        ("s CONTAINS KEY 1 ALLOW FILTERING", "Cannot use CONTAINS KEY on non-map column s"),
        ("s CONTAINS null ALLOW FILTERING", "Unsupported null value for column s"),
    ] {
        let error = db.error(&format!("SELECT * FROM c WHERE {cql}"));
        assert!(error.starts_with(message), "{cql}: {error}");
    }
}

#[test]
fn collections_in_keys_are_ordered_element_by_element() {
    let mut db =
        Db::new(&["CREATE TABLE f (k frozen<set<text>>, l frozen<list<int>>, m frozen<map<int, text>>, v int, \
         PRIMARY KEY (k, l, m)) WITH CLUSTERING ORDER BY (l DESC, m ASC)"]);
    let lists = ["[]", "[1]", "[1, 2]", "[-1, 9]", "[2]", "[1, 1, 1]"];
    for (number, list) in lists.iter().enumerate() {
        db.run(&format!("INSERT INTO f (k, l, m, v) VALUES ({{'b', 'a'}}, {list}, {{1: 'x'}}, {number})"));
    }
    let all = db.rows("SELECT l FROM f WHERE k = {'a', 'b'}");
    assert_eq!(all, ["[2]", "[1, 2]", "[1, 1, 1]", "[1]", "[-1, 9]", "[]"]);
    assert_eq!(db.rows("SELECT l FROM f WHERE k = {'a', 'b'} AND l > [1]"), ["[2]", "[1, 2]", "[1, 1, 1]"]);
    assert_eq!(db.rows("SELECT v FROM f WHERE k = {'a', 'b'} AND l = [1, 2] AND m = {1: 'x'}"), ["2"]);
    assert_eq!(db.rows("SELECT k, m FROM f LIMIT 1"), ["{'a', 'b'}|{1: 'x'}"]);
}

fn wire(cql_type: &str, value: &Value) -> BoundValue {
    BoundValue::Value(value.encode(&CqlType::parse(cql_type).unwrap()).unwrap().unwrap())
}

#[test]
fn markers_for_collections_and_their_parts() {
    let mut db = db();
    let prepared = db.prepare("UPDATE c SET m[?] = ?, l = ? + l, s = s - ?, m = m - ? WHERE k = ? AND c = ?").unwrap();
    let names: Vec<(&str, String)> =
        prepared.variables.iter().map(|variable| (variable.name.as_str(), variable.cql_type.to_string())).collect();
    let expected = [
        ("key(m)", "text"),
        ("value(m)", "int"),
        ("l", "list<text>"),
        ("s", "set<int>"),
        ("m", "set<text>"),
        ("k", "int"),
        ("c", "int"),
    ];
    assert_eq!(names, expected.map(|(name, cql_type)| (name, cql_type.to_owned())));
    // A set in the order that a client keeps it, with a repeat.
    let unsorted = BoundValue::Value(match list_of_ints(&[9, 3, 9, 5]) {
        BoundValue::Value(list) => list,
        _ => Bytes::new(),
    });
    db.write("INSERT INTO c (k, c, s, fl) VALUES (1, 1, ?, ?)", &[unsorted.clone(), unsorted.clone()]).unwrap();
    assert_eq!(one(&db, "s, fl"), "{3, 5, 9}|[9, 3, 9, 5]");
    let frozen = wire(
        "map<int, frozen<set<text>>>",
        &Value::Map(vec![(Value::Int(2), Value::Set(vec![Value::from("b"), Value::from("a")]))]),
    );
    db.write("UPDATE c SET fm = ? WHERE k = 1 AND c = 1", &[frozen]).unwrap();
    assert_eq!(one(&db, "fm"), "{2: {'a', 'b'}}");
    db.write(
        "UPDATE c SET m = {'a': ?, ?: 2}, t = (?, ?) WHERE k = 1 AND c = 1",
        &[int(1), text("b"), BoundValue::Null, text("t")],
    )
    .unwrap();
    assert_eq!(one(&db, "m, t"), "{'a': 1, 'b': 2}|(null, 't')");
    let refused = |values: &[BoundValue], message: &str, db: &mut Db| {
        let error = db.write("UPDATE c SET m = {'a': ?} WHERE k = 1 AND c = 1", values).unwrap_err();
        assert_eq!(error.to_string(), message);
    };
    refused(&[BoundValue::Null], "null is not supported inside collections", &mut db);
    refused(&[BoundValue::Unset], "unset value is not supported inside collections", &mut db);
    db.write("UPDATE c SET m = ?, l = ? WHERE k = 1 AND c = 1", &[BoundValue::Unset, BoundValue::Unset]).unwrap();
    assert_eq!(one(&db, "m, l"), "{'a': 1, 'b': 2}|['a', 'b', 'a']");
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut db = db();
    let cases = [
        ("l = {'a'}", "Invalid set literal for l of type list<text>"),
        ("l = [1]", "Invalid list literal for l: value 1 is not of type text"),
        ("l = ['a', null]", "null is not supported inside collections"),
        ("s = [1]", "Invalid list literal for s of type set<int>"),
        ("s = {'a'}", "Invalid set literal for s: value 'a' is not of type int"),
        ("m = {'a'}", "Invalid set literal for m of type map<text, int>"),
        ("m = {1: 1}", "Invalid map literal for m: key 1 is not of type text"),
        ("m = {'a': 'b'}", "Invalid map literal for m: value 'b' is not of type int"),
        ("t = (1, 'a', 2)", "Invalid tuple literal for t: too many elements"),
        ("t = ('a', 'b')", "Invalid tuple literal for t: component 0 is not of type int"),
        ("t = [1]", "Invalid list literal for t of type frozen<tuple<int, text>>"),
        ("v = [1, 2]", "Invalid vector literal for v of type vector<float, 3>; expected 3 elements, but given 2"),
        ("v = [1, 2, 'x']", "Invalid vector literal for v: value 'x' is not of type float"),
        ("fl = fl + [1]", "Invalid operation (fl = fl + [1]) for frozen collection column fl"),
        ("fl = [1] + fl", "Invalid operation (fl = [1] + fl) for frozen list column fl"),
        ("s = {1} + s", "Invalid operation (s = {1} + s) for non list column s"),
        ("fm[1] = {}", "Invalid operation (fm[1] = {}) for frozen collection column fm"),
        ("s[1] = 2", "Invalid operation (s[1] = 2) for set column s"),
        ("t[1] = 2", "Invalid operation (t[1] = 2) for non collection column t"),
        ("m = m - {'a': 1}", "Invalid map literal for m of type set<text>"),
    ];
    for (change, message) in cases {
        let error = db.error(&format!("UPDATE c SET {change} WHERE k = 1 AND c = 1"));
        assert!(error.starts_with(message), "{change}: {error}");
    }
    assert_eq!(
        db.error("DELETE fl[0] FROM c WHERE k = 1 AND c = 1"),
        "Invalid deletion operation for frozen collection column fl"
    );
    assert_eq!(db.error("SELECT l[0] FROM c"), "Element selection is only allowed on sets and maps, but l is a list");
    let long = format!("UPDATE c SET m['{}'] = 1 WHERE k = 1 AND c = 1", "x".repeat(65_536));
    assert!(db.error(&long).starts_with("Map key is too long. Map keys are limited to 65535 bytes"));
}

/// docs/FORMATS.md: how elements are stored.
#[test]
fn paths_of_elements_stay_as_they_are() {
    let db = Db::new(&["CREATE TABLE p (k int PRIMARY KEY, l list<int>, s set<text>, m map<int, text>)"]);
    let cells_of = |assignment: &str| -> Vec<String> {
        let prepared = db.prepare(&format!("UPDATE p USING TIMESTAMP 7 SET {assignment} WHERE k = 1")).unwrap();
        let context = BindContext { stamp: 0x0102, entropy: 0xAABB_CCDD, ..db.context() };
        let Operation::Write(write) = prepared.bind(BoundValues::NONE, &context).unwrap() else {
            panic!("not a write")
        };
        let column = &write.mutations[0].mutation.partition.rows[0].1.columns[0];
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let deletion = column.deletion.iter().map(|deletion| format!("deleted at {}", deletion.timestamp_us));
        let cells = column.cells.iter().map(|cell| {
            let value = match &cell.content {
                CellContent::Live { value, .. } => hex(value),
                other => format!("{other:?}").split(' ').next().unwrap_or_default().to_owned(),
            };
            format!("{} = {value} at {}", hex(cell.path.as_ref().unwrap()), cell.timestamp_us)
        });
        deletion.chain(cells).collect()
    };
    assert_eq!(
        cells_of("l = l + [5, 6]"),
        ["8000000000000102aabbccdd00000000 = 00000005 at 7", "8000000000000102aabbccdd00000001 = 00000006 at 7"]
    );
    assert_eq!(
        cells_of("l = [5, 6] + l"),
        ["7ffffffffffffefeaabbccddfffffffe = 00000005 at 7", "7ffffffffffffefeaabbccddffffffff = 00000006 at 7"]
    );
    assert_eq!(cells_of("s = {'b', ''}"), ["deleted at 6", " =  at 7", "62 =  at 7"]);
    assert_eq!(cells_of("m[-1] = 'x', m[2] = null"), ["7fffffff = 78 at 7", "80000002 = Tombstone at 7"]);
}

#[test]
fn elements_live_and_die_one_by_one() {
    let mut db = Db::new(&[
        "CREATE TABLE e (k int PRIMARY KEY, m map<text, int>, s set<int>)",
        "CREATE TABLE d (k int PRIMARY KEY, s set<int>) WITH default_time_to_live = 100",
    ]);
    db.run("UPDATE e SET m = {'stays': 1} WHERE k = 1");
    db.run("UPDATE e USING TTL 10 SET m['goes'] = 2, s = {1} WHERE k = 1");
    db.run("UPDATE e USING TTL 20 SET s = s + {2} WHERE k = 2");
    db.run("UPDATE d SET s = s + {1} WHERE k = 1");
    assert_eq!(db.rows("SELECT ttl(m), ttl(s[1]) FROM e WHERE k = 1"), ["[10, null]|10"]);
    assert_eq!(db.rows("SELECT ttl(s) FROM d"), ["[100]"]);
    db.now_s += 10;
    assert_eq!(db.rows("SELECT m, s FROM e WHERE k = 1"), ["{'stays': 1}|null"]);
    db.run("DELETE m['stays'] FROM e WHERE k = 1");
    assert!(db.rows("SELECT k FROM e WHERE k = 1").is_empty(), "a row that was never inserted is its elements");
    assert_eq!(db.rows("SELECT s FROM e WHERE k = 2"), ["{2}"]);
    db.run("INSERT INTO e (k) VALUES (1)");
    assert_eq!(db.rows("SELECT k, m FROM e WHERE k = 1"), ["1|null"]);
}

#[test]
fn columns_that_are_dropped_and_added_again_are_empty() {
    let mut db = Db::new(&["CREATE TABLE a (k int PRIMARY KEY, v int)"]);
    db.ddl("ALTER TABLE a ADD m map<int, text>");
    db.run("INSERT INTO a (k, m) VALUES (1, {1: 'old'})");
    db.ddl("ALTER TABLE a DROP m");
    assert_eq!(db.error("SELECT m FROM a"), "Undefined column name m in table ks.a");
    db.ddl("ALTER TABLE a ADD m map<int, text>");
    assert_eq!(db.rows("SELECT k, m FROM a"), ["1|null"]);
    db.run("UPDATE a SET m[2] = 'new' WHERE k = 1");
    assert_eq!(db.rows("SELECT k, m FROM a"), ["1|{2: 'new'}"]);
}

#[test]
fn what_stands_inside_of_literals() {
    let mut db =
        Db::new(&["CREATE TABLE i (k int PRIMARY KEY, l list<int>, ids set<timeuuid>, f set<frozen<set<int>>>, \
                            d list<duration>, w map<frozen<tuple<int, text>>, vector<int, 2>>)"]);
    db.run(
        "INSERT INTO i (k, l, ids, f, d, w) VALUES (1, [1 + 1, -2, (int) 7], {now(), now()}, {{2, 1}, {}}, [1h, 2mo], \
         {(1, 'a'): [1, 2], (null, 'b'): [3, 4]})",
    );
    assert_eq!(
        db.rows("SELECT l, collection_count(ids), f, w FROM i"),
        ["[2, -2, 7]|2|{{}, {1, 2}}|{(null, 'b'): [3, 4], (1, 'a'): [1, 2]}"]
    );
    assert_eq!(db.rows("SELECT w[(1, 'a')], f[{1, 2}] FROM i"), ["[1, 2]|{1, 2}"]);
    assert_eq!(db.rows("SELECT (set<int>) {}, (list<text>) ['a'], count(l) FROM i"), ["{}|['a']|1"]);
    assert!(db.error("SELECT CAST(l AS text) FROM i").contains("cannot be cast"), "no text of a list");
    db.run("UPDATE i SET w = w - {(1, 'a')} WHERE k = 1");
    assert_eq!(db.rows("SELECT w FROM i"), ["{(null, 'b'): [3, 4]}"]);
}
