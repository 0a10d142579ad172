//! What grammatical statements are parsed to.

mod statements;

use starling_cql_lite::ast::*;
use starling_cql_lite::parser::parse_statement;

fn parse(text: &str) -> ParsedStatement {
    parse_statement(text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

fn select(text: &str) -> Select {
    match parse(text).statement {
        Statement::Select(select) => select,
        other => panic!("{other:?}"),
    }
}

fn selectors(text: &str) -> Vec<SelectorKind> {
    match select(text).selection {
        Selection::Selectors(list) => list.into_iter().map(|aliased| aliased.selector.kind).collect(),
        Selection::All => panic!("*"),
    }
}

/// The terms of the VALUES of an INSERT.
fn values(list: &str) -> Vec<TermKind> {
    let names = vec!["c"; list.len()].join(",");
    match parse(&format!("INSERT INTO t ({names}) VALUES ({list})")).statement {
        Statement::Insert(Insert { source: InsertSource::Values { values, .. }, .. }) => {
            values.into_iter().map(|term| term.kind).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn constant(kind: ConstantKind, text: &str) -> TermKind {
    TermKind::Constant(Constant { kind, text: text.into() })
}

#[test]
fn every_statement_parses() {
    for text in statements::DATA.iter().chain(statements::DEFINITIONS) {
        let parsed = parse(text);
        let first = text.split([' ', ';']).next().unwrap_or_default().to_ascii_uppercase();
        let expected = match first.as_str() {
            "DESC" => "DESCRIBE",
            "BEGIN" => "BATCH",
            other => other,
        };
        assert!(parsed.statement.name().starts_with(expected), "{text}");
    }
}

#[test]
fn the_case_of_words_and_the_space_between_do_not_matter() {
    for text in statements::DATA.iter().chain(statements::DEFINITIONS) {
        if text.contains(['\'', '"', '$']) || text.contains("P1Y") || text.contains("--") {
            continue;
        }
        let spaced = text.replace(' ', " \n\t");
        assert_eq!(parse(&spaced).statement.name(), parse(text).statement.name());
        let lower = parse(&text.to_lowercase());
        assert_eq!(lower.statement.name(), parse(text).statement.name());
    }
}

#[test]
fn constants_keep_their_text() {
    use ConstantKind::*;
    let table = [
        ("'it''s'", String, "it's"),
        ("$$it's$$", String, "it's"),
        ("''", String, ""),
        ("12", Integer, "12"),
        ("-12", Integer, "-12"),
        ("- 12", Integer, "-12"),
        ("1.", Float, "1."),
        ("-1.5E-3", Float, "-1.5E-3"),
        ("1e5", Float, "1e5"),
        ("nan", Float, "NaN"),
        ("-NaN", Float, "NaN"),
        ("INFINITY", Float, "Infinity"),
        ("-Infinity", Float, "-Infinity"),
        ("TRUE", Boolean, "TRUE"),
        ("0xCAfe", Blob, "0xCAfe"),
        ("0x", Blob, "0x"),
        ("abcdefab-e29b-41d4-a716-446655440000", Uuid, "abcdefab-e29b-41d4-a716-446655440000"),
        ("12345678-e29b-41d4-a716-446655440000", Uuid, "12345678-e29b-41d4-a716-446655440000"),
        ("1Y2mo3W4d5h6m7s8ms9us10ns", Duration, "1Y2mo3W4d5h6m7s8ms9us10ns"),
        ("3µs", Duration, "3µs"),
        ("-1h", Duration, "-1h"),
        ("P2W", Duration, "P2W"),
        ("PT5M", Duration, "PT5M"),
        ("-P1D", Duration, "-P1D"),
    ];
    for (text, kind, expected) in table {
        assert_eq!(values(text), [constant(kind, expected)], "{text}");
    }
}

#[test]
fn markers_are_numbered_in_order() {
    let parsed = parse("SELECT ?, f(:a) FROM t WHERE b = ? AND c IN :list AND (d, e) > (?, :a) LIMIT ?");
    let names: Vec<Option<&str>> = parsed.markers.iter().map(Option::as_deref).collect();
    assert_eq!(names, [None, Some("a"), None, Some("list"), None, Some("a"), None]);
    let Statement::Select(select) = parsed.statement else { panic!("select") };
    assert_eq!(select.limit.map(|term| term.kind), Some(TermKind::Marker(Marker { index: 6, name: None })));
    assert_eq!(parse(r#"SELECT * FROM t WHERE a = :"Quoted""#).markers, [Some("Quoted".to_owned())]);
}

#[test]
fn a_batch_numbers_its_markers_throughout() {
    let text = "BEGIN BATCH USING TIMESTAMP ? INSERT INTO t (a) VALUES (?); DELETE FROM t WHERE k = :k APPLY BATCH";
    let parsed = parse(text);
    assert_eq!(parsed.markers, [None, None, Some("k".to_owned())]);
    let Statement::Batch(batch) = parsed.statement else { panic!("batch") };
    assert_eq!((batch.kind, batch.statements.len()), (BatchKind::Logged, 2));
    assert_eq!(batch.statements[0].position, Position { line: 1, column: 30 });
    assert!(matches!(batch.statements[1].kind, BatchStatementKind::Delete(_)));
}

#[test]
fn names_fold_unless_quoted() {
    let select = select("SELECT * FROM KS.\"My \"\"Table\"");
    assert_eq!(select.table.keyspace.as_ref().map(Identifier::as_str), Some("ks"));
    assert_eq!(select.table.name.name, "My \"Table");
    assert!(select.table.name.quoted);
    assert_eq!(select.table.to_string(), "ks.\"My \"\"Table\"");
    assert_eq!(select.table.name.position, Position { line: 1, column: 17 });
}

#[test]
fn relations_of_every_form() {
    let relations = select(
        "SELECT * FROM t WHERE a >= 1 AND b IN (1, ?) AND token(c, d) < 5 AND (e, f) IN ((1, 2)) \
         AND m['k'] != 2 AND g CONTAINS KEY 3 AND h IS NOT NULL AND (i) = (1)",
    )
    .relations;
    let kinds: Vec<&RelationKind> = relations.iter().map(|relation| &relation.kind).collect();
    assert!(matches!(kinds[0], RelationKind::Column { operator: Operator::GtEq, .. }));
    assert!(matches!(kinds[1], RelationKind::In { values: InValues::List(list), .. } if list.len() == 2));
    assert!(matches!(kinds[2], RelationKind::Token { columns, operator: Operator::Lt, .. } if columns.len() == 2));
    assert!(matches!(kinds[3], RelationKind::TupleIn { values: InValues::List(list), .. } if list.len() == 1));
    assert!(matches!(kinds[4], RelationKind::Element { operator: Operator::NotEq, .. }));
    assert!(matches!(kinds[5], RelationKind::Column { operator: Operator::ContainsKey, .. }));
    assert!(matches!(kinds[6], RelationKind::IsNotNull { .. }));
    assert!(matches!(kinds[7], RelationKind::Tuple { columns, .. } if columns.len() == 1));
    assert_eq!(relations[1].position, Position { line: 1, column: 33 });
}

#[test]
fn terms_of_every_form() {
    let kinds =
        values("[1], {1, 2}, {'a': 1}, {f: 1}, {}, (1, 2), f(1), (int) 5, 1 + 2 * 3, -f(), null, cast(1 AS text)");
    assert!(matches!(&kinds[0], TermKind::List(list) if list.len() == 1));
    assert!(matches!(&kinds[1], TermKind::Set(list) if list.len() == 2));
    assert!(matches!(&kinds[2], TermKind::Map(list) if list.len() == 1));
    assert!(matches!(&kinds[3], TermKind::UserType(list) if list[0].0.name == "f"));
    assert_eq!(kinds[4], TermKind::Set(Vec::new()));
    assert!(matches!(&kinds[5], TermKind::Tuple(list) if list.len() == 2));
    assert!(matches!(&kinds[6], TermKind::Function(call) if call.arguments.len() == 1));
    assert!(matches!(&kinds[7], TermKind::TypeHint { type_name, .. } if type_name.to_string() == "int"));
    let TermKind::Arithmetic { operator: ArithmeticOperator::Add, right, .. } = &kinds[8] else { panic!("sum") };
    assert!(matches!(right.kind, TermKind::Arithmetic { operator: ArithmeticOperator::Multiply, .. }));
    assert!(matches!(&kinds[9], TermKind::Negate(_)));
    assert_eq!(kinds[10], TermKind::Null);
    assert!(matches!(&kinds[11], TermKind::Cast { .. }));
}

#[test]
fn subtraction_binds_to_the_left_and_needs_no_space() {
    let [TermKind::Arithmetic { operator: ArithmeticOperator::Subtract, left, right }] = &values("3-2-1")[..] else {
        panic!("difference")
    };
    assert!(matches!(left.kind, TermKind::Arithmetic { .. }));
    assert_eq!(right.kind, constant(ConstantKind::Integer, "1"));
}

#[test]
fn selectors_of_every_form() {
    let kinds = selectors(
        "SELECT count(*), COUNT(1), count(a), ttl(a), writetime(u.f), cast(a AS text), (int) 5, (a), a.b, m[1], \
         m[1..], token(a), -a, 'x', type FROM t",
    );
    assert_eq!(kinds[0], SelectorKind::CountAll);
    assert_eq!(kinds[1], SelectorKind::CountAll);
    assert!(matches!(&kinds[2], SelectorKind::Function { name, .. } if name.to_string() == "count"));
    assert!(matches!(&kinds[3], SelectorKind::Ttl(_)));
    assert!(matches!(&kinds[4], SelectorKind::WriteTime(inner) if matches!(inner.kind, SelectorKind::Field { .. })));
    assert!(matches!(&kinds[5], SelectorKind::Cast { .. }));
    assert!(matches!(&kinds[6], SelectorKind::TypeHint { .. }));
    assert!(matches!(&kinds[7], SelectorKind::Tuple(list) if list.len() == 1));
    assert!(matches!(&kinds[8], SelectorKind::Field { .. }));
    assert!(matches!(&kinds[9], SelectorKind::Element { .. }));
    assert!(matches!(&kinds[10], SelectorKind::Slice { from: Some(_), to: None, .. }));
    assert!(matches!(&kinds[11], SelectorKind::Function { name, .. } if name.name.name == "token"));
    assert!(matches!(&kinds[12], SelectorKind::Negate(_)));
    assert!(matches!(&kinds[13], SelectorKind::Term(_)));
    assert!(matches!(&kinds[14], SelectorKind::Column(name) if name.name == "type"));
}

#[test]
fn json_and_distinct_are_names_where_no_selector_follows() {
    assert!(select("SELECT JSON a FROM t").json);
    assert!(select("SELECT JSON * FROM t").json);
    assert!(!select("SELECT json FROM t").json);
    assert!(!select("SELECT json, a FROM t").json);
    assert!(!select("SELECT json AS a FROM t").json);
    assert!(select("SELECT JSON as FROM t").json);
    assert!(select("SELECT DISTINCT a FROM t").distinct);
    assert!(!select("SELECT distinct FROM t").distinct);
}

#[test]
fn assignments_of_every_form() {
    let text = "UPDATE t SET a = 1, b = b + 1, c = c -2, d = [1] + d, e += 3, f -= 4, g['k'] = 5, h.i = 6, \
                j = f() + 1 WHERE k = 1";
    let Statement::Update(update) = parse(text).statement else { panic!("update") };
    let operations: Vec<&AssignmentOperation> = update.assignments.iter().map(|a| &a.operation).collect();
    assert!(matches!(operations[0], AssignmentOperation::Set(_)));
    assert!(matches!(operations[1], AssignmentOperation::Add(_)));
    let AssignmentOperation::Subtract(two) = operations[2] else { panic!("subtract") };
    assert_eq!(two.kind, constant(ConstantKind::Integer, "2"));
    assert!(matches!(operations[3], AssignmentOperation::Prepend(_)));
    assert!(matches!(operations[4], AssignmentOperation::Add(_)));
    assert!(matches!(operations[5], AssignmentOperation::Subtract(_)));
    assert!(matches!(operations[6], AssignmentOperation::SetElement { .. }));
    assert!(matches!(operations[7], AssignmentOperation::SetField { .. }));
    assert!(matches!(operations[8], AssignmentOperation::Set(_)));
}

#[test]
fn if_exists_is_told_from_a_column_named_exists() {
    let condition = |text: &str| match parse(text).statement {
        Statement::Update(update) => update.condition,
        other => panic!("{other:?}"),
    };
    assert_eq!(condition("UPDATE t SET a = 1 WHERE k = 1 IF EXISTS;"), Some(IfClause::Exists));
    let named = condition("UPDATE t SET a = 1 WHERE k = 1 IF exists IN (1)");
    assert!(matches!(named, Some(IfClause::Conditions(list)) if list.len() == 1));
}

#[test]
fn tables_keep_keys_orders_and_properties() {
    let text = "CREATE TABLE ks.t (a int, b text static, c map<text, frozen<set<int>>>, PRIMARY KEY ((a, x), y, z)) \
                WITH CLUSTERING ORDER BY (y DESC, z ASC) AND comment = 'hi' AND caching = {'keys': 'ALL'}";
    let Statement::CreateTable(table) = parse(text).statement else { panic!("table") };
    let types: Vec<String> = table.columns.iter().map(|column| column.type_name.to_string()).collect();
    assert_eq!(types, ["int", "text", "map<text, frozen<set<int>>>"]);
    assert!(table.columns[1].is_static && !table.columns[0].is_static);
    let [key] = &table.primary_keys[..] else { panic!("one key") };
    let names = |list: &[Identifier]| list.iter().map(|name| name.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&key.partition_key), ["a", "x"]);
    assert_eq!(names(&key.clustering), ["y", "z"]);
    let orders: Vec<bool> = table.clustering_order.iter().map(|order| order.descending).collect();
    assert_eq!(orders, [true, false]);
    assert_eq!(table.properties.len(), 2);
    assert!(matches!(&table.properties[1].value, PropertyValue::Map(entries) if entries.len() == 1));
}

#[test]
fn an_inline_primary_key_is_a_primary_key() {
    let Statement::CreateTable(table) = parse("CREATE TABLE t (v int, k int PRIMARY KEY)").statement else {
        panic!("table")
    };
    assert_eq!(table.primary_keys.len(), 1);
    assert_eq!(table.primary_keys[0].partition_key[0].name, "k");
}
