//! Splitting scripts.

use starling_cql_lite::parser::split_statements;

fn split(script: &str) -> (Vec<&str>, Option<&str>) {
    let found = split_statements(script);
    (found.statements.iter().map(|part| part.text).collect(), found.rest.map(|part| part.text))
}

#[test]
fn semicolons_end_statements() {
    assert_eq!(split("a; b c ;;d"), (vec!["a", "b c"], Some("d")));
    assert_eq!(split(""), (vec![], None));
    assert_eq!(split(" ; -- nothing\n /* at all */ "), (vec![], None));
}

#[test]
fn semicolons_within_something_do_not() {
    let texts = [
        "INSERT INTO t (a) VALUES ('a;b')",
        "SELECT \"a;b\" FROM t",
        "SELECT a /* ; */ FROM t",
        "SELECT a -- ;\n FROM t",
        "CREATE FUNCTION f () CALLED ON NULL INPUT RETURNS int LANGUAGE java AS $$ return 1; $$",
        "BEGIN BATCH INSERT INTO t (a) VALUES (1); APPLY BATCH",
        "begin unlogged batch delete from t where k = 1; delete from t where k = 2; apply batch",
    ];
    for text in texts {
        assert_eq!(split(&format!("{text}; x")), (vec![text], Some("x")));
    }
}

#[test]
fn what_is_not_complete_is_the_rest() {
    for text in ["SELECT 'a;", "SELECT /* ;", "BEGIN BATCH DELETE FROM t WHERE k = 1;", "SELECT a"] {
        let expected = (vec!["USE ks"], Some(text));
        assert_eq!(split(&format!("USE ks; {text}")), expected);
    }
}
