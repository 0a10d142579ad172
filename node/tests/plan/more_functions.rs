//! Functions of collections and vectors, and of masking.

use crate::support::Db;

fn db() -> Db {
    let mut db =
        Db::new(&["CREATE TABLE f (k int PRIMARY KEY, s set<int>, l list<double>, m map<text, int>, t text, \
                            v vector<float, 2>, w frozen<tuple<int, text>>, n list<text>)"]);
    db.run(
        "INSERT INTO f (k, s, l, m, t, v, w, n) VALUES (1, {3, 1, 2}, [1.5, 2.5], {'a': 1, 'b': 2}, 'Alice', [1, 0], \
         (1, 'x'), ['b', 'a'])",
    );
    db
}

#[test]
fn functions_of_collections() {
    let mut db = db();
    assert_eq!(
        db.rows(
            "SELECT map_keys(m), map_values(m), collection_count(s), collection_count(m), collection_min(s), \
                 collection_max(n), collection_sum(s), collection_avg(l) FROM f"
        ),
        ["{'a', 'b'}|[1, 2]|3|2|1|'b'|6|2.0"]
    );
    let rows = db.select("SELECT collection_count(s), map_keys(m) FROM f").unwrap();
    assert_eq!(rows.names(), ["system.collection_count(s)", "system.map_keys(m)"]);
    db.run("INSERT INTO f (k) VALUES (2)");
    assert_eq!(
        db.rows("SELECT collection_count(s), map_keys(m), collection_sum(l) FROM f WHERE k = 2"),
        ["null|null|null"]
    );
    for (call, message) in [
        ("map_keys(s)", "Function system.map_keys requires a map argument, but found one of type set<int>"),
        (
            "collection_count(t)",
            "Function system.collection_count requires a collection argument, but found one of type text",
        ),
        (
            "collection_sum(n)",
            "Function system.collection_sum requires a numeric set or list argument, but found one of type list<text>",
        ),
        ("collection_min(s, s)", "Invalid number of arguments for function system.collection_min(set_or_list)"),
        ("ceiling(k)", "Unknown function 'ceiling'"),
    ] {
        assert_eq!(db.error(&format!("SELECT {call} FROM f")), message, "{call}");
    }
}

#[test]
fn similarities_of_vectors() {
    let db = db();
    let of = |call: &str| db.rows(&format!("SELECT {call} FROM f WHERE k = 1")).join("");
    assert_eq!(of("similarity_cosine(v, [1, 0])"), "1.0");
    assert_eq!(of("similarity_cosine(v, [0, 1])"), "0.5");
    assert_eq!(of("similarity_euclidean(v, [1, 1])"), "0.5");
    assert_eq!(of("similarity_dot_product(v, v)"), "1.0");
}

#[test]
fn masks() {
    let mut db = db();
    let of = |db: &Db, call: &str| db.rows(&format!("SELECT {call} FROM f WHERE k = 1")).join("");
    for (call, expected) in [
        ("mask_default(s)", "{}"),
        ("mask_default(l)", "[]"),
        ("mask_default(m)", "{}"),
        ("mask_default(w)", "(0, '****')"),
        ("mask_default(v)", "[0.0, 0.0]"),
        ("mask_replace(s, {7})", "{7}"),
        ("mask_null(s)", "null"),
        ("mask_hash(t)", "0x3bc51062973c458d5a6f2d8d64a023246354ad7e064b1e4e009ec8a0699a3043"),
        ("mask_hash(t, 'sha-1')", "0x35318264c9a98faf79965c270ac80c5606774df1"),
    ] {
        assert_eq!(of(&db, call), expected, "{call}");
    }
    assert!(db.select("SELECT mask_hash(t, 'MD5') FROM f").is_err(), "a hash that is not there");
    let mut huge = Db::new(&["CREATE TABLE h (k int PRIMARY KEY, v vector<vector<float, 65535>, 65535>)"]);
    huge.run("INSERT INTO h (k) VALUES (1)");
    assert_eq!(
        huge.select("SELECT mask_default(v) FROM h").err().unwrap().to_string(),
        "A value of more than 16777216 bytes would be built"
    );
    assert!(db.error("SELECT mask_default(t, t) FROM f").starts_with("Invalid number of arguments"));
}
